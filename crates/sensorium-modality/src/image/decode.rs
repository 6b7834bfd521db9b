//! From a file's bytes to a [`Picture`].

/// What a picture may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels that a picture may have.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 100_000_000 }
    }
}
