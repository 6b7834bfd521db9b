//! The learning rate of each step.

use std::f64::consts::PI;

use sensorium_bundle::config::{Decay, TrainerConfig};

/// The learning rate of step `step` (from 0) of `total`: a linear warm-up, then the decay.
///
/// Source of the cosine: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
#[must_use]
pub(crate) fn learning_rate(trainer: &TrainerConfig, step: usize, total: usize) -> f64 {
    let scheduler = &trainer.learning_rate_scheduler;
    let warmup = (scheduler.warmup_fraction * total as f64).round();
    let step = step as f64;
    if step < warmup {
        return trainer.learning_rate * (step + 1.0) / warmup;
    }
    let progress = (step - warmup) / (total as f64 - warmup).max(1.0);
    trainer.learning_rate
        * match scheduler.decay {
            None => 1.0,
            Some(Decay::Linear) => 1.0 - progress,
            Some(Decay::Cosine) => 0.5 * (1.0 + (PI * progress).cos()),
        }
}

#[cfg(test)]
mod tests {
    use sensorium_bundle::config::Scheduler;

    use super::*;

    fn rates(decay: Option<Decay>) -> Vec<f64> {
        let learning_rate_scheduler = Scheduler { decay, warmup_fraction: 0.2 };
        let trainer =
            TrainerConfig { learning_rate: 1.0, learning_rate_scheduler, ..Default::default() };
        (0..10).map(|step| learning_rate(&trainer, step, 10)).collect()
    }

    #[test]
    fn it_warms_up_to_the_full_rate_and_keeps_it() {
        assert_eq!(rates(None), [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn it_falls_along_a_line() {
        assert_eq!(
            rates(Some(Decay::Linear))[2..],
            [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
        );
    }

    #[test]
    fn it_falls_along_half_a_cosine() {
        let rates = rates(Some(Decay::Cosine));
        assert!((rates[6] - 0.5).abs() < 1e-12);
        assert!(rates[2..].windows(2).all(|pair| pair[0] > pair[1]));
    }
}
