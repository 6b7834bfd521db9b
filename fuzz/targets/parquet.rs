//! Tables: any bytes of a `.parquet` file are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod table;

// The reader catches panics of the library behind it and refuses the file; libFuzzer's own hook would
// abort before that. A panic that no one catches is found all the same.
fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| table::read("parquet", bytes)
);
