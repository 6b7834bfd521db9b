//! How an operation is compared with Burn's own: its output and all gradients.

use burn::tensor::{Device, Tensor, TensorData};

use crate::instruction_set::InstructionSet;

/// Numbers from -1 to 1; not Burn's, whose generator all tests share.
pub(crate) fn random(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        // Marsaglia 2003, "Xorshift RNGs", the 32-bit generator.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2_147_483_648.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// The output of `run`, and the gradient of each input, of the sum of the outputs with fixed
/// weights. The inputs are flat: `run` gives them their shapes.
pub(crate) fn passes(
    inputs: &[Vec<f32>],
    run: impl Fn(&[Tensor<1>]) -> Tensor<1>,
) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let tensor = |values: &Vec<f32>| {
        Tensor::from_data(TensorData::new(values.clone(), [values.len()]), &device).require_grad()
    };
    let inputs: Vec<Tensor<1>> = inputs.iter().map(tensor).collect();
    let output = run(&inputs);
    let len = output.dims()[0];
    let weights = Tensor::from_data(TensorData::new(random(len, 99), [len]), &device);
    let gradients = (output.clone() * weights).sum().backward();
    let values = |tensor: Tensor<1>| tensor.into_data().try_into_vec().expect("32-bit floats");
    let gradient = |input: &Tensor<1>| values(input.grad(&gradients).expect("it is tracked"));
    std::iter::once(values(output.clone().inner())).chain(inputs.iter().map(gradient)).collect()
}

/// Checks that `ours` has the output and the gradients of `reference` on all instruction sets, up
/// to `tolerance` times the largest number of each (or times 1 where all are smaller).
pub(crate) fn assert_same_passes(
    inputs: &[Vec<f32>],
    tolerance: f32,
    ours: impl Fn(&[Tensor<1>]) -> Tensor<1>,
    reference: impl Fn(&[Tensor<1>]) -> Tensor<1>,
) {
    let want = passes(inputs, reference);
    InstructionSet::for_each(|set| {
        for (pass, (got, want)) in passes(inputs, &ours).iter().zip(&want).enumerate() {
            let name = if pass == 0 { "output".into() } else { format!("gradient {}", pass - 1) };
            assert_close(got, want, tolerance, &format!("{name} on {set:?}"));
        }
    });
}

/// Checks that numbers are the same up to `tolerance` times the largest (or times 1 where all are
/// smaller).
pub(crate) fn assert_close(got: &[f32], want: &[f32], tolerance: f32, place: &str) {
    assert_eq!(got.len(), want.len(), "{place}");
    let largest = want.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance * largest, "{place} at {index}: {got}, not {want}");
    }
}
