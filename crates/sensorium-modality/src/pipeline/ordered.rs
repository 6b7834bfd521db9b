//! Work done in parallel, handed over in order, never far ahead.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// How many threads decode, and how far ahead of the consumer they may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineLimits {
    /// The most threads that decode; with 0 the caller's own thread does.
    pub workers: usize,
    /// The most batches that are being decoded or wait to be consumed, at least 1. No more than
    /// this many workers are started.
    pub batches_ahead: usize,
}

impl PipelineLimits {
    /// `workers` threads, each with one batch in work and one that waits.
    #[must_use]
    pub const fn new(workers: usize) -> Self {
        Self { workers, batches_ahead: 2 * workers }
    }
}

impl Default for PipelineLimits {
    /// One worker for each core that the process may use.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

/// Set when nobody waits for results any more.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets a [`Stop`] when the consumer returns, breaks off or panics.
struct StopOnDrop<'a>(&'a Stop);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Makes items `0..count` and hands them to `consume` in that order, until it breaks.
///
/// Worker `w` of `n` makes items `w`, `w + n`, … into a bounded channel of its own, and the
/// consumer reads the channels in turn. So order and bound need no lock, and which thread makes an
/// item never depends on time. What `make` returns once `stop` is set is thrown away.
///
/// # Panics
///
/// With the panic of `make`, if it panics.
pub(super) fn for_each_in_order<T: Send, B>(
    count: usize,
    limits: PipelineLimits,
    make: impl Fn(usize, &Stop) -> T + Sync,
    mut consume: impl FnMut(T) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let stop = Stop::default();
    let workers = limits.workers.min(limits.batches_ahead.max(1)).min(count);
    if workers == 0 || count == 1 {
        return (0..count).try_for_each(|index| consume(make(index, &stop)));
    }
    // A worker that has filled its channel holds one more item while it waits to send it.
    let waiting = (limits.batches_ahead / workers).saturating_sub(1);
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(workers);
        let mut channels = Vec::with_capacity(workers);
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(waiting);
            let (make, stop) = (&make, &stop);
            let indices = (worker..count).step_by(workers);
            handles.push(scope.spawn(move || make_all(indices, &sender, make, stop)));
            channels.push(receiver);
        }
        let flow = consume_in_turn(count, &channels, &stop, &mut consume);
        // Closed channels let go the workers that wait to send.
        drop(channels);
        for handle in handles {
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
        flow
    })
}

fn make_all<T>(
    indices: impl Iterator<Item = usize>,
    sender: &SyncSender<T>,
    make: &impl Fn(usize, &Stop) -> T,
    stop: &Stop,
) {
    for index in indices {
        // The consumer has gone where the send fails.
        if stop.is_set() || sender.send(make(index, stop)).is_err() {
            return;
        }
    }
}

/// Reads one item from each channel in turn; once it returns or panics, the workers are to stop.
fn consume_in_turn<T, B>(
    count: usize,
    channels: &[Receiver<T>],
    stop: &Stop,
    consume: &mut impl FnMut(T) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let _stop_on_return = StopOnDrop(stop);
    for channel in channels.iter().cycle().take(count) {
        // A channel closes early only where its worker panicked; joining it tells the caller.
        let Ok(item) = channel.recv() else { break };
        consume(item)?;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, Instant};

    use super::*;

    fn limits(workers: usize, batches_ahead: usize) -> PipelineLimits {
        PipelineLimits { workers, batches_ahead }
    }

    #[test]
    fn items_come_in_order_whatever_time_each_takes() {
        for workers in [0, 1, 2, 3, 8] {
            for count in [0, 1, 2, 7, 50] {
                let make = |index: usize, _: &Stop| {
                    (0..index * 7919 % 13).for_each(|_| thread::yield_now());
                    index
                };
                let mut seen = Vec::new();
                let flow = for_each_in_order(count, PipelineLimits::new(workers), make, |item| {
                    seen.push(item);
                    ControlFlow::<()>::Continue(())
                });
                assert_eq!(flow, ControlFlow::Continue(()));
                assert_eq!(seen, (0..count).collect::<Vec<_>>());
            }
        }
    }

    /// The most items that were started and not yet handed over, with a slow consumer.
    fn most_ahead(limits: PipelineLimits) -> usize {
        let (ahead, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |_: usize, _: &Stop| {
            most.fetch_max(ahead.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        };
        let flow = for_each_in_order(40, limits, make, |()| {
            // Long enough for workers without a bound to run away.
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2) {
                thread::yield_now();
            }
            ahead.fetch_sub(1, Ordering::SeqCst);
            ControlFlow::<()>::Continue(())
        });
        assert!(flow.is_continue());
        most.into_inner()
    }

    #[test]
    fn workers_never_get_further_ahead_than_the_limit() {
        for (workers, batches_ahead) in [(1, 1), (2, 2), (2, 6), (4, 4), (8, 3), (3, 7)] {
            let most = most_ahead(limits(workers, batches_ahead));
            // One more is counted: the item that the slow consumer holds.
            assert!(most <= batches_ahead + 1, "{workers} workers, {batches_ahead}: {most}");
            // Two is what a busy machine still reaches over forty items.
            assert!(most >= 2.min(batches_ahead), "no work was done ahead: {most}");
        }
    }

    #[test]
    fn breaking_off_stops_the_workers() {
        let made = AtomicUsize::new(0);
        let make = |index: usize, _: &Stop| {
            made.fetch_add(1, Ordering::SeqCst);
            index
        };
        let flow = for_each_in_order(1_000_000, limits(3, 6), make, |item| {
            if item == 4 { ControlFlow::Break(item) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(flow, ControlFlow::Break(4));
        assert!(made.into_inner() <= 5 + 6, "at most those handed over and those ahead");
    }

    #[test]
    fn an_item_in_work_is_told_to_stop() {
        let make = |index: usize, stop: &Stop| {
            // Item 1 would never end by itself.
            while index == 1 && !stop.is_set() {
                thread::yield_now();
            }
            index
        };
        assert_eq!(
            for_each_in_order(9, limits(2, 4), make, ControlFlow::Break),
            ControlFlow::Break(0)
        );
    }

    #[test]
    fn a_panic_of_a_worker_reaches_the_caller_after_the_items_before_it() {
        let make = |index: usize, _: &Stop| {
            assert!(index != 5, "item five");
            index
        };
        let mut seen = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for_each_in_order(100, limits(2, 4), make, |item| {
                seen.push(item);
                ControlFlow::<()>::Continue(())
            })
        }));
        let panic = outcome.unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|message| message.contains("item five")));
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_panic_of_the_consumer_does_not_hang() {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for_each_in_order(
                100,
                limits(2, 4),
                |index, _| index,
                |_| -> ControlFlow<()> { panic!("consumer") },
            )
        }));
        assert!(outcome.is_err());
    }
}
