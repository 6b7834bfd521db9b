//! By what pictures' values are shifted and scaled: `standardize_image`.

use std::fmt;

use sensorium_core::ConfigError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::config::conflict;
use super::scale::ChannelScale;

/// By what the values, first brought to 0 to 1, are shifted and scaled, channel by channel.
///
/// Written as a name, or as `{mean: […], std: […]}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Standardize {
    /// Mean and deviation of a sample of the train pictures; written `train`.
    Train,
    /// Mean and deviation of ImageNet-1k, which most pretrained encoders expect; written
    /// `imagenet1k`.
    ImageNet1k,
    /// Mean and deviation of the pictures CLIP was trained on, which its descendants expect;
    /// written `clip`.
    Clip,
    /// 0.5 and 0.5, from 0 to 1 to -1 to 1, as Inception and the vision transformers expect;
    /// written `inception`.
    Inception,
    /// The user's own, one for each channel.
    Own(OwnScales),
}

/// A mean and a deviation for each channel, of values of 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnScales {
    /// What is taken from each channel's values, finite.
    pub mean: Vec<f64>,
    /// What they are then divided by, above 0.
    pub std: Vec<f64>,
}

const NAMES: &[&str] = &["train", "imagenet1k", "clip", "inception"];

/// Red, green, blue; torchvision's and Ludwig's values.
const IMAGENET1K: [ChannelScale; 3] = [
    ChannelScale { mean: 0.485, deviation: 0.229 },
    ChannelScale { mean: 0.456, deviation: 0.224 },
    ChannelScale { mean: 0.406, deviation: 0.225 },
];

/// Red, green, blue; the values of the CLIP release, `clip/clip.py`.
const CLIP: [ChannelScale; 3] = [
    ChannelScale { mean: 0.481_454_66, deviation: 0.268_629_54 },
    ChannelScale { mean: 0.457_827_5, deviation: 0.261_302_58 },
    ChannelScale { mean: 0.408_210_73, deviation: 0.275_777_11 },
];

const INCEPTION: ChannelScale = ChannelScale { mean: 0.5, deviation: 0.5 };

impl Standardize {
    /// The scale of each channel, or `None` where it is to be learned.
    pub(super) fn fixed(&self, num_channels: usize) -> Option<Vec<ChannelScale>> {
        match self {
            Self::Train => None,
            Self::ImageNet1k => Some(IMAGENET1K.to_vec()),
            Self::Clip => Some(CLIP.to_vec()),
            Self::Inception => Some(vec![INCEPTION; num_channels]),
            Self::Own(own) => Some(own.scales()),
        }
    }

    /// Checks that there is a usable scale for each channel.
    pub(super) fn check(&self, num_channels: usize) -> Result<(), ConfigError> {
        match self {
            Self::ImageNet1k | Self::Clip if num_channels != 3 => conflict(
                &format!(
                    "`standardize_image: {}` is for 3 channels, but `num_channels` is \
                     {num_channels}",
                    self.name().unwrap_or_default()
                ),
                "set `standardize_image: train`, or `num_channels: 3`",
            ),
            Self::Own(own) => own.check(num_channels),
            _ => Ok(()),
        }
    }

    /// What it is called, but for the user's own values.
    const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Train => Some(NAMES[0]),
            Self::ImageNet1k => Some(NAMES[1]),
            Self::Clip => Some(NAMES[2]),
            Self::Inception => Some(NAMES[3]),
            Self::Own(_) => None,
        }
    }
}

impl OwnScales {
    fn scales(&self) -> Vec<ChannelScale> {
        let pairs = self.mean.iter().zip(&self.std);
        pairs.map(|(&mean, &deviation)| ChannelScale { mean, deviation }).collect()
    }

    fn check(&self, num_channels: usize) -> Result<(), ConfigError> {
        for (key, list) in [("mean", &self.mean), ("std", &self.std)] {
            if list.len() != num_channels {
                return Err(ConfigError::invalid(
                    &format!("standardize_image.{key}"),
                    format_args!("a list of {}", list.len()),
                    format_args!("one value for each of {num_channels} channels (`num_channels`)"),
                ));
            }
        }
        let value = |key: &str, value: f64, is_right: bool, expected: &str| {
            let at = format!("standardize_image.{key}");
            if is_right { Ok(()) } else { Err(ConfigError::invalid(&at, value, expected)) }
        };
        for &mean in &self.mean {
            value("mean", mean, mean.is_finite(), "a finite number")?;
        }
        for &std in &self.std {
            value("std", std, std.is_normal() && std > 0.0, "a finite number above 0")?;
        }
        Ok(())
    }
}

impl Serialize for Standardize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.name(), self) {
            (None, Self::Own(own)) => own.serialize(serializer),
            (name, _) => serializer.serialize_str(name.unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for Standardize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrScales)
    }
}

struct NameOrScales;

impl<'de> Visitor<'de> for NameOrScales {
    type Value = Standardize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}, or {{mean: […], std: […]}}", NAMES.join(", "))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Standardize, E> {
        match name {
            "train" => Ok(Standardize::Train),
            "imagenet1k" => Ok(Standardize::ImageNet1k),
            "clip" => Ok(Standardize::Clip),
            "inception" => Ok(Standardize::Inception),
            _ => Err(E::unknown_variant(name, NAMES)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Standardize, A::Error> {
        OwnScales::deserialize(MapAccessDeserializer::new(map)).map(Standardize::Own)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;
    use sensorium_core::config::read;
    use serde_json::{Value, json};

    use super::*;

    fn mistake(value: Value, num_channels: usize) -> String {
        let read = read::<Standardize>(value).map_err(|error| error.under("standardize_image"));
        let error = read.and_then(|read| read.check(num_channels)).unwrap_err();
        format!("{error} ({})", error.hint().unwrap_or_default())
    }

    #[test]
    fn every_way_of_writing_it_survives_being_written() {
        let own = json!({"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 3.0]});
        for value in NAMES.iter().map(|name| json!(name)).chain([own]) {
            let standardize: Standardize = read(value.clone()).unwrap();
            standardize.check(3).unwrap();
            assert_eq!(serde_json::to_value(standardize).unwrap(), value);
        }
    }

    #[test]
    fn each_channel_has_its_scale() {
        assert_eq!(Standardize::Train.fixed(3), None);
        assert_eq!(Standardize::Inception.fixed(1), Some(vec![INCEPTION]));
        assert_eq!(Standardize::Clip.fixed(3).unwrap().len(), 3);
        let own = OwnScales { mean: vec![0.25], std: vec![0.5] };
        let expected = vec![ChannelScale { mean: 0.25, deviation: 0.5 }];
        assert_eq!(Standardize::Own(own).fixed(1), Some(expected));
    }

    #[test]
    fn what_is_not_a_scale_for_each_channel_is_refused() {
        for (value, num_channels, expected) in [
            (json!("imagenet1k"), 1, "the config: `standardize_image: imagenet1k` is for 3"),
            (json!("clip"), 1, "the config: `standardize_image: clip` is for 3 channels"),
            (json!("imagenet"), 3, "`standardize_image` is `imagenet`, which is not one of"),
            (
                json!({"mean": [0.5], "std": [0.5]}),
                3,
                "`standardize_image.mean` is a list of 1, but one value for each of 3 channels",
            ),
            (
                json!({"mean": [0.5], "std": []}),
                1,
                "`standardize_image.std` is a list of 0, but one value for each of 1 channels",
            ),
            (
                json!({"mean": [0.5], "std": [0.0]}),
                1,
                "`standardize_image.std` is 0, but a finite number above 0 was expected",
            ),
            (json!({"mean": [0.5]}), 1, "`standardize_image` lacks the key `std`"),
            (
                json!({"mean": [0.5], "std": [1], "var": [1]}),
                1,
                "`standardize_image` has no key `var`",
            ),
            (json!(3), 1, "`standardize_image` is 3, but one of train, imagenet1k"),
        ] {
            let message = mistake(value, num_channels);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
