//! How sure a metric is: the percentile interval of the bootstrap.
//!
//! Source: Efron 1979, "Bootstrap methods: another look at the jackknife"; Efron and Tibshirani
//! 1993, chapter 13. Rows are drawn with replacement, so the interval is about which rows the split
//! happens to hold, and not about the seed that the model was trained with.

use std::collections::BTreeMap;
use std::ops::Bound;

use rand::RngExt;
use sensorium_core::{ConfigError, Seed, config};
use serde::{Deserialize, Serialize};

use crate::{Metric, Scores};

/// Of the resamples, the largest share in which a metric may be undefined. Those are left out, so
/// that with more the interval would be about other data than the split's.
const MAX_UNDEFINED: f64 = 0.1;

/// How intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// How many times the rows are drawn again: 1 to 100,000.
    pub resamples: usize,
    /// The share of resamples that the interval holds: above 0 and below 1.
    pub level: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1_000, level: 0.95 }
    }
}

/// Where a metric lies over the rows that the split might have held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, in the metric's unit.
    pub low: f64,
    /// The upper end, in the metric's unit.
    pub high: f64,
    /// The share of resamples between the two.
    pub level: f64,
}

impl Bootstrap {
    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for the first field outside it.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::in_range("resamples", self.resamples, 1..=100_000)?;
        config::in_range("level", self.level, (Bound::Excluded(0.0), Bound::Excluded(1.0)))
    }

    /// The interval of one metric, or `None` where it is undefined on the split itself or on more
    /// than a tenth of the resamples.
    ///
    /// The same seed draws the same rows for every metric and every split of one length, so models
    /// that are judged on the same rows are judged on the same resamples.
    ///
    /// # Panics
    ///
    /// If [`Bootstrap::check`] was not heeded.
    #[must_use]
    pub fn interval(&self, metric: &Metric, scores: &Scores, seed: Seed) -> Option<Interval> {
        self.intervals([metric], scores, seed).remove(metric.name).flatten()
    }

    /// The interval of each metric, by its name; see [`Bootstrap::interval`].
    ///
    /// # Panics
    ///
    /// If [`Bootstrap::check`] was not heeded.
    #[must_use]
    pub fn intervals<'a>(
        &self,
        metrics: impl IntoIterator<Item = &'a Metric>,
        scores: &Scores,
        seed: Seed,
    ) -> BTreeMap<String, Option<Interval>> {
        assert!(self.check().is_ok(), "the bootstrap's config is in its ranges");
        let metrics: Vec<&Metric> = metrics.into_iter().collect();
        let mut intervals: BTreeMap<String, Option<Interval>> =
            metrics.iter().map(|metric| (metric.name.to_owned(), None)).collect();

        let defined = |metric: &&Metric| metric.of(scores).is_some();
        let metrics: Vec<&Metric> = metrics.into_iter().filter(defined).collect();
        for (metric, values) in metrics.iter().zip(self.draw(&metrics, scores, seed)) {
            intervals.insert(metric.name.to_owned(), self.percentiles(values));
        }
        intervals
    }

    /// The values of each metric over the resamples, without those where it is undefined.
    fn draw(&self, metrics: &[&Metric], scores: &Scores, seed: Seed) -> Vec<Vec<f64>> {
        let mut drawn = vec![Vec::new(); metrics.len()];
        if metrics.is_empty() {
            return drawn; // There may be no row to draw from.
        }
        let mut rng = seed.derive("bootstrap").rng();
        let mut rows = vec![0; scores.len()];
        for _ in 0..self.resamples {
            rows.fill_with(|| rng.random_range(0..scores.len()));
            for (metric, values) in metrics.iter().zip(&mut drawn) {
                values.extend(metric.of_rows(scores, &rows));
            }
        }
        drawn
    }

    fn percentiles(&self, mut values: Vec<f64>) -> Option<Interval> {
        let undefined = self.resamples - values.len();
        if undefined as f64 > MAX_UNDEFINED * self.resamples as f64 || values.is_empty() {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let outside = (1.0 - self.level) / 2.0;
        let (low, high) = (quantile(&values, outside), quantile(&values, 1.0 - outside));
        Some(Interval { low, high, level: self.level })
    }
}

/// The value that the share `at` of the ascending `values` lies below, between two by a straight
/// line: `numpy.quantile`, Hyndman and Fan's seventh.
fn quantile(values: &[f64], at: f64) -> f64 {
    let place = at * (values.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the length of a slice"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (values[above] - values[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BinaryScores, CategoryScores, NumberScores, OutputKind, find, metrics_for};

    const SEED: Seed = Seed::new(7);

    /// Right in the first `right` of `count` rows.
    fn category(right: usize, count: usize) -> Scores {
        let truth = (0..count).map(|row| Some(usize::from(row >= right))).collect();
        CategoryScores::new(2, [0.8, 0.2].repeat(count), truth).into()
    }

    fn accuracy() -> &'static Metric {
        find(OutputKind::Category, "accuracy").unwrap()
    }

    #[test]
    fn the_quantile_is_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.025, 0.5, 0.9, 1])
        for (at, expected) in [(0.0, 1.0), (0.025, 1.075), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&[1.0, 2.0, 4.0, 8.0], at) - expected).abs() < 1e-12, "{at}");
        }
    }

    #[test]
    fn the_interval_of_a_share_is_near_the_one_of_the_normal_law() {
        let interval = Bootstrap::default().interval(accuracy(), &category(320, 400), SEED);
        let Interval { low, high, level } = interval.unwrap();
        let half_width = 1.96 * (0.8_f64 * 0.2 / 400.0).sqrt();
        // The ends of 1,000 resamples scatter by about 0.0017, a twentieth of the interval's width.
        assert!((low - (0.8 - half_width)).abs() < 0.01, "{low}");
        assert!((high - (0.8 + half_width)).abs() < 0.01, "{high}");
        assert!((level - 0.95).abs() < f64::EPSILON);
    }

    #[test]
    fn a_perfect_model_has_an_interval_of_one_point() {
        let interval = Bootstrap::default().interval(accuracy(), &category(9, 9), SEED).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
    }

    #[test]
    fn a_seed_draws_its_own_interval_and_the_same_each_time() {
        let scores = category(30, 47);
        let of = |seed| Bootstrap::default().interval(accuracy(), &scores, Seed::new(seed));
        assert_eq!(of(1), of(1));
        assert!((2..9).any(|seed| of(seed) != of(1)));
    }

    #[test]
    fn the_interval_of_a_metric_does_not_depend_on_the_others() {
        let scores = category(30, 47);
        let all = Bootstrap::default().intervals(metrics_for(scores.kind()), &scores, SEED);
        assert_eq!(all.len(), metrics_for(scores.kind()).count());
        for metric in metrics_for(scores.kind()) {
            assert_eq!(all[metric.name], Bootstrap::default().interval(metric, &scores, SEED));
        }
    }

    #[test]
    fn a_metric_that_many_resamples_leave_undefined_has_no_interval() {
        let roc_auc = find(OutputKind::Binary, "roc_auc").unwrap();
        let one_positive = |negatives: usize| -> Scores {
            let truth: Vec<bool> = (0..=negatives).map(|row| row == 0).collect();
            BinaryScores::new(vec![0.5; negatives + 1], truth).into()
        };
        // A single true row is missed by (1 - 1/n)^n, about a third, of the resamples.
        assert!(roc_auc.of(&one_positive(40)).is_some());
        assert_eq!(Bootstrap::default().interval(roc_auc, &one_positive(40), SEED), None);
        assert_eq!(Bootstrap::default().interval(roc_auc, &one_positive(0), SEED), None);
    }

    #[test]
    fn no_row_has_no_interval() {
        let scores = NumberScores::new(vec![], vec![]).into();
        let all = Bootstrap::default().intervals(metrics_for(OutputKind::Number), &scores, SEED);
        assert!(!all.is_empty() && all.values().all(Option::is_none));
    }

    #[test]
    fn a_level_of_one_is_out_of_range() {
        let error = Bootstrap { level: 1.0, ..Bootstrap::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "`level` is 1, but above 0 and below 1 was expected");
        assert!(Bootstrap { resamples: 0, ..Bootstrap::default() }.check().is_err());
    }
}
