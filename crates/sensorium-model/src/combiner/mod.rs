//! Combiners: from one embedding a column to one vector a row.

pub mod attention;
pub mod bilinear;
mod columns;
pub mod concat;
#[cfg(test)]
mod contract;
pub mod cross_attention;
pub mod gated_fusion;
pub mod transformer;
pub mod weighted;

use burn::tensor::Tensor;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;

use crate::Embedding;
use crate::layer::MAX_WIDTH;

/// Joins the embeddings of one row's columns into one vector.
///
/// What an absent column holds must not reach the result; a row may have every column absent.
pub trait Combiner {
    /// # Shapes
    ///
    /// - `embeddings`: one for each column in the config's order, each `[B, ...]` with its own `D`
    /// - returns: see [`Fused`]
    fn forward(&self, embeddings: &[Embedding]) -> Fused;

    /// Whether the token sequences are read, and not the pooled vectors alone.
    fn reads_tokens(&self) -> bool {
        false
    }

    /// `F` of what [`Combiner::forward`] returns.
    fn output_width(&self) -> usize;
}

/// What a combiner makes.
#[derive(Clone, Debug)]
pub struct Fused {
    /// One vector a row: `[B, F]`.
    pub fused: Tensor<2>,
    /// The weight of each column, where the combiner has any: `[B, M]`, each row summing to 1 over
    /// the present columns; zeros where a row has none.
    pub weights: Option<Tensor<2>>,
}

/// The sizes of the embeddings that a combiner will read: for each column, `D`.
#[derive(Clone, Debug)]
pub struct CombinerInput {
    /// `D` of each column, in the config's order.
    pub widths: Vec<usize>,
}

impl CombinerInput {
    /// `M`.
    pub fn num_columns(&self) -> usize {
        self.widths.len()
    }

    /// The width of all pooled vectors end to end.
    pub fn joined_width(&self) -> usize {
        self.widths.iter().sum()
    }
}

components! {
    /// Every combiner that a config can name in `combiner.type`.
    CombinerConfig => AnyCombiner: dyn Combiner from CombinerInput {
        "bilinear" => bilinear::Bilinear, "what the columns say each and in pairs: their sum, the products of pairs, layers over both";
        "transformer" => transformer::Transformer, "self-attention over one token a column";
        "concat" => concat::Concat, "joins the pooled vectors end to end; linear without a hidden layer";
        "weighted" => weighted::Weighted, "adds the columns up, each times a learned weight; additive without a hidden layer";
        "attention" => attention::Attention, "gates the joined vectors: σ(W[x₁; x₂]) ⊙ [x₁; x₂]";
        "gated_fusion" => gated_fusion::GatedFusion, "a gated multimodal unit: a gate for each number of each column";
        "cross_attention" => cross_attention::CrossAttention, "each column's tokens query the others'";
    }
}

impl CombinerConfig {
    /// Whether what is made of one column never depends on another, so that a linear head cannot
    /// learn what columns say together, such as whether they are equal.
    pub fn is_additive(&self) -> bool {
        match self {
            Self::Concat(config) => config.has_no_layers(),
            Self::Weighted(config) => config.has_no_layers(),
            _ => false,
        }
    }
}

impl Default for CombinerConfig {
    fn default() -> Self {
        Self::Bilinear(bilinear::BilinearConfig::default())
    }
}

/// Checks the keys `hidden_size` and `num_heads`, which must divide it.
fn check_heads(hidden_size: usize, num_heads: usize) -> Result<(), ConfigError> {
    in_range("hidden_size", hidden_size, 1..=MAX_WIDTH)?;
    if num_heads > 0 && hidden_size.is_multiple_of(num_heads) {
        return Ok(());
    }
    let expected = format!("a divisor of `hidden_size` ({hidden_size})");
    Err(ConfigError::invalid("num_heads", num_heads, expected))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;

    /// Every listed combiner, small.
    fn combiners() -> impl Iterator<Item = (String, AnyCombiner)> {
        // No dropout, so that forward passes on a training device can be compared.
        let variants = [
            json!({"dropout": 0}),
            json!({"dropout": 0, "fc_layers": [{"output_size": 6, "norm": "layer", "activation": "tanh"}]}),
            json!({"dropout": 0, "fc_layers": [{"output_size": 5, "norm": "batch", "activation": "tanh"}]}),
        ];
        CombinerConfig::COMPONENTS.iter().flat_map(move |&(name, _)| {
            variants.clone().map(|keys| (format!("{name} with {keys}"), build(name, keys)))
        })
    }

    fn build(name: &str, keys: serde_json::Value) -> AnyCombiner {
        let mut keys = keys;
        if CombinerConfig::read(name, json!({"hidden_size": 8})).is_ok() {
            keys["hidden_size"] = json!(8);
        }
        let config = CombinerConfig::read(name, keys).unwrap();
        let input = CombinerInput { widths: vec![2, 3, 1] };
        config.build(&input, &Device::flex().autodiff()).unwrap()
    }

    #[test]
    fn every_combiner_keeps_the_combiner_contract() {
        for (name, combiner) in combiners() {
            contract::has_the_width_that_it_says(&name, &combiner);
            contract::ignores_what_absent_columns_hold(&name, &combiner);
            contract::gives_each_row_the_same_alone_as_in_a_batch(&name, &combiner);
            contract::sends_a_gradient_to_every_present_column(&name, &combiner);
            contract::is_finite_with_every_column_absent(&name, &combiner);
            contract::has_weights_that_sum_to_one(&name, &combiner);
        }
    }

    #[test]
    fn a_key_that_no_combiner_reads_is_refused() {
        for (name, _) in CombinerConfig::COMPONENTS {
            let error = CombinerConfig::read(name, json!({"flatten_inputs": true})).unwrap_err();
            assert_eq!(error.to_string(), "the config has no key `flatten_inputs`", "{name}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_every_combiner() {
        let input = CombinerInput { widths: vec![2] };
        for (name, _) in CombinerConfig::COMPONENTS {
            let config = CombinerConfig::read(name, json!({"dropout": 1.0})).unwrap();
            let error = config.build(&input, &Device::flex()).unwrap_err();
            let expected = "`dropout` is 1, but 0 or more and below 1 was expected";
            assert_eq!(error.to_string(), expected, "{name}");
        }
    }
}
