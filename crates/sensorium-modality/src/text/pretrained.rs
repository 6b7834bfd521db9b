//! A tokenizer that was trained elsewhere, as Hugging Face's `tokenizers` reads it.
//!
//! Source: `tokenizers` 0.23; the ids are the same to the last one (`reference/text/tokenizer.py`).
//! The file's own truncation and padding are not obeyed: a text is cut to `max_sequence_length`, and
//! batches are padded and masked where they are made. Regular expressions run in fancy-regex rather
//! than Oniguruma, as in the library's build for browsers; one that only Oniguruma reads is refused.

use std::path::Path;
use std::sync::Arc;

use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_core::guard::guarded;
use sensorium_table::regular::read_text_within;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::{
    PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

use super::config::TruncationSide;
use super::tokenizer_json;
use crate::MAX_VOCABULARY;

/// Texts that every tokenizer has to survive, so that a file which survives none is refused before
/// any row is read.
const PROBES: [&str; 8] = [
    "",
    " ",
    "a",
    "One word, and 12,345 more.",
    "\u{e9}t\u{e9}!",
    "\u{1f34e}\u{1f34e} \u{6587}\u{5b57}",
    "a\n\tb  c",
    " \u{2581}x",
];

/// The largest tokenizer file that is read, in bytes; the largest in use have about half of it.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// A checked tokenizer with the file that it was read from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Pretrained {
    json: Arc<str>,
    tokenizer: Arc<Tokenizer>,
    unknown_id: u32,
    vocabulary_size: usize,
}

impl PartialEq for Pretrained {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl From<Pretrained> for String {
    fn from(pretrained: Pretrained) -> Self {
        pretrained.json.as_ref().to_owned()
    }
}

impl TryFrom<String> for Pretrained {
    type Error = ConfigError;

    fn try_from(json: String) -> Result<Self, ConfigError> {
        let mut file: Value = serde_json::from_str(&json).map_err(|error| unread(&error))?;
        tokenizer_json::check(&file)?;
        // Neither is used, and what is not read cannot be wrong.
        if let Some(file) = file.as_object_mut() {
            for key in ["decoder", "padding", "truncation"] {
                file.shift_remove(key);
            }
        }
        // Not the text itself: of a key that stands there twice only one value was checked.
        let tokenizer = parsed(&file.to_string())?;
        let vocabulary_size = vocabulary_size(&tokenizer)?;
        let unknown_id = unknown_id(&tokenizer, &file["model"])?;
        let pretrained =
            Self { json: json.into(), tokenizer: Arc::new(tokenizer), unknown_id, vocabulary_size };
        pretrained.check_probes()?;
        pretrained.check_special_tokens()?;
        Ok(pretrained)
    }
}

impl Pretrained {
    /// Reads a `tokenizer.json`, or that of a folder.
    ///
    /// # Errors
    ///
    /// What is wrong with the path or with the file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let inside = path.join("tokenizer.json");
        let path = if path.is_dir() { &inside } else { path };
        let json = read_text_within(path, MAX_TOKENIZER_BYTES).map_err(|error| {
            format!("could not read the tokenizer `{}`: {error}", path.display())
        })?;
        Self::try_from(json)
            .map_err(|error| format!("the tokenizer `{}` is refused: {error}", path.display()))
    }

    /// Cuts texts from now on to `max_length` tokens, special ones among them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the special tokens leave no room for the text.
    pub(super) fn truncated(
        mut self,
        max_length: usize,
        side: TruncationSide,
    ) -> Result<Self, ConfigError> {
        in_range("max_sequence_length", max_length, self.num_special() + 1..)?;
        let direction = match side {
            TruncationSide::Right => TruncationDirection::Right,
            TruncationSide::Left => TruncationDirection::Left,
        };
        let strategy = TruncationStrategy::LongestFirst;
        let truncation = TruncationParams { direction, max_length, strategy, stride: 0 };
        let cut = Arc::make_mut(&mut self.tokenizer).with_truncation(Some(truncation));
        cut.expect("the special tokens leave room");
        Ok(self)
    }

    /// The ids of a text; of one that leaves no token, the unknown token's.
    ///
    /// # Errors
    ///
    /// What the library's panic said of a text that it does not survive.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoded = guarded(|| self.tokenizer.encode_fast(text, true));
        Ok(match encoded.map_err(|said| said.replacen("decoder", "tokenizer", 1))? {
            Ok(encoding) if !encoding.is_empty() => encoding.get_ids().to_vec(),
            _ => vec![self.unknown_id],
        })
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    fn num_special(&self) -> usize {
        let processor = self.tokenizer.get_post_processor();
        processor.map_or(0, |processor| processor.added_tokens(false))
    }

    /// Some parts are each right and do not survive any text together, such as a normalizer that
    /// inserts nothing before a byte-level pre-tokenizer.
    fn check_probes(&self) -> Result<(), ConfigError> {
        for probe in PROBES {
            self.ids(probe).map_err(|said| unread(&format!("of the text {probe:?} {said}")))?;
        }
        Ok(())
    }

    /// A post-processor has ids of its own, which it lays round every text.
    fn check_special_tokens(&self) -> Result<(), ConfigError> {
        let ids = self.ids("").map_err(|said| unread(&said))?;
        match ids.iter().find(|&&id| id as usize >= self.vocabulary_size) {
            None => Ok(()),
            Some(id) => {
                let expected = format!("below {}, as the vocabulary's", self.vocabulary_size);
                Err(ConfigError::invalid("post_processor", format!("the id {id}"), expected))
            }
        }
    }
}

fn unread(error: &impl ToString) -> ConfigError {
    ConfigError::Conflict {
        at: "tokenizer.json".to_owned(),
        problem: error.to_string(),
        advice: "give the file that `save_pretrained` of Hugging Face writes".to_owned(),
    }
}

/// What the library makes of a checked file.
///
/// Its readers of parts end in `expect` here and there: what the checks do not know of is refused
/// too. Nothing that was being built outlives the panic.
fn parsed(json: &str) -> Result<Tokenizer, ConfigError> {
    match guarded(|| json.parse::<Tokenizer>()) {
        Ok(tokenizer) => tokenizer.map_err(|error| unread(&error)),
        Err(_) => Err(unread(&"its parts contradict each other")),
    }
}

/// One more than the largest id.
fn vocabulary_size(tokenizer: &Tokenizer) -> Result<usize, ConfigError> {
    let largest = tokenizer.get_vocab(true).into_values().max();
    let size = largest.map_or(0, |id| id as usize + 1);
    in_range("vocab", size, 1..=MAX_VOCABULARY)?;
    Ok(size)
}

/// The id of the model's unknown token, or 0 where a byte pair model has none.
fn unknown_id(tokenizer: &Tokenizer, model: &Value) -> Result<u32, ConfigError> {
    let token = match tokenizer.get_model() {
        ModelWrapper::BPE(model) => model.unk_token.as_ref(),
        ModelWrapper::WordPiece(model) => Some(&model.unk_token),
        ModelWrapper::WordLevel(model) => Some(&model.unk_token),
        ModelWrapper::Unigram(_) => {
            let id = model["unk_id"].as_u64().and_then(|id| u32::try_from(id).ok());
            return Ok(id.unwrap_or_default());
        }
    };
    let Some(token) = token else { return Ok(0) };
    let missing =
        || ConfigError::invalid("model.unk_token", format!("`{token}`"), "in the vocabulary");
    tokenizers::Model::token_to_id(tokenizer.get_model(), token).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use sensorium_core::{Seed, config};
    use serde_json::json;

    use super::super::{MAX_TEXT_BYTES, Text, TextAugmentation};
    use super::*;
    use crate::small_table::{SmallTable, text};
    use crate::{Features, Modality, golden};

    fn golden_file(name: &str) -> String {
        let mut folders = golden::cases("text_tokenizer").into_iter();
        let folder = folders.find(|folder| folder.ends_with(name)).unwrap();
        std::fs::read_to_string(folder.join("tokenizer.json")).unwrap()
    }

    fn read(file: &Value) -> Result<Pretrained, ConfigError> {
        Pretrained::try_from(file.to_string())
    }

    /// A small model of each kind, and the text round which they are laid.
    fn small(model: &Value) -> Value {
        json!({"version": "1.0", "added_tokens": [], "model": model})
    }

    fn word_level() -> Value {
        let vocabulary = json!({"[UNK]": 0, "a": 1, "b": 2});
        let mut file =
            small(&json!({"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}));
        file["pre_tokenizer"] = json!({"type": "Whitespace"});
        file
    }

    fn refusal(file: &Value) -> String {
        read(file).unwrap_err().to_string()
    }

    /// Ids by `tokenizers` 0.23.3; `reference/text/tokenizer.py`.
    #[test]
    fn ids_are_those_of_hugging_face() {
        let mut others = 0_u32;
        for folder in golden::cases("text_tokenizer") {
            let case = golden::case(&folder);
            let pretrained = Pretrained::read(&folder).unwrap();
            for encoded in case["encoded"].as_array().unwrap() {
                let length =
                    serde_json::from_value(encoded["max_sequence_length"].clone()).unwrap();
                let side = config::read(encoded["truncation_side"].clone()).unwrap();
                let cut = pretrained.clone().truncated(length, side).unwrap();
                let texts: Vec<String> = serde_json::from_value(case["texts"].clone()).unwrap();
                let expected: Vec<Vec<u32>> =
                    serde_json::from_value(encoded["ids"].clone()).unwrap();
                assert_eq!(texts.len(), expected.len());
                for (text, mut expected) in texts.iter().zip(expected) {
                    if expected.is_empty() {
                        // Every text has one token at least here.
                        expected.push(cut.unknown_id);
                    }
                    let actual = cut.ids(text).unwrap();
                    others += u32::from(actual != expected);
                    assert_eq!(actual, expected, "{}: {text:?}", folder.display());
                }
            }
        }
        let reference = "Hugging Face tokenizers 0.23.3";
        golden::assert_parity("text hf_tokenizer", reference, others.into(), 0.0, "other texts");
    }

    #[test]
    fn a_text_column_reads_the_tokenizer_of_a_folder_or_file_and_keeps_it() {
        let folder = golden::cases("text_tokenizer").pop().unwrap();
        assert!(folder.ends_with("wordpiece"));
        let table = SmallTable::of([text("a red apple"), text(" ")]);
        for path in [folder.clone(), folder.join("tokenizer.json")] {
            let section = json!({
                "tokenizer": "hf_tokenizer",
                "pretrained_model_name_or_path": path,
                "max_sequence_length": 4,
            });
            let fitted = table.fit::<Text>(&config::read(section).unwrap()).unwrap();
            let bowl = fitted.read("a red apple, a bowl".to_owned()).unwrap();
            let Features::Tokens(ids) = fitted.features(&bowl) else { panic!("{fitted:?}") };
            assert_eq!(ids.len(), 4);
            // The bundle holds the tokenizer: nothing else is read again.
            let stored = serde_json::to_string(&fitted).unwrap();
            let loaded: Text = serde_json::from_str(&stored).unwrap();
            assert_eq!(loaded, fitted);
            let again = loaded.read("a red apple, a bowl".to_owned()).unwrap();
            assert_eq!(loaded.features(&again), Features::Tokens(ids));
            assert_eq!(serde_json::to_string(&loaded).unwrap(), stored);
        }
    }

    #[test]
    fn a_path_without_a_tokenizer_and_a_length_without_room_are_named() {
        let table = SmallTable::of([text("a")]);
        let refusal = |path: &Path, length: usize| {
            let section = json!({
                "tokenizer": "hf_tokenizer",
                "pretrained_model_name_or_path": path,
                "max_sequence_length": length,
            });
            table.fit::<Text>(&config::read(section).unwrap()).unwrap_err().to_string()
        };
        let hub = refusal(Path::new("bert-base-uncased"), 9);
        assert!(hub.contains("could not read the tokenizer `bert-base-uncased`"), "{hub}");
        let folder = golden::cases("text_tokenizer").pop().unwrap();
        let short = refusal(&folder, 2);
        assert!(
            short.contains("`max_sequence_length` is 2, but 3 or more was expected"),
            "{short}"
        );
    }

    #[test]
    fn the_longest_text_and_one_long_word_are_read() {
        for name in ["byte_level_bpe", "unigram_charsmap", "wordpiece"] {
            let pretrained = Pretrained::try_from(golden_file(name)).unwrap();
            let pretrained = pretrained.truncated(16, TruncationSide::Right).unwrap();
            let len = |text: String| pretrained.ids(&text).unwrap().len();
            assert_eq!(len("red apple ".repeat(MAX_TEXT_BYTES / 10)), 16);
            assert!(len("x".repeat(MAX_TEXT_BYTES)) <= 16);
        }
    }

    #[test]
    fn a_tokenizer_that_leaves_nothing_of_a_text_gives_the_unknown_token() {
        let pretrained = read(&word_level()).unwrap();
        assert_eq!(pretrained.ids("a b c").unwrap(), [1, 2, 0]);
        assert_eq!(pretrained.ids(" ").unwrap(), [0]);
    }

    #[test]
    fn what_the_library_takes_on_trust_is_refused() {
        let bpe = |vocabulary: Value, merges: Value| {
            small(&json!({"type": "BPE", "vocab": vocabulary, "merges": merges}))
        };
        let mut dropout = bpe(json!({"a": 0}), json!([]));
        dropout["model"]["dropout"] = json!(0.1);
        let mut prefix = bpe(json!({"a": 0, "b": 1, "ab": 2}), json!([["a", "b"]]));
        prefix["model"]["continuing_subword_prefix"] = json!("##");
        let mut unknown = word_level();
        unknown["model"]["unk_token"] = json!("[NO]");
        let mut zero = word_level();
        zero["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
        let mut grows = word_level();
        let replace =
            json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaa"});
        grows["normalizer"] = json!({"type": "Sequence", "normalizers": [replace, replace]});
        let mut charsmap = word_level();
        charsmap["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "/////w=="});
        // Found by fuzzing.
        let mut no_charsmap = word_level();
        no_charsmap["normalizer"] = json!({"type": "Precompiled", "ppecompiled_charsmap": ""});
        let mut special = word_level();
        special["post_processor"] =
            json!({"type": "BertProcessing", "sep": ["[SEP]", 9], "cls": ["[CLS]", 1]});
        let template = |single: Value, special: Value| {
            let mut file = word_level();
            let pair = json!([]);
            let section = json!({
                "type": "TemplateProcessing", "single": single, "pair": pair,
                "special_tokens": special,
            });
            file["post_processor"] = section;
            file
        };
        let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
        let token = json!({"SpecialToken": {"id": "[X]", "type_id": 0}});
        let mut twice = template(json!([text("A")]), json!({}));
        twice["post_processor"] = json!({"type": "Sequence", "processors": [twice["post_processor"], twice["post_processor"]]});
        let unigram = small(&json!({"type": "Unigram", "vocab": [["a", 0.0]]}));
        let long =
            small(&json!({"type": "Unigram", "unk_id": 0, "vocab": [["x".repeat(9999), 0.0]]}));
        for (file, words) in [
            (json!([]), "`tokenizer.json`"),
            (dropout, "`model.dropout` is 0.1"),
            (bpe(json!({"ab": 0, "cd": 1}), json!(["ab cd"])), "`model.merges[0]`"),
            (prefix, "`model.merges[0]`"),
            (bpe(json!({"a": 4_000_000_000_u32}), json!([])), "`model.vocab.a` is 4000000000"),
            (bpe(json!({}), json!([])), "`vocab` is 0"),
            (unknown, "`model.unk_token` is `[NO]`"),
            (unigram, "`model.unk_id` is null"),
            (long, "a token of 9999 bytes"),
            (zero, "`pre_tokenizer.length` is 0"),
            (grows, "a text 81 times longer"),
            (charsmap, "`normalizer.precompiled_charsmap`"),
            (no_charsmap, "`normalizer.precompiled_charsmap` is 0 bytes"),
            (special, "`post_processor` is the id 9, but below 3"),
            (template(json!([token, text("A")]), json!({})), "`post_processor.single` is `[X]`"),
            (template(json!([text("B")]), json!({})), "`post_processor.single` is the texts"),
            (template(json!([text("A"), text("A")]), json!({})), "`post_processor.single`"),
            (twice, "two templates"),
        ] {
            let refusal = refusal(&file);
            assert!(refusal.contains(words), "{refusal}, not {words}");
        }
    }

    #[test]
    fn a_damaged_file_never_panics() {
        for name in ["byte_level_bpe", "unigram_charsmap", "wordpiece"] {
            let file = golden_file(name).into_bytes();
            let seed = Seed::new(1).derive(name);
            for round in 0..100 {
                let mut damaged = file.clone();
                for change in 0..=round % 3 {
                    let draw = seed.at(round).at(change).value();
                    let place = usize::try_from(draw >> 8).unwrap() % file.len();
                    damaged[place] = draw.to_le_bytes()[0] & 0x7f;
                }
                let Ok(damaged) = String::from_utf8(damaged) else { continue };
                if let Ok(pretrained) = Pretrained::try_from(damaged) {
                    let ids = pretrained.ids("A red apple 🍎 \0 文").unwrap_or_default();
                    let known = |&id: &u32| (id as usize) < pretrained.vocabulary_size();
                    assert!(ids.iter().all(known), "{name}: {ids:?}");
                }
            }
        }
    }

    fn before_bytes(normalizer: &Value) -> Value {
        let mut file = word_level();
        file["normalizer"] = normalizer.clone();
        read(&file).unwrap();
        file["pre_tokenizer"] = json!({
            "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
        });
        file
    }

    #[test]
    fn a_normalizer_that_inserts_nothing_before_bytes_is_refused_on_opening() {
        let refusal = refusal(&before_bytes(&json!({"type": "Prepend", "prepend": ""})));
        assert!(refusal.contains("its tokenizer gave up: index out of bounds"), "{refusal}");
    }

    /// All texts but those that begin with zz become one letter, which that normalizer survives.
    #[test]
    fn a_text_that_the_library_does_not_survive_is_its_rows_error() {
        let all_but_zz =
            json!({"type": "Replace", "pattern": {"Regex": "^(?!zz)(?s:.*)$"}, "content": "a"});
        let prepend = json!({"type": "Prepend", "prepend": ""});
        let file = before_bytes(&json!({"type": "Sequence", "normalizers": [all_but_zz, prepend]}));
        let table = SmallTable::of([text("a b"), text("zz top"), text("b")]);
        let stored = json!({
            "max_sequence_length": 9,
            "truncation_side": "right",
            "tokens": {"hf_tokenizer": file.to_string()},
        });
        let fitted: Text = serde_json::from_value(stored).unwrap();
        let cell = |row| fitted.decode(&table.column().cell(row));
        let error = cell(1).unwrap_err().to_string();
        let expected = "row 2 of column `it` is not a text that the tokenizer reads: its tokenizer \
                        gave up: index out of bounds";
        assert!(error.starts_with(expected), "{error}");
        assert!(cell(0).is_ok() && cell(2).is_ok());
        // A change at random that the tokenizer does not survive leaves the text as it is.
        let swap: TextAugmentation =
            config::read(json!({"type": "synonyms", "probability": 1.0, "table": {"a": ["zz"]}}))
                .unwrap();
        let decoded = fitted.read("a b".to_owned()).unwrap();
        let augmented = fitted.augmented(&decoded, &[swap], &mut Seed::new(1).rng());
        assert_eq!(augmented, fitted.features(&decoded));
    }

    /// Every normalizer before every pre-tokenizer, on texts from an empty one to emoji: refused on
    /// opening, a row's error, or ids, but never a panic.
    #[test]
    fn no_pair_of_a_normalizer_and_a_pre_tokenizer_panics() {
        let normalizers = [
            json!(null),
            json!({"type": "Lowercase"}),
            json!({"type": "NFD"}),
            json!({"type": "NFKC"}),
            json!({"type": "StripAccents"}),
            json!({"type": "Nmt"}),
            json!({"type": "ByteLevel"}),
            json!({"type": "Prepend", "prepend": ""}),
            json!({"type": "Prepend", "prepend": "\u{2581}"}),
            json!({"type": "Strip", "strip_left": true, "strip_right": true}),
            json!({"type": "Replace", "pattern": {"String": ""}, "content": "y"}),
            json!({"type": "Replace", "pattern": {"Regex": "x*"}, "content": ""}),
            json!({"type": "Replace", "pattern": {"Regex": "(?=b)"}, "content": "zz"}),
            json!({"type": "Replace", "pattern": {"Regex": "^"}, "content": ""}),
            json!({
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true,
            }),
        ];
        let pattern = |behavior: &str, regex: &str| {
            json!({
                "type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": false,
            })
        };
        let byte_level = |add: bool, regex: bool| {
            json!({
                "type": "ByteLevel", "add_prefix_space": add, "trim_offsets": true,
                "use_regex": regex,
            })
        };
        let metaspace = json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true});
        let pre_tokenizers = [
            json!(null),
            json!({"type": "Whitespace"}),
            json!({"type": "WhitespaceSplit"}),
            json!({"type": "BertPreTokenizer"}),
            json!({"type": "Punctuation", "behavior": "Contiguous"}),
            json!({"type": "Digits", "individual_digits": true}),
            json!({"type": "UnicodeScripts"}),
            json!({"type": "FixedLength", "length": 1}),
            json!({"type": "CharDelimiterSplit", "delimiter": "b"}),
            metaspace.clone(),
            byte_level(true, true),
            byte_level(false, false),
            pattern("MergedWithNext", "x*"),
            pattern("Removed", ""),
            json!({"type": "Sequence", "pretokenizers": [metaspace, byte_level(true, false)]}),
        ];
        let (mut read_files, mut refused) = (0, 0);
        for normalizer in &normalizers {
            for pre_tokenizer in &pre_tokenizers {
                let mut file = word_level();
                file["normalizer"] = normalizer.clone();
                file["pre_tokenizer"] = pre_tokenizer.clone();
                let Ok(pretrained) = read(&file) else {
                    refused += 1;
                    continue;
                };
                read_files += 1;
                for text in [
                    "",
                    "b",
                    "xxb \u{301}",
                    "\0",
                    "A\u{e9}\u{1f469}\u{200d}\u{1f680}",
                    " \u{2581} b b",
                ] {
                    drop(pretrained.ids(text));
                }
            }
        }
        assert!(read_files > 150 && refused >= 2, "{read_files} read, {refused} refused");
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let file = golden_file("wordpiece");
        for length in (0..file.len()).step_by(997).filter(|&length| file.is_char_boundary(length)) {
            Pretrained::try_from(file[..length].to_owned()).unwrap_err();
        }
    }
}
