//! Tables: any bytes of a `.parquet` file are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|bytes: &[u8]| table::read("parquet", bytes));
