//! What the published encoders of sequences share.

use burn::tensor::{Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde_json::{Map, Value, json};

use super::{SequenceBatch, SequenceInput, SequenceSteps};
use crate::pretrained::Published;

/// The ids that an encoder of words will read.
pub(super) struct TokenVocabulary {
    size: usize,
    max_length: usize,
}

impl TokenVocabulary {
    /// # Errors
    ///
    /// [`ConfigError`] where the input is vectors.
    pub(super) fn of(encoder: &str, input: &SequenceInput) -> Result<Self, ConfigError> {
        match *input {
            SequenceInput::Tokens { vocabulary_size, max_length } => {
                Ok(Self { size: vocabulary_size, max_length })
            }
            SequenceInput::Values { .. } => Err(ConfigError::Conflict {
                at: "type".to_owned(),
                problem: format!(
                    "the encoder `{encoder}` reads token ids, but this input is vectors"
                ),
                advice: "use it for a text column".to_owned(),
            }),
        }
    }

    /// The number of vectors: as many as `given` at `key`, or as there are ids.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where some ids would have none.
    pub(super) fn size(&self, key: &str, given: Option<usize>) -> Result<usize, ConfigError> {
        let size = given.unwrap_or(self.size);
        in_range(key, size, self.size..=1 << 24)?;
        Ok(size)
    }

    /// # Errors
    ///
    /// [`ConfigError`] at `key` where the longest text has more tokens than there are positions
    /// from `offset` on.
    pub(super) fn check_positions(
        &self,
        key: &str,
        number: usize,
        offset: usize,
    ) -> Result<(), ConfigError> {
        let room = number.saturating_sub(offset);
        if self.max_length <= room {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            at: key.to_owned(),
            problem: format!(
                "there are {room} positions, but texts of up to {} tokens",
                self.max_length
            ),
            advice: format!("set `preprocessing.max_sequence_length` to {room} or less"),
        })
    }
}

/// The ids of a batch and each row's number of them.
///
/// # Panics
///
/// If the batch holds vectors.
pub(super) fn token_ids(input: SequenceBatch) -> (Tensor<2, Int>, Tensor<1, Int>) {
    let lengths = input.mask.int().sum_dim(1).squeeze_dim(1);
    match input.steps {
        SequenceSteps::Tokens(ids) => (ids, lengths),
        SequenceSteps::Values(_) => panic!("an encoder reads the layout that it was built for"),
    }
}

/// The vectors of a batch and each row's number of them.
///
/// # Panics
///
/// If the batch holds ids.
pub(super) fn step_values(input: SequenceBatch) -> (Tensor<3>, Tensor<1, Int>) {
    let lengths = input.mask.int().sum_dim(1).squeeze_dim(1);
    match input.steps {
        SequenceSteps::Values(values) => (values, lengths),
        SequenceSteps::Tokens(_) => panic!("an encoder reads the layout that it was built for"),
    }
}

/// The most frames of a sound; refuses frames of another width than the encoder reads.
///
/// # Errors
///
/// [`ConfigError`] for token ids, and for frames that are not of `width`, with the front end that
/// makes such frames.
pub(super) fn check_frames(
    encoder: &str,
    input: &SequenceInput,
    width: usize,
    front_end: &str,
) -> Result<usize, ConfigError> {
    let got = match *input {
        SequenceInput::Values { width: got, max_length } if got == width => return Ok(max_length),
        SequenceInput::Values { width: got, .. } => format!("frames of {got} numbers"),
        SequenceInput::Tokens { .. } => "token ids".to_owned(),
    };
    Err(ConfigError::Conflict {
        at: "type".to_owned(),
        problem: format!(
            "the encoder `{encoder}` reads frames of {width} numbers, but this input is {got}"
        ),
        advice: format!(
            "use it for an audio column with `preprocessing.type` set to `{front_end}`"
        ),
    })
}

/// # Errors
///
/// [`ConfigError`] at `key` where the heads do not divide the width.
pub(crate) fn check_heads(
    key: &str,
    heads: usize,
    width_key: &str,
    width: usize,
) -> Result<(), ConfigError> {
    in_range(key, heads, 1..=width)?;
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(ConfigError::Conflict {
        at: key.to_owned(),
        problem: format!("{heads} heads do not divide a `{width_key}` of {width} evenly"),
        advice: format!("choose a `{width_key}` that is a multiple of `{key}`"),
    })
}

/// Pairs of names: `outside` as they are, and `layers` once for each of `blocks`.
pub(crate) fn named_layers(
    outside: &[(&str, &str)],
    num_blocks: usize,
    blocks: &str,
    layers: &[(&str, &str)],
) -> Vec<(String, String)> {
    let outside = outside.iter().map(|&(own, theirs)| (own.to_owned(), theirs.to_owned()));
    let layers = (0..num_blocks).flat_map(|block| {
        layers.iter().map(move |(own, theirs)| {
            (format!("blocks.{block}.{own}"), format!("{blocks}.{block}.{theirs}"))
        })
    });
    outside.chain(layers).collect()
}

/// The parts of a layer of CLIP's towers: ours beside theirs.
pub(crate) const CLIP_LAYERS: [(&str, &str); 8] = [
    ("attention_norm", "layer_norm1"),
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.output", "self_attn.out_proj"),
    ("linear_norm", "layer_norm2"),
    ("inner", "mlp.fc1"),
    ("outer", "mlp.fc2"),
];

/// The config of a tower, which stands at `part` where both are published together.
pub(crate) fn part_of_clip<'a>(config: &'a Value, part: &str) -> &'a Value {
    if config[part].is_object() { &config[part] } else { config }
}

/// The folder's own tokenizer, and texts as long as its model was trained on.
pub(super) fn text_preprocessing(published: &Published, num_positions: u64) -> Map<String, Value> {
    let mut preprocessing = Map::new();
    if let Some(folder) = &published.tokenizer {
        preprocessing.insert("tokenizer".to_owned(), "hf_tokenizer".into());
        preprocessing.insert("pretrained_model_name_or_path".to_owned(), json!(folder));
    }
    let longest = published.sentence["max_seq_length"].as_u64().unwrap_or(num_positions);
    preprocessing.insert("max_sequence_length".to_owned(), longest.min(num_positions).into());
    preprocessing
}
