//! From the present rows back to all rows of a batch.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::{Embedding, Encoded};

/// Where each row of a batch stands among the present ones.
pub(crate) struct Rows {
    /// For each row its place among the present ones; for an absent one, the place after the last.
    places: Vec<i64>,
    num_present: usize,
    present: Tensor<1, Bool>,
}

impl Rows {
    pub(crate) fn new(present: &[bool], device: &Device) -> Self {
        let num_present = present.iter().filter(|&&present| present).count();
        let mut next = 0..;
        let absent = i64::try_from(num_present).expect("a batch in memory fits");
        let place = |&present: &bool| {
            if present { next.next().expect("endless") } else { absent }
        };
        Self {
            places: present.iter().map(place).collect(),
            num_present,
            present: Tensor::from_bool(TensorData::new(present.to_vec(), [present.len()]), device),
        }
    }

    pub(crate) fn num_present(&self) -> usize {
        self.num_present
    }

    /// Where the present rows stand: `[P]`; `None` where all are present.
    pub(crate) fn chosen(&self) -> Option<Tensor<1, Int>> {
        if self.num_present == self.places.len() {
            return None;
        }
        let absent = i64::try_from(self.num_present).expect("a batch in memory fits");
        let places = self.places.iter().zip(0_i64..);
        let chosen: Vec<i64> =
            places.filter(|(place, _)| **place != absent).map(|(_, row)| row).collect();
        let data = TensorData::new(chosen, [self.num_present]);
        Some(Tensor::from_data(data, &self.present.device()))
    }

    /// One vector a present row, `[P, D]`, at the rows' places among zeros: `[B, D]`.
    pub(crate) fn spread(&self, vectors: Tensor<2>) -> Tensor<2> {
        let [rows, width] = vectors.dims();
        if rows == self.places.len() {
            return vectors;
        }
        let device = vectors.device();
        let places = TensorData::new(self.places.clone(), [self.places.len()]);
        let vectors = Tensor::cat(vec![vectors, Tensor::zeros([1, width], &device)], 0);
        vectors.select(0, Tensor::<1, Int>::from_data(places, &device))
    }

    /// # Panics
    ///
    /// If `encoded` does not hold one row for each present one.
    pub(crate) fn scatter(self, encoded: Encoded) -> Embedding {
        let Encoded { pooled, tokens, mask } = encoded;
        let [rows, num_tokens, width] = tokens.dims();
        assert_eq!(rows, self.num_present, "one encoded row for each row that is present");
        if self.num_present == self.places.len() {
            return Embedding { pooled, tokens, mask, present: self.present };
        }
        let device = pooled.device();
        let places = TensorData::new(self.places.clone(), [self.places.len()]);
        let places = Tensor::<1, Int>::from_data(places, &device);

        // Absent rows read the one row of zeros that stands after the present ones.
        let pooled = Tensor::cat(vec![pooled, Tensor::zeros([1, width], &device)], 0);
        let flat = tokens.reshape([rows, num_tokens * width]);
        let flat = Tensor::cat(vec![flat, Tensor::zeros([1, num_tokens * width], &device)], 0);
        let mask = Tensor::cat(vec![mask.int(), Tensor::zeros([1, num_tokens], &device)], 0);
        Embedding {
            pooled: pooled.select(0, places.clone()),
            tokens: flat.select(0, places.clone()).reshape([self.places.len(), num_tokens, width]),
            mask: mask.select(0, places).equal_elem(1),
            present: self.present,
        }
    }

    /// All rows absent, with one masked token each.
    pub(crate) fn empty(self, width: usize) -> Embedding {
        let (rows, device) = (self.places.len(), self.present.device());
        Embedding {
            pooled: Tensor::zeros([rows, width], &device),
            tokens: Tensor::zeros([rows, 1, width], &device),
            mask: Tensor::<2, Bool>::full([rows, 1], false, &device),
            present: self.present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::values;

    #[test]
    fn chosen_rows_come_back_to_their_places() {
        let device = Device::flex();
        let rows = Rows::new(&[true, false, true], &device);
        let all = Tensor::<2>::from_floats([[1.0], [2.0], [3.0]], &device);
        let chosen = all.clone().select(0, rows.chosen().unwrap());
        assert_eq!(values(&chosen), [1.0, 3.0]);
        assert_eq!(values(&rows.spread(chosen)), [1.0, 0.0, 3.0]);
        assert!(Rows::new(&[true; 3], &device).chosen().is_none());
    }

    #[test]
    fn present_rows_go_to_their_places_and_gradients_come_back() {
        let device = Device::flex().autodiff();
        let pooled = Tensor::<2>::from_floats([[1.0], [2.0]], &device).require_grad();
        let tokens = Tensor::<3>::from_floats([[[3.0], [4.0]], [[5.0], [6.0]]], &device);
        let mask = Tensor::from_bool([[true, false], [true, true]], &device);
        let encoded = Encoded { pooled: pooled.clone(), tokens, mask };
        let embedding = Rows::new(&[false, true, false, true], &device).scatter(encoded);
        assert_eq!(values(&embedding.pooled), [0.0, 1.0, 0.0, 2.0]);
        assert_eq!(values(&embedding.tokens), [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 5.0, 6.0]);
        let mask: Vec<bool> = embedding.mask.into_data().iter().collect();
        assert_eq!(mask, [false, false, true, false, false, false, true, true]);
        let weights = Tensor::<2>::from_floats([[7.0], [10.0], [7.0], [20.0]], &device);
        let gradients = (embedding.pooled * weights).sum().backward();
        assert_eq!(values(&pooled.grad(&gradients).unwrap()), [10.0, 20.0]);
    }
}
