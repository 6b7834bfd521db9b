//! What the published encoders of pictures share.

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde_json::{Map, Value, json};

use super::GridInput;
use crate::pretrained::Published;

/// The largest side of pictures that are cut into patches, in pixels.
const MAX_SIDE: usize = 4_096;

/// # Errors
///
/// [`ConfigError`] where pictures are not of red, green and blue.
pub(super) fn check_color(encoder: &str, input: &GridInput) -> Result<(), ConfigError> {
    if input.channels == 3 {
        return Ok(());
    }
    Err(ConfigError::Conflict {
        at: "type".to_owned(),
        problem: format!(
            "the encoder `{encoder}` reads 3 channels, but this input has {}",
            input.channels
        ),
        advice: "set `preprocessing.num_channels` to 3".to_owned(),
    })
}

/// # Errors
///
/// [`ConfigError`] for sizes out of range, and where pictures are not of `image_size`.
pub(super) fn check_size(
    encoder: &str,
    image_size: usize,
    patch_size: usize,
    input: &GridInput,
) -> Result<(), ConfigError> {
    in_range("image_size", image_size, 1..=MAX_SIDE)?;
    in_range("patch_size", patch_size, 1..=image_size)?;
    let GridInput { height, width, .. } = *input;
    if [height, width] == [image_size; 2] {
        return Ok(());
    }
    Err(ConfigError::Conflict {
        at: "image_size".to_owned(),
        problem: format!(
            "the encoder `{encoder}` reads pictures of {image_size}x{image_size} pixels, but these \
             are {height}x{width}"
        ),
        advice: format!("set `preprocessing.height` and `preprocessing.width` to {image_size}"),
    })
}

/// What follows `family` in the architecture that timm's config names: `50` of `resnet50`, `lite0`
/// of `tf_efficientnet_lite0.in1k`.
pub(super) fn variant_of(config: &Value, family: &str) -> Option<String> {
    let architecture = config["architecture"].as_str()?;
    let architecture = architecture.split('.').next()?;
    let architecture = architecture.strip_prefix("tf_").unwrap_or(architecture);
    let variant = architecture.strip_prefix(family)?;
    Some(variant.trim_start_matches('_').to_owned())
}

/// A picture's middle after its shorter side was brought to `edge`, scaled as `ImageNet` is.
pub(super) fn imagenet(side: usize, edge: usize, interpolation: &str) -> Map<String, Value> {
    let keys = json!({
        "height": side,
        "width": side,
        "resize_method": "center_crop",
        "shortest_edge": edge,
        "interpolation": interpolation,
        "standardize_image": "imagenet1k",
    });
    match keys {
        Value::Object(keys) => keys,
        _ => unreachable!("an object was written"),
    }
}

/// What a published model expects of its pictures: by `preprocessor_config.json` of transformers, by
/// `pretrained_cfg` of timm, and `usual` for what neither says.
pub(super) fn picture_preprocessing(
    published: &Published,
    usual: &Map<String, Value>,
) -> Map<String, Value> {
    let mut keys = usual.clone();
    if published.preprocessor.is_object() {
        keys.extend(by_transformers(&published.preprocessor));
    } else if published.config["pretrained_cfg"].is_object() {
        keys.extend(by_timm(&published.config["pretrained_cfg"]));
    }
    if keys.get("resize_method") == Some(&"interpolate".into()) {
        keys.shift_remove("shortest_edge");
    }
    keys
}

fn by_transformers(config: &Value) -> Map<String, Value> {
    let mut keys = Map::new();
    // Pillow's numbers of its filters.
    let filters = ["nearest", "lanczos", "bilinear", "bicubic", "box"];
    if let Some(filter) = config["resample"].as_u64() {
        let filter = usize::try_from(filter).ok().and_then(|number| filters.get(number));
        filter.map(|filter| keys.insert("interpolation".to_owned(), json!(filter)));
    }
    let size = &config["size"];
    // A number of old files is the side of a square, or the shorter side of what is cropped.
    let edge = size["shortest_edge"].as_u64().or_else(|| size.as_u64());
    let crop = &config["crop_size"];
    let side = |of: &Value, key: &str| of[key].as_u64().or_else(|| of.as_u64());
    let crops = config["do_center_crop"].as_bool().unwrap_or(!crop.is_null()) && !crop.is_null();
    let of = if crops || size.is_null() { crop } else { size };
    let square = |key| side(of, key).or(edge);
    if let (Some(height), Some(width)) = (square("height"), square("width")) {
        keys.insert("height".to_owned(), height.into());
        keys.insert("width".to_owned(), width.into());
    }
    let method =
        if crops || size["shortest_edge"].is_u64() { "center_crop" } else { "interpolate" };
    keys.insert("resize_method".to_owned(), method.into());
    if let (Some(edge), "center_crop") = (edge, method) {
        keys.insert("shortest_edge".to_owned(), edge.into());
    }
    keys.extend(scaling(&config["image_mean"], &config["image_std"]));
    keys
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a picture's side; out of range it is refused where the column is read"
)]
fn by_timm(config: &Value) -> Map<String, Value> {
    let mut keys = Map::new();
    if let [_, Some(height), Some(width)] =
        [0, 1, 2].map(|axis| config["input_size"][axis].as_u64())
    {
        keys.insert("height".to_owned(), height.into());
        keys.insert("width".to_owned(), width.into());
        let share = config["crop_pct"].as_f64().unwrap_or(0.875);
        // As `timm.data.transforms_factory.transforms_imagenet_eval`.
        let edge = (height.min(width) as f64 / share).floor() as u64;
        keys.insert("shortest_edge".to_owned(), edge.into());
    }
    if let Some(filter) = config["interpolation"].as_str() {
        keys.insert("interpolation".to_owned(), filter.into());
    }
    keys.extend(scaling(&config["mean"], &config["std"]));
    keys
}

fn scaling(mean: &Value, std: &Value) -> Option<(String, Value)> {
    let known = mean.is_array() && std.is_array();
    known.then(|| ("standardize_image".to_owned(), json!({"mean": mean, "std": std})))
}
