//! Threads that share out the tasks of one kernel at a time.
//!
//! A training step runs hundreds of kernels of 10 to 1000 microseconds one after another. Waking a
//! sleeping thread takes as long as the shorter ones, so the threads of the team wait for the next
//! kernel awake, as those of OpenMP do, and sleep where none comes for [`AWAKE`]. The thread that
//! calls a kernel does its share of the tasks. While a kernel is shared out, one that is called
//! from another thread, or from within a task, runs on its caller alone: two predictions at once
//! are better made side by side than taking turns.

use std::any::Any;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::scratch::Shared;

/// How long a thread waits awake for the next kernel.
const AWAKE: Duration = Duration::from_micros(300);
/// How long it waits without letting another process have its core.
const EAGER: Duration = Duration::from_micros(50);
/// Looks for a kernel between two looks at the clock.
const LOOKS: usize = 16;
/// Parts that the tasks of each thread are handed out in, so that none waits long for the last.
const PARTS: usize = 16;

/// Sets the number of threads that kernels run on; one that runs already keeps its own.
///
/// Without it there are as many as the process may use cores.
pub fn set_num_threads(threads: NonZero<usize>) {
    NUM_THREADS.store(threads.get(), SeqCst);
}

/// The number of threads that a kernel called from here is shared out to.
pub fn num_threads() -> usize {
    if let Some(threads) = HERE.get() {
        return threads;
    }
    match NUM_THREADS.load(SeqCst) {
        0 => {
            static CORES: OnceLock<usize> = OnceLock::new();
            *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
        }
        threads => threads,
    }
}

/// Runs `work` with another number of threads for the kernels that it calls.
#[cfg(test)]
pub(crate) fn with_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    let before = HERE.replace(Some(threads));
    let result = work();
    HERE.set(before);
    result
}

thread_local! {
    /// A number of threads that is of this thread alone.
    static HERE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// 0 where nothing was set.
static NUM_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Calls `work` once for each of `tasks` indices, in any order and on all threads.
///
/// # Panics
///
/// If `work` does.
pub(crate) fn for_each(tasks: usize, work: impl Fn(usize) + Sync) {
    for_each_if(true, tasks, work);
}

/// [`for_each`], in order on this thread alone where the work is not worth a second one.
pub(crate) fn for_each_if(is_worth: bool, tasks: usize, work: impl Fn(usize) + Sync) {
    let threads = num_threads().min(tasks);
    if !is_worth || threads <= 1 {
        (0..tasks).for_each(work);
        return;
    }
    let kernel = Kernel {
        work: &work,
        tasks,
        part: (tasks / (threads * PARTS)).max(1),
        next: AtomicUsize::new(0),
        seats: AtomicUsize::new(threads - 1),
        panic: Mutex::new(None),
    };
    TEAM.share_out(&kernel, threads - 1);
    let panic = kernel.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// What `work` makes of each of `tasks` indices, in their order.
pub(crate) fn map<R: Send>(tasks: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    map_if(true, tasks, work)
}

/// [`map`], on this thread alone where the work is not worth a second one.
pub(crate) fn map_if<R: Send>(
    is_worth: bool,
    tasks: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let mut results: Vec<R> = Vec::with_capacity(tasks);
    let places = Places(results.spare_capacity_mut().as_mut_ptr());
    for_each_if(is_worth, tasks, |index| {
        // SAFETY: there is room for every index, and each is given to one task.
        unsafe { (*places.at(index)).write(work(index)) };
    });
    // SAFETY: `for_each` panics unless every task has ended.
    unsafe { results.set_len(tasks) };
    results
}

/// Calls `work` with each item, in any order and on all threads.
pub(crate) fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let items: Vec<Mutex<Option<T>>> =
        items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    for_each(items.len(), |index| {
        let item = items[index].lock().unwrap_or_else(PoisonError::into_inner).take();
        work(item.expect("each item is taken once"));
    });
}

/// Calls `work` with the index and the numbers of each part of `len` numbers; the last may be
/// shorter.
pub(crate) fn chunks_mut(values: &mut [f32], len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    chunks_mut_if(true, values, len, work);
}

/// [`chunks_mut`], on this thread alone where the work is not worth a second one.
pub(crate) fn chunks_mut_if(
    is_worth: bool,
    values: &mut [f32],
    len: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (all, shared) = (values.len(), Shared::new(values));
    for_each_if(is_worth, all.div_ceil(len), |index| {
        let start = index * len;
        let first = shared.pointer().wrapping_add(start);
        // SAFETY: parts do not overlap, and each is given to one task while `values` is borrowed.
        work(index, unsafe { std::slice::from_raw_parts_mut(first, len.min(all - start)) });
    });
}

/// Where results go.
struct Places<R>(*mut MaybeUninit<R>);

impl<R> Places<R> {
    fn at(&self, index: usize) -> *mut MaybeUninit<R> {
        self.0.wrapping_add(index)
    }
}

// SAFETY: only pointers are handed out, and whoever writes to one promises to be the only one.
unsafe impl<R: Send> Sync for Places<R> {}

/// A kernel that is shared out.
struct Kernel<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    /// Tasks that are taken at once.
    part: usize,
    /// The first task that nobody has taken.
    next: AtomicUsize,
    /// Threads that may still join.
    seats: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Kernel<'_> {
    /// Does tasks until all are taken.
    fn run(&self) {
        let run = || {
            loop {
                let start = self.next.fetch_add(self.part, SeqCst);
                if start >= self.tasks {
                    break;
                }
                (start..self.tasks.min(start + self.part)).for_each(self.work);
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            // The others need not begin what is left.
            self.next.store(self.tasks, SeqCst);
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
    }

    fn take_seat(&self) -> bool {
        self.seats.fetch_update(SeqCst, SeqCst, |seats| seats.checked_sub(1)).is_ok()
    }
}

/// The threads, and the kernel that is shared out to them.
struct Team {
    /// Null where there is none.
    kernel: AtomicPtr<Kernel<'static>>,
    /// Whether somebody shares out a kernel.
    is_taken: AtomicBool,
    /// Kernels that were shared out so far.
    count: AtomicUsize,
    /// Threads that may be using `kernel`.
    inside: AtomicUsize,
    asleep: AtomicUsize,
    /// The number of threads.
    members: Mutex<usize>,
    wake: Condvar,
}

static TEAM: Team = Team {
    kernel: AtomicPtr::new(null_mut()),
    is_taken: AtomicBool::new(false),
    count: AtomicUsize::new(0),
    inside: AtomicUsize::new(0),
    asleep: AtomicUsize::new(0),
    members: Mutex::new(0),
    wake: Condvar::new(),
};

impl Team {
    /// Runs a kernel on this thread and `helpers` others, and returns when all have ended.
    fn share_out(&'static self, kernel: &Kernel<'_>, helpers: usize) {
        if self.is_taken.swap(true, SeqCst) {
            kernel.run();
            return;
        }
        self.grow(helpers);
        // Members use it only between entering and leaving, and this function waits until all have
        // left, so the longer lifetime is not used.
        self.kernel.store(std::ptr::from_ref(kernel).cast_mut().cast(), SeqCst);
        self.count.fetch_add(1, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            drop(self.members.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
        kernel.run();
        self.kernel.store(null_mut(), SeqCst);
        let mut wait = Wait::new();
        while self.inside.load(SeqCst) > 0 {
            wait.look_again();
        }
        self.is_taken.store(false, SeqCst);
    }

    /// Starts threads where there are fewer than `helpers`.
    fn grow(&'static self, helpers: usize) {
        thread_local! {
            /// The members that this thread has seen, to spare it the lock.
            static SEEN: Cell<usize> = const { Cell::new(0) };
        }
        if SEEN.get() >= helpers {
            return;
        }
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        while *members < helpers {
            let thread = thread::Builder::new().name(format!("kernel-{}", *members + 1));
            if thread.spawn(|| self.serve()).is_err() {
                // Whoever is there does the work.
                return;
            }
            *members += 1;
        }
        SEEN.set(*members);
    }

    /// What a member does all its life.
    fn serve(&self) {
        let mut seen = 0;
        loop {
            seen = self.next_after(seen);
            self.inside.fetch_add(1, SeqCst);
            // Read after entering: whoever takes the kernel away after this looks for those inside.
            let kernel = self.kernel.load(SeqCst);
            if !kernel.is_null() {
                // SAFETY: `share_out` keeps the kernel until nobody is inside.
                let kernel = unsafe { &*kernel };
                if kernel.take_seat() {
                    kernel.run();
                }
            }
            self.inside.fetch_sub(1, SeqCst);
        }
    }

    /// Waits until other than `seen` kernels were shared out, and returns how many.
    fn next_after(&self, seen: usize) -> usize {
        let mut wait = Wait::new();
        loop {
            let count = self.count.load(SeqCst);
            if count != seen {
                return count;
            }
            if wait.look_again() > AWAKE {
                self.sleep(seen);
                wait = Wait::new();
            }
        }
    }

    /// Sleeps until other than `seen` kernels were shared out.
    fn sleep(&self, seen: usize) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.fetch_add(1, SeqCst);
        // Looked at after `asleep` is up: whoever shares out a kernel later sees it and wakes us.
        while self.count.load(SeqCst) == seen {
            members = self.wake.wait(members).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, SeqCst);
        drop(members);
    }
}

/// Waiting awake.
struct Wait {
    since: Option<Instant>,
    looks: usize,
    waited: Duration,
}

impl Wait {
    const fn new() -> Self {
        Self { since: None, looks: 0, waited: Duration::ZERO }
    }

    /// Passes a moment, and returns about how long it has been.
    fn look_again(&mut self) -> Duration {
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS) {
            self.waited = self.since.get_or_insert_with(Instant::now).elapsed();
        }
        if self.waited < EAGER {
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn every_task_is_done_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            for tasks in [0, 1, 2, 5, 100, 10_000] {
                let done: Vec<AtomicU32> = (0..tasks).map(|_| AtomicU32::new(0)).collect();
                with_threads(threads, || {
                    for_each(tasks, |index| {
                        done[index].fetch_add(1, SeqCst);
                    });
                });
                assert!(done.iter().all(|done| done.load(SeqCst) == 1), "{threads}, {tasks}");
            }
        }
    }

    #[test]
    fn results_come_in_order_and_chunks_cover_all_numbers() {
        with_threads(3, || {
            let squares: Vec<usize> = (0..1000).map(|index| index * index).collect();
            assert_eq!(map(1000, |index| index * index), squares);
            let mut values = vec![0.0; 103];
            chunks_mut(&mut values, 10, |index, part| {
                assert_eq!(part.len(), if index == 10 { 3 } else { 10 });
                part.iter_mut().for_each(|value| *value += index as f32);
            });
            let expected: Vec<f32> = (0..103).map(|at| (at / 10) as f32).collect();
            assert_eq!(values, expected);
            let sum = AtomicUsize::new(0);
            each((0..100).collect(), |item: usize| {
                sum.fetch_add(item, SeqCst);
            });
            assert_eq!(sum.into_inner(), 4950);
        });
    }

    #[test]
    fn kernels_within_kernels_and_from_many_threads_all_end() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let sums = with_threads(4, || {
                            map(8, |index| map(9, |inner| index * inner).iter().sum::<usize>())
                        });
                        assert_eq!(sums, (0..8).map(|index| index * 36).collect::<Vec<_>>());
                    }
                });
            }
        });
    }

    #[test]
    fn threads_that_slept_wake_up_again() {
        let shared_out = || {
            while TEAM.asleep.load(SeqCst) == 0 {
                thread::yield_now();
            }
            let (started, threads) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
            for_each(2, |_| {
                started.fetch_add(1, SeqCst);
                // The other task needs another thread, which may be long in coming.
                let mut wait = Wait::new();
                while started.load(SeqCst) < 2 && wait.look_again() < Duration::from_millis(20) {}
                threads.lock().unwrap().insert(format!("{:?}", thread::current().id()));
            });
            threads.into_inner().unwrap().len() == 2
        };
        with_threads(2, || for_each(2, |_| ()));
        // Other tests may have the team at any one time, and not at all of them.
        with_threads(2, || assert!((0..500).any(|_| shared_out())));
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_the_team_goes_on() {
        with_threads(3, || {
            let caught = catch_unwind(|| for_each(100, |index| assert!(index != 57, "task 57")));
            let message = *caught.unwrap_err().downcast::<&str>().expect("a text");
            assert_eq!(message, "task 57");
            assert_eq!(map(3, |index| index), [0, 1, 2]);
        });
    }
}
