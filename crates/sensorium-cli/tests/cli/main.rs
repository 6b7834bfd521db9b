//! The command itself, run as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod features;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
mod hub_server;
mod pretrained;
mod refuse;
mod repeat;
mod run;
mod small;
mod tables;
mod together;
