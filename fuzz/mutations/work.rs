//! The cases of one process, on two threads, with what the supervisor wants to know on each line.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::kind::Kind;
use crate::mutate;

pub(crate) const THREADS: u64 = 2;
/// The longest that a case may take.
pub(crate) const MAX_SECONDS: f64 = 10.0;

/// What each thread is at, and since when.
type Places = Mutex<[Option<(u64, Instant)>; THREADS as usize]>;

/// Reads the cases and says of each `CASE MILLISECONDS read|refused|caught|panicked`, and at the end
/// `peak BYTES`.
pub(crate) fn cases(kind: Kind, seed: u64, numbers: Range<u64>) -> ExitCode {
    let (seeds, reader) = (kind.seeds(), kind.reader());
    let places = Places::default();
    let (left, all_done) = (Mutex::new(THREADS), Condvar::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (seeds, reader, places, left, all_done) =
                (&seeds, &reader, &places, &left, &all_done);
            let mine = numbers.clone().filter(move |number| number % THREADS == thread);
            scope.spawn(move || {
                for number in mine {
                    let bytes = mutate::case(seeds, seed, number);
                    let begun = Instant::now();
                    set(places, thread, Some((number, begun)));
                    let read = catch_unwind(AssertUnwindSafe(|| reader.read(thread, &bytes)));
                    set(places, thread, None);
                    let said = read.map_or("panicked", |outcome| outcome);
                    println!("{number} {} {said}", begun.elapsed().as_millis());
                }
                *left.lock().expect("no panic under the lock") -= 1;
                all_done.notify_all();
            });
        }
        watch(&places, &left, &all_done);
    });
    println!("peak {}", peak_bytes());
    ExitCode::SUCCESS
}

fn set(places: &Places, thread: u64, place: Option<(u64, Instant)>) {
    places.lock().expect("no panic under the lock")[usize::from(thread == 1)] = place;
}

/// Ends the process where a case takes too long; there is no other way to stop it.
fn watch(places: &Places, left: &Mutex<u64>, all_done: &Condvar) {
    let mut left = left.lock().expect("no panic under the lock");
    while *left > 0 {
        let waited = all_done.wait_timeout(left, Duration::from_millis(200));
        left = waited.expect("no panic under the lock").0;
        let now = *places.lock().expect("no panic under the lock");
        for (number, begun) in now.into_iter().flatten() {
            if begun.elapsed().as_secs_f64() > MAX_SECONDS {
                println!("{number} {} hung", begun.elapsed().as_millis());
                println!("peak {}", peak_bytes());
                std::process::exit(3);
            }
        }
    }
}

/// The peak of resident memory, in bytes, as Linux counts it; 0 elsewhere.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}
