//! What the machine's arithmetic can do at most, to hold measured times against.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::product::tile::{Strip, Tiles};
use crate::scratch::Aligned;
use crate::team;

/// Steps of a product whose two sides stay in the first-level cache.
const DEPTH: usize = 256;
/// Products between two looks at the clock.
const PRODUCTS: usize = 200;

/// The most 32-bit additions and multiplications a second that all threads of the team
/// reach together, measured for about `duration`: products whose numbers never leave the
/// first-level cache. Of several rounds the fastest counts, because a neighbour only slows.
#[must_use]
pub fn peak_flops(duration: Duration) -> f64 {
    let tiles = Tiles::current();
    let flops = 2 * DEPTH * tiles.rows() * tiles.columns * PRODUCTS;
    let threads = team::num_threads();
    let started = Instant::now();
    let mut fastest = 0.0_f64;
    while started.elapsed() < duration {
        let round = Instant::now();
        team::for_each(threads, |_| products(tiles));
        fastest = fastest.max((flops * threads) as f64 / round.elapsed().as_secs_f64());
    }
    fastest
}

fn products(tiles: Tiles) {
    let (rows, columns) = (tiles.rows(), tiles.columns);
    let (left, right) = (Aligned::zeros(DEPTH * rows), Aligned::zeros(DEPTH * columns));
    let mut output = Aligned::zeros(rows * columns);
    for _ in 0..PRODUCTS {
        let (left, right) = (left.values().as_ptr(), right.values().as_ptr());
        let strip = Strip::dense(left, rows, right, DEPTH, columns);
        let place = output.values_mut().as_mut_ptr();
        // SAFETY: `Tiles::current` chose tiles of this machine, and the three hold all that is read
        // and written.
        unsafe { tiles.of_rows(rows)(strip, place, columns, false) };
    }
    black_box(output.values());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_a_number_of_operations() {
        let peak = peak_flops(Duration::from_millis(20));
        assert!(peak.is_finite() && peak > 0.0, "{peak}");
    }
}
