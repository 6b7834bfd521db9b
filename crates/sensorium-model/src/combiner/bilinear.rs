//! What the columns say each and what they say in pairs: a sum, products of pairs, and layers over
//! both.
//!
//! Source: He and Chua 2017, "Neural Factorization Machines", section 3.1
//! (<https://arxiv.org/abs/1708.05027>), whose bi-interaction pooling adds up the products of all
//! pairs in a time that grows with their number of members alone; Kim et al. 2017, "Hadamard Product
//! for Low-rank Bilinear Pooling" (<https://arxiv.org/abs/1610.04325>), for the products of a
//! picture and a question. Differs: the members are columns and not features; the linear part is
//! added to what the layers make, so that what one column says reaches the output past them.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::{Combiner, CombinerInput, Fused};
use crate::layer::{
    Activation, Bias, FullyConnectedConfig, FullyConnectedKeys, FullyConnectedLayerConfig,
    FullyConnectedStack, LayerNorm, Linear, MAX_WIDTH, Norm,
};
use crate::{Build, Embedding};

/// Narrower columns are not normalised before they are multiplied: the norm of one number is zero.
const LEAST_NORMED: usize = 8;

/// `bilinear`: the sum of the columns, the products of their pairs, and fully connected layers.
///
/// | field | default | range |
/// |---|---|---|
/// | `hidden_size` | 256 | 1 to 65 536 |
/// | `fc_layers` | none | up to 64 layers, instead of `num_fc_layers` alike ones |
/// | `num_fc_layers` | 1 | 0 to 64 |
/// | `output_size` | 256 | 1 to 65 536 |
/// | `activation` | `relu` | see [`Activation`] |
/// | `norm` | none | see [`Norm`] |
/// | `dropout` | 0.3 | 0 or more and below 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BilinearConfig {
    /// The one width that every column is brought to.
    pub hidden_size: usize,
    /// Each layer by itself.
    pub fc_layers: Option<Vec<FullyConnectedLayerConfig>>,
    /// The number of layers where `fc_layers` does not list them.
    pub num_fc_layers: usize,
    /// Width after each layer.
    pub output_size: usize,
    /// The function after each layer.
    pub activation: Activation,
    /// The norm of each layer.
    pub norm: Option<Norm>,
    /// Share of each layer's outputs set to zero in training.
    pub dropout: f64,
}

impl Default for BilinearConfig {
    fn default() -> Self {
        Self {
            hidden_size: 256,
            fc_layers: None,
            num_fc_layers: 1,
            output_size: 256,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.3,
        }
    }
}

impl BilinearConfig {
    fn fully_connected(&self) -> FullyConnectedConfig<'_> {
        FullyConnectedConfig {
            layers: self.fc_layers.as_deref(),
            num_layers: self.num_fc_layers,
            output_size: self.output_size,
            activation: self.activation,
            norm: self.norm,
            dropout: self.dropout,
            keys: FullyConnectedKeys { output_size: "output_size", dropout: "dropout" },
        }
    }
}

/// Adds up the columns, multiplies them in pairs, and reads both with fully connected layers.
#[derive(Module, Debug)]
pub struct Bilinear {
    evidence: Vec<Linear>,
    /// Of what is multiplied, so that no column outweighs another; none where a column is too narrow
    /// to be told apart by directions.
    norms: Vec<Option<LayerNorm>>,
    factors: Vec<Linear>,
    stack: FullyConnectedStack,
    hidden_size: usize,
}

impl Build for Bilinear {
    type Config = BilinearConfig;
    type Input = CombinerInput;

    fn build(
        config: &BilinearConfig,
        input: &CombinerInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        let hidden = config.hidden_size;
        in_range("hidden_size", hidden, 1..=MAX_WIDTH)?;
        let width = 2 * hidden + input.num_columns();
        let stack = FullyConnectedStack::build(&config.fully_connected(), width, device)?;
        let linears = || {
            let linear = |&from: &usize| Linear::new(from, hidden, Bias::Learned, device);
            input.widths.iter().map(linear).collect()
        };
        let norm = |&width: &usize| (width >= LEAST_NORMED).then(|| LayerNorm::new(width, device));
        Ok(Self {
            evidence: linears(),
            norms: input.widths.iter().map(norm).collect(),
            factors: linears(),
            stack,
            hidden_size: hidden,
        })
    }
}

/// Each column through its own layer, zeros where it is absent: one `[B, H]` a column.
fn projected(linears: &[Linear], columns: &[Tensor<2>], present: &Tensor<2>) -> Vec<Tensor<2>> {
    let columns = linears.iter().zip(columns).enumerate();
    let columns = columns.map(|(column, (linear, values))| {
        linear.forward(values.clone()) * present.clone().narrow(1, column, 1)
    });
    columns.collect()
}

fn sum(parts: Vec<Tensor<2>>) -> Tensor<2> {
    parts.into_iter().reduce(|sum, part| sum + part).expect("a combiner has a column")
}

impl Combiner for Bilinear {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let columns = Columns::of(embeddings);
        let present = columns.absent.clone().bool_not().float();
        let evidence = sum(projected(&self.evidence, &columns.pooled, &present));
        let normed = self.norms.iter().zip(&columns.pooled).map(|(norm, pooled)| match norm {
            Some(norm) => norm.forward(pooled.clone()),
            None => pooled.clone(),
        });
        let normed: Vec<_> = normed.collect();
        let factors = projected(&self.factors, &normed, &present);
        let squares = sum(factors.iter().map(|factor| factor.clone() * factor.clone()).collect());
        let total = sum(factors);
        let pairs = (total.clone() * total - squares) * 0.5;
        let read = self.stack.forward(Tensor::cat(vec![evidence.clone(), pairs, present], 1));
        Fused { fused: Tensor::cat(vec![evidence, read], 1), weights: None }
    }

    fn output_width(&self) -> usize {
        self.hidden_size + self.stack.output_width()
    }
}
