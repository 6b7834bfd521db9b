//! `AdamW` over a whole model, its state under the names of the weights.
//!
//! Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2
//! (<https://arxiv.org/abs/1711.05101>). Parity: `torch.optim.AdamW`, and
//! `torch.nn.utils.clip_grad_norm_` for the clipping. Differs from both: weights decay where they
//! are matrices, and biases, norms and other vectors do not.
//!
//! Burn's own optimizer keys its state by parameter ids that are drawn anew in every process, so
//! that a run could not go on from a checkpoint.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::{AdamWParameter, AdamWStep, Values, adamw, global_norm};
use serde::{Deserialize, Serialize};

use crate::Model;
use crate::weights::{self, Place, WeightsError};

/// How [`AdamW`] steps.
///
/// | field | default | range |
/// |---|---|---|
/// | `betas` | 0.9, 0.999 | 0 or more and below 1 |
/// | `eps` | 1e-8 | above 0 |
/// | `weight_decay` | 0.01 | 0 or more |
/// | `clip_global_norm` | none | above 0 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// How much of the running mean of the gradients, and of their squares, each step keeps.
    pub betas: [f64; 2],
    /// Added to the root of the mean square, so that nothing is divided by zero.
    pub eps: f64,
    /// The share of a matrix that each step takes off, times the learning rate.
    pub weight_decay: f64,
    /// The longest that all gradients together may be; longer ones are scaled down.
    pub clip_global_norm: Option<f64>,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01, clip_global_norm: None }
    }
}

impl AdamWConfig {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (index, &beta) in self.betas.iter().enumerate() {
            in_range(&format!("betas[{index}]"), beta, 0.0..1.0)?;
        }
        in_range("eps", self.eps, f64::MIN_POSITIVE..=1.0)?;
        in_range("weight_decay", self.weight_decay, 0.0..=1e6)?;
        match self.clip_global_norm {
            Some(norm) => in_range("clip_global_norm", norm, f64::MIN_POSITIVE..=1e12),
            None => Ok(()),
        }
    }
}

/// The optimizer and what it remembers of each weight.
#[derive(Clone, Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments>,
}

/// What is remembered of one weight.
#[derive(Clone, Debug)]
struct Moments {
    shape: Vec<usize>,
    /// The running mean of the gradient.
    first: Vec<f32>,
    /// The running mean of its square.
    second: Vec<f32>,
    /// Steps that had a gradient for this weight.
    num_steps: u32,
}

impl Moments {
    fn zeros(shape: &[usize]) -> Self {
        let num_values = shape.iter().product();
        let zeros = || vec![0.0; num_values];
        Self { shape: shape.to_vec(), first: zeros(), second: zeros(), num_steps: 0 }
    }
}

/// The names that the state of a weight is stored under, after the weight's own.
const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";
const NUM_STEPS: &str = "num_steps";

impl AdamW {
    /// An optimizer that has not stepped yet.
    #[must_use]
    pub const fn new(config: AdamWConfig) -> Self {
        Self { config, moments: BTreeMap::new() }
    }

    /// Moves every weight that has a gradient; the others stay, and so does what is remembered of
    /// them.
    ///
    /// Returns the model and the length of all gradients together before clipping. Where that is
    /// not finite nothing moves: the caller decides what becomes of the run.
    #[must_use]
    pub fn step(
        &mut self,
        model: Model,
        gradients: GradientsParams,
        learning_rate: f64,
    ) -> (Model, f64) {
        let pending = pending(&model, gradients);
        let norm = norm(&pending);
        if !norm.is_finite() {
            return (model, norm);
        }
        let clip = self.config.clip_global_norm.map_or(1.0, |most| (most / (norm + 1e-6)).min(1.0));
        let factors = model.rate_factors();
        let rate = |name: &str| learning_rate * factors.get(name).copied().unwrap_or(1.0);
        let moved = self.moved(&pending, clip, rate);
        let mut mapper = Replace { place: Place::in_model(&model), moved };
        (model.map(&mut mapper), norm)
    }

    /// The new values of all weights that have a gradient.
    fn moved(
        &mut self,
        pending: &BTreeMap<String, Pending>,
        clip: f64,
        learning_rate: impl Fn(&str) -> f64,
    ) -> BTreeMap<String, Vec<f32>> {
        for (name, Pending { shape, .. }) in pending {
            self.moments.entry(name.clone()).or_insert_with(|| Moments::zeros(shape)).num_steps +=
                1;
        }
        let config = &self.config;
        let remembered = self.moments.iter_mut().filter_map(|(name, moments)| {
            let Pending { shape, values, gradient } = pending.get(name)?;
            let decay = if shape.len() >= 2 { config.weight_decay } else { 0.0 };
            Some(AdamWParameter {
                step: step(config, decay, moments.num_steps, learning_rate(name), clip),
                values: values.as_slice(),
                gradient: gradient.as_slice(),
                first_moment: &mut moments.first,
                second_moment: &mut moments.second,
            })
        });
        // Both maps are in the order of the names.
        pending.keys().cloned().zip(adamw(remembered.collect())).collect()
    }

    /// Everything that is remembered, under `<weight>.first_moment`, `<weight>.second_moment` (of
    /// the weight's shape) and `<weight>.num_steps` (one number, exact up to 2²⁴); all 32-bit
    /// floats.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, TensorData> {
        let mut tensors = BTreeMap::new();
        for (name, moments) in &self.moments {
            let mut insert = |part: &str, values: Vec<f32>, shape: &[usize]| {
                tensors.insert(format!("{name}.{part}"), TensorData::new(values, shape.to_vec()));
            };
            insert(FIRST, moments.first.clone(), &moments.shape);
            insert(SECOND, moments.second.clone(), &moments.shape);
            insert(NUM_STEPS, vec![moments.num_steps as f32], &[1]);
        }
        tensors
    }

    /// The optimizer that [`AdamW::named`] was called on, for the same model in any process.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] for a tensor that is not the state of a weight of `model`, for one of
    /// another shape or type, and for a weight whose state is not whole.
    pub fn load(
        config: AdamWConfig,
        model: &Model,
        mut tensors: BTreeMap<String, TensorData>,
    ) -> Result<Self, WeightsError> {
        let mut moments = BTreeMap::new();
        for (name, shape) in weights::shapes(model).by_name {
            let parts = [FIRST, SECOND, NUM_STEPS].map(|part| format!("{name}.{part}"));
            // A weight that never had a gradient has no state.
            if parts.iter().all(|part| !tensors.contains_key(part)) {
                continue;
            }
            let [first, second, num_steps] = parts;
            let first = take(&mut tensors, first, &shape)?;
            let second = take(&mut tensors, second, &shape)?;
            let num_steps = whole(take(&mut tensors, num_steps, &[1])?[0]);
            moments.insert(name, Moments { shape, first, second, num_steps });
        }
        match tensors.into_keys().next() {
            Some(name) => Err(WeightsError::Extra { name }),
            None => Ok(Self { config, moments }),
        }
    }
}

fn take(
    tensors: &mut BTreeMap<String, TensorData>,
    name: String,
    shape: &[usize],
) -> Result<Vec<f32>, WeightsError> {
    let Some(tensor) = tensors.remove(&name) else {
        return Err(WeightsError::Missing { name });
    };
    weights::check(&name, &tensor, shape)?;
    Ok(numbers(tensor))
}

/// The whole number that was stored as a float; 0 for one that was not.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(value: f32) -> u32 {
    value as u32
}

fn numbers(tensor: TensorData) -> Vec<f32> {
    tensor.try_into_vec().expect("gradients and weights are 32-bit floats")
}

/// A weight that has a gradient.
struct Pending {
    shape: Vec<usize>,
    values: Values,
    gradient: Values,
}

/// The weights that have a gradient, by their names.
fn pending(model: &Model, gradients: GradientsParams) -> BTreeMap<String, Pending> {
    let place = Place::in_model(model);
    let mut visitor = ByName { place, unnamed: gradients, named: BTreeMap::new() };
    model.visit(&mut visitor);
    visitor.named
}

/// The length of all gradients together.
fn norm(pending: &BTreeMap<String, Pending>) -> f64 {
    let gradients: Vec<&[f32]> =
        pending.values().map(|weight| weight.gradient.as_slice()).collect();
    global_norm(&gradients)
}

struct ByName {
    place: Place,
    unnamed: GradientsParams,
    named: BTreeMap<String, Pending>,
}

impl ModuleVisitor for ByName {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.unnamed.remove::<D>(param.id) {
            let shape = param.lazy_shape().as_slice().to_vec();
            let (values, gradient) = (Values::of(param.val()), Values::of(gradient));
            self.named.insert(self.place.name(), Pending { shape, values, gradient });
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.leave();
    }
}

struct Replace {
    place: Place,
    moved: BTreeMap<String, Vec<f32>>,
}

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.moved.remove(&self.place.name()) else { return param };
        let shape = param.lazy_shape();
        param.map(|tensor| {
            Tensor::from_data(TensorData::new(values, shape), &tensor.device()).require_grad()
        })
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.leave();
    }
}

/// The factors of one weight's step.
#[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit floats")]
fn step(
    config: &AdamWConfig,
    decay: f64,
    num_steps: u32,
    learning_rate: f64,
    clip: f64,
) -> AdamWStep {
    let [beta_1, beta_2] = config.betas;
    // Both means start at zero, and are this much too small after so many steps.
    let correction = |beta: f64| 1.0 - beta.powf(f64::from(num_steps));
    AdamWStep {
        clip: clip as f32,
        keep: (1.0 - learning_rate * decay) as f32,
        betas: [beta_1 as f32, beta_2 as f32],
        step_size: (learning_rate / correction(beta_1)) as f32,
        root_correction: correction(beta_2).sqrt() as f32,
        epsilon: config.eps as f32,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use sensorium_core::FeatureShape;
    use sensorium_modality::Features;

    use super::*;
    use crate::FeatureBatch;
    use crate::loss::TargetBatch;
    use crate::testkit::model_spec;

    fn config() -> AdamWConfig {
        AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() }
    }

    /// One weight of 2.0 with a gradient of 0.5 and then of −1.0, at the learning rate 0.1.
    ///
    /// By hand, from the formula that torch prints: with decay 0.1 the weight first becomes
    /// 2·0.99 = 1.98; m = 0.05, v = 0.00025, both corrected 0.5 and 0.25, so the step is
    /// 0.1·0.5/√0.25 = 0.1. Then 1.88·0.99 = 1.8612; m = 0.045 − 0.1 = −0.055,
    /// v = 0.00024975 + 0.001 = 0.00124975; corrected −0.055/0.19 = −0.2894737 and
    /// 0.00124975/0.001999 = 0.6251876; the step is 0.1·−0.2894737/0.7906881 = −0.0366104.
    #[test]
    fn two_steps_are_those_of_the_formula() {
        let mut moments = Moments::zeros(&[1]);
        let mut value = 2.0;
        for (num_steps, (gradient, expected)) in (1..).zip([(0.5, 1.88), (-1.0, 1.897_810_4)]) {
            let moved = adamw(vec![AdamWParameter {
                step: step(&config(), 0.1, num_steps, 0.1, 1.0),
                values: &[value],
                gradient: &[gradient],
                first_moment: &mut moments.first,
                second_moment: &mut moments.second,
            }]);
            value = moved[0][0];
            assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
        }
    }

    fn gradients(model: &Model, step: usize) -> GradientsParams {
        let device = Device::flex().autodiff();
        let number = |row: usize, index: usize| ((step * 13 + row * 5 + index) as f32).sin();
        let batch = |width: usize| {
            let row = |row| Features::Vector((0..width).map(|index| number(row, index)).collect());
            let rows: Vec<Features> = (0..4).map(row).collect();
            let rows: Vec<Option<&Features>> = rows.iter().map(Some).collect();
            FeatureBatch::collate(&rows, &FeatureShape::Vector { width }, &device)
        };
        let embeddings = model.encode(&[batch(2), batch(3), batch(1)], &device);
        let logits = model.logits(&model.fuse(&embeddings));
        let targets = [
            TargetBatch::Class(vec![Some(0), Some(1), Some(2), Some(step % 3)]),
            TargetBatch::Class(vec![Some(0), Some(1), None, Some(step % 2)]),
            TargetBatch::Number(vec![Some(0.5), Some(-1.0), Some(2.0), None]),
        ];
        GradientsParams::from_grads(model.loss(&logits, &targets).combined.backward(), model)
    }

    fn train(mut model: Model, optimizer: &mut AdamW, steps: std::ops::Range<usize>) -> Model {
        for step in steps {
            let gradients = gradients(&model, step);
            (model, _) = optimizer.step(model, gradients, 0.01);
        }
        model
    }

    #[test]
    fn a_run_that_is_saved_and_loaded_ends_in_the_same_bytes() {
        let device = Device::flex().autodiff();
        for combiner in ["transformer", "cross_attention", "gated_fusion"] {
            let spec = model_spec(combiner);
            let start = Model::build(&spec, &device).unwrap();
            let weights_at_start = weights::named(&start);
            let begin = || {
                let model = Model::unloaded(&spec, &device).unwrap();
                weights::load(model, weights_at_start.clone()).unwrap()
            };
            let mut optimizer = AdamW::new(config());
            let whole = train(begin(), &mut optimizer, 0..6);

            let mut first_half = AdamW::new(config());
            let half = train(begin(), &mut first_half, 0..3);
            let (weights, state) = (weights::named(&half), first_half.named());
            let model = Model::unloaded(&spec, &device).unwrap();
            let model = weights::load(model, weights).unwrap();
            let mut second_half = AdamW::load(config(), &model, state).unwrap();
            let resumed = train(model, &mut second_half, 3..6);

            assert_ne!(weights::named(&whole), weights_at_start, "{combiner}: it trains");
            assert_eq!(weights::named(&resumed), weights::named(&whole), "{combiner}");
            assert_eq!(second_half.named(), optimizer.named(), "{combiner}");
        }
    }

    #[test]
    fn long_gradients_are_clipped_and_their_length_is_told() {
        let device = Device::flex().autodiff();
        let model = Model::build(&model_spec("concat"), &device).unwrap();
        let most = 1e-3;
        let mut optimizer = AdamW::new(AdamWConfig { clip_global_norm: Some(most), ..config() });
        let gradients = gradients(&model, 0);
        let (_, norm) = optimizer.step(model, gradients, 0.01);
        assert!(norm > 0.1, "{norm}");
        let firsts = optimizer.moments.values().flat_map(|moments| &moments.first);
        // After one step the first moments are 0.1 of the clipped gradients.
        let clipped = firsts.map(|&part| (f64::from(part) * 10.0).powi(2)).sum::<f64>().sqrt();
        assert!((clipped / most - 1.0).abs() < 1e-2, "{clipped} is not {most}");
    }

    #[test]
    fn gradients_that_are_not_finite_move_nothing() {
        let device = Device::flex().autodiff();
        let model = Model::build(&model_spec("concat"), &device).unwrap();
        let before = weights::named(&model);
        let mut optimizer = AdamW::new(config());
        let mut gradients = gradients(&model, 0);
        model.visit(&mut Spoil(&mut gradients));
        let (model, norm) = optimizer.step(model, gradients, 0.01);
        assert!(norm.is_nan());
        // One batch was read for the gradients: only running statistics may have moved.
        let trained = |tensors: BTreeMap<String, TensorData>| -> BTreeMap<String, TensorData> {
            tensors.into_iter().filter(|(name, _)| !name.contains("running_")).collect()
        };
        assert_eq!(trained(weights::named(&model)), trained(before));
        assert!(optimizer.named().is_empty());
    }

    struct Spoil<'a>(&'a mut GradientsParams);

    impl ModuleVisitor for Spoil<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.remove::<D>(param.id) {
                self.0.register(param.id, gradient * f32::NAN);
            }
        }
    }

    #[test]
    fn biases_do_not_decay() {
        let device = Device::flex().autodiff();
        let model = Model::build(&model_spec("concat"), &device).unwrap();
        let weights_after = |decay| {
            let mut optimizer = AdamW::new(AdamWConfig { weight_decay: decay, ..config() });
            let copy = weights::load(model.clone(), weights::named(&model)).unwrap();
            weights::named(&train(copy, &mut optimizer, 0..1))
        };
        let (without, with) = (weights_after(0.0), weights_after(0.5));
        for (name, tensor) in &without {
            assert_eq!(with[name] == *tensor, tensor.rank() == 1, "{name}");
        }
    }

    #[test]
    fn state_of_another_model_is_refused() {
        let device = Device::flex().autodiff();
        let build = |combiner| Model::build(&model_spec(combiner), &device).unwrap();
        let mut optimizer = AdamW::new(config());
        drop(train(build("gated_fusion"), &mut optimizer, 0..1));
        let state = optimizer.named();
        let error = AdamW::load(config(), &build("concat"), state.clone()).unwrap_err();
        assert!(
            matches!(error, WeightsError::Extra { .. } | WeightsError::Shape { .. }),
            "{error}"
        );

        let mut torn = state;
        let name = torn.keys().find(|name| name.ends_with(SECOND)).unwrap().clone();
        torn.remove(&name);
        let error = AdamW::load(config(), &build("gated_fusion"), torn).unwrap_err();
        assert_eq!(error, WeightsError::Missing { name });
    }

    #[test]
    fn fields_out_of_range_are_refused() {
        let error = AdamWConfig { betas: [0.9, 1.0], ..config() }.check().unwrap_err();
        let expected = "`betas[1]` is 1, but 0 or more and below 1 was expected";
        assert_eq!(error.to_string(), expected);
        assert!(AdamWConfig::default().check().is_ok());
    }
}
