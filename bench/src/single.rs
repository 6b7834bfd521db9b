//! Single operations.

use std::hint::black_box;

use burn::tensor::{Device, Tensor};
use sensorium_kernels::{AttentionOptions, attention, conv2d, matmul};

use crate::Repetition;
use crate::convolution::moving;
use crate::random::normal;

fn grid(device: &Device) -> Tensor<4> {
    normal([16, 64, 56, 56], device)
}

fn kernel(device: &Device) -> Tensor<4> {
    normal([64, 64, 3, 3], device)
}

/// 64 channels of 56×56 to as many by a 3×3 kernel.
pub(crate) fn convolution_forward(device: &Device) -> Repetition {
    let (grid, kernel) = (grid(device), kernel(device));
    Box::new(move || {
        black_box(conv2d(grid.clone(), kernel.clone(), None, &moving(1, 1)));
    })
}

/// The same and back, to the gradients of grid and kernel.
pub(crate) fn convolution_step(device: &Device) -> Repetition {
    let (grid, kernel) = (grid(device).require_grad(), kernel(device).require_grad());
    Box::new(move || {
        let output = conv2d(grid.clone(), kernel.clone(), None, &moving(1, 1));
        let mut gradients = output.backward();
        black_box([&grid, &kernel].map(|input| input.grad_remove(&mut gradients)));
    })
}

/// Queries, keys and values of 8 heads over 512 tokens.
fn heads(device: &Device) -> [Tensor<4>; 3] {
    [(); 3].map(|()| normal([4, 8, 512, 64], device))
}

fn read([query, key, value]: [Tensor<4>; 3]) -> Tensor<4> {
    // 1 / √64
    let options = AttentionOptions { scale: 0.125, causal: false, dropout: None, groups: vec![] };
    attention(query, key, value, &options, None)
}

/// Attention over 512 tokens.
pub(crate) fn attention_forward(device: &Device) -> Repetition {
    let heads = heads(device);
    Box::new(move || {
        black_box(read(heads.clone()));
    })
}

/// The same and back, to the gradients of all three.
pub(crate) fn attention_step(device: &Device) -> Repetition {
    let heads = heads(device).map(Tensor::require_grad);
    Box::new(move || {
        let mut gradients = read(heads.clone()).backward();
        black_box(heads.each_ref().map(|input| input.grad_remove(&mut gradients)));
    })
}

/// The product of two matrices of 2048×2048.
pub(crate) fn product(device: &Device) -> Repetition {
    let [left, right] = [(); 2].map(|()| normal([2048, 2048], device));
    Box::new(move || {
        black_box(matmul(left.clone(), right.clone()));
    })
}
