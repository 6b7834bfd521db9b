//! Encoders, one role for each layout that they read.

pub mod grid;
pub mod sequence;
pub mod vector;
