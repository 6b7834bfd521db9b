//! Models of the Hugging Face hub that a config names.
//!
//! A `pretrained_model_name_or_path` that is no path and reads as `name`, `owner/name` or
//! `owner/name@revision` becomes the folder of its snapshot in the local cache, and the rest of the
//! program knows folders alone. What the cache holds is not asked for again.

mod environment;
mod model;

use std::path::Path;

use serde_json::Value;

use self::environment::Environment;
use self::model::Model;
use crate::failure::Failure;

const KEY: &str = "pretrained_model_name_or_path";
/// What a file of weights or of a tokenizer ends in: a name that does is a path to nothing.
const FILE_ENDINGS: [&str; 6] = [".safetensors", ".json", ".bin", ".pt", ".pth", ".ckpt"];
/// The longest part of a name, in bytes, as the hub has it.
const MAX_PART_BYTES: usize = 96;

/// What of a model a section of the config is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Weights,
    Tokenizer,
}

/// A model on the hub, at a branch, tag or commit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ModelName {
    id: String,
    revision: String,
}

/// Puts the folder of its snapshot where a config names a model on the hub.
///
/// # Errors
///
/// [`Failure`] for a model that is neither in the cache nor can be downloaded, or has no weights
/// that are ever read.
pub(crate) fn download_named(written: &mut Value) -> Result<(), Failure> {
    replace_names(written, Wanted::Weights, &mut |name, wanted| {
        Model::new(&Environment::read()?, name)?.folder(wanted)
    })
}

fn replace_names(
    section: &mut Value,
    wanted: Wanted,
    folder_of: &mut dyn FnMut(ModelName, Wanted) -> Result<String, Failure>,
) -> Result<(), Failure> {
    match section {
        Value::Object(keys) => keys.iter_mut().try_for_each(|(key, value)| match value {
            Value::String(given) if key == KEY => match ModelName::read(given) {
                Some(name) if !Path::new(given).exists() => {
                    *given = folder_of(name, wanted)?;
                    Ok(())
                }
                _ => Ok(()),
            },
            // What is done to cells before an encoder sees them has no weights.
            value if key == "preprocessing" => replace_names(value, Wanted::Tokenizer, folder_of),
            value => replace_names(value, wanted, folder_of),
        }),
        Value::Array(items) => {
            items.iter_mut().try_for_each(|item| replace_names(item, wanted, folder_of))
        }
        _ => Ok(()),
    }
}

impl ModelName {
    /// Reads `name`, `owner/name` or either with `@revision`; `None` for what the hub would not
    /// take, which is a path then.
    fn read(given: &str) -> Option<Self> {
        let (id, revision) = given.split_once('@').unwrap_or((given, "main"));
        let is_id = id.split('/').count() <= 2 && id.split('/').all(is_name) && !id.contains("--");
        let is_file = FILE_ENDINGS.iter().any(|ending| id.ends_with(ending));
        let is_revision = revision.split('/').all(is_name);
        (is_id && !is_file && is_revision)
            .then(|| Self { id: id.to_owned(), revision: revision.to_owned() })
    }
}

/// Whether this is one part of a name on the hub, and so is no way to another folder either.
fn is_name(part: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| !b".-".contains(byte));
    let bytes = part.as_bytes();
    bytes.len() <= MAX_PART_BYTES
        && bytes.iter().copied().all(is_inside)
        && is_end(bytes.first())
        && is_end(bytes.last())
        && !part.contains("..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_the_hub_are_told_from_paths() {
        let read = |given: &str| ModelName::read(given).map(|name| (name.id, name.revision));
        let name = |id: &str, revision: &str| Some((id.to_owned(), revision.to_owned()));
        assert_eq!(read("gpt2"), name("gpt2", "main"));
        assert_eq!(read("timm/resnet50.a1_in1k"), name("timm/resnet50.a1_in1k", "main"));
        assert_eq!(read("a/b@refs/pr/1"), name("a/b", "refs/pr/1"));
        for path in [
            "",
            "/a/b",
            "./a",
            "../a",
            "a/../b",
            "a/b/c",
            "a/",
            "~/a",
            "a\\b",
            "C:\\a",
            "a b",
            "a--b/c",
            "a/b.safetensors",
            "model.bin",
            "a/b@",
            "a/b@../c",
            "a/b@c@d",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
        assert_eq!(read(&"a".repeat(MAX_PART_BYTES + 1)), None);
    }

    #[test]
    fn every_section_that_names_a_model_is_given_its_folder() {
        let mut config = json!({
            "input_features": [
                {"name": "a", "encoder": {KEY: "owner/weights"}, "preprocessing": {KEY: "words@v1"}},
                {"name": "b", "encoder": {KEY: env!("CARGO_MANIFEST_DIR")}},
                {"name": "owner/weights", "encoder": {KEY: 3}},
                {"name": "src", "encoder": {KEY: "src"}},
            ],
            "preprocessing": {"text": {KEY: "./owner/words"}},
        });
        let mut asked = Vec::new();
        let replaced = replace_names(&mut config, Wanted::Weights, &mut |name, wanted| {
            asked.push((name.id.clone(), name.revision, wanted));
            Ok(format!("/{}", name.id))
        });
        assert!(replaced.is_ok());
        let expected = [
            ("owner/weights".to_owned(), "main".to_owned(), Wanted::Weights),
            ("words".to_owned(), "v1".to_owned(), Wanted::Tokenizer),
        ];
        assert_eq!(asked, expected);
        assert_eq!(config["input_features"][0]["encoder"][KEY], "/owner/weights");
        assert_eq!(config["input_features"][0]["preprocessing"][KEY], "/words");
        assert_eq!(config["input_features"][3]["encoder"][KEY], "src", "a folder that is there");
    }
}
