//! Features of many rows as tensors: only the rows that are present take part.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use sensorium_core::{FeatureShape, Layout};
use sensorium_modality::Features;

use crate::Encoded;

/// One column's features of a batch.
#[derive(Clone, Debug)]
pub struct FeatureBatch {
    /// For each of the `B` rows, whether its cell is present.
    pub present: Vec<bool>,
    /// The features of the `P` present rows, in order; `None` where no row is present.
    pub values: Option<FeatureValues>,
}

/// The features of the present rows, stacked.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a batch holds one for each column")]
pub enum FeatureValues {
    /// `[P, D]`.
    Vector(Tensor<2>),
    /// `[P, C, H, W]`.
    Grid(Tensor<4>),
    /// Vectors in time, padded with zeros to the longest row.
    Sequence {
        /// `[P, T, D]`.
        values: Tensor<3>,
        /// Each row's own `T`, 1 or more.
        lengths: Vec<usize>,
    },
    /// Token ids, padded with 0 to the longest row.
    Tokens {
        /// `[P, T]`.
        ids: Tensor<2, Int>,
        /// Each row's own `T`, 1 or more.
        lengths: Vec<usize>,
    },
    /// What an encoder made of the rows before.
    Encoded(Encoded),
}

impl FeatureBatch {
    /// Stacks the features of the present rows; embeddings, whatever `shape` says.
    ///
    /// Sequences and tokens are padded to the longest of the batch, not to `max_length`.
    ///
    /// # Panics
    ///
    /// If a row's features are not of `shape`: the modality that made them is wrong then.
    #[must_use]
    pub fn collate(rows: &[Option<&Features>], shape: &FeatureShape, device: &Device) -> Self {
        let present = rows.iter().map(Option::is_some).collect();
        let rows: Vec<&Features> = rows.iter().copied().flatten().collect();
        if let Some(Features::Embedding { .. }) = rows.first() {
            return Self { present, values: Some(embeddings(&rows, device)) };
        }
        let values = (!rows.is_empty()).then(|| match *shape {
            FeatureShape::Vector { width } => vectors(&rows, width, device),
            FeatureShape::Grid { channels, height, width } => {
                grids(&rows, [channels, height, width], device)
            }
            FeatureShape::Sequence { max_length, width } => {
                sequences(&rows, max_length, width, device)
            }
            FeatureShape::Tokens { max_length, .. } => tokens(&rows, max_length, device),
        });
        Self { present, values }
    }

    /// The same numbers outside of any graph.
    pub(crate) fn inner(&self) -> Self {
        let values = self.values.clone().map(|values| match values {
            FeatureValues::Vector(values) => FeatureValues::Vector(values.inner()),
            FeatureValues::Grid(values) => FeatureValues::Grid(values.inner()),
            FeatureValues::Sequence { values, lengths } => {
                FeatureValues::Sequence { values: values.inner(), lengths }
            }
            FeatureValues::Tokens { ids, lengths } => {
                FeatureValues::Tokens { ids: ids.inner(), lengths }
            }
            FeatureValues::Encoded(encoded) => FeatureValues::Encoded(Encoded {
                pooled: encoded.pooled.inner(),
                tokens: encoded.tokens.inner(),
                mask: encoded.mask.inner(),
            }),
        });
        Self { present: self.present.clone(), values }
    }

    /// `B`.
    pub fn num_rows(&self) -> usize {
        self.present.len()
    }
}

fn wrong_layout(features: &Features, expected: Layout) -> ! {
    panic!("features are a {}, but a {expected} was fitted", features.layout())
}

fn embeddings(rows: &[&Features], device: &Device) -> FeatureValues {
    let parts = |row: &&Features| match row {
        Features::Embedding { pooled, tokens } => (pooled.clone(), tokens.clone()),
        other => wrong_layout(other, Layout::Vector),
    };
    let (pooled, tokens): (Vec<Vec<f32>>, Vec<Vec<f32>>) = rows.iter().map(parts).unzip();
    let width = pooled[0].len();
    let lengths: Vec<usize> = tokens.iter().map(|tokens| tokens.len() / width).collect();
    let longest = lengths.iter().copied().max().unwrap_or(1);
    let mut padded = vec![0.0; rows.len() * longest * width];
    for (padded, tokens) in padded.chunks_exact_mut(longest * width).zip(&tokens) {
        padded[..tokens.len()].copy_from_slice(tokens);
    }
    let pooled = TensorData::new(pooled.concat(), [rows.len(), width]);
    let tokens = TensorData::new(padded, [rows.len(), longest, width]);
    FeatureValues::Encoded(Encoded {
        pooled: Tensor::from_data(pooled, device),
        tokens: Tensor::from_data(tokens, device),
        mask: mask(&lengths, longest, device),
    })
}

/// True for each row's first steps, as many as its length says: `[P, T]`.
pub(crate) fn mask(lengths: &[usize], steps: usize, device: &Device) -> Tensor<2, Bool> {
    let flags = lengths.iter().flat_map(|&length| (0..steps).map(move |step| step < length));
    let flags: Vec<bool> = flags.collect();
    let data = TensorData::new(flags, [lengths.len(), steps]);
    Tensor::from_bool(data, device)
}

fn vectors(rows: &[&Features], width: usize, device: &Device) -> FeatureValues {
    let mut values = Vec::with_capacity(rows.len() * width);
    for row in rows {
        let Features::Vector(row) = row else { wrong_layout(row, Layout::Vector) };
        assert_eq!(row.len(), width, "a vector of another width than was fitted");
        values.extend_from_slice(row);
    }
    FeatureValues::Vector(Tensor::from_data(TensorData::new(values, [rows.len(), width]), device))
}

fn grids(rows: &[&Features], size: [usize; 3], device: &Device) -> FeatureValues {
    let [channels, height, width] = size;
    let num_values = channels * height * width;
    let mut values = Vec::with_capacity(rows.len() * num_values);
    for row in rows {
        let Features::Grid(row) = row else { wrong_layout(row, Layout::Grid) };
        assert_eq!(row.len(), num_values, "a picture of another size than was fitted");
        values.extend_from_slice(row);
    }
    let data = TensorData::new(values, [rows.len(), channels, height, width]);
    FeatureValues::Grid(Tensor::from_data(data, device))
}

fn sequences(
    rows: &[&Features],
    max_length: usize,
    width: usize,
    device: &Device,
) -> FeatureValues {
    let steps = |row: &&Features| match row {
        Features::Sequence { values, width: own } if *own == width => values.len() / width,
        Features::Sequence { width: own, .. } => panic!("steps of width {own}, fitted {width}"),
        other => wrong_layout(other, Layout::Sequence),
    };
    let lengths: Vec<usize> = rows.iter().map(steps).collect();
    let longest = checked_longest(&lengths, max_length);
    let mut values = vec![0.0; rows.len() * longest * width];
    for (padded, row) in values.chunks_exact_mut(longest * width).zip(rows) {
        if let Features::Sequence { values, .. } = row {
            padded[..values.len()].copy_from_slice(values);
        }
    }
    let data = TensorData::new(values, [rows.len(), longest, width]);
    FeatureValues::Sequence { values: Tensor::from_data(data, device), lengths }
}

fn tokens(rows: &[&Features], max_length: usize, device: &Device) -> FeatureValues {
    let length = |row: &&Features| match row {
        Features::Tokens(ids) => ids.len(),
        other => wrong_layout(other, Layout::Tokens),
    };
    let lengths: Vec<usize> = rows.iter().map(length).collect();
    let longest = checked_longest(&lengths, max_length);
    let mut ids = vec![0_i64; rows.len() * longest];
    for (padded, row) in ids.chunks_exact_mut(longest).zip(rows) {
        if let Features::Tokens(row) = row {
            padded.iter_mut().zip(row).for_each(|(padded, &id)| *padded = i64::from(id));
        }
    }
    let ids = Tensor::from_data(TensorData::new(ids, [rows.len(), longest]), device);
    FeatureValues::Tokens { ids, lengths }
}

/// The longest of the batch, each being 1 to `max_length`.
fn checked_longest(lengths: &[usize], max_length: usize) -> usize {
    let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
    let (shortest, longest) = (shortest.copied().unwrap_or(0), longest.copied().unwrap_or(0));
    assert!(shortest >= 1, "a sequence without any step");
    assert!(longest <= max_length, "{longest} steps, but at most {max_length} were fitted");
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    fn collate(rows: &[Option<Features>], shape: FeatureShape) -> FeatureBatch {
        let rows: Vec<Option<&Features>> = rows.iter().map(Option::as_ref).collect();
        FeatureBatch::collate(&rows, &shape, &Device::flex())
    }

    #[test]
    fn present_vectors_are_stacked_in_order() {
        let rows =
            [Some(Features::Vector(vec![1.0, 2.0])), None, Some(Features::Vector(vec![3.0, 4.0]))];
        let batch = collate(&rows, FeatureShape::Vector { width: 2 });
        assert_eq!(batch.present, [true, false, true]);
        let Some(FeatureValues::Vector(vectors)) = batch.values else { panic!("{batch:?}") };
        assert_eq!((vectors.dims(), values(&vectors)), ([2, 2], vec![1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn pictures_keep_their_axes() {
        let picture = Features::Grid((0..12_u8).map(f32::from).collect());
        let shape = FeatureShape::Grid { channels: 3, height: 1, width: 4 };
        let batch = collate(&[Some(picture)], shape);
        let Some(FeatureValues::Grid(grids)) = batch.values else { panic!("{batch:?}") };
        assert_eq!(grids.dims(), [1, 3, 1, 4]);
        assert_eq!(values(&grids.narrow(1, 2, 1)), [8.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn sequences_are_padded_with_zeros_to_the_longest_of_the_batch() {
        let sequence =
            |values: &[f32]| Some(Features::Sequence { values: values.to_vec(), width: 2 });
        let rows = [sequence(&[1.0, 2.0]), None, sequence(&[3.0, 4.0, 5.0, 6.0])];
        let batch = collate(&rows, FeatureShape::Sequence { max_length: 9, width: 2 });
        let Some(FeatureValues::Sequence { values: steps, lengths }) = batch.values else {
            panic!("{:?}", batch.present)
        };
        assert_eq!((steps.dims(), lengths), ([2, 2, 2], vec![1, 2]));
        assert_eq!(values(&steps), [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn token_ids_are_padded_with_0_to_the_longest_of_the_batch() {
        let rows = [Some(Features::Tokens(vec![7, 8, 9])), Some(Features::Tokens(vec![5]))];
        let batch = collate(&rows, FeatureShape::Tokens { max_length: 9, vocabulary_size: 10 });
        let Some(FeatureValues::Tokens { ids, lengths }) = batch.values else {
            panic!("{:?}", batch.present)
        };
        let ids: Vec<i64> = ids.into_data().iter().collect();
        assert_eq!((ids, lengths), (vec![7, 8, 9, 5, 0, 0], vec![3, 1]));
    }

    #[test]
    fn a_batch_without_any_present_row_has_no_values() {
        let batch = collate(&[None, None], FeatureShape::Vector { width: 2 });
        assert!(batch.values.is_none());
        assert_eq!(batch.num_rows(), 2);
    }

    #[test]
    #[should_panic(expected = "features are a vector [D], but a tokens [T] was fitted")]
    fn features_of_another_layout_are_a_mistake_of_the_modality() {
        let shape = FeatureShape::Tokens { max_length: 9, vocabulary_size: 10 };
        drop(collate(&[Some(Features::Vector(vec![1.0]))], shape));
    }
}
