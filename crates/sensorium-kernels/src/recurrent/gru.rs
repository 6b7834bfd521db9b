//! Gated recurrent units.
//!
//! Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for
//! Statistical Machine Translation", section 2.3 (<https://arxiv.org/abs/1406.1078>). As PyTorch,
//! and other than the paper: the reset gate comes after the product with the state.

use burn::tensor::{Tensor, activation};

use super::reference::{Reference, State, gate};
use super::{Cell, Direction, Step, StepBack, activate, sequence, vector};
use crate::instruction_set::for_instruction_sets;
use crate::math;

/// Gated recurrent units over whole sequences.
///
/// The gates are the reset gate, the update gate and the new state, in this order. The state is
/// zero before the first step.
///
/// # Shapes
///
/// - `inputs`: `[B, T, 3 H]`, the input's share of each gate with its bias
/// - `state_weight`: `[H, 3 H]`
/// - `state_bias`: `[3 H]`
/// - `present`: `[B, T]`, 1 where a step is real and 0 where it is padding, which leaves the state
///   as it is
/// - returns: `[B, T, H]`, the state after each step
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn gru(
    inputs: Tensor<3>,
    state_weight: Tensor<2>,
    state_bias: Tensor<1>,
    present: Option<Tensor<2>>,
    direction: Direction,
) -> Tensor<3> {
    sequence::<Gru>(inputs, state_weight, state_bias, present, direction)
}

#[derive(Debug)]
pub(super) struct Gru;

impl Cell for Gru {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    /// The new state: the reset gate stands between its gradient and that of the state's share.
    const OWN: usize = 1;
    const CARRIED: usize = 0;

    fn step(step: Step<'_>) {
        let Step { gates, own, from_state, bias, before, state, .. } = step;
        forward(gates, own, from_state, bias, before, state);
    }

    fn step_back(step: StepBack<'_>) {
        let StepBack { gates, own, before, state_gradient, .. } = step;
        backward(gates, own, before, state_gradient);
    }
}

for_instruction_sets! {
    fn forward(
        gates: &mut [f32],
        share: &mut [f32],
        from_state: &[f32],
        bias: &[f32],
        before: &[f32],
        state: &mut [f32],
    ) {
        let width = state.len();
        let (gates, new) = gates.split_at_mut(NEW * width);
        activate(gates, from_state, bias, math::sigmoid);
        let (reset, update) = gates.split_at(width);
        let (from_state, bias) = (vector(from_state, NEW, width), vector(bias, NEW, width));
        let (new, share) = (&mut new[..width], &mut share[..width]);
        for at in 0..width {
            share[at] = from_state[at] + bias[at];
            new[at] = math::tanh(new[at] + reset[at] * share[at]);
        }
        let (update, before) = (&update[..width], &before[..width]);
        for at in 0..width {
            state[at] = new[at] + update[at] * (before[at] - new[at]);
        }
    }

    fn backward(
        gates: &mut [f32],
        share: &mut [f32],
        before: &[f32],
        state_gradient: &mut [f32],
    ) {
        let width = state_gradient.len();
        let (reset, rest) = gates.split_at_mut(width);
        let (update, rest) = rest.split_at_mut(width);
        let (new, share, before) = (&mut rest[..width], &mut share[..width], &before[..width]);
        for at in 0..width {
            let (gradient, after, gate) = (state_gradient[at], new[at], update[at]);
            update[at] = gradient * (before[at] - after) * gate * (1.0 - gate);
            new[at] = gradient * (1.0 - gate) * (1.0 - after * after);
            state_gradient[at] = gradient * gate;
        }
        for at in 0..width {
            let (gradient, gate) = (new[at], reset[at]);
            reset[at] = gradient * share[at] * gate * (1.0 - gate);
            share[at] = gradient * gate;
        }
    }
}

const RESET: usize = 0;
const UPDATE: usize = 1;
const NEW: usize = 2;

impl Reference for Gru {
    fn reference(input: &Tensor<2>, from_state: &Tensor<2>, before: &State) -> State {
        let of = |values, index| gate::<Self>(values, index);
        let [reset, update] = [RESET, UPDATE]
            .map(|index| activation::sigmoid(of(input, index) + of(from_state, index)));
        let new = (of(input, NEW) + reset * of(from_state, NEW)).tanh();
        let state = new.clone() + update * (before.state.clone() - new);
        State { state, carried: before.carried.clone() }
    }
}
