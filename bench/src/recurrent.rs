//! One recurrent layer, read at its last step, in training.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{Direction, gru, lstm};

use crate::Repetition;
use crate::layer::Linear;
use crate::random::{normal, uniform};
use crate::training;

const ROWS: usize = 32;
const NUM_STEPS: usize = 100;
/// The width of the inputs and of the state.
const WIDTH: usize = 128;
const NUM_CLASSES: usize = 10;

/// Which layer it is.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Lstm,
    Gru,
}

#[derive(Module, Debug)]
struct Classifier {
    input: Linear,
    /// `[H, gates * H]`
    state_weight: Param<Tensor<2>>,
    /// `[gates * H]`
    state_bias: Param<Tensor<1>>,
    classes: Linear,
    #[module(skip)]
    cell: Cell,
}

impl Classifier {
    fn new(cell: Cell, device: &Device) -> Self {
        let num_gates = match cell {
            Cell::Lstm => 4,
            Cell::Gru => 3,
        };
        Self {
            input: Linear::new(WIDTH, num_gates * WIDTH, device),
            state_weight: uniform([WIDTH, num_gates * WIDTH], WIDTH, device),
            state_bias: uniform([num_gates * WIDTH], WIDTH, device),
            classes: Linear::new(WIDTH, NUM_CLASSES, device),
            cell,
        }
    }

    /// `[B, T, D]` to `[B, K]`.
    fn forward(&self, sequence: Tensor<3>) -> Tensor<2> {
        let inputs = self.input.forward(sequence); // [B, T, gates * H]
        let (weight, bias) = (self.state_weight.val(), self.state_bias.val());
        let states = match self.cell {
            Cell::Lstm => lstm(inputs, weight, bias, None, Direction::Forwards),
            Cell::Gru => gru(inputs, weight, bias, None, Direction::Forwards),
        };
        self.classes.forward(states.narrow(1, NUM_STEPS - 1, 1).squeeze_dim(1))
    }
}

fn train(cell: Cell, device: &Device) -> Repetition {
    let sequence = normal([ROWS, NUM_STEPS, WIDTH], device);
    let targets = training::targets(ROWS, NUM_CLASSES, device);
    let net = Classifier::new(cell, device);
    training::step(net, targets, move |net| net.forward(sequence.clone()))
}

/// 32 sequences of 100 steps.
pub(crate) fn train_lstm(device: &Device) -> Repetition {
    train(Cell::Lstm, device)
}

/// 32 sequences of 100 steps.
pub(crate) fn train_gru(device: &Device) -> Repetition {
    train(Cell::Gru, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_net_has_as_many_weights_as_that_of_pytorch() {
        for (cell, expected) in [(Cell::Lstm, 133_386), (Cell::Gru, 100_362)] {
            assert_eq!(Classifier::new(cell, &Device::flex()).num_params(), expected, "{cell:?}");
        }
    }
}
