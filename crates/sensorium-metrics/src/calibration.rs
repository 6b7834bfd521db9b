//! What each of several logits should count, so that the truths are most probable.
//!
//! One part alone gives temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural
//! Networks", section 4.2 (<https://arxiv.org/abs/1706.04599>). Several parts are stacked: Wolpert
//! 1992, "Stacked Generalization", with weights of zero or more as Breiman 1996 has them. The loss
//! is convex in the weights, which are found one after the other by Newton's method.

/// The largest weight of a part.
const MAX_WEIGHT: f64 = 20.0;
const SWEEPS: usize = 50;
/// A sweep that moves no weight further ends the search.
const TOLERANCE: f64 = 1e-6;
/// Keeps a weight where it is that the rows say nothing of: the weight of one row's worth of a prior
/// around it.
const PRIOR: f64 = 1.0;

/// Rows of one split whose logits are to be weighed.
#[derive(Clone, Copy, Debug)]
pub struct LogitRows<'a> {
    /// `K`; 1 for yes or no, whose logit is that of yes.
    pub num_outputs: usize,
    /// The true class of each row; rows without one, or of a class that train lacks, do not count.
    pub truths: &'a [Option<usize>],
}

/// Weights and how good the weighted sum is.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// One of zero or more for each part.
    pub weights: Vec<f64>,
    /// The mean of −log p(true class).
    pub loss: f64,
    /// Rows that count.
    pub num_rows: usize,
}

impl LogitRows<'_> {
    /// The weights of `parts` that make the truths most probable, from `start` on; `None` without a
    /// row that counts.
    ///
    /// # Shapes
    ///
    /// - `parts`: each `[N, K]`, for the `N` rows of `truths`; `start` has one weight a part
    #[must_use]
    pub fn weighed(&self, parts: &[&[f32]], start: &[f64]) -> Option<Weighed> {
        let mut weights = start.to_vec();
        for _ in 0..SWEEPS {
            let mut moved = 0.0_f64;
            for part in 0..parts.len() {
                let step = self.step(parts, &weights, part, start[part])?;
                moved = moved.max((step - weights[part]).abs());
                weights[part] = step;
            }
            if moved < TOLERANCE {
                break;
            }
        }
        let (loss, num_rows) = self.loss(parts, &weights)?;
        Some(Weighed { weights, loss, num_rows })
    }

    /// Newton's next weight of one part, with the others as they are.
    fn step(&self, parts: &[&[f32]], weights: &[f64], part: usize, prior: f64) -> Option<f64> {
        let (mut slope, mut curve, mut rows) = (0.0, 0.0, 0);
        self.each(parts, weights, |row, truth, probabilities| {
            let own = Classes { row: self.row(parts[part], row) };
            let mean: f64 = own.iter().zip(probabilities).map(|(logit, p)| logit * p).sum();
            let spread: f64 =
                own.iter().zip(probabilities).map(|(logit, p)| p * (logit - mean).powi(2)).sum();
            slope += mean - own.get(truth);
            curve += spread;
            rows += 1;
        });
        let slope = slope + PRIOR * (weights[part] - prior);
        let next = weights[part] - slope / (curve + PRIOR);
        if !next.is_finite() {
            return Some(weights[part]);
        }
        // No further than twice, so that a flat start does not throw it.
        let next = next.clamp(weights[part] / 2.0 - 0.1, weights[part] * 2.0 + 0.1);
        (rows > 0).then(|| next.clamp(0.0, MAX_WEIGHT))
    }

    /// The mean of −log p(true class), and the rows that count.
    fn loss(&self, parts: &[&[f32]], weights: &[f64]) -> Option<(f64, usize)> {
        let (mut sum, mut rows) = (0.0, 0);
        self.each(parts, weights, |_, truth, probabilities| {
            sum -= probabilities[truth].max(f64::MIN_POSITIVE).ln();
            rows += 1;
        });
        (rows > 0).then(|| (sum / rows as f64, rows))
    }

    /// Calls `each` with every row that counts, its true class and the classes' probabilities.
    fn each(&self, parts: &[&[f32]], weights: &[f64], mut each: impl FnMut(usize, usize, &[f64])) {
        let num_classes = self.num_outputs.max(2);
        let mut probabilities = vec![0.0; num_classes];
        for (row, truth) in self.truths.iter().enumerate() {
            let Some(truth) = truth.filter(|&truth| truth < num_classes) else { continue };
            probabilities.fill(0.0);
            for (part, weight) in parts.iter().zip(weights) {
                let own = Classes { row: self.row(part, row) };
                for (sum, logit) in probabilities.iter_mut().zip(own.iter()) {
                    *sum += weight * logit;
                }
            }
            softmax(&mut probabilities);
            each(row, truth, &probabilities);
        }
    }

    fn row<'r>(&self, part: &'r [f32], row: usize) -> &'r [f32] {
        &part[row * self.num_outputs..][..self.num_outputs]
    }
}

/// The logits of a row's classes; that of no is zero where there is only that of yes.
struct Classes<'a> {
    row: &'a [f32],
}

impl Classes<'_> {
    fn get(&self, class: usize) -> f64 {
        match self.row {
            [yes] => f64::from(*yes) * f64::from(u8::from(class == 1)),
            logits => logits[class].into(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = f64> {
        (0..self.row.len().max(2)).map(|class| self.get(class))
    }
}

fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for logit in &mut *logits {
        *logit = (*logit - largest).exp();
    }
    let sum: f64 = logits.iter().sum();
    for probability in logits {
        *probability /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 400;

    /// Logits ±1 that are right in 3 of 4 rows: the best weight of yes or no is ln 3 of the logit.
    fn three_of_four(scale: f32) -> (Vec<f32>, Vec<Option<usize>>) {
        let logit = |row: usize| if row.is_multiple_of(2) { scale } else { -scale };
        let logits = (0..ROWS).map(logit).collect();
        let truth = |row: usize| Some(usize::from(row.is_multiple_of(2) == (row / 2 % 4 != 3)));
        (logits, (0..ROWS).map(truth).collect())
    }

    fn rows(num_outputs: usize, truths: &[Option<usize>]) -> LogitRows<'_> {
        LogitRows { num_outputs, truths }
    }

    #[test]
    fn one_part_is_scaled_to_the_share_of_rows_that_are_right() {
        for scale in [0.5, 1.0, 30.0] {
            let (logits, truths) = three_of_four(scale);
            let found = rows(1, &truths).weighed(&[&logits], &[1.0]).unwrap();
            let logit = found.weights[0] * f64::from(scale);
            // The prior of one row among 400 moves it by less than a twentieth.
            let expected = 3.0_f64.ln().min(MAX_WEIGHT * f64::from(scale));
            assert!((logit - expected).abs() < 0.05 * expected, "{scale}: {logit}");
        }
    }

    #[test]
    fn a_part_that_is_noise_gets_no_weight_and_one_that_is_right_gets_it() {
        let (good, truths) = three_of_four(1.0);
        let noise: Vec<f32> =
            (0..ROWS).map(|row| if row / 8 % 2 == 0 { 4.0 } else { -4.0 }).collect();
        let found = rows(1, &truths).weighed(&[&noise, &good], &[1.0, 0.0]).unwrap();
        assert!(found.weights[0] < 0.05 && found.weights[1] > 1.0, "{:?}", found.weights);
    }

    #[test]
    fn classes_of_one_logit_each_are_as_yes_and_no() {
        let (yes, truths) = three_of_four(1.0);
        let both: Vec<f32> = yes.iter().flat_map(|&yes| [0.0, yes]).collect();
        let one = rows(1, &truths).weighed(&[&yes], &[1.0]).unwrap();
        assert_eq!(rows(2, &truths).weighed(&[&both], &[1.0]).unwrap(), one);
    }

    #[test]
    fn logits_that_are_no_numbers_leave_the_weights_as_they_are() {
        let truths = [Some(1), Some(0)];
        let found = rows(1, &truths).weighed(&[&[f32::NAN, f32::INFINITY]], &[1.0]).unwrap();
        assert_eq!(found.weights, [1.0]);
    }

    #[test]
    fn rows_without_a_known_class_do_not_count() {
        let logits = [1.0_f32, 2.0, 3.0];
        let none = [None, Some(2), Some(9)];
        assert_eq!(rows(1, &none).weighed(&[&logits], &[1.0]), None);
    }
}
