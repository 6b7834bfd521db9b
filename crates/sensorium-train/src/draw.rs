//! What an epoch draws at random: the order of the rows and the inputs that are hidden.

use rand::RngExt;
use rand::seq::SliceRandom;
use sensorium_core::Seed;

/// The train rows of one epoch in their batches; the last batch may be smaller.
#[must_use]
pub(crate) fn batches(rows: &[usize], batch_size: usize, epoch: Seed) -> Vec<Vec<usize>> {
    let mut order = rows.to_vec();
    order.shuffle(&mut epoch.derive("order").rng());
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

/// Which inputs of a row are hidden from the model: each present one with `chance`, but never all.
///
/// Drawn from the row's own seed, so it does not depend on the batch the row is in.
///
/// Source: Neverova et al. 2016, "`ModDrop`", section 4.2, here per row.
#[must_use]
pub(crate) fn hidden_inputs(present: &[bool], chance: f64, epoch: Seed, row: usize) -> Vec<bool> {
    let mut rng = epoch.derive("modality dropout").at(row as u64).rng();
    let mut hidden: Vec<bool> = present.iter().map(|_| rng.random_bool(chance)).collect();
    let present: Vec<usize> = (0..present.len()).filter(|&input| present[input]).collect();
    if !present.is_empty() && present.iter().all(|&input| hidden[input]) {
        hidden[present[rng.random_range(0..present.len())]] = false;
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_batch_and_epochs_differ() {
        let rows: Vec<usize> = (10..110).collect();
        let first = batches(&rows, 32, Seed::new(1).at(0));
        let second = batches(&rows, 32, Seed::new(1).at(1));
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 32, 4]);
        assert_ne!(first, second);
        let mut all = first.concat();
        all.sort_unstable();
        assert_eq!(all, rows);
    }

    #[test]
    fn a_row_keeps_at_least_one_present_input() {
        for row in 0..1_000 {
            let hidden = hidden_inputs(&[true, false, true], 0.9, Seed::new(3), row);
            assert!(!(hidden[0] && hidden[2]), "row {row}");
        }
    }

    #[test]
    fn inputs_are_hidden_as_often_as_asked() {
        let hidden =
            (0..20_000).filter(|&row| hidden_inputs(&[true; 4], 0.3, Seed::new(3), row)[1]).count();
        // Five standard deviations of a binomial with 20,000 draws are 0.016; that all four are
        // drawn hidden, and one then shown, lowers the share by 0.3⁴ / 4 = 0.002.
        assert!((hidden as f64 / 20_000.0 - 0.298).abs() < 0.016, "{hidden}");
    }
}
