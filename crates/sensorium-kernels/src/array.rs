//! Plain arrays of 32-bit floats, and how tensors become them.

use std::sync::Arc;

use burn::backend::Flex;
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};

use crate::operation::runs_here;

/// A dense array, last axis fastest; a clone shares the numbers.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    tensor: FlexTensor,
}

impl Array {
    /// # Panics
    ///
    /// If `dims` do not hold as many values.
    pub(crate) fn new(values: Vec<f32>, dims: &[usize]) -> Self {
        assert_eq!(values.len(), dims.iter().product::<usize>(), "the values of {dims:?}");
        let layout = Layout::contiguous(Shape::from(dims.to_vec()));
        Self { tensor: FlexTensor::new(Bytes::from_elems(values), layout, DType::F32) }
    }

    /// The numbers of a tensor on the CPU, without its gradients.
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let tensor = if tensor.device().is_autodiff() { tensor.inner() } else { tensor };
        let primitive = tensor.try_into_primitive::<Flex>().expect("checked by `runs_here`");
        Self::from(primitive)
    }

    pub(crate) fn values(&self) -> &[f32] {
        self.tensor.as_slice().expect("an array is dense and of 32-bit floats")
    }

    pub(crate) fn dims(&self) -> &[usize] {
        self.tensor.layout().shape().as_slice()
    }

    /// The sizes of all `D` axes.
    ///
    /// # Panics
    ///
    /// If there are not `D`.
    pub(crate) fn shape<const D: usize>(&self) -> [usize; D] {
        self.dims().try_into().expect("an operation knows the rank of its inputs")
    }

    /// The numbers, to be changed in place where nobody else holds them, and a copy elsewhere.
    pub(crate) fn into_values(self) -> Vec<f32> {
        let data = self.tensor.into_data();
        data.try_into_vec().expect("an array is of 32-bit floats")
    }

    /// Whether nobody else holds the memory, so that [`Array::into_values`] copies nothing.
    pub(crate) fn is_unshared(&self) -> bool {
        self.tensor.is_unique()
    }

    /// The memory that holds the numbers.
    pub(crate) fn memory(&self) -> Arc<Bytes> {
        self.tensor.data_arc()
    }

    pub(crate) fn into_tensor(self) -> FlexTensor {
        self.tensor
    }
}

impl From<FlexTensor> for Array {
    fn from(tensor: FlexTensor) -> Self {
        Self { tensor: tensor.to_contiguous() }
    }
}

/// The numbers of a tensor, read where they are on the CPU and copied from other devices.
#[derive(Debug)]
pub struct Values {
    array: Array,
}

impl Values {
    /// The numbers of a tensor of 32-bit floats, without its gradients.
    ///
    /// # Panics
    ///
    /// If it holds other numbers.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        if runs_here(&tensor.device(), tensor.dtype()) {
            return Self { array: Array::of(tensor) };
        }
        let dims = tensor.dims();
        let values = tensor.into_data().try_into_vec().expect("32-bit floats");
        Self { array: Array::new(values, &dims) }
    }

    /// Last axis fastest.
    pub fn as_slice(&self) -> &[f32] {
        self.array.values()
    }
}
