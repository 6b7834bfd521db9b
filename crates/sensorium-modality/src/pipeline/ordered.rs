//! Work done in parallel, handed over in order, never far ahead.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many threads decode, and how far ahead of the consumer they may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineLimits {
    /// The most threads that decode; with 0 the caller's own thread does.
    pub workers: usize,
    /// The most batches that are being decoded or wait to be consumed, at least 1. No more than
    /// this many workers are started.
    pub batches_ahead: usize,
    /// No batch is begun while those that wait to be consumed take more memory than this, except
    /// the one that is consumed next.
    pub bytes_ahead: usize,
}

impl PipelineLimits {
    /// `workers` threads, each with one batch in work and one that waits, 256 MiB of them.
    #[must_use]
    pub const fn new(workers: usize) -> Self {
        Self { workers, batches_ahead: 2 * workers, bytes_ahead: 256 << 20 }
    }
}

impl Default for PipelineLimits {
    /// One worker for each core that the process may use.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

/// How long the consumer waited for what it consumed, or made it itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting(pub Duration);

/// Set when nobody waits for results any more.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the workers wait for before they begin an item.
#[derive(Debug)]
struct Gate {
    limit_bytes: usize,
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    /// The item that is consumed next.
    next: usize,
    /// What the items take that were made and not yet consumed.
    bytes: usize,
    stop: bool,
}

impl Gate {
    fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, state: Mutex::default(), moved: Condvar::new() }
    }

    /// Waits until item `index` may be begun. The next one always may, so somebody always can go on.
    fn wait(&self, index: usize) {
        let is_closed = |state: &mut GateState| {
            !state.stop && state.bytes > self.limit_bytes && state.next != index
        };
        drop(
            self.moved.wait_while(self.state(), is_closed).unwrap_or_else(PoisonError::into_inner),
        );
    }

    fn made(&self, bytes: usize) {
        self.state().bytes += bytes;
    }

    fn consumed(&self, bytes: usize) {
        let mut state = self.state();
        state.next += 1;
        state.bytes -= bytes;
        drop(state);
        self.moved.notify_all();
    }

    fn open(&self) {
        self.state().stop = true;
        self.moved.notify_all();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, GateState> {
        // Each step under the lock leaves the state whole, so a panic elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets a [`Stop`] and opens the gate when the consumer returns, breaks off or panics.
struct StopOnDrop<'a>(&'a Stop, &'a Gate);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
        self.1.open();
    }
}

/// Something whose size is known.
pub(super) trait NumBytes {
    /// The memory that it takes, in bytes.
    fn num_bytes(&self) -> usize;
}

/// Makes items `0..count` and hands them to `consume` in that order, until it breaks; with each,
/// how long the consumer waited for it.
///
/// Worker `w` of `n` makes items `w`, `w + n`, … into a bounded channel of its own, and the
/// consumer reads the channels in turn. So the order needs no lock, and which thread makes an
/// item never depends on time. What `make` returns once `stop` is set is thrown away.
///
/// # Panics
///
/// With the panic of `make`, if it panics.
pub(super) fn for_each_in_order<T: Send + NumBytes, B>(
    count: usize,
    limits: PipelineLimits,
    make: impl Fn(usize, &Stop) -> T + Sync,
    mut consume: impl FnMut(T, Waiting) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let stop = Stop::default();
    let workers = limits.workers.min(limits.batches_ahead.max(1)).min(count);
    if workers == 0 || count == 1 {
        return (0..count).try_for_each(|index| {
            let begun = Instant::now();
            let item = make(index, &stop);
            consume(item, Waiting(begun.elapsed()))
        });
    }
    // A worker that has filled its channel holds one more item while it waits to send it.
    let waiting = (limits.batches_ahead / workers).saturating_sub(1);
    let gate = Gate::new(limits.bytes_ahead);
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(workers);
        let mut channels = Vec::with_capacity(workers);
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(waiting);
            let (make, stop, gate) = (&make, &stop, &gate);
            let indices = (worker..count).step_by(workers);
            handles.push(scope.spawn(move || make_all(indices, &sender, make, (stop, gate))));
            channels.push(receiver);
        }
        let flow = consume_in_turn(count, &channels, (&stop, &gate), &mut consume);
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

fn make_all<T: NumBytes>(
    indices: impl Iterator<Item = usize>,
    sender: &SyncSender<T>,
    make: &impl Fn(usize, &Stop) -> T,
    (stop, gate): (&Stop, &Gate),
) {
    for index in indices {
        gate.wait(index);
        if stop.is_set() {
            return;
        }
        let item = make(index, stop);
        gate.made(item.num_bytes());
        // The consumer has gone where the send fails.
        if sender.send(item).is_err() {
            return;
        }
    }
}

/// Reads one item from each channel in turn; once it returns or panics, the workers are to stop.
fn consume_in_turn<T: NumBytes, B>(
    count: usize,
    channels: &[Receiver<T>],
    (stop, gate): (&Stop, &Gate),
    consume: &mut impl FnMut(T, Waiting) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let _stop_on_return = StopOnDrop(stop, gate);
    for channel in channels.iter().cycle().take(count) {
        let begun = Instant::now();
        // A channel closes early only where its worker panicked; joining it tells the caller.
        let Ok(item) = channel.recv() else { break };
        let waiting = Waiting(begun.elapsed());
        gate.consumed(item.num_bytes());
        consume(item, waiting)?;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// An item takes as many bytes as it says.
    impl NumBytes for usize {
        fn num_bytes(&self) -> usize {
            *self
        }
    }

    fn limits(workers: usize, batches_ahead: usize) -> PipelineLimits {
        PipelineLimits { workers, batches_ahead, bytes_ahead: usize::MAX }
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
                let flow =
                    for_each_in_order(count, PipelineLimits::new(workers), make, |item, _| {
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
            1
        };
        let flow = for_each_in_order(40, limits, make, |_, _| {
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
    fn no_more_bytes_wait_than_the_limit_and_what_is_in_work() {
        for (workers, batches_ahead, bytes_ahead) in [(1, 9, 2), (2, 8, 3), (3, 30, 0)] {
            let limits = PipelineLimits { workers, batches_ahead, bytes_ahead };
            let most = most_ahead(limits);
            // Items of one byte: those over the limit were in work when it was reached, and the slow
            // consumer holds one.
            assert!(most <= bytes_ahead + 1 + workers + 1, "{limits:?}: {most}");
        }
    }

    #[test]
    fn waiting_is_what_the_consumer_did_not_work() {
        for workers in [0, 1] {
            let make = |_: usize, _: &Stop| {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(5) {
                    thread::yield_now();
                }
                1
            };
            let mut waited = Duration::ZERO;
            let flow = for_each_in_order(4, limits(workers, 2), make, |_, Waiting(waiting)| {
                waited += waiting;
                ControlFlow::<()>::Continue(())
            });
            assert!(flow.is_continue());
            assert!(waited >= Duration::from_millis(15), "{workers} workers: {waited:?}");
        }
    }

    #[test]
    fn breaking_off_stops_the_workers() {
        let made = AtomicUsize::new(0);
        let make = |index: usize, _: &Stop| {
            made.fetch_add(1, Ordering::SeqCst);
            index
        };
        let flow = for_each_in_order(1_000_000, limits(3, 6), make, |item, _| {
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
            for_each_in_order(9, limits(2, 4), make, |item, _| ControlFlow::Break(item)),
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
            for_each_in_order(100, limits(2, 4), make, |item, _| {
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
                |_, _| -> ControlFlow<()> { panic!("consumer") },
            )
        }));
        assert!(outcome.is_err());
    }
}
