//! One step of training: the loss, the gradients, and a step of `AdamW` over all weights at once.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use sensorium_kernels::{AdamWParameter, AdamWStep, Values, adamw, cross_entropy};

use crate::Repetition;

// The defaults of `torch.optim.AdamW`.
const LEARNING_RATE: f64 = 1e-3;
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
const WEIGHT_DECAY: f64 = 0.01;

/// A class for each of `rows` rows: `[B]`.
pub(crate) fn targets(rows: usize, num_classes: usize, device: &Device) -> Tensor<1, Int> {
    Tensor::random([rows], Distribution::Uniform(0.0, num_classes as f64), device)
}

/// Trains `model`, whose logits `[B, K]` are `forward` of it, by one step a repetition.
pub(crate) fn step<M: Module + 'static>(
    model: M,
    targets: Tensor<1, Int>,
    forward: impl Fn(&M) -> Tensor<2> + 'static,
) -> Repetition {
    let mut optimizer = AdamW::default();
    let mut model = Some(model);
    Box::new(move || {
        let current = model.take().expect("every repetition puts it back");
        let loss = cross_entropy(forward(&current), targets.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &current);
        model = Some(optimizer.step(current, gradients));
    })
}

/// What is remembered of each weight, in the order in which a model is walked.
#[derive(Default)]
struct AdamW {
    moments: Vec<[Vec<f32>; 2]>,
    num_steps: i32,
}

impl AdamW {
    /// Every weight needs a gradient.
    fn step<M: Module>(&mut self, model: M, gradients: GradientsParams) -> M {
        let mut pending = Pending { gradients, weights: Vec::new() };
        model.visit(&mut pending);
        let weights = pending.weights;
        if self.moments.is_empty() {
            let zeros =
                |[values, _]: &[Values; 2]| [(); 2].map(|()| vec![0.0; values.as_slice().len()]);
            self.moments = weights.iter().map(zeros).collect();
        }
        self.num_steps += 1;
        let step = self.factors();
        let parameters = weights.iter().zip(&mut self.moments);
        let parameters =
            parameters.map(|([values, gradient], [first_moment, second_moment])| AdamWParameter {
                step,
                values: values.as_slice(),
                gradient: gradient.as_slice(),
                first_moment,
                second_moment,
            });
        let mut moved = Moved(adamw(parameters.collect()).into_iter());
        model.map(&mut moved)
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit floats")]
    fn factors(&self) -> AdamWStep {
        let correction = BETAS.map(|beta| 1.0 - beta.powi(self.num_steps));
        AdamWStep {
            clip: 1.0,
            keep: (1.0 - LEARNING_RATE * WEIGHT_DECAY) as f32,
            betas: BETAS.map(|beta| beta as f32),
            step_size: (LEARNING_RATE / correction[0]) as f32,
            root_correction: correction[1].sqrt() as f32,
            epsilon: EPSILON as f32,
        }
    }
}

/// Every weight and its gradient.
struct Pending {
    gradients: GradientsParams,
    weights: Vec<[Values; 2]>,
}

impl ModuleVisitor for Pending {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics are walked over too, and have none.
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.weights.push([Values::of(param.val()), Values::of(gradient)]);
        }
    }
}

/// The new values of the weights that [`Pending`] met.
struct Moved(std::vec::IntoIter<Vec<f32>>);

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        let values = self.0.next().expect("every weight has a gradient");
        let shape = param.lazy_shape();
        param.map(|tensor| {
            Tensor::from_data(TensorData::new(values, shape), &tensor.device()).require_grad()
        })
    }
}
