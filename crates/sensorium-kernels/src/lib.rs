//! Hand-written forward and backward passes of the operations that models spend their time in, on
//! a CPU; every other device runs the same operations as Burn has them.
//!
//! One operation is one file with three parts: a public function on tensors, an `Operation` on
//! plain arrays, and the same in Burn's own operations, which other devices run and which the
//! tests compare with. `unsafe` is allowed in this crate alone.

mod activation;
mod adamw;
mod add;
mod array;
mod attention;
mod batch_norm;
mod convolution;
mod cross_entropy;
mod dropout;
mod elementwise;
mod embedding;
mod fill_absent;
mod instruction_set;
mod kept;
mod layer_norm;
mod linear;
mod math;
mod operation;
mod peak;
mod pool;
mod product;
mod recurrent;
mod rows;
mod scratch;
mod softmax;
mod sums;
mod team;
#[cfg(test)]
mod testkit;
mod time_convolution;
mod vector;

pub use activation::{Activation, activate};
pub use adamw::{AdamWParameter, AdamWStep, adamw, global_norm};
pub use add::add_activate;
pub use array::Values;
pub use attention::{AttentionOptions, attention, multi_head_attention};
pub use batch_norm::{BatchNormOptions, BatchNormOutput, batch_norm, batch_norm_rows, scale_shift};
pub use convolution::{Conv2dOptions, conv1d, conv2d, conv2d_fused, conv2d_normed};
pub use cross_entropy::{cross_entropy, weighted_cross_entropy};
pub use dropout::{Dropout, dropout};
pub use embedding::embedding;
pub use fill_absent::fill_absent;
pub use layer_norm::{add_layer_norm, layer_norm};
pub use linear::{linear, linear_add};
pub use peak::peak_flops;
pub use pool::{Pool2dOptions, avg_pool2d, global_mean, max_pool2d};
pub use product::matmul;
pub use recurrent::{Direction, elman, gru, lstm};
pub use softmax::softmax;
pub use team::{num_threads, set_num_threads};
pub use time_convolution::{TimeConvolutionOptions, time_convolution};
