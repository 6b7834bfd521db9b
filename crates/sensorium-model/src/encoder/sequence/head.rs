//! From the steps that an encoder made to its embedding.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;

use super::reduce::{Reduce, ReduceOutput};
use super::time_steps::TimeSteps;
use crate::Encoded;
use crate::layer::{Bias, FullyConnectedConfig, FullyConnectedStack, Linear};

/// Reduces the steps to one vector and sends that through fully connected layers; the tokens are
/// the steps, brought to the same width by one linear step of their own.
#[derive(Module, Debug)]
pub(crate) struct SequenceHead {
    reduce: Reduce,
    fully_connected: FullyConnectedStack,
    token: Linear,
}

impl SequenceHead {
    /// # Errors
    ///
    /// [`ConfigError`] for the first field of the fully connected layers out of its range.
    pub(crate) fn build(
        reduce_output: ReduceOutput,
        fully_connected: &FullyConnectedConfig<'_>,
        width: usize,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let fully_connected = FullyConnectedStack::build(fully_connected, width, device)?;
        let output_width = fully_connected.output_width();
        Ok(Self {
            reduce: Reduce::new(reduce_output, width, device),
            fully_connected,
            token: Linear::new(width, output_width, Bias::Learned, device),
        })
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, width]`
    /// - returns: `T` tokens
    pub(crate) fn forward(&self, steps: &TimeSteps) -> Encoded {
        self.encoded(steps, self.reduce.forward(steps))
    }

    /// The same for steps that are already reduced.
    ///
    /// # Shapes
    ///
    /// - `steps`: `[P, T, width]`
    /// - `reduced`: `[P, width]`
    pub(crate) fn encoded(&self, steps: &TimeSteps, reduced: Tensor<2>) -> Encoded {
        let tokens = steps.with(self.token.forward(steps.values()));
        Encoded {
            pooled: self.fully_connected.forward(reduced),
            tokens: tokens.values(),
            mask: tokens.mask(),
        }
    }

    /// `D` of the embedding.
    pub(crate) fn output_width(&self) -> usize {
        self.fully_connected.output_width()
    }
}
