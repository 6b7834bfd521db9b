//! The `sensorium` command.
fn main() {}
