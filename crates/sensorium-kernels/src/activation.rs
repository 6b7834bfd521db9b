//! The functions between two layers.

use burn::tensor::{Tensor, activation};

use crate::array::Array;
use crate::elementwise::changed;
use crate::instruction_set::for_instruction_sets;
use crate::math::{exp_m1, logistic, normal, sigmoid, tanh};
use crate::operation::{Mode, Operation, apply, runs_here};

/// A function of every number by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(0, x).
    Relu,
    /// x where positive, x / 100 elsewhere.
    LeakyRelu,
    /// x where positive, eˣ − 1 elsewhere.
    Elu,
    /// x Φ(x), with the exact normal distribution function (Hendrycks and Gimpel 2016).
    Gelu,
    /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, the approximation of the same paper.
    GeluTanh,
    /// x σ(1.702 x), the other approximation of the same paper.
    QuickGelu,
    /// x σ(x).
    Silu,
    /// max(0, min(x, 6)).
    Relu6,
    /// x max(0, min(x + 3, 6)) / 6 (Howard et al. 2019, section 5.2).
    HardSwish,
    /// max(0, min(x + 3, 6)) / 6.
    HardSigmoid,
    /// σ(x) = 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

/// The slope of [`Activation::LeakyRelu`] below 0.
const LEAK: f32 = 0.01;

/// √(2/π) and the share of the cube, of [`Activation::GeluTanh`].
const TANH_SCALE: f32 = 0.797_884_6;
const CUBE: f32 = 0.044_715;
/// The slope of [`Activation::QuickGelu`].
const QUICK: f32 = 1.702;

/// What the gradient of a function is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MadeFrom {
    Input,
    Output,
}

impl Activation {
    /// What [`gradient_in_place`] needs: the output where that is enough.
    pub(crate) fn gradient_made_from(self) -> MadeFrom {
        match self {
            Self::Gelu | Self::GeluTanh | Self::QuickGelu | Self::Silu | Self::HardSwish => {
                MadeFrom::Input
            }
            _ => MadeFrom::Output,
        }
    }
}

/// Applies a function to every number.
///
/// # Shapes
///
/// - `x`: any
/// - returns: the same
pub fn activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    if activation == Activation::Identity {
        return x;
    }
    if runs_here(&x.device(), x.dtype()) {
        return apply(Activate(activation), [x.into()]);
    }
    reference(x, activation)
}

pub(crate) fn reference<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => activation::relu(x),
        Activation::LeakyRelu => activation::leaky_relu(x, LEAK.into()),
        Activation::Elu => activation::elu(x, 1.0),
        Activation::Gelu => activation::gelu(x),
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::QuickGelu => x.clone() * activation::sigmoid(x * QUICK),
        Activation::Silu => activation::silu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardSwish => x.clone() * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::Tanh => activation::tanh(x),
    }
}

/// Applies a function to every number.
pub(crate) fn apply_in_place(values: &mut [f32], activation: Activation) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => relu(values),
        Activation::LeakyRelu => leaky_relu(values),
        Activation::Elu => elu(values),
        Activation::Gelu => gelu(values),
        Activation::GeluTanh => gelu_tanh(values),
        Activation::QuickGelu => quick_gelu(values),
        Activation::Silu => silu(values),
        Activation::Relu6 => relu6(values),
        Activation::HardSwish => hard_swish(values),
        Activation::HardSigmoid => hard_sigmoid(values),
        Activation::Sigmoid => each_sigmoid(values),
        Activation::Tanh => each_tanh(values),
    }
}

/// Turns the gradient of a function's outputs into that of its inputs; `kept` is what
/// [`Activation::gradient_made_from`] says.
pub(crate) fn gradient_in_place(gradient: &mut [f32], kept: &[f32], activation: Activation) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => relu_gradient(gradient, kept),
        Activation::LeakyRelu => leaky_relu_gradient(gradient, kept),
        Activation::Elu => elu_gradient(gradient, kept),
        Activation::Gelu => gelu_gradient(gradient, kept),
        Activation::GeluTanh => gelu_tanh_gradient(gradient, kept),
        Activation::QuickGelu => quick_gelu_gradient(gradient, kept),
        Activation::Silu => silu_gradient(gradient, kept),
        Activation::Relu6 => relu6_gradient(gradient, kept),
        Activation::HardSwish => hard_swish_gradient(gradient, kept),
        Activation::HardSigmoid => hard_sigmoid_gradient(gradient, kept),
        Activation::Sigmoid => sigmoid_gradient(gradient, kept),
        Activation::Tanh => tanh_gradient(gradient, kept),
    }
}

/// Kernels of functions: the output from the input `x`.
macro_rules! functions {
    ($($name:ident($x:ident) $output:block)*) => { for_instruction_sets! { $(
        fn $name(values: &mut [f32]) {
            for value in values {
                let $x = *value;
                *value = $output;
            }
        }
    )* } };
}

// The comparisons are such that NaN stays NaN.
functions! {
    relu(x) { if x <= 0.0 { 0.0 } else { x } }
    leaky_relu(x) { if x < 0.0 { x * LEAK } else { x } }
    elu(x) { if x > 0.0 { x } else { exp_m1(x) } }
    gelu(x) { x * normal(x).below }
    gelu_tanh(x) { x * (0.5 + 0.5 * tanh(TANH_SCALE * (x + CUBE * (x * x * x)))) }
    quick_gelu(x) { x * sigmoid(QUICK * x) }
    silu(x) { x * sigmoid(x) }
    relu6(x) { x.clamp(0.0, 6.0) }
    hard_swish(x) {
        if x <= -3.0 { 0.0 } else if x >= 3.0 { x } else { x * (x + 3.0) / 6.0 }
    }
    hard_sigmoid(x) {
        if x <= -3.0 { 0.0 } else if x >= 3.0 { 1.0 } else { (x + 3.0) / 6.0 }
    }
    each_sigmoid(x) { sigmoid(x) }
    each_tanh(x) { tanh(x) }
}

/// Kernels of gradients: that of the input from that of the output `dy`, and the input `x` or the
/// output `y`.
macro_rules! gradients {
    ($($name:ident($dy:ident, $kept:ident) $of_input:block)*) => { for_instruction_sets! { $(
        fn $name(gradient: &mut [f32], kept: &[f32]) {
            for (gradient, &$kept) in gradient.iter_mut().zip(kept) {
                let $dy = *gradient;
                *gradient = $of_input;
            }
        }
    )* } };
}

gradients! {
    relu_gradient(dy, y) { if y <= 0.0 { 0.0 } else { dy } }
    leaky_relu_gradient(dy, y) { if y < 0.0 { dy * LEAK } else { dy } }
    elu_gradient(dy, y) { if y > 0.0 { dy } else { dy * (y + 1.0) } }
    gelu_gradient(dy, x) {
        let normal = normal(x);
        dy * (normal.below + x * normal.density)
    }
    gelu_tanh_gradient(dy, x) {
        // (1 + tanh u) / 2 is σ(2u).
        let twice = logistic((2.0 * TANH_SCALE) * (x + CUBE * (x * x * x)));
        let slope = (2.0 * TANH_SCALE) * (1.0 + 3.0 * CUBE * (x * x));
        dy * (twice.below * (1.0 + x * slope * twice.above))
    }
    quick_gelu_gradient(dy, x) {
        let share = logistic(QUICK * x);
        dy * (share.below * (1.0 + QUICK * x * share.above))
    }
    relu6_gradient(dy, y) { if y <= 0.0 || y >= 6.0 { 0.0 } else { dy } }
    hard_swish_gradient(dy, x) {
        if x <= -3.0 { 0.0 } else if x >= 3.0 { dy } else { dy * (2.0 * x + 3.0) / 6.0 }
    }
    hard_sigmoid_gradient(dy, y) { if y <= 0.0 || y >= 1.0 { 0.0 } else { dy / 6.0 } }
    silu_gradient(dy, x) {
        let share = logistic(x);
        dy * (share.below * (1.0 + x * share.above))
    }
    sigmoid_gradient(dy, y) { dy * (y * (1.0 - y)) }
    tanh_gradient(dy, y) { dy * (1.0 - y * y) }
}

#[derive(Debug)]
struct Activate(Activation);

impl Operation for Activate {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        self.forward_over(inputs.to_vec(), mode)
    }

    fn forward_over(&self, mut inputs: Vec<Array>, mode: Mode) -> (Array, Vec<Array>) {
        let made_from = self.0.gradient_made_from();
        let mut saved = Vec::new();
        let x = inputs.remove(0);
        if (mode, made_from) == (Mode::Training, MadeFrom::Input) {
            saved.push(x.clone());
        }
        let output = changed(x, [], |_, values, []| apply_in_place(values, self.0));
        if (mode, made_from) == (Mode::Training, MadeFrom::Output) {
            saved.push(output.clone());
        }
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let [kept] = saved else { unreachable!("it saves its input or its output") };
        let change = |_: usize, gradient: &mut [f32], [kept]: [&[f32]; 1]| {
            gradient_in_place(gradient, kept, self.0);
        };
        vec![Some(changed(gradient, [kept.values()], change))]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    pub(crate) const ALL: [Activation; 13] = [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::QuickGelu,
        Activation::Silu,
        Activation::Relu6,
        Activation::HardSwish,
        Activation::HardSigmoid,
        Activation::Sigmoid,
        Activation::Tanh,
    ];
    /// A few roundings to 2⁻²⁴ in each of the two, of functions that grow no faster than x; and
    /// Burn's gradients of the GELUs and of SiLU lose as much again to 1 − σ and 1 − tanh².
    const ROUNDING: f32 = 2e-6;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn functions_and_their_gradients_are_burns(
            len in prop_oneof![1..100_usize, 30_000..70_000_usize],
            // Burn's ELU has no gradient from 89 on.
            width in prop_oneof![Just(1.0_f32), Just(8.0), Just(80.0)],
        ) {
            let x: Vec<f32> = random(len, 1).iter().map(|number| number * width).collect();
            for function in ALL {
                assert_same_passes(
                    std::slice::from_ref(&x),
                    ROUNDING,
                    |inputs| activate(inputs[0].clone(), function),
                    |inputs| reference(inputs[0].clone(), function),
                );
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for function in ALL {
            let mut values = [f32::NAN; 20];
            apply_in_place(&mut values, function);
            assert!(values.iter().all(|value| value.is_nan()), "{function:?}");
        }
    }

    #[test]
    fn where_burn_is_infinite_or_zero_so_are_these() {
        let device = burn::tensor::Device::flex();
        for function in ALL {
            let x = [f32::INFINITY, f32::MAX, -f32::MAX, 0.0, -0.0, 1e-45, -1e-45];
            let mut got = x;
            apply_in_place(&mut got, function);
            let want = reference(Tensor::<1>::from_floats(x, &device), function).into_data();
            for (got, want) in got.iter().zip(want.try_into_vec::<f32>().unwrap()) {
                let close = (got - want).abs() <= f32::EPSILON * want.abs().max(1.0);
                assert!(got.total_cmp(&want).is_eq() || close, "{function:?}: {got}, not {want}");
            }
        }
    }
}
