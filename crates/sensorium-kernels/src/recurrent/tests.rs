use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::elman::Elman;
use super::gru::Gru;
use super::lstm::Lstm;
use super::*;
use crate::instruction_set::InstructionSet;
use crate::team;
use crate::testkit::{assert_close, assert_same_passes, passes, random};

type Layer = fn(Tensor<3>, Tensor<2>, Tensor<1>, Option<Tensor<2>>, Direction) -> Tensor<3>;

/// A layer, the same in Burn's operations, and its number of gates.
const LAYERS: [(&str, Layer, Layer, usize); 3] = [
    ("elman", elman, reference::sequence::<Elman>, Elman::GATES),
    ("gru", gru, reference::sequence::<Gru>, Gru::GATES),
    ("lstm", lstm, reference::sequence::<Lstm>, Lstm::GATES),
];

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    steps: usize,
    width: usize,
    direction: Direction,
    /// Which steps are real, row by row.
    present: Option<Vec<bool>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..=19_usize, 1..=7_usize, 1..=40_usize);
    let direction = prop_oneof![Just(Direction::Forwards), Just(Direction::Backwards)];
    (sizes, direction, any::<bool>(), prop::collection::vec(any::<bool>(), 19 * 7)).prop_map(
        |((rows, steps, width), direction, masked, mut present)| {
            present.truncate(rows * steps);
            Case { rows, steps, width, direction, present: masked.then_some(present) }
        },
    )
}

impl Case {
    /// The inputs, weights and bias of a layer of so many gates.
    fn inputs(&self, gates: usize) -> Vec<Vec<f32>> {
        let Self { rows, steps, width, .. } = *self;
        // PyTorch's range for the weights of a recurrent layer.
        let range = 1.0 / (width as f32).sqrt();
        let lens = [rows * steps * gates * width, width * gates * width, gates * width];
        let ranges = [2.0, range, range];
        lens.iter()
            .zip(ranges)
            .zip(1..)
            .map(|((&len, range), seed)| random(len, seed).iter().map(|x| x * range).collect())
            .collect()
    }

    /// The states that a layer makes of flat inputs.
    fn run(&self, layer: Layer, gates: usize, inputs: &[Tensor<1>]) -> Tensor<1> {
        let Self { rows, steps, width, direction, .. } = *self;
        let present = self.present.as_ref().map(|present| {
            let values: Vec<f32> = present.iter().map(|&real| f32::from(u8::from(real))).collect();
            Tensor::from_data(TensorData::new(values, [rows, steps]), &inputs[0].device())
        });
        let states = layer(
            inputs[0].clone().reshape([rows, steps, gates * width]),
            inputs[1].clone().reshape([width, gates * width]),
            inputs[2].clone(),
            present,
            direction,
        );
        states.reshape([rows * steps * width])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn recurrent_layers_and_their_gradients_are_burns(case in cases()) {
        for (_, ours, burns, gates) in LAYERS {
            // Each step adds the rounding of a sum of at most 40 products and of activations that
            // are right to a few units in the last place; a gradient sums up to 133 of them.
            assert_same_passes(
                &case.inputs(gates),
                4e-6,
                |inputs| case.run(ours, gates, inputs),
                |inputs| case.run(burns, gates, inputs),
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let direction = Direction::Forwards;
    let case = Case { rows: 23, steps: 9, width: 72, direction, present: None };
    for (name, ours, _, gates) in LAYERS {
        InstructionSet::for_each(|set| {
            let on = |threads: usize| {
                let run = |inputs: &[Tensor<1>]| case.run(ours, gates, inputs);
                let passes = team::with_threads(threads, || passes(&case.inputs(gates), run));
                let passes = passes.concat();
                passes.iter().map(|number| number.to_bits()).collect::<Vec<_>>()
            };
            let want = on(1);
            for threads in [2, 3, 5] {
                assert!(on(threads) == want, "{name} on {threads} threads and {set:?}");
            }
        });
    }
}

#[test]
fn inference_gives_the_states_of_training() {
    let present = Some([1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0].map(|real| real == 1).to_vec());
    for direction in [Direction::Forwards, Direction::Backwards] {
        let case = Case { rows: 3, steps: 4, width: 6, direction, present: present.clone() };
        for (name, ours, burns, gates) in LAYERS {
            let run = |layer: Layer| {
                let tensor = |values: &Vec<f32>| {
                    Tensor::from_data(
                        TensorData::new(values.clone(), [values.len()]),
                        &Device::flex(),
                    )
                };
                let inputs: Vec<Tensor<1>> = case.inputs(gates).iter().map(tensor).collect();
                let states = case.run(layer, gates, &inputs);
                states.into_data().try_into_vec::<f32>().expect("of 32-bit floats")
            };
            let want = run(burns);
            InstructionSet::for_each(|set| {
                // As above.
                assert_close(&run(ours), &want, 4e-6, &format!("{name} {direction:?} {set:?}"));
            });
        }
    }
}

#[test]
#[should_panic(expected = "gru: no size may be zero")]
fn an_empty_batch_is_refused() {
    let device = Device::flex();
    let weight = Tensor::zeros([2, 6], &device);
    let bias = Tensor::zeros([6], &device);
    drop(gru(Tensor::empty([0, 4, 6], &device), weight, bias, None, Direction::Forwards));
}

#[test]
#[should_panic(expected = "lstm: inputs [1, 4, 6], a weight [2, 6] and a bias [6] do not belong")]
fn gates_of_another_cell_are_refused() {
    let device = Device::flex();
    let weight = Tensor::zeros([2, 6], &device);
    let bias = Tensor::zeros([6], &device);
    drop(lstm(Tensor::zeros([1, 4, 6], &device), weight, bias, None, Direction::Forwards));
}
