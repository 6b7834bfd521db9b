//! Load a bundle and predict: what a Rust program depends on.
