//! What holds for every metric, whatever the predictions are.

use proptest::prelude::*;
use sensorium_core::Seed;
use sensorium_metrics::{
    BinaryScores, Bootstrap, CategoryScores, Goal, NumberScores, OutputKind, Scores, find,
    metrics_for,
};

/// Probabilities in steps, so that ties are common.
fn probability() -> impl Strategy<Value = f32> {
    (0_u8..=20).prop_map(|step| f32::from(step) / 20.0)
}

fn category() -> impl Strategy<Value = Scores> {
    (1_usize..=6, 0_usize..40).prop_flat_map(|(classes, rows)| {
        let row = proptest::collection::vec(1_u8..20, classes).prop_map(|weights| {
            let total: f32 = weights.iter().map(|&weight| f32::from(weight)).sum();
            weights.iter().map(|&weight| f32::from(weight) / total).collect::<Vec<_>>()
        });
        let truth = proptest::option::weighted(0.9, 0..classes);
        proptest::collection::vec((row, truth), rows).prop_map(move |rows| {
            let (probabilities, truth): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            CategoryScores::new(classes, probabilities.concat(), truth).into()
        })
    })
}

fn binary() -> impl Strategy<Value = Scores> {
    proptest::collection::vec((probability(), any::<bool>()), 0..40).prop_map(|rows| {
        let (probability, truth) = rows.into_iter().unzip();
        BinaryScores::new(probability, truth).into()
    })
}

fn number() -> impl Strategy<Value = Scores> {
    proptest::collection::vec((-1e6..1e6, -1e6..1e6), 0..40).prop_map(|rows| {
        let (predicted, truth) = rows.into_iter().unzip();
        NumberScores::new(predicted, truth).into()
    })
}

fn any_scores() -> impl Strategy<Value = Scores> {
    prop_oneof![category(), binary(), number()]
}

fn with_shuffled_rows() -> impl Strategy<Value = (Scores, Vec<usize>)> {
    any_scores().prop_flat_map(|scores| {
        let rows: Vec<usize> = (0..scores.len()).collect();
        (Just(scores), Just(rows).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn no_metric_depends_on_the_order_of_rows((scores, rows) in with_shuffled_rows()) {
        for metric in metrics_for(scores.kind()) {
            match (metric.of(&scores), metric.of_rows(&scores, &rows)) {
                (Some(plain), Some(shuffled)) => {
                    // Sums of at most 40 terms in another order.
                    let tolerance = 1e-12 * plain.abs().max(1.0);
                    prop_assert!((plain - shuffled).abs() <= tolerance, "{}", metric.name);
                }
                (plain, shuffled) => prop_assert_eq!(plain, shuffled, "{}", metric.name),
            }
        }
    }

    #[test]
    fn a_metric_to_maximize_is_at_most_one_and_a_share_at_least_zero(scores in any_scores()) {
        for metric in metrics_for(scores.kind()) {
            let Some(value) = metric.of(&scores) else { continue };
            let least = if metric.name == "r2" { f64::NEG_INFINITY } else { 0.0 };
            let most = if metric.goal == Goal::Maximize { 1.0 + 1e-12 } else { f64::INFINITY };
            prop_assert!((least..=most).contains(&value), "{} is {value}", metric.name);
        }
    }

    #[test]
    fn answering_the_opposite_turns_the_ranking_round(scores in binary()) {
        let Scores::Binary(plain) = &scores else { unreachable!() };
        let opposite = plain.probability().iter().map(|probability| 1.0 - probability).collect();
        let opposite = BinaryScores::new(opposite, plain.truth().to_vec()).into();
        let roc_auc = find(OutputKind::Binary, "roc_auc").unwrap();
        if let (Some(area), Some(turned)) = (roc_auc.of(&scores), roc_auc.of(&opposite)) {
            prop_assert!((area + turned - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_area_is_the_share_of_pairs_that_are_ranked_right(scores in binary()) {
        let Scores::Binary(rows) = &scores else { unreachable!() };
        let (mut won, mut pairs) = (0.0, 0.0);
        for (high, _) in rows.truth().iter().enumerate().filter(|(_, truth)| **truth) {
            for (low, _) in rows.truth().iter().enumerate().filter(|(_, truth)| !**truth) {
                pairs += 1.0;
                won += match rows.probability()[high].total_cmp(&rows.probability()[low]) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        match find(OutputKind::Binary, "roc_auc").unwrap().of(&scores) {
            Some(area) => prop_assert!((area - won / pairs).abs() < 1e-12),
            None => prop_assert!(pairs < 0.5),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_interval_holds_the_share_that_it_is_about(right in 60_usize..140, seed in any::<u64>()) {
        let truth = (0..200).map(|row| row < right).collect();
        let scores = BinaryScores::new(vec![0.9; 200], truth).into();
        let accuracy = find(OutputKind::Binary, "accuracy").unwrap();
        let interval = Bootstrap::default().interval(accuracy, &scores, Seed::new(seed)).unwrap();
        let share = accuracy.of(&scores).unwrap();
        prop_assert!(interval.low < share && share < interval.high, "{interval:?} of {share}");
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals(scores in any_scores(), seed in any::<u64>()) {
        let bootstrap = Bootstrap { resamples: 50, level: 0.9 };
        let once = bootstrap.intervals(metrics_for(scores.kind()), &scores, Seed::new(seed));
        let again = bootstrap.intervals(metrics_for(scores.kind()), &scores, Seed::new(seed));
        prop_assert_eq!(&once, &again);
        for interval in once.values().flatten() {
            prop_assert!(interval.low <= interval.high);
        }
    }
}
