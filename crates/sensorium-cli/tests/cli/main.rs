//! The command itself, run as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod altered;
mod bad_rows;
mod descriptors;
mod features;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
mod hub_server;
mod labels;
mod limits;
mod pretrained;
mod refuse;
mod repeat;
mod resume;
mod run;
mod small;
mod tables;
mod together;
