//! Times one case of the comparison with our features, and prints one line of JSON.
//!
//! `sensorium-features-bench CASE --data FOLDER --threads N [--tokenizer FILE]`;
//! `bench/features/compare.py` runs it beside the Python libraries of `bench/features/peers.py`.

mod cases;
mod inputs;
mod measure;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "usage: sensorium-features-bench CASE --data FOLDER --threads N [--tokenizer FILE]";

/// What the command line says.
pub(crate) struct Arguments {
    case: String,
    /// The folder of the tables.
    data: PathBuf,
    threads: usize,
    /// A `tokenizer.json`, which only the case `wordpiece` needs.
    tokenizer: Option<PathBuf>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let case = words.next().ok_or(USAGE)?;
        let (mut data, mut threads, mut tokenizer) = (None, None, None);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            match flag.as_str() {
                "--data" => data = Some(value.into()),
                "--threads" => threads = Some(value.parse()?),
                "--tokenizer" => tokenizer = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        let (data, threads) = (data.ok_or(USAGE)?, threads.ok_or(USAGE)?);
        Ok(Self { case, data, threads, tokenizer })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let case = cases::prepared(&arguments)?;
    let measurement = measure::measured(case.as_ref())?;
    let line = json!({
        "case": arguments.case,
        "engine": "ours",
        "cold_seconds": measurement.cold_seconds,
        "seconds": measurement.warm_seconds,
        "rows": measurement.digest.rows,
        "values": measurement.digest.values,
        "mean_magnitude": measurement.digest.mean_magnitude(),
        "peak_memory_bytes": measurement.peak_memory_bytes,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
