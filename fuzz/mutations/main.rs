//! Mutated files by the ten thousand: no reader may panic, abort, hang or grow.
//!
//! `cargo run --release --manifest-path fuzz/Cargo.toml --target-dir target --bin mutations` takes
//! 20 000 sounds, 20 000 pictures, 2 000 tables and 500 bundles, made by a seed from this repository's
//! small files. Each kind is read by two threads of another process, so that one that ends does not end
//! the rest. Printed are counts, the longest time and the peak of memory; the exit code is 1 where a
//! case panicked, ended its process, or went over a limit. `mutations sounds --seed 7 --count 500` takes
//! one kind, and `--no-default-features` leaves bundles out; `mutations show sounds 7 123` writes case
//! 123 of seed 7 to standard output.

#[cfg(feature = "bundles")]
mod bundle;
mod kind;
mod mutate;
mod supervise;
mod work;

use std::io::Write;
use std::process::ExitCode;

use kind::Kind;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["work", kind, seed, from, to] => {
            work::cases(Kind::named(kind), number(seed), number(from)..number(to))
        }
        ["show", kind, seed, case] => {
            let kind = Kind::named(kind);
            let bytes = mutate::case(&kind.seeds(), number(seed), number(case));
            std::io::stdout().write_all(&bytes).expect("room for a case");
            ExitCode::SUCCESS
        }
        words => supervised(words),
    }
}

/// Kinds, `--seed` and `--count`.
fn supervised(words: &[&str]) -> ExitCode {
    let after = |flag| words.iter().position(|word| *word == flag).map(|at| number(words[at + 1]));
    let seed = after("--seed").unwrap_or(1);
    let is_named = |kind: &&Kind| words.contains(&kind.name());
    let is_any_named = Kind::ALL.iter().any(|kind| is_named(&kind));
    let kinds = Kind::ALL.iter().filter(|kind| !is_any_named || is_named(kind));
    let count = |kind: &Kind| after("--count").unwrap_or(kind.count());
    let faults: usize = kinds.map(|kind| supervise::run(*kind, seed, count(kind))).sum();
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("`{word}` is not a whole number"))
}
