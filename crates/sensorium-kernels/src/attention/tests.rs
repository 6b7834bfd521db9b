use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::*;
use crate::instruction_set::InstructionSet;
use crate::team;
use crate::testkit::{assert_same_passes, passes, random};

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    heads: usize,
    queries: usize,
    tokens: usize,
    width: usize,
    causal: bool,
    /// Sizes of groups whose tokens do not read each other.
    groups: Vec<usize>,
    /// Which keys may be read, row by row.
    present: Option<Vec<bool>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let small = (1..=3_usize, 1..=3_usize, 1..=20_usize, 1..=20_usize, 1..=40_usize);
    let large = (Just(1_usize), 1..=2_usize, 80..=220_usize, 120..=560_usize, 30..=34_usize);
    let present = prop::collection::vec(any::<bool>(), 600);
    let flags = any::<[bool; 3]>();
    (prop_oneof![3 => small, 1 => large], flags, 0..4_usize, present).prop_map(
        |((rows, heads, queries, tokens, width), [causal, masked, grouped], parts, present)| {
            let queries = if grouped { tokens } else { queries };
            // A first group without tokens among them.
            let first = tokens * parts / 4;
            Case {
                rows,
                heads,
                queries,
                tokens,
                width,
                causal,
                groups: if grouped { vec![first, tokens - first] } else { Vec::new() },
                present: masked.then(|| present[..rows * tokens].to_vec()),
            }
        },
    )
}

impl Case {
    fn inputs(&self) -> [Vec<f32>; 3] {
        let each = self.rows * self.heads * self.width;
        let side = |len: usize, seed, spread: f32| {
            random(len, seed).iter().map(|number| number * spread).collect()
        };
        [
            side(each * self.queries, 1, 3.0),
            side(each * self.tokens, 2, 3.0),
            side(each * self.tokens, 3, 1.0),
        ]
    }

    fn options(&self) -> AttentionOptions {
        AttentionOptions {
            scale: 1.0 / (self.width as f64).sqrt(),
            causal: self.causal,
            dropout: None,
            groups: self.groups.clone(),
        }
    }

    fn present(&self, device: &Device) -> Option<Tensor<2>> {
        self.present.as_ref().map(|present| {
            let values: Vec<f32> = present.iter().map(|&is| f32::from(u8::from(is))).collect();
            Tensor::from_data(TensorData::new(values, [self.rows, self.tokens]), device)
        })
    }

    /// The three sides, with the heads first.
    fn heads_first(&self, inputs: &[Tensor<1>]) -> [Tensor<4>; 3] {
        let Self { rows, heads, queries, tokens, width, .. } = *self;
        [queries, tokens, tokens]
            .map(|tokens| [rows, heads, tokens, width])
            .into_iter()
            .zip(inputs)
            .map(|(dims, input)| input.clone().reshape(dims))
            .collect::<Vec<_>>()
            .try_into()
            .expect("there are three")
    }

    fn ours(&self, inputs: &[Tensor<1>]) -> Tensor<1> {
        let [query, key, value] = self.heads_first(inputs);
        let present = self.present(&inputs[0].device());
        attention(query, key, value, &self.options(), present).flatten(0, 3)
    }

    /// Ours, of heads that lie side by side.
    fn ours_of_tokens(&self, inputs: &[Tensor<1>]) -> Tensor<1> {
        let Self { rows, heads, queries, width, .. } = *self;
        let [query, key, value] = self.heads_first(inputs).map(|side| {
            let [rows, heads, tokens, width] = side.dims();
            side.swap_dims(1, 2).reshape([rows, tokens, heads * width])
        });
        let present = self.present(&inputs[0].device());
        let read = multi_head_attention(query, key, value, heads, &self.options(), present);
        read.reshape([rows, queries, heads, width]).swap_dims(1, 2).flatten(0, 3)
    }

    fn burns(&self, inputs: &[Tensor<1>]) -> Tensor<1> {
        let present = self.present(&inputs[0].device());
        reference(self.heads_first(inputs), &self.options(), present).flatten(0, 3)
    }
}

/// Sums of up to 560 products in another order, and the error of `exp` in each share.
const TOLERANCE: f32 = 1e-5;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn attention_and_its_gradients_are_burns(case in cases()) {
        let inputs = case.inputs();
        assert_same_passes(&inputs, TOLERANCE, |sides| case.ours(sides), |sides| case.burns(sides));
        assert_same_passes(
            &inputs,
            TOLERANCE,
            |sides| case.ours_of_tokens(sides),
            |sides| case.burns(sides),
        );
    }
}

#[test]
fn a_query_that_may_read_no_key_gets_zeros_and_sends_no_gradient() {
    let present = Some([true, true, false, false].to_vec());
    let case = Case {
        rows: 2,
        heads: 1,
        queries: 3,
        tokens: 2,
        width: 4,
        causal: false,
        groups: vec![],
        present,
    };
    InstructionSet::for_each(|set| {
        let passes = passes(&case.inputs(), |sides| case.ours(sides));
        for (pass, numbers) in passes.iter().enumerate() {
            let (read, unread) = numbers.split_at(numbers.len() / 2);
            assert!(read.iter().any(|&number| number != 0.0), "pass {pass} on {set:?}");
            assert!(unread.iter().all(|&number| number == 0.0), "pass {pass} on {set:?}");
        }
    });
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let case = Case {
        rows: 1,
        heads: 2,
        queries: 400,
        tokens: 300,
        width: 20,
        causal: true,
        groups: vec![],
        present: None,
    };
    let on = |threads: usize| {
        let passes =
            team::with_threads(threads, || passes(&case.inputs(), |sides| case.ours(sides)));
        passes.concat().iter().map(|number| number.to_bits()).collect::<Vec<_>>()
    };
    InstructionSet::for_each(|set| {
        let want = on(1);
        for threads in [2, 5] {
            assert!(on(threads) == want, "on {threads} threads and {set:?}");
        }
    });
}

#[test]
fn weights_are_dropped_alike_in_both_passes() {
    let case = Case {
        rows: 2,
        heads: 2,
        queries: 100,
        tokens: 300,
        width: 5,
        causal: false,
        groups: vec![],
        present: None,
    };
    let dropout = Dropout { rate: 0.3, seed: 5 };
    let pattern = Pattern::new(dropout);
    let lines = (0..2 * 2 * 100).map(|line| pattern.line(line));
    let factors: Vec<f32> =
        lines.flat_map(|line| (0..300).map(move |key| line.factor(key))).collect();
    let ours = |inputs: &[Tensor<1>]| {
        let [query, key, value] = case.heads_first(inputs);
        let options = AttentionOptions { dropout: Some(dropout), ..case.options() };
        attention(query, key, value, &options, None).flatten(0, 3)
    };
    let burns = |inputs: &[Tensor<1>]| {
        let [query, key, value] = case.heads_first(inputs);
        let scores = query.matmul(key.swap_dims(2, 3)) * case.options().scale;
        let factors = TensorData::new(factors.clone(), [2, 2, 100, 300]);
        let factors = Tensor::from_data(factors, &inputs[0].device());
        (activation::softmax(scores, 3) * factors).matmul(value).flatten(0, 3)
    };
    assert_same_passes(&case.inputs(), TOLERANCE, ours, burns);
}

#[test]
#[should_panic(expected = "attention: no size may be zero")]
fn an_empty_batch_is_refused() {
    let side = || Tensor::empty([0, 1, 2, 3], &Device::flex());
    let options = AttentionOptions { scale: 1.0, causal: false, dropout: None, groups: vec![] };
    drop(attention(side(), side(), side(), &options, None));
}
