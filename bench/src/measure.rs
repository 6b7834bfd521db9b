//! How often a case is repeated, and what is read off.

use std::time::Instant;

use crate::Repetition;

// The rule of repetition, the same in `bench/kernels/peers.py`.
const WARM_UP_SECONDS: f64 = 0.5;
const WARM_UP_REPETITIONS: usize = 2;
const SECONDS: f64 = 2.0;
const LEAST_REPETITIONS: usize = 5;
const MOST_REPETITIONS: usize = 50;

/// What one process says of its case.
pub(crate) struct Measurement {
    /// Of every repetition after the warm-up.
    pub(crate) seconds: Vec<f64>,
    /// The most that was resident at once, `None` where the system does not say.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// The same before the first repetition: weights and inputs.
    pub(crate) peak_memory_before_bytes: Option<u64>,
}

/// Warms up, then times every repetition.
pub(crate) fn measured(mut repetition: Repetition) -> Measurement {
    let peak_memory_before_bytes = peak_memory_bytes();
    repeated(&mut repetition, WARM_UP_SECONDS, WARM_UP_REPETITIONS);
    let seconds = repeated(&mut repetition, SECONDS, LEAST_REPETITIONS);
    Measurement { seconds, peak_memory_bytes: peak_memory_bytes(), peak_memory_before_bytes }
}

fn repeated(repetition: &mut Repetition, seconds: f64, least: usize) -> Vec<f64> {
    let mut taken = Vec::new();
    while taken.len() < least
        || (taken.iter().sum::<f64>() < seconds && taken.len() < MOST_REPETITIONS)
    {
        let start = Instant::now();
        repetition();
        taken.push(start.elapsed().as_secs_f64());
    }
    taken
}

/// Linux's high-water mark, the number that `getrusage` gives the peers.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|count| count * 1024)
}
