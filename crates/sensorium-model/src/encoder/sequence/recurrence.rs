//! One direction of one recurrent layer.
//!
//! What comes in is projected for all steps at once, so that a step costs one product with the
//! state. Padding leaves the state as it is: forwards, the last state is the one at each row's own
//! end, and backwards, each row starts at its own end.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
pub(crate) use sensorium_kernels::Direction;
use sensorium_kernels::{Activation, elman, gru, linear, lstm};
use serde::{Deserialize, Serialize};

use super::time_steps::TimeSteps;

/// How a state follows from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellType {
    /// tanh(W x + U h): Elman 1990, "Finding Structure in Time".
    Rnn,
    /// Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, as PyTorch has it.
    #[default]
    Lstm,
    /// Cho et al. 2014 (<https://arxiv.org/abs/1406.1078>), with the reset after the product, as
    /// PyTorch has it.
    Gru,
}

impl CellType {
    /// How many vectors of the state's width a step computes.
    const fn num_gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// One direction of one recurrent layer.
#[derive(Module, Debug)]
pub(crate) struct Recurrence {
    /// `[D, gates * H]`.
    input_weight: Param<Tensor<2>>,
    /// `[gates * H]`.
    input_bias: Param<Tensor<1>>,
    /// `[H, gates * H]`.
    state_weight: Param<Tensor<2>>,
    /// `[gates * H]`.
    state_bias: Param<Tensor<1>>,
    state_size: usize,
    #[module(skip)]
    cell_type: CellType,
    #[module(skip)]
    direction: Direction,
}

/// What a layer makes of a batch.
pub(crate) struct Read {
    /// The state after each step: `[P, T, H]`.
    pub(crate) states: Tensor<3>,
    /// The state after each row's last step in the layer's direction: `[P, H]`.
    pub(crate) last: Tensor<2>,
}

impl Recurrence {
    pub(crate) fn new(
        cell_type: CellType,
        direction: Direction,
        sizes: RecurrenceSizes,
        device: &Device,
    ) -> Self {
        let RecurrenceSizes { input_width, state_size } = sizes;
        let width = cell_type.num_gates() * state_size;
        // PyTorch's range for every weight and bias of a recurrent layer.
        let range = 1.0 / (state_size as f64).sqrt();
        let uniform = Initializer::Uniform { min: -range, max: range };
        Self {
            input_weight: uniform.init([input_width, width], device),
            input_bias: uniform.init([width], device),
            state_weight: uniform.init([state_size, width], device),
            state_bias: uniform.init([width], device),
            state_size,
            cell_type,
            direction,
        }
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, D]`
    pub(crate) fn forward(&self, steps: &TimeSteps) -> Read {
        let inputs = linear(
            steps.values(),
            self.input_weight.val(),
            Some(self.input_bias.val()),
            Activation::Identity,
        ); // [P, T, gates * H]
        let layer = match self.cell_type {
            CellType::Rnn => elman,
            CellType::Gru => gru,
            CellType::Lstm => lstm,
        };
        let (weight, bias) = (self.state_weight.val(), self.state_bias.val());
        let states = layer(inputs, weight, bias, Some(steps.weights()), self.direction);
        // Padding leaves a state as it is, so that each row's last one is at the end of all.
        let end = match self.direction {
            Direction::Forwards => states.dims()[1] - 1,
            Direction::Backwards => 0,
        };
        let last = states.clone().narrow(1, end, 1).squeeze_dim(1);
        Read { states, last }
    }
}

/// The widths of a [`Recurrence`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecurrenceSizes {
    pub(crate) input_width: usize,
    pub(crate) state_size: usize,
}

#[cfg(test)]
mod tests {
    use burn::tensor::Int;

    use super::*;
    use crate::testkit::values;

    const SIZES: RecurrenceSizes = RecurrenceSizes { input_width: 2, state_size: 3 };

    /// The states of one row, number by number, as the papers and PyTorch's manual write them.
    fn reference(layer: &Recurrence, inputs: &[[f32; 2]]) -> Vec<Vec<f32>> {
        let product = |vector: &[f32], weight: &Param<Tensor<2>>, bias: &Param<Tensor<1>>| {
            let (weight, mut sums) = (values(&weight.val()), values(&bias.val()));
            for (row, number) in vector.iter().enumerate() {
                for (column, sum) in sums.iter_mut().enumerate().take(sums_width(&weight, vector)) {
                    *sum += number * weight[row * sums_width(&weight, vector) + column];
                }
            }
            sums
        };
        let sigmoid = |value: f32| 1.0 / (1.0 + (-value).exp());
        let (mut hidden, mut cell) = (vec![0f32; 3], vec![0f32; 3]);
        let mut states = Vec::new();
        for input in inputs {
            let x = product(input, &layer.input_weight, &layer.input_bias);
            let h = product(&hidden, &layer.state_weight, &layer.state_bias);
            for at in 0..3 {
                let sum = |gate: usize| x[gate * 3 + at] + h[gate * 3 + at];
                hidden[at] = match layer.cell_type {
                    CellType::Rnn => sum(0).tanh(),
                    CellType::Gru => {
                        let (reset, update) = (sigmoid(sum(0)), sigmoid(sum(1)));
                        let candidate = (x[6 + at] + reset * h[6 + at]).tanh();
                        (1.0 - update) * candidate + update * hidden[at]
                    }
                    CellType::Lstm => {
                        cell[at] = sigmoid(sum(1)) * cell[at] + sigmoid(sum(0)) * sum(2).tanh();
                        sigmoid(sum(3)) * cell[at].tanh()
                    }
                };
            }
            states.push(hidden.clone());
        }
        states
    }

    fn sums_width(weight: &[f32], vector: &[f32]) -> usize {
        weight.len() / vector.len()
    }

    fn inputs() -> [[f32; 2]; 5] {
        std::array::from_fn(|step| [(step as f32).sin(), 1.0 - step as f32 * 0.5])
    }

    fn read(layer: &Recurrence, length: i32) -> (Vec<f32>, Vec<f32>) {
        let device = Device::flex();
        let lengths = Tensor::<1, Int>::from_ints([length], &device);
        let steps = TimeSteps::new(Tensor::from_floats([inputs()], &device), lengths);
        let read = layer.forward(&steps);
        (values(&read.states), values(&read.last))
    }

    #[track_caller]
    fn assert_near(actual: &[f32], expected: &[f32]) {
        for (got, want) in actual.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{actual:?} and {expected:?}");
        }
    }

    #[test]
    fn each_cell_computes_what_its_paper_says() {
        for cell_type in [CellType::Rnn, CellType::Lstm, CellType::Gru] {
            let layer = Recurrence::new(cell_type, Direction::Forwards, SIZES, &Device::flex());
            let expected = reference(&layer, &inputs());
            let (states, last) = read(&layer, 5);
            assert_near(&states, &expected.concat());
            assert_near(&last, &expected[4]);
        }
    }

    #[test]
    fn the_last_state_is_the_one_at_the_end_of_the_row() {
        for cell_type in [CellType::Rnn, CellType::Lstm, CellType::Gru] {
            let layer = Recurrence::new(cell_type, Direction::Forwards, SIZES, &Device::flex());
            let expected = reference(&layer, &inputs()[..3]);
            assert_near(&read(&layer, 3).1, &expected[2]);
        }
    }

    #[test]
    fn backwards_starts_at_the_end_of_the_row() {
        for cell_type in [CellType::Rnn, CellType::Lstm, CellType::Gru] {
            let layer = Recurrence::new(cell_type, Direction::Backwards, SIZES, &Device::flex());
            let mut reversed = inputs()[..3].to_vec();
            reversed.reverse();
            let mut expected = reference(&layer, &reversed);
            let (states, last) = read(&layer, 3);
            assert_near(&last, &expected[2]);
            expected.reverse();
            assert_near(&states[..9], &expected.concat());
        }
    }
}
