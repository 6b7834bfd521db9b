//! The `sensorium` command: trains, judges and runs models that see, read and hear.

mod arguments;
mod columns;
mod command;
mod failure;
#[cfg(feature = "hub")]
mod hub;
mod machine;
mod progress;
mod remarks;
mod signals;
mod statistics;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(arguments::with_underscores(std::env::args_os()));
    match command::run(arguments) {
        Ok(code) => code,
        Err(failure) => failure.print(),
    }
}
