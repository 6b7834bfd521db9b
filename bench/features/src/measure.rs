//! How often a case is repeated, and what is read off.

use std::error::Error;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

// The rule of repetition, the same in `bench/features/peers.py`.
const SECONDS: f64 = 2.0;
const LEAST_REPETITIONS: usize = 3;
const MOST_REPETITIONS: usize = 30;

/// A case whose inputs are ready; one pass makes the output of every row.
pub(crate) trait Pass {
    /// Hands every row's values to `each`, on whichever thread made them.
    fn run(&self, each: &(dyn Fn(Values<'_>) + Sync)) -> Result<(), Box<dyn Error>>;
}

/// What became of one row.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a> {
    Numbers(&'a [f32]),
    Ids(&'a [u32]),
}

/// What one process says of its case.
pub(crate) struct Measurement {
    /// Of the first pass of the process.
    pub(crate) cold_seconds: f64,
    /// Of every pass after it.
    pub(crate) warm_seconds: Vec<f64>,
    pub(crate) digest: Digest,
    /// The most that was resident at once, `None` where the system does not say.
    pub(crate) peak_memory_bytes: Option<u64>,
}

/// What tells whether two engines made the same of the same rows.
#[derive(Default)]
pub(crate) struct Digest {
    pub(crate) rows: usize,
    pub(crate) values: usize,
    sum_of_magnitudes: f64,
}

impl Digest {
    pub(crate) fn mean_magnitude(&self) -> f64 {
        self.sum_of_magnitudes / self.values as f64
    }

    fn add(&mut self, values: Values<'_>) {
        let (count, sum): (usize, f64) = match values {
            Values::Numbers(values) => {
                (values.len(), values.iter().map(|value| f64::from(value.abs())).sum())
            }
            Values::Ids(ids) => (ids.len(), ids.iter().map(|&id| f64::from(id)).sum()),
        };
        self.rows += 1;
        self.values += count;
        self.sum_of_magnitudes += sum;
    }
}

/// Times the first pass and the ones after it, then digests a pass that is not timed.
pub(crate) fn measured(case: &dyn Pass) -> Result<Measurement, Box<dyn Error>> {
    let cold_seconds = timed(case)?;
    let mut warm_seconds = Vec::new();
    while warm_seconds.len() < LEAST_REPETITIONS
        || (warm_seconds.iter().sum::<f64>() < SECONDS && warm_seconds.len() < MOST_REPETITIONS)
    {
        warm_seconds.push(timed(case)?);
    }
    let peak_memory_bytes = peak_memory_bytes();
    let digest = Mutex::new(Digest::default());
    case.run(&|values| digest.lock().unwrap_or_else(PoisonError::into_inner).add(values))?;
    let digest = digest.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Measurement { cold_seconds, warm_seconds, digest, peak_memory_bytes })
}

fn timed(case: &dyn Pass) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    case.run(&|values| {
        black_box(values);
    })?;
    Ok(start.elapsed().as_secs_f64())
}

/// Linux's high-water mark, the number that `getrusage` gives the peers.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|count| count * 1024)
}
