//! Starts the processes that read, and adds up what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use crate::kind::Kind;
use crate::work::MAX_SECONDS;

/// The most memory that reading on two threads may take.
const MAX_PEAK_BYTES: u64 = 1 << 30;
/// The cases of one process.
const AT_ONCE: u64 = 1_000;

#[derive(Default)]
struct Found {
    outcomes: BTreeMap<String, usize>,
    slowest: (u64, u64),
    peak_bytes: u64,
    faults: Vec<String>,
}

/// Reads `count` cases, prints what was found, and returns how many faults there were.
pub(crate) fn run(kind: Kind, seed: u64, count: u64) -> usize {
    let mut found = Found::default();
    let mut from = 0;
    while from < count {
        let to = count.min(from + AT_ONCE);
        let mut missing: BTreeSet<u64> = (from..to).collect();
        // A process that ends in the middle leaves cases behind; those it was at are faults.
        while !missing.is_empty() {
            read(kind, seed, &mut missing, &mut found);
        }
        from = to;
    }
    print(kind, seed, &found);
    found.faults.len()
}

fn read(kind: Kind, seed: u64, missing: &mut BTreeSet<u64>, found: &mut Found) {
    let from = *missing.first().expect("some are missing");
    let to = *missing.last().expect("some are missing") + 1;
    let program = std::env::current_exe().expect("this program");
    let words = [
        "work".to_owned(),
        kind.name().to_owned(),
        seed.to_string(),
        from.to_string(),
        to.to_string(),
    ];
    let output =
        Command::new(program).args(words).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.expect("the process starts");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        found.add(line, missing);
    }
    if !output.status.success() && output.status.code() != Some(3) {
        found
            .faults
            .push(format!("case {from}, or soon after: the process ended, {}", output.status));
        // What it was at is not known better than this: the first of each thread.
        let at: Vec<u64> = missing.iter().copied().take(2).collect();
        missing.retain(|case| !at.contains(case));
    }
}

impl Found {
    fn add(&mut self, line: &str, missing: &mut BTreeSet<u64>) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["peak", bytes] => {
                let bytes = bytes.parse().unwrap_or(0);
                if bytes > MAX_PEAK_BYTES && self.peak_bytes <= MAX_PEAK_BYTES {
                    self.faults.push(format!("memory: {} MB", bytes / 1_000_000));
                }
                self.peak_bytes = self.peak_bytes.max(bytes);
            }
            [case, milliseconds, outcome] => {
                let (Ok(case), Ok(milliseconds)) = (case.parse(), milliseconds.parse()) else {
                    return;
                };
                if !missing.remove(&case) {
                    return;
                }
                *self.outcomes.entry((*outcome).to_owned()).or_default() += 1;
                self.slowest = self.slowest.max((milliseconds, case));
                if matches!(*outcome, "panicked" | "hung")
                    || milliseconds as f64 > 1e3 * MAX_SECONDS
                {
                    self.faults.push(format!("case {case}: {outcome} after {milliseconds} ms"));
                }
            }
            _ => {}
        }
    }
}

fn print(kind: Kind, seed: u64, found: &Found) {
    let outcomes: Vec<String> =
        found.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let (milliseconds, case) = found.slowest;
    println!(
        "{}, seed {seed}: {}; slowest {milliseconds} ms (case {case}); peak {} MB; {} faults",
        kind.name(),
        outcomes.join(", "),
        found.peak_bytes / 1_000_000,
        found.faults.len()
    );
    for fault in &found.faults {
        println!("  {fault}");
    }
}
