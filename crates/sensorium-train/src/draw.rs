//! What an epoch draws at random: the order of the rows, the inputs that are hidden or stand alone,
//! and the rows that are mixed.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::Beta;
use sensorium_bundle::config::TrainerConfig;
use sensorium_core::Seed;
use sensorium_model::{Mix, Pasted};

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

/// The most inputs that a step judges alone.
const MOST_ALONE: usize = 8;

/// The inputs that a step judges by themselves, beside all of them: each, or of many as many as are
/// not too dear; none where there is only one, or where they do not count.
#[must_use]
pub(crate) fn alone(trainer: &TrainerConfig, num_inputs: usize, step: Seed) -> Vec<usize> {
    if trainer.unimodal_loss_weight == 0.0 || num_inputs < 2 {
        return Vec::new();
    }
    if num_inputs <= MOST_ALONE {
        return (0..num_inputs).collect();
    }
    rand::seq::index::sample(&mut step.derive("alone").rng(), num_inputs, MOST_ALONE).into_vec()
}

/// How the rows of a step are mixed; `None` where they are not.
///
/// Source: `Mixup` of timm 1.0 (`timm/data/mixup.py`), in its batch mode; partners are drawn here,
/// where timm takes the batch backwards.
#[must_use]
pub(crate) fn mix(trainer: &TrainerConfig, rows: usize, step: Seed) -> Option<Mix> {
    let mut rng = step.derive("mix").rng();
    let (mixup, cutmix) = (trainer.mixup, trainer.cutmix);
    if (mixup == 0.0 && cutmix == 0.0) || !rng.random_bool(trainer.mixup_prob) {
        return None;
    }
    let both = mixup > 0.0 && cutmix > 0.0;
    let pastes = if both { rng.random_bool(trainer.mixup_switch_prob) } else { cutmix > 0.0 };
    let alpha = if pastes { cutmix } else { mixup };
    let share = rng.sample(Beta::new(alpha, alpha).expect("alpha is above 0"));
    let mut partners: Vec<usize> = (0..rows).collect();
    partners.shuffle(&mut rng);
    let pasted = pastes.then(|| pasted(share, &mut rng));
    let share = pasted.map_or(share, |pasted| 1.0 - area(pasted));
    Some(Mix { partners, share, pasted })
}

/// A rectangle of the picture's form and of the area that `share` leaves, cut off at the edges.
fn pasted(share: f64, rng: &mut impl Rng) -> Pasted {
    let side = (1.0 - share).sqrt();
    let mut span = || {
        let middle: f64 = rng.random();
        [(middle - side / 2.0).max(0.0), (middle + side / 2.0).min(1.0)]
    };
    Pasted { rows: span(), columns: span() }
}

fn area(Pasted { rows, columns }: Pasted) -> f64 {
    (rows[1] - rows[0]) * (columns[1] - columns[0])
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

    #[test]
    fn each_input_is_judged_alone_and_of_many_a_few() {
        let trainer = TrainerConfig { unimodal_loss_weight: 0.5, ..TrainerConfig::default() };
        assert_eq!(alone(&trainer, 3, Seed::new(1)), [0, 1, 2]);
        assert!(alone(&trainer, 1, Seed::new(1)).is_empty());
        let off = TrainerConfig { unimodal_loss_weight: 0.0, ..TrainerConfig::default() };
        assert!(alone(&off, 3, Seed::new(1)).is_empty());

        let mut times = [0; 40];
        for step in 0..1_000 {
            let mut drawn = alone(&trainer, 40, Seed::new(step));
            for &input in &drawn {
                times[input] += 1;
            }
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), MOST_ALONE);
        }
        // Five standard deviations of a binomial with 1,000 draws of a fifth are 63.
        assert!(times.iter().all(|time| (137..=263).contains(time)), "{times:?}");
    }

    #[test]
    fn a_mix_pairs_every_row_once_and_pastes_what_its_share_leaves() {
        let trainer = TrainerConfig { mixup: 0.4, cutmix: 1.0, ..TrainerConfig::default() };
        let mut pasted = 0;
        for step in 0..1_000 {
            let mix = mix(&trainer, 8, Seed::new(step)).unwrap();
            let mut partners = mix.partners.clone();
            partners.sort_unstable();
            assert_eq!(partners, (0..8).collect::<Vec<_>>());
            assert!((0.0..=1.0).contains(&mix.share));
            if let Some(rectangle) = mix.pasted {
                pasted += 1;
                assert!((area(rectangle) - (1.0 - mix.share)).abs() < 1e-12);
            }
        }
        // Five standard deviations of a binomial with 1,000 draws of one half are 79.
        assert!((421..=579).contains(&pasted), "{pasted}");
    }

    #[test]
    fn without_alpha_or_by_chance_a_step_is_not_mixed() {
        assert!(mix(&TrainerConfig::default(), 8, Seed::new(1)).is_none());
        let never = TrainerConfig { mixup: 1.0, mixup_prob: 0.0, ..TrainerConfig::default() };
        assert!(mix(&never, 8, Seed::new(1)).is_none());
    }
}
