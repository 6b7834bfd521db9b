//! Encoders of token ids and of vectors in time; each one reads both.

pub mod ast;
pub mod bag_of_words;
pub mod bert;
pub mod clip_text;
mod convolution;
pub mod embed;
pub mod gpt2;
mod head;
pub mod parallel_cnn;
pub(crate) mod published;
mod recurrence;
mod reduce;
pub mod rnn;
pub mod stacked_cnn;
mod stem;
mod time_steps;
pub mod transformer;
pub mod wav2vec2;
pub mod whisper;
pub mod yamnet;

use burn::tensor::{Bool, Int, Tensor};

pub use reduce::ReduceOutput;

use crate::Encoded;

/// Reads a sequence into an embedding. Padding must not reach any output.
pub trait SequenceEncoder {
    /// # Shapes
    ///
    /// - `input`: `P` sequences, `P` at least 1, padded to `T`
    /// - returns: tokens of the same or a shorter `T`
    fn forward(&self, input: SequenceBatch) -> Encoded;

    /// `D` of what [`SequenceEncoder::forward`] returns.
    fn output_width(&self) -> usize;
}

/// Padded sequences with their mask.
#[derive(Clone, Debug)]
pub struct SequenceBatch {
    /// Ids or vectors.
    pub steps: SequenceSteps,
    /// True where a step is real, false where it is padding: `[P, T]`. The real steps of a row, at
    /// least one, come first.
    pub mask: Tensor<2, Bool>,
}

/// The steps of padded sequences.
#[derive(Clone, Debug)]
pub enum SequenceSteps {
    /// Token ids: `[P, T]`.
    Tokens(Tensor<2, Int>),
    /// Vectors: `[P, T, D]`.
    Values(Tensor<3>),
}

/// The sizes of the sequences that an encoder will read.
#[derive(Clone, Copy, Debug)]
pub enum SequenceInput {
    /// Token ids, embedded by the encoder.
    Tokens {
        /// The number of ids.
        vocabulary_size: usize,
        /// The longest `T`.
        max_length: usize,
    },
    /// Vectors, read as they are.
    Values {
        /// `D`.
        width: usize,
        /// The longest `T`.
        max_length: usize,
    },
}

components! {
    /// Every encoder that reads token ids or vectors in time.
    SequenceEncoderConfig => AnySequenceEncoder: dyn SequenceEncoder from SequenceInput {
        "ast" => ast::Ast, "AST: patches of a spectrogram that read each other";
        "bag_of_words" => bag_of_words::BagOfWords, "words and runs of words added up by how much they say, in no order";
        "bert" => bert::Bert, "BERT, RoBERTa, DistilBERT, MiniLM: words that read each other both ways";
        "clip_text" => clip_text::ClipText, "CLIP's tower for texts: words that read the ones before them";
        "embed" => embed::Embed, "the mean of the steps, in no order";
        "gpt2" => gpt2::Gpt2, "GPT-2: words that read the ones before them";
        "parallel_cnn" => parallel_cnn::ParallelCnn, "convolutions of several widths side by side";
        "rnn" => rnn::Rnn, "a recurrent network: plain, LSTM or GRU";
        "stacked_cnn" => stacked_cnn::StackedCnn, "convolutions one after another, shortening time";
        "transformer" => transformer::Transformer, "self-attention over the steps";
        "wav2vec2" => wav2vec2::Wav2Vec2, "wav2vec 2.0: samples shortened by convolutions, and steps that read each other";
        "whisper" => whisper::Whisper, "Whisper's encoder: 30 seconds of frames that read each other";
        "yamnet" => yamnet::Yamnet, "YAMNet: convolutions over patches of about a second";
    }
}
