//! Long short-term memory.
//!
//! Source: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"
//! (<https://doi.org/10.1162/neco.1997.9.8.1735>) with the forget gate of Gers et al. 2000; the
//! order of the gates is PyTorch's.

use burn::tensor::{Tensor, activation};

use super::reference::{Reference, State, gate};
use super::{Cell, Direction, Step, StepBack, activate, sequence, vector};
use crate::instruction_set::for_instruction_sets;
use crate::math;

/// Long short-term memory over whole sequences.
///
/// The gates are the input, forget, cell and output gate, in this order. State and cell are zero
/// before the first step.
///
/// # Shapes
///
/// - `inputs`: `[B, T, 4 H]`, the input's share of each gate with its bias
/// - `state_weight`: `[H, 4 H]`
/// - `state_bias`: `[4 H]`
/// - `present`: `[B, T]`, 1 where a step is real and 0 where it is padding, which leaves state and
///   cell as they are
/// - returns: `[B, T, H]`, the state after each step
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn lstm(
    inputs: Tensor<3>,
    state_weight: Tensor<2>,
    state_bias: Tensor<1>,
    present: Option<Tensor<2>>,
    direction: Direction,
) -> Tensor<3> {
    sequence::<Lstm>(inputs, state_weight, state_bias, present, direction)
}

#[derive(Debug)]
pub(super) struct Lstm;

impl Cell for Lstm {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const OWN: usize = 0;
    /// The cell.
    const CARRIED: usize = 1;

    fn step(step: Step<'_>) {
        let Step { gates, from_state, bias, carried_before, state, carried, .. } = step;
        forward(gates, from_state, bias, carried_before, state, carried);
    }

    fn step_back(step: StepBack<'_>) {
        let StepBack { gates, carried_before, carried, .. } = step;
        let StepBack { state_gradient, carried_gradient, .. } = step;
        backward(gates, carried_before, carried, state_gradient, carried_gradient);
    }
}

for_instruction_sets! {
    fn forward(
        gates: &mut [f32],
        from_state: &[f32],
        bias: &[f32],
        cell_before: &[f32],
        state: &mut [f32],
        cell: &mut [f32],
    ) {
        let width = state.len();
        for (index, gates) in gates.chunks_exact_mut(width).enumerate() {
            let (from_state, bias) = (vector(from_state, index, width), vector(bias, index, width));
            if index == CELL {
                activate(gates, from_state, bias, math::tanh);
            } else {
                activate(gates, from_state, bias, math::sigmoid);
            }
        }
        let (keep_in, forget) = (vector(gates, INPUT, width), vector(gates, FORGET, width));
        let (candidate, show) = (vector(gates, CELL, width), vector(gates, OUTPUT, width));
        let (cell_before, cell) = (&cell_before[..width], &mut cell[..width]);
        for at in 0..width {
            cell[at] = forget[at] * cell_before[at] + keep_in[at] * candidate[at];
            state[at] = show[at] * math::tanh(cell[at]);
        }
    }

    fn backward(
        gates: &mut [f32],
        cell_before: &[f32],
        cell: &[f32],
        state_gradient: &mut [f32],
        cell_gradient: &mut [f32],
    ) {
        let width = state_gradient.len();
        let (keep_in, rest) = gates.split_at_mut(width);
        let (forget, rest) = rest.split_at_mut(width);
        let (candidate, rest) = rest.split_at_mut(width);
        let show = &mut rest[..width];
        let (cell_before, cell) = (&cell_before[..width], &cell[..width]);
        let cell_gradient = &mut cell_gradient[..width];
        for at in 0..width {
            let (gradient, shown, gate) = (state_gradient[at], math::tanh(cell[at]), show[at]);
            show[at] = gradient * shown * gate * (1.0 - gate);
            cell_gradient[at] += gradient * gate * (1.0 - shown * shown);
        }
        for at in 0..width {
            let (gradient, added, gate) = (cell_gradient[at], candidate[at], keep_in[at]);
            keep_in[at] = gradient * added * gate * (1.0 - gate);
            candidate[at] = gradient * gate * (1.0 - added * added);
        }
        for at in 0..width {
            let (gradient, gate) = (cell_gradient[at], forget[at]);
            forget[at] = gradient * cell_before[at] * gate * (1.0 - gate);
            cell_gradient[at] = gradient * gate;
        }
        state_gradient.fill(0.0);
    }
}

const INPUT: usize = 0;
const FORGET: usize = 1;
const CELL: usize = 2;
const OUTPUT: usize = 3;

impl Reference for Lstm {
    fn reference(input: &Tensor<2>, from_state: &Tensor<2>, before: &State) -> State {
        let gates = input.clone() + from_state.clone();
        let of = |index| activation::sigmoid(gate::<Self>(&gates, index));
        let added = of(INPUT) * gate::<Self>(&gates, CELL).tanh();
        let carried = of(FORGET) * before.carried.clone() + added;
        State { state: of(OUTPUT) * carried.clone().tanh(), carried }
    }
}
