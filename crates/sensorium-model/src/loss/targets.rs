//! The targets of a batch, and the rows that have one.

use burn::tensor::{Bool, Int, Tensor, TensorData};

/// One output's targets, `None` where a row has none.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetBatch {
    /// The index of the class; of a binary output 0 for no and 1 for yes.
    Class(Vec<Option<usize>>),
    /// The number, in the scale that the head predicts.
    Number(Vec<Option<f32>>),
}

/// The rows that have a target.
pub(super) struct Known<T> {
    /// `[N, K]`.
    pub(super) logits: Tensor<2>,
    /// `N` targets.
    pub(super) targets: Vec<T>,
}

impl TargetBatch {
    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        match self {
            Self::Class(classes) => classes.len(),
            Self::Number(numbers) => numbers.len(),
        }
    }

    /// The same targets, but none where `keep` is false.
    ///
    /// # Panics
    ///
    /// If `keep` does not hold one flag for each row.
    pub(crate) fn kept(&self, keep: &[bool]) -> Self {
        fn kept<T: Copy>(targets: &[Option<T>], keep: &[bool]) -> Vec<Option<T>> {
            assert_eq!(keep.len(), targets.len(), "one flag for each row");
            targets.iter().zip(keep).map(|(target, keep)| target.filter(|_| *keep)).collect()
        }
        match self {
            Self::Class(classes) => Self::Class(kept(classes, keep)),
            Self::Number(numbers) => Self::Number(kept(numbers, keep)),
        }
    }

    pub(super) fn classes(&self) -> &[Option<usize>] {
        match self {
            Self::Class(classes) => classes,
            Self::Number(_) => panic!("this loss reads classes, but got numbers"),
        }
    }

    pub(super) fn numbers(&self) -> &[Option<f32>] {
        match self {
            Self::Number(numbers) => numbers,
            Self::Class(_) => panic!("this loss reads numbers, but got classes"),
        }
    }
}

impl<T: Copy> Known<T> {
    /// The rows that have a target, or `None` where none has.
    ///
    /// What a row without a target holds reaches neither the loss nor a gradient.
    pub(super) fn of(logits: &Tensor<2>, targets: &[Option<T>]) -> Option<Self> {
        let [rows, _] = logits.dims();
        assert_eq!(targets.len(), rows, "one target for each row");
        let known: Vec<i64> = (0_i64..)
            .zip(targets)
            .filter(|(_, target)| target.is_some())
            .map(|(row, _)| row)
            .collect();
        if known.is_empty() {
            return None;
        }
        let targets = targets.iter().copied().flatten().collect();
        if known.len() == rows {
            return Some(Self { logits: logits.clone(), targets });
        }
        let num_known = known.len();
        let rows = TensorData::new(known, [num_known]);
        let rows = Tensor::<1, Int>::from_data(rows, &logits.device());
        Some(Self { logits: logits.clone().select(0, rows), targets })
    }
}

/// The loss of a batch without any target: a zero that sends zeros back, whatever `logits` holds.
pub(super) fn zero(logits: Tensor<2>) -> Tensor<1> {
    let everything = Tensor::<2, Bool>::full(logits.dims(), true, &logits.device());
    logits.mask_fill(everything, 0.0).sum()
}

impl Known<f32> {
    /// How far each number is from its target: `[N]`.
    pub(super) fn differences(self) -> Tensor<1> {
        let targets = Tensor::<1>::from_floats(self.targets.as_slice(), &self.logits.device());
        self.logits.squeeze_dim::<1>(1) - targets
    }
}
