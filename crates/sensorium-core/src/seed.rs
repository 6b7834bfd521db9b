//! One root seed, from which every random choice gets its own.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A seed that is passed, never global.
///
/// Every consumer derives its own by a label, so adding one does not change what the others draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The root seed, as the user gave it.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of the part named `label`.
    #[must_use]
    pub fn derive(self, label: &str) -> Self {
        label.bytes().fold(self.at(label.len() as u64), |seed, byte| seed.at(u64::from(byte)))
    }

    /// The seed of the `index`-th of a kind, such as an epoch or a row.
    #[must_use]
    pub const fn at(self, index: u64) -> Self {
        // SplitMix64's finaliser (Steele, Lea and Flood 2014) over the golden-ratio sequence.
        let mut z =
            self.0.rotate_left(17) ^ index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(z ^ (z >> 31))
    }

    /// The number itself, for libraries that take one.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// A generator that draws the same numbers on every machine.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_indices_give_different_seeds() {
        let root = Seed::new(42);
        let seeds = [root, root.derive("split"), root.derive("tilps"), root.at(0), root.at(1)];
        for (i, a) in seeds.iter().enumerate() {
            for b in &seeds[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }
}
