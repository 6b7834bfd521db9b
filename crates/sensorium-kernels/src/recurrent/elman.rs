//! The recurrence of a single tanh.
//!
//! Source: Elman 1990, "Finding Structure in Time"
//! (<https://doi.org/10.1207/s15516709cog1402_1>), with the tanh that PyTorch has for it.

use burn::tensor::Tensor;

use super::reference::{Reference, State};
use super::{Cell, Direction, Step, StepBack, activate, sequence};
use crate::instruction_set::for_instruction_sets;
use crate::math;

/// The recurrence of a single tanh over whole sequences: each state is
/// `tanh(input + before × weight + bias)`, and zero before the first step.
///
/// # Shapes
///
/// - `inputs`: `[B, T, H]`, the input's share with its bias
/// - `state_weight`: `[H, H]`
/// - `state_bias`: `[H]`
/// - `present`: `[B, T]`, 1 where a step is real and 0 where it is padding, which leaves the state
///   as it is
/// - returns: `[B, T, H]`, the state after each step
///
/// # Panics
///
/// If a size is zero or the shapes do not belong together.
pub fn elman(
    inputs: Tensor<3>,
    state_weight: Tensor<2>,
    state_bias: Tensor<1>,
    present: Option<Tensor<2>>,
    direction: Direction,
) -> Tensor<3> {
    sequence::<Elman>(inputs, state_weight, state_bias, present, direction)
}

#[derive(Debug)]
pub(super) struct Elman;

impl Cell for Elman {
    const NAME: &'static str = "elman";
    const GATES: usize = 1;
    const OWN: usize = 0;
    const CARRIED: usize = 0;

    fn step(step: Step<'_>) {
        forward(step.gates, step.from_state, step.bias, step.state);
    }

    fn step_back(step: StepBack<'_>) {
        backward(step.gates, step.state, step.state_gradient);
    }
}

for_instruction_sets! {
    fn forward(gates: &mut [f32], from_state: &[f32], bias: &[f32], state: &mut [f32]) {
        activate(gates, from_state, bias, math::tanh);
        state.copy_from_slice(gates);
    }

    fn backward(gates: &mut [f32], state: &[f32], state_gradient: &mut [f32]) {
        for ((gate, gradient), state) in gates.iter_mut().zip(state_gradient).zip(state) {
            *gate = *gradient * (1.0 - state * state);
            *gradient = 0.0;
        }
    }
}

impl Reference for Elman {
    fn reference(input: &Tensor<2>, from_state: &Tensor<2>, before: &State) -> State {
        let state = (input.clone() + from_state.clone()).tanh();
        State { state, carried: before.carried.clone() }
    }
}
