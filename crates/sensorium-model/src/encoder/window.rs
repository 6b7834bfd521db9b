//! What the windows of convolutions and of pooling are called in a config, in space and in time.

use std::fmt;

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// What lies beyond the edges of a convolution's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// As many zeros as keep the size at stride 1; written `same`.
    #[default]
    Same,
    /// Nothing; written `valid`.
    Valid,
    /// So many zeros on every side, below the size of the kernel; written as the number.
    Zeros(usize),
}

impl Padding {
    /// Zeros before and after an axis that a kernel of `size` slides over.
    pub(crate) fn around(self, size: usize) -> [usize; 2] {
        match self {
            Self::Same => [(size - 1) / 2, size / 2],
            Self::Valid => [0, 0],
            Self::Zeros(zeros) => [zeros, zeros],
        }
    }

    /// # Errors
    ///
    /// [`ConfigError`] at `key` where a kernel of `size` could see nothing but padding.
    pub(crate) fn check(self, key: &str, size: usize) -> Result<(), ConfigError> {
        match self {
            Self::Zeros(zeros) => in_range(key, zeros, 0..size),
            Self::Same | Self::Valid => Ok(()),
        }
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Same => serializer.serialize_str("same"),
            Self::Valid => serializer.serialize_str("valid"),
            Self::Zeros(zeros) => serializer.serialize_u64(zeros as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PaddingVisitor)
    }
}

struct PaddingVisitor;

impl Visitor<'_> for PaddingVisitor {
    type Value = Padding;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`same`, `valid` or a number")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Padding, E> {
        match name {
            "same" => Ok(Padding::Same),
            "valid" => Ok(Padding::Valid),
            _ => Err(E::unknown_variant(name, &["same", "valid"])),
        }
    }

    fn visit_u64<E: de::Error>(self, zeros: u64) -> Result<Padding, E> {
        whole(zeros).map(Padding::Zeros)
    }
}

fn whole<E: de::Error>(number: u64) -> Result<usize, E> {
    usize::try_from(number).map_err(|_| E::custom("a size does not fit this machine"))
}

/// How a pooling window becomes one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolFunction {
    /// The largest.
    #[default]
    Max,
    /// The mean.
    #[serde(rename = "avg", alias = "average", alias = "mean")]
    Average,
}

/// A size in pixels; written as one number for both sides or as `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "[usize; 2]")]
pub struct Extent {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
}

impl Extent {
    /// The same number of pixels both ways.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    pub(crate) const fn sides(self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// # Errors
    ///
    /// [`ConfigError`] at `key` where a side is not from 1 to `longest`.
    pub(crate) fn check(self, key: &str, longest: usize) -> Result<(), ConfigError> {
        self.sides().into_iter().try_for_each(|side| in_range(key, side, 1..=longest))
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl From<Extent> for [usize; 2] {
    fn from(extent: Extent) -> Self {
        extent.sides()
    }
}

impl<'de> Deserialize<'de> for Extent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExtentVisitor)
    }
}

struct ExtentVisitor;

impl<'de> Visitor<'de> for ExtentVisitor {
    type Value = Extent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or [height, width]")
    }

    fn visit_u64<E: de::Error>(self, side: u64) -> Result<Extent, E> {
        whole(side).map(Extent::square)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sides: A) -> Result<Extent, A::Error> {
        let mut next =
            |index| sides.next_element()?.ok_or_else(|| de::Error::invalid_length(index, &self));
        let extent = Extent { height: next(0)?, width: next(1)? };
        match sides.next_element::<usize>()? {
            None => Ok(extent),
            Some(_) => Err(de::Error::invalid_length(3, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::config::read;
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_paddings_are_read_and_written_back() {
        for (written, extent) in
            [(json!(3), Extent::square(3)), (json!([2, 5]), Extent { height: 2, width: 5 })]
        {
            assert_eq!(read::<Extent>(written).unwrap(), extent);
            assert_eq!(read::<Extent>(json!(extent)).unwrap(), extent);
        }
        for (written, padding) in [
            (json!("same"), Padding::Same),
            (json!("valid"), Padding::Valid),
            (json!(2), Padding::Zeros(2)),
        ] {
            assert_eq!(read::<Padding>(written.clone()).unwrap(), padding);
            assert_eq!(json!(padding), written);
        }
    }

    #[test]
    fn what_is_neither_is_refused_in_words() {
        let extent = read::<Extent>(json!("wide")).unwrap_err().to_string();
        assert_eq!(
            extent,
            "the config is the text \"wide\", but a number or [height, width] was expected"
        );
        assert!(read::<Extent>(json!([1])).is_err() && read::<Extent>(json!([1, 2, 3])).is_err());
        let padding = read::<Padding>(json!("sane")).unwrap_err().to_string();
        assert_eq!(padding, "the config is `sane`, which is not one of its values");
    }

    #[test]
    fn same_padding_keeps_the_size() {
        for size in 1..6 {
            let [before, after] = Padding::Same.around(size);
            assert_eq!(before + after, size - 1);
        }
    }
}
