//! The vector itself.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{VectorEncoder, VectorInput};
use crate::{Build, Encoded};

/// `passthrough` has nothing to set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PassthroughConfig {}

/// Hands the vector on as it is.
#[derive(Module, Debug)]
pub struct Passthrough {
    width: usize,
}

impl Build for Passthrough {
    type Config = PassthroughConfig;
    type Input = VectorInput;

    fn build(_: &PassthroughConfig, input: &VectorInput, _: &Device) -> Result<Self, ConfigError> {
        Ok(Self { width: input.width })
    }
}

impl VectorEncoder for Passthrough {
    fn forward(&self, values: Tensor<2>) -> Encoded {
        let [rows, _] = values.dims();
        let mask = Tensor::<2, Bool>::full([rows, 1], true, &values.device());
        Encoded { tokens: values.clone().unsqueeze_dim(1), pooled: values, mask }
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
