//! Decoded rows, kept where all of them fit under a limit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::KeptRow;

/// The number of rows that are decoded before it is decided whether all will fit.
pub const TRIAL_ROWS: usize = 64;

/// Keeps every row or none.
///
/// The first [`TRIAL_ROWS`] decoded rows are held back; where their mean size times the number of
/// rows is over the limit they are freed and nothing is ever kept, so what a large table takes does
/// not depend on its number of rows. Else every row is kept, up to the limit: rows may turn out
/// larger than the first ones were.
#[derive(Debug)]
pub(super) struct RowCache {
    num_rows: usize,
    limit_bytes: usize,
    trial: Mutex<Vec<Arc<KeptRow>>>,
    /// Empty until it is decided.
    decided: OnceLock<Decision>,
}

#[derive(Debug)]
enum Decision {
    KeepNone,
    KeepAll(Slots),
}

#[derive(Debug)]
struct Slots {
    rows: Vec<OnceLock<Arc<KeptRow>>>,
    bytes: AtomicUsize,
    limit_bytes: usize,
}

impl RowCache {
    pub(super) fn new(num_rows: usize, limit_bytes: usize) -> Self {
        Self { num_rows, limit_bytes, trial: Mutex::default(), decided: OnceLock::new() }
    }

    /// The row, where it is kept.
    pub(super) fn get(&self, row: usize) -> Option<&Arc<KeptRow>> {
        match self.decided.get()? {
            Decision::KeepAll(slots) => slots.rows.get(row)?.get(),
            Decision::KeepNone => None,
        }
    }

    /// Keeps a decoded row, where rows are kept.
    pub(super) fn keep(&self, row: &Arc<KeptRow>) {
        let decided = self.decided.get().or_else(|| self.try_out(row));
        if let Some(Decision::KeepAll(slots)) = decided {
            slots.keep(row);
        }
    }

    /// Holds the row back, and decides where it is the last of the trial.
    fn try_out(&self, row: &Arc<KeptRow>) -> Option<&Decision> {
        // A thread that panicked while it held the lock left the list whole.
        let mut trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have decided while this one waited.
        if let Some(decided) = self.decided.get() {
            return Some(decided);
        }
        trial.push(Arc::clone(row));
        if trial.len() < TRIAL_ROWS.min(self.num_rows) {
            return None;
        }
        let rows = std::mem::take(&mut *trial);
        let decided = self.decided.get_or_init(|| self.decide(&rows));
        if let Decision::KeepAll(slots) = decided {
            for row in &rows {
                slots.keep(row);
            }
        }
        Some(decided)
    }

    fn decide(&self, trial: &[Arc<KeptRow>]) -> Decision {
        let bytes: usize = trial.iter().map(|row| row.num_bytes()).sum();
        let all = bytes.div_ceil(trial.len().max(1)).saturating_mul(self.num_rows);
        if all > self.limit_bytes {
            return Decision::KeepNone;
        }
        Decision::KeepAll(Slots {
            rows: std::iter::repeat_with(OnceLock::new).take(self.num_rows).collect(),
            bytes: AtomicUsize::new(0),
            limit_bytes: self.limit_bytes,
        })
    }
}

impl Slots {
    fn keep(&self, row: &Arc<KeptRow>) {
        let Some(slot) = self.rows.get(row.features.row) else { return };
        let bytes = row.num_bytes();
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit_bytes;
        if !fits || slot.set(Arc::clone(row)).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use crate::pipeline::RowFeatures;

    /// A row that takes `bytes` bytes with all that belongs to it.
    fn row(row: usize, bytes: usize) -> Arc<KeptRow> {
        let of = |values| {
            let features = vec![Some(Features::Grid(values))];
            KeptRow { features: Arc::new(RowFeatures { row, features }), decoded: vec![] }
        };
        let empty = of(vec![]).num_bytes();
        let row = of(vec![0.0; (bytes - empty) / 4]);
        assert_eq!(row.num_bytes(), bytes);
        Arc::new(row)
    }

    fn kept(cache: &RowCache, rows: usize) -> usize {
        (0..rows).filter(|&row| cache.get(row).is_some()).count()
    }

    #[test]
    fn all_rows_are_kept_where_all_fit() {
        let cache = RowCache::new(100, 100 * 400);
        (0..100).for_each(|index| cache.keep(&row(index, 400)));
        assert_eq!(kept(&cache, 100), 100);
        assert_eq!(cache.get(7).unwrap().features.row, 7);
    }

    #[test]
    fn nothing_is_kept_and_the_first_rows_are_freed_where_not_all_fit() {
        let cache = RowCache::new(101, 100 * 400);
        let first = row(0, 400);
        cache.keep(&first);
        assert_eq!(Arc::strong_count(&first), 2);
        (1..101).for_each(|index| cache.keep(&row(index, 400)));
        assert_eq!(kept(&cache, 101), 0);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn a_table_of_fewer_rows_than_the_trial_is_kept_once_each_was_seen() {
        let cache = RowCache::new(3, 3 * 400);
        (0..2).for_each(|index| cache.keep(&row(index, 400)));
        assert_eq!(kept(&cache, 3), 0);
        cache.keep(&row(2, 400));
        assert_eq!(kept(&cache, 3), 3);
    }

    #[test]
    fn rows_that_grow_after_the_trial_stay_under_the_limit() {
        let cache = RowCache::new(200, 200 * 400);
        (0..TRIAL_ROWS).for_each(|index| cache.keep(&row(index, 400)));
        (TRIAL_ROWS..200).for_each(|index| cache.keep(&row(index, 4000)));
        let fit = (200 * 400 - TRIAL_ROWS * 400) / 4000;
        assert_eq!(kept(&cache, 200), TRIAL_ROWS + fit);
    }

    #[test]
    fn a_row_that_is_kept_again_counts_once() {
        let cache = RowCache::new(2, 2 * 400);
        (0..2).for_each(|index| cache.keep(&row(index, 400)));
        (0..9).for_each(|_| cache.keep(&row(0, 400)));
        let Some(Decision::KeepAll(slots)) = cache.decided.get() else { panic!("all fit") };
        assert_eq!(slots.bytes.load(Ordering::Relaxed), 800);
    }
}
