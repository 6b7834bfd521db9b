//! Why published weights cannot be used.

use std::io;
use std::path::PathBuf;

use sensorium_core::{ConfigError, Hint};

/// Why published weights cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PretrainedError {
    /// A file of the folder that cannot be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path that holds no weights.
    #[error("`{}` holds no weights: neither {expected}", .path.display())]
    NoWeights {
        /// What was given.
        path: PathBuf,
        /// The files that were looked for.
        expected: String,
    },
    /// Weights as Python objects, which run code when they are read.
    #[error("`{}` is a pickle, which is never read: opening one runs what it says", .path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// A file that is not what its name says.
    #[error("`{}` is not {expected}: {problem}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A config whose values this encoder does not have.
    #[error("`{}` does not fit the encoder `{encoder}`", .path.display())]
    Config {
        /// The folder or file.
        path: PathBuf,
        /// The encoder's `type`.
        encoder: String,
        /// What does not fit.
        source: Box<ConfigError>,
    },
    /// An encoder that nobody publishes weights for.
    #[error("there are no published weights for the encoder `{encoder}`")]
    NoArchitecture {
        /// The encoder's `type`.
        encoder: String,
        /// Those that there are weights for.
        valid: Vec<&'static str>,
    },
    /// Tensors in names that are none of those known for the encoder.
    #[error(
        "`{}` does not hold weights of the encoder `{encoder}`: it lacks `{missing}` ({publisher}), \
         and has tensors such as `{found}`", .path.display()
    )]
    Names {
        /// The folder or file.
        path: PathBuf,
        /// The encoder's `type`.
        encoder: String,
        /// A tensor that the most likely publisher's files have.
        missing: String,
        /// Who names them so.
        publisher: &'static str,
        /// A tensor that is there.
        found: String,
    },
    /// A weight that the file lacks.
    #[error("`{}` lacks the tensor `{name}`, which the encoder needs for its `{weight}`", .path.display())]
    Missing {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The encoder's own weight.
        weight: String,
    },
    /// A tensor that the encoder has no place for.
    #[error("`{}` has the tensor `{name}`, which the encoder `{encoder}` has no place for", .path.display())]
    Extra {
        /// The folder or file.
        path: PathBuf,
        /// The encoder's `type`.
        encoder: String,
        /// The tensor.
        name: String,
    },
    /// A tensor of another shape than the weight.
    #[error(
        "the tensor `{name}` of `{}` has the shape {got:?}, but {expected:?} was expected",
        .path.display()
    )]
    Shape {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape of the weight, as the publisher lays it out.
        expected: Vec<usize>,
    },
    /// A tensor of numbers that are not floats of 16, 32 or 64 bits.
    #[error("the tensor `{name}` of `{}` is of type {got}, but floats were expected", .path.display())]
    Type {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        got: String,
    },
}

impl Hint for PretrainedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Pickle { .. } => Some(
                "turn it into safetensors once with `scripts/safetensors_from_pytorch.py IN OUT`"
                    .to_owned(),
            ),
            Self::NoArchitecture { valid, .. } => {
                Some(format!("encoders with published weights: {}", valid.join(", ")))
            }
            Self::Config { source, .. } => source.hint(),
            Self::Shape { .. } => Some(
                "the keys of the encoder, such as `model_variant`, say the sizes; a folder with a \
                 `config.json` brings its own"
                    .to_owned(),
            ),
            Self::Names { .. } | Self::Extra { .. } => {
                Some("is this the `type` that the weights were trained as?".to_owned())
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "nothing is there; a name on the Hugging Face hub needs a `sensorium` that was \
                 built with `--features hub`"
                    .to_owned(),
            ),
            Self::NoWeights { .. } => {
                Some("give a folder of Hugging Face's layout, or a `.safetensors` file".to_owned())
            }
            _ => None,
        }
    }
}
