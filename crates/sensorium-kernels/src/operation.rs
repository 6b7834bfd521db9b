//! How an operation on arrays becomes one on tensors, gradients included.
//!
//! Burn routes a tensor to its backend at run time. One extension, [`Apply`], carries every
//! operation of this crate over that bridge, so that a new one is one file.

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{DType, Device, Tensor};

use crate::array::Array;

/// A differentiable operation on arrays.
pub(crate) trait Operation: Debug + Send + Sync + 'static {
    /// The output, and what [`Operation::backward`] needs of this pass; nothing where `mode` says
    /// that there will be none.
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>);

    /// [`Operation::forward`] that may write the output over inputs that nobody else holds.
    fn forward_over(&self, inputs: Vec<Array>, mode: Mode) -> (Array, Vec<Array>) {
        self.forward(&inputs, mode)
    }

    /// The gradient of each input where `wanted` says so, and `None` elsewhere.
    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>>;

    /// [`Operation::backward`] that may write gradients over what was saved for it alone.
    fn backward_over(
        &self,
        saved: Vec<Array>,
        gradient: Array,
        wanted: &[bool],
    ) -> Vec<Option<Array>> {
        self.backward(&saved, gradient, wanted)
    }
}

/// Whether a backward pass can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Inference,
    Training,
}

/// Whether tensors of this kind are for these kernels; if not, the caller takes Burn's operations.
pub(crate) fn runs_here(device: &Device, dtype: DType) -> bool {
    dtype == DType::F32 && is_flex(device.as_dispatch())
}

fn is_flex(device: &DispatchDevice) -> bool {
    match device {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(_) => is_flex(&device.clone().inner()),
        #[allow(unreachable_patterns, reason = "other backends come with Burn's features")]
        _ => false,
    }
}

/// One input of an operation, whatever its rank.
pub(crate) struct Input(burn::backend::DispatchTensor);

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(tensor: Tensor<D>) -> Self {
        Self(tensor.into_dispatch())
    }
}

/// Runs an operation on tensors that [`runs_here`].
pub(crate) fn apply<const D: usize, const N: usize>(
    operation: impl Operation,
    inputs: [Input; N],
) -> Tensor<D> {
    let operation: Arc<dyn Operation> = Arc::new(operation);
    let mut inputs = inputs.into_iter().map(|input| input.0);
    let mut next = || inputs.next().expect("N were given");
    let output = match N {
        1 => Dispatch::apply_1(next(), operation),
        2 => Dispatch::apply_2(next(), next(), operation),
        3 => Dispatch::apply_3(next(), next(), next(), operation),
        4 => Dispatch::apply_4(next(), next(), next(), next(), operation),
        _ => Dispatch::apply_5(next(), next(), next(), next(), next(), operation),
    };
    Tensor::from_dispatch(output)
}

/// Writes the bridge to Burn's backends: one function for each number of inputs, as Burn's macro
/// takes no lists.
macro_rules! bridge {
    ($($name:ident($($input:ident),+): $number:literal)+) => {
        /// Runs an operation on its inputs.
        #[backend_extension(Flex, Autodiff)]
        pub(crate) trait Apply: Backend {
            $(fn $name($($input: FloatTensor<Self>),+, operation: Arc<dyn Operation>) -> FloatTensor<Self>;)+
        }

        impl Apply for Flex {
            $(fn $name($($input: FloatTensor<Self>),+, operation: Arc<dyn Operation>) -> FloatTensor<Self> {
                let inputs = vec![$(Array::from($input)),+];
                operation.forward_over(inputs, Mode::Inference).0.into_tensor()
            })+
        }

        impl<C: CheckpointStrategy> Apply for Autodiff<Flex, C> {
            $(fn $name($($input: FloatTensor<Self>),+, operation: Arc<dyn Operation>) -> FloatTensor<Self> {
                tracked::<C, $number>([$($input),+], operation)
            })+
        }
    };
}

bridge! {
    apply_1(a): 1
    apply_2(a, b): 2
    apply_3(a, b, c): 3
    apply_4(a, b, c, d): 4
    apply_5(a, b, c, d, e): 5
}

fn tracked<C: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
    operation: Arc<dyn Operation>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let mut nodes = Vec::with_capacity(N);
    let mut arrays = Vec::with_capacity(N);
    for input in inputs {
        let (tensor, node) = input.into_parts();
        nodes.push(node);
        arrays.push(Array::from(tensor));
    }
    let nodes = nodes.try_into().expect("the number of inputs is N");
    match Gradient::<N>.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(preparation) => {
            let (output, saved) = operation.forward_over(arrays, Mode::Training);
            preparation.finish(Pass { operation, saved }, output.into_tensor())
        }
        OpsKind::UnTracked(preparation) => {
            preparation.finish(operation.forward_over(arrays, Mode::Inference).0.into_tensor())
        }
    }
}

/// A forward pass that waits for its backward one.
#[derive(Clone, Debug)]
struct Pass {
    operation: Arc<dyn Operation>,
    saved: Vec<Array>,
}

/// The backward pass of any operation with `N` inputs.
#[derive(Debug)]
struct Gradient<const N: usize>;

impl<const N: usize> Backward<Flex, N> for Gradient<N> {
    type State = Pass;

    fn backward(self, ops: Ops<Pass, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Array::from(grads.consume::<Flex>(&ops.node));
        let wanted: Vec<bool> = ops.parents.iter().map(Option::is_some).collect();
        let Pass { operation, saved } = ops.state;
        let found = operation.backward_over(saved, gradient, &wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient.into_tensor());
            }
        }
    }
}
