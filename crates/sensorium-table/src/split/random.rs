//! `random`: rows are shuffled and cut.
//!
//! Ludwig draws each row's part by itself; here the parts have exactly their shares.

use rand::seq::SliceRandom;
use sensorium_core::{ConfigError, Seed, config};
use serde::Deserialize;
use serde_json::Value;

use super::{Part, Probabilities, SplitConfig};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    probabilities: Option<Vec<f64>>,
}

pub(super) fn read(section: Value) -> Result<SplitConfig, ConfigError> {
    let Section { probabilities } = config::read(section)?;
    Ok(SplitConfig::Random { probabilities: Probabilities::from_key(probabilities)? })
}

pub(super) fn assign(num_rows: usize, probabilities: Probabilities, seed: Seed) -> Vec<Part> {
    shuffled(probabilities.counts(num_rows, &mut [0.0; 3]), seed)
}

/// So many of each part, in a random order.
pub(super) fn shuffled(counts: [usize; 3], seed: Seed) -> Vec<Part> {
    let parts = Part::ALL.into_iter().zip(counts);
    let mut parts: Vec<Part> =
        parts.flat_map(|(part, count)| std::iter::repeat_n(part, count)).collect();
    parts.shuffle(&mut seed.rng());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_shares_and_differ_with_the_seed() {
        let assign = |seed| assign(1_000, Probabilities::default(), Seed::new(seed));
        let first = assign(1);
        for (part, expected) in Part::ALL.into_iter().zip([700, 100, 200]) {
            assert_eq!(first.iter().filter(|its| **its == part).count(), expected);
        }
        assert_ne!(first, assign(2));
        // Not in one block: a table is often sorted by its label.
        let train_in_first_half = first[..500].iter().filter(|its| **its == Part::Train).count();
        assert!((300..400).contains(&train_in_first_half), "{train_in_first_half}");
    }
}
