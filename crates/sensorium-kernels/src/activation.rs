//! temp
use burn::tensor::Tensor;
/// a
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// i
    #[default]
    Identity,
    /// r
    Relu,
}
/// a
pub fn activate<const D: usize>(x: Tensor<D>, a: Activation) -> Tensor<D> {
    match a {
        Activation::Identity => x,
        Activation::Relu => burn::tensor::activation::relu(x),
    }
}
/// a
pub fn add_activate<const D: usize>(x: Tensor<D>, r: Tensor<D>, a: Activation) -> Tensor<D> {
    activate(x + r, a)
}
pub(crate) fn apply_in_place(v: &mut [f32], a: Activation) {
    if a == Activation::Relu {
        v.iter_mut().for_each(|v| *v = v.max(0.0));
    }
}
