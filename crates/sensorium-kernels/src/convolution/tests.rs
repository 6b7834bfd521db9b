use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::*;
use crate::instruction_set::InstructionSet;

#[derive(Clone, Debug)]
struct Case {
    x: [usize; 4],
    weight: [usize; 4],
    options: Conv2dOptions,
}

fn cases() -> impl Strategy<Value = Case> {
    let size = || (1..=40_usize, 1..=40_usize);
    let sides = || (1..=3_usize, 1..=3_usize);
    let padding = || (0..=3_usize, 0..=3_usize, 0..=3_usize, 0..=3_usize);
    (
        1..=3_usize,
        size(),
        (1..=5_usize, 1..=5_usize),
        sides(),
        sides(),
        padding(),
        1..=3_usize,
        (1..=40_usize, 1..=40_usize),
    )
        .prop_filter_map(
            "the kernel fits",
            |(rows, (h, w), (kh, kw), (sh, sw), (dh, dw), (t, b, l, r), groups, (ci, co))| {
                let fits = dh * (kh - 1) + 1 <= h + t + b && dw * (kw - 1) + 1 <= w + l + r;
                fits.then(|| Case {
                    x: [rows, ci * groups, h, w],
                    weight: [co * groups, ci, kh, kw],
                    options: Conv2dOptions {
                        stride: [sh, sw],
                        padding: [[t, b], [l, r]],
                        dilation: [dh, dw],
                        groups,
                    },
                })
            },
        )
}

/// Numbers from -1 to 1; not Burn's, whose generator all tests share.
fn random<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        // Marsaglia 2003, "Xorshift RNGs", the 32-bit generator.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2_147_483_648.0 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Output, and the gradients of input, weight and bias, of a sum of the outputs with weights.
fn passes(case: &Case, ours: bool) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let x = random(case.x, 1, &device).require_grad();
    let weight = random(case.weight, 2, &device).require_grad();
    let bias = random([case.weight[0]], 3, &device).require_grad();
    let (given_x, given_weight, given_bias) = (x.clone(), weight.clone(), Some(bias.clone()));
    let output = if ours {
        conv2d(given_x, given_weight, given_bias, &case.options)
    } else {
        reference(given_x, given_weight, given_bias, &case.options)
    };
    let shares = random(output.dims(), 4, &device);
    let gradients = (output.clone() * shares).sum().backward();
    let values = |tensor: Tensor<4>| tensor.into_data().try_into_vec::<f32>().unwrap();
    [
        values(output.inner()),
        values(x.grad(&gradients).unwrap()),
        values(weight.grad(&gradients).unwrap()),
        bias.grad(&gradients).unwrap().into_data().try_into_vec().unwrap(),
    ]
}

/// Sums of products of numbers up to 1, in another order: the rounding grows with the largest.
const ROUNDING: f32 = 4e-6;
/// What the transforms of tiles add to it; see `winograd`.
const BY_TILES: f32 = 2e-5;

fn assert_same(case: &Case, set: InstructionSet, got: &[Vec<f32>; 4], want: &[Vec<f32>; 4]) {
    let shape = Shape::new(case.x, case.weight, case.options);
    let by_tiles = winograd::suits(&shape, shape.output, Mode::Training)
        || winograd::suits(&shape, shape.input, Mode::Training);
    let tolerance = if by_tiles { BY_TILES } else { ROUNDING };
    let names = ["output", "gradient of x", "gradient of the weight", "gradient of the bias"];
    for ((name, got), want) in names.iter().zip(got).zip(want) {
        assert_eq!(got.len(), want.len());
        let largest = want.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        for (index, (got, want)) in got.iter().zip(want).enumerate() {
            assert!(
                (got - want).abs() <= tolerance * largest,
                "{name} at {index} on {set:?} of {case:?}: {got} is not {want}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_and_their_gradients_are_burns(case in cases()) {
        let want = passes(&case, false);
        InstructionSet::for_each(|set| assert_same(&case, set, &passes(&case, true), &want));
    }
}

#[test]
fn each_channel_by_itself_is_burns_too() {
    for (stride, dilation, channels) in [(1, 1, 5), (2, 1, 17), (1, 2, 3), (3, 2, 1)] {
        let case = Case {
            x: [2, channels, 19, 33],
            weight: [channels, 1, 3, 5],
            options: Conv2dOptions {
                stride: [stride, 1],
                padding: [[1, 1], [2, 3]],
                dilation: [1, dilation],
                groups: channels,
            },
        };
        let want = passes(&case, false);
        InstructionSet::for_each(|set| assert_same(&case, set, &passes(&case, true), &want));
    }
}

#[test]
fn what_follows_is_the_same_in_one_pass() {
    let device = Device::flex();
    let x = random([2, 6, 9, 11], 1, &device);
    let weight = random([7, 6, 3, 3], 2, &device);
    let (bias, residual) = (random([7], 3, &device), random([2, 7, 9, 11], 4, &device));
    let options = Conv2dOptions { padding: [[1; 2]; 2], ..Default::default() };
    let plain = reference(x.clone(), weight.clone(), Some(bias.clone()), &options);
    let want = burn::tensor::activation::relu(plain + residual.clone());
    InstructionSet::for_each(|set| {
        let (x, weight, bias) = (x.clone(), weight.clone(), Some(bias.clone()));
        let residual = Some(residual.clone());
        let got = conv2d_fused(x, weight, bias, &options, residual, Activation::Relu);
        let difference: f32 = (got - want.clone()).abs().max().into_scalar();
        // 54 products of numbers below 1, each rounded to 2⁻²⁴.
        assert!(difference < 4e-6, "{difference} on {set:?}");
    });
}

#[test]
#[should_panic(expected = "conv2d: no size may be zero")]
fn an_empty_batch_is_refused() {
    let device = Device::flex();
    let x = Tensor::<4>::empty([0, 1, 2, 2], &device);
    drop(conv2d(x, random([1, 1, 1, 1], 1, &device), None, &Conv2dOptions::default()));
}

#[test]
fn three_by_three_kernels_by_tiles_are_burns_too() {
    for (size, padding, groups) in
        [([16, 17], [[1; 2]; 2], 1), ([19, 30], [[0, 2], [1, 0]], 1), ([13, 33], [[2; 2]; 2], 2)]
    {
        let case = Case {
            x: [13, 17 * groups, size[0], size[1]],
            weight: [31 * groups, 17, 3, 3],
            options: Conv2dOptions { padding, groups, ..Default::default() },
        };
        let shape = Shape::new(case.x, case.weight, case.options);
        for mode in [Mode::Training, Mode::Inference] {
            assert!(winograd::suits(&shape, shape.output, mode));
        }
        let want = passes(&case, false);
        InstructionSet::for_each(|set| assert_same(&case, set, &passes(&case, true), &want));
    }
}
