//! Rows of a batch mixed with one another, and their losses with them.
//!
//! Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", section 2; Yun et al.
//! 2019, "`CutMix`", section 3.1. Rows here have several inputs: pictures are mixed pixel by pixel,
//! and of every other input the embedding is (Verma et al. 2019, "Manifold Mixup"), so that each
//! input of a row is mixed with the same partner and by the same share.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{Embedding, FeatureBatch, FeatureValues, Losses};

/// Which row each row is mixed with, and how.
#[derive(Clone, Debug)]
pub struct Mix {
    /// For each of the `B` rows, its partner: another row of the batch, or itself.
    pub partners: Vec<usize>,
    /// The share of the row itself, 0 to 1; the rest is its partner's.
    pub share: f64,
    /// Where pictures show the partner; without it, each pixel is the mean by `share`.
    pub pasted: Option<Pasted>,
}

/// A rectangle of a picture: `[from, to]` of its height and of its width, each 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Pasted {
    /// Its top and bottom edge.
    pub rows: [f64; 2],
    /// Its left and right edge.
    pub columns: [f64; 2],
}

impl Mix {
    /// A column's features with its pictures mixed; other features stay as they are.
    ///
    /// A picture whose partner is absent stays too.
    #[must_use]
    pub fn pictures(&self, batch: &FeatureBatch) -> FeatureBatch {
        let values = batch.values.clone().map(|values| match values {
            FeatureValues::Grid(grids) => FeatureValues::Grid(self.grids(grids, &batch.present)),
            other => other,
        });
        FeatureBatch { present: batch.present.clone(), values }
    }

    /// `[P, C, H, W]` pictures of the present rows, mixed.
    fn grids(&self, grids: Tensor<4>, present: &[bool]) -> Tensor<4> {
        let device = grids.device();
        let [_, _, height, width] = grids.dims();
        let partners = grids.clone().select(0, indices(&self.present_partners(present), &device));
        match self.pasted {
            None => mixed(grids, partners, self.share),
            Some(pasted) => {
                let shown = pasted.shown(height, width);
                let shown = TensorData::new(shown, [1, 1, height, width]);
                let shown = Tensor::<4>::from_data(shown, &device);
                grids.clone() + (partners - grids) * shown
            }
        }
    }

    /// An embedding of the whole batch, mixed; where a row or its partner is absent, it stays.
    #[must_use]
    pub fn embedding(&self, embedding: &Embedding) -> Embedding {
        let device = embedding.present.device();
        let present: Vec<bool> = embedding.present.clone().into_data().iter().collect();
        let partners = indices(&self.partners_of(&present), &device);
        let (pooled, tokens) = (embedding.clean_pooled(), embedding.clean_tokens());
        let mask = embedding.mask.clone();
        Embedding {
            pooled: mixed(pooled.clone(), pooled.select(0, partners.clone()), self.share),
            tokens: mixed(tokens.clone(), tokens.select(0, partners.clone()), self.share),
            mask: mask.clone().bool_or(mask.select(0, partners)),
            present: embedding.present.clone(),
        }
    }

    /// The loss of mixed rows, from that by their own targets and that by their partners'.
    #[must_use]
    pub fn loss(&self, own: Losses, partners: Losses) -> Losses {
        let pairs = own.each.into_iter().zip(partners.each);
        Losses {
            combined: mixed(own.combined, partners.combined, self.share),
            objective: mixed(own.objective, partners.objective, self.share),
            each: pairs.map(|(own, partner)| mixed(own, partner, self.share)).collect(),
        }
    }

    /// Each row's partner, or itself where one of the two is absent.
    fn partners_of(&self, present: &[bool]) -> Vec<usize> {
        assert_eq!(present.len(), self.partners.len(), "one partner for each row");
        let partners = self.partners.iter().enumerate();
        let both = |row: usize, partner: usize| present[row] && present[partner];
        partners.map(|(row, &partner)| if both(row, partner) { partner } else { row }).collect()
    }

    /// As [`Mix::partners_of`], counted among the present rows alone.
    fn present_partners(&self, present: &[bool]) -> Vec<usize> {
        let place = |row: usize| present[..row].iter().filter(|&&present| present).count();
        let partners = self.partners_of(present).into_iter().zip(present);
        partners.filter(|(_, present)| **present).map(|(partner, _)| place(partner)).collect()
    }
}

impl Pasted {
    /// 1 where the partner is shown, `[H, W]`.
    fn shown(&self, height: usize, width: usize) -> Vec<f32> {
        let within = |[from, to]: [f64; 2], place: usize, length: usize| {
            // The middle of the pixel decides.
            (from..to).contains(&((place as f64 + 0.5) / length as f64))
        };
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let is_shown =
            |(row, column)| within(self.rows, row, height) && within(self.columns, column, width);
        pixels.map(|pixel| f32::from(u8::from(is_shown(pixel)))).collect()
    }
}

fn mixed<const D: usize>(own: Tensor<D>, partner: Tensor<D>, share: f64) -> Tensor<D> {
    own * share + partner * (1.0 - share)
}

fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> =
        rows.iter().map(|&row| i64::try_from(row).expect("a batch has few rows")).collect();
    let length = rows.len();
    Tensor::from_data(TensorData::new(rows, [length]), device)
}

#[cfg(test)]
mod tests {
    use sensorium_core::FeatureShape;
    use sensorium_modality::Features;

    use super::*;
    use crate::testkit::{assert_close, values};

    fn mix(share: f64, pasted: Option<Pasted>) -> Mix {
        Mix { partners: vec![1, 2, 0, 3], share, pasted }
    }

    /// Pictures of 1 × 2 pixels of the value of their row; row 1 is absent.
    fn pictures() -> FeatureBatch {
        let rows = [1.0, 2.0, 3.0, 4.0].map(|value| Features::Grid(vec![value, 10.0 * value]));
        let rows: Vec<_> =
            rows.iter().enumerate().map(|(i, row)| (i != 1).then_some(row)).collect();
        let shape = FeatureShape::Grid { channels: 1, height: 1, width: 2 };
        FeatureBatch::collate(&rows, &shape, &Device::flex())
    }

    fn grids(batch: &FeatureBatch) -> Vec<f32> {
        let Some(FeatureValues::Grid(grids)) = &batch.values else { panic!("{batch:?}") };
        values(grids)
    }

    #[test]
    fn pictures_are_mixed_with_present_partners() {
        // Rows 0, 2 and 3 are present. Row 0's partner 1 is absent; row 2 is mixed with row 0.
        let mixed = mix(0.75, None).pictures(&pictures());
        assert_close("mixup", &mixed_values(&mixed), &[1.0, 10.0, 2.5, 25.0, 4.0, 40.0], 1e-6);
        let right = Pasted { rows: [0.0, 1.0], columns: [0.5, 1.0] };
        let mixed = mix(0.5, Some(right)).pictures(&pictures());
        assert_eq!(grids(&mixed), [1.0, 10.0, 3.0, 10.0, 4.0, 40.0]);
    }

    fn mixed_values(batch: &FeatureBatch) -> Tensor<1> {
        Tensor::from_floats(grids(batch).as_slice(), &Device::flex())
    }

    #[test]
    fn embeddings_are_mixed_with_their_masks_and_absent_rows_stay_absent() {
        let device = Device::flex();
        let embedding = Embedding {
            pooled: Tensor::from_floats([[1.0], [f32::NAN], [3.0], [4.0]], &device),
            tokens: Tensor::from_floats(
                [[[1.0], [1.0]], [[f32::NAN], [0.0]], [[3.0], [f32::NAN]], [[4.0], [4.0]]],
                &device,
            ),
            mask: Tensor::from_bool(
                [[true, true], [false, false], [true, false], [true, true]],
                &device,
            ),
            present: Tensor::from_bool([true, false, true, true], &device),
        };
        let mixed = mix(0.5, None).embedding(&embedding);
        assert_eq!(values(&mixed.pooled), [1.0, 0.0, 2.0, 4.0]);
        assert_eq!(values(&mixed.tokens), [1.0, 1.0, 0.0, 0.0, 2.0, 0.5, 4.0, 4.0]);
        let mask: Vec<bool> = mixed.mask.into_data().iter().collect();
        assert_eq!(mask, [true, true, false, false, true, true, true, true]);
    }

    #[test]
    fn losses_are_weighed_by_the_share() {
        let device = Device::flex();
        let losses = |value: f32| Losses {
            combined: Tensor::from_floats([value], &device),
            each: vec![Tensor::from_floats([2.0 * value], &device)],
            objective: Tensor::from_floats([3.0 * value], &device),
        };
        let mixed = mix(0.75, None).loss(losses(1.0), losses(5.0));
        assert_eq!((values(&mixed.combined), values(&mixed.each[0])), (vec![2.0], vec![4.0]));
        assert_eq!(values(&mixed.objective), [6.0]);
    }
}
