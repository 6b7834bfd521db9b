//! The memory that all decoders of pictures share.
//!
//! A picture of a few bytes may unpack to a gigabyte, which `max_pixels` allows; as many of them at
//! once as there are threads must not. So a decoder takes a share of one budget, by what its file's
//! header claims, and waits until there is room.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What decoders of pictures may take at once in the whole process, in bytes: 1 GiB. A picture that
/// needs more by itself is decoded alone.
pub const MAX_DECODING_BYTES: u64 = 1 << 30;

static DECODERS: Budget = Budget::new(MAX_DECODING_BYTES);

/// Waits for the share of a picture whose decoder needs `num_bytes`.
pub(super) fn share(num_bytes: u64) -> Share<'static> {
    DECODERS.share(num_bytes)
}

/// So many bytes, which several threads share.
struct Budget {
    total: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// A part of a budget, given back when it is dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    num_bytes: u64,
}

impl Budget {
    const fn new(total: u64) -> Self {
        Self { total, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    fn share(&self, num_bytes: u64) -> Share<'_> {
        let num_bytes = num_bytes.min(self.total);
        let mut taken = self.taken();
        while *taken + num_bytes > self.total {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += num_bytes;
        Share { budget: self, num_bytes }
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        // A sum is whole at every moment.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.taken() -= self.num_bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::thread;

    use super::*;

    #[test]
    fn what_is_taken_at_once_stays_within_the_budget() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        // Up to 130, of which 100 are counted.
                        let wanted = (thread * 37 + round * 11) % 131;
                        let _share = budget.share(wanted);
                        let counted = wanted.min(100);
                        most.fetch_max(now.fetch_add(counted, SeqCst) + counted, SeqCst);
                        thread::yield_now();
                        now.fetch_sub(counted, SeqCst);
                    }
                });
            }
        });
        assert!((60..=100).contains(&most.load(SeqCst)), "{most:?}");
        assert_eq!(*budget.taken(), 0);
    }

    #[test]
    fn a_share_is_given_back_by_a_decoder_that_panics() {
        let budget = Budget::new(10);
        let panicked = sensorium_core::guard::guarded(|| {
            let _share = budget.share(10);
            panic!("damaged");
        });
        let panicked: Result<(), _> = panicked;
        assert!(panicked.is_err());
        drop(budget.share(10));
    }
}
