//! Dropout that is drawn anew in each training step.

use burn::module::{Flag, Module, Param};
use burn::tensor::{Device, Distribution, Int, Tensor};
use sensorium_kernels::dropout;

/// Sets a share of numbers to zero in training, and lets the others grow by as much.
#[derive(Module, Debug)]
pub(crate) struct Dropout {
    rate: f64,
    /// Off in frozen layers.
    training: Param<Flag>,
}

impl Dropout {
    /// `rate` is 0 or more and below 1.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, training: Param::from_bool(true) }
    }

    /// # Shapes
    ///
    /// - `x`: any
    /// - returns: the same
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self.draw(&x.device()) {
            Some(pattern) => dropout(x, pattern),
            None => x,
        }
    }

    /// Whether nothing is set to zero on `device`.
    pub(crate) fn is_idle(&self, device: &Device) -> bool {
        self.rate == 0.0 || !device.is_autodiff() || !self.training.is_enabled()
    }

    /// A new pattern, by the device's generator; `None` outside training.
    pub(crate) fn draw(&self, device: &Device) -> Option<sensorium_kernels::Dropout> {
        if self.is_idle(device) {
            return None;
        }
        let any = Distribution::Uniform(0.0, f64::from(i32::MAX));
        let seed: i32 = Tensor::<1, Int>::random([1], any, device).into_scalar();
        Some(sensorium_kernels::Dropout { rate: self.rate, seed: seed.unsigned_abs() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    #[test]
    fn numbers_go_in_training_alone_and_others_each_time() {
        let layer = Dropout::new(0.5);
        let ones = |device: &Device| Tensor::<1>::ones([100], device);
        let kept = values(&layer.forward(ones(&Device::flex())));
        assert!(kept.iter().all(|number| number.total_cmp(&1.0).is_eq()));

        let device = Device::flex().autodiff();
        let [first, second] = [(); 2].map(|()| values(&layer.forward(ones(&device))));
        assert!(
            first
                .iter()
                .all(|number| [0.0_f32, 2.0].iter().any(|value| value.total_cmp(number).is_eq()))
        );
        assert_ne!(first, second);

        let frozen = values(&layer.freeze().forward(ones(&device)));
        assert_eq!(frozen, kept, "a frozen layer drops nothing");
    }
}
