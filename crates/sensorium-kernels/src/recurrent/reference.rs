//! Recurrent layers in Burn's own operations, step by step.

use burn::tensor::Tensor;

use super::{Cell, Direction};

/// A cell in Burn's own operations.
pub(super) trait Reference {
    /// The state after one more step; `input` and `from_state` are the shares of the gates,
    /// `[B, GATES * H]`.
    fn reference(input: &Tensor<2>, from_state: &Tensor<2>, before: &State) -> State;
}

/// The state between two steps, and what a cell carries beside it: `[B, H]` each.
#[derive(Clone)]
pub(super) struct State {
    pub(super) state: Tensor<2>,
    pub(super) carried: Tensor<2>,
}

impl State {
    /// `next` where `real` (`[B, 1]`) is 1, and this state where it is 0.
    fn moved_where(self, real: Tensor<2>, next: Self) -> Self {
        let moved =
            |before: Tensor<2>, after: Tensor<2>| before.clone() + (after - before) * real.clone();
        Self { state: moved(self.state, next.state), carried: moved(self.carried, next.carried) }
    }
}

/// One gate of all: `[B, H]`.
pub(super) fn gate<C: Cell>(gates: &Tensor<2>, index: usize) -> Tensor<2> {
    let width = gates.dims()[1] / C::GATES;
    gates.clone().narrow(1, index * width, width)
}

pub(super) fn sequence<C: Cell>(
    inputs: Tensor<3>,
    state_weight: Tensor<2>,
    state_bias: Tensor<1>,
    present: Option<Tensor<2>>,
    direction: Direction,
) -> Tensor<3> {
    let ([rows, steps, _], [width, _]) = (inputs.dims(), state_weight.dims());
    let zeros = || Tensor::zeros([rows, width], &inputs.device());
    let mut state = State { state: zeros(), carried: zeros() };
    let mut states = Vec::with_capacity(steps);
    for at in 0..steps {
        let time = direction.time(at, steps);
        let input = inputs.clone().narrow(1, time, 1).squeeze_dim::<2>(1);
        let from_state = state.state.clone().matmul(state_weight.clone())
            + state_bias.clone().unsqueeze_dim::<2>(0);
        let next = C::reference(&input, &from_state, &state);
        state = match &present {
            Some(present) => state.moved_where(present.clone().narrow(1, time, 1), next),
            None => next,
        };
        states.push(state.state.clone());
    }
    if direction == Direction::Backwards {
        states.reverse();
    }
    Tensor::stack(states, 1)
}
