//! Checks a `tokenizer.json` for what Hugging Face's library takes on trust.
//!
//! `tokenizers` 0.23 refuses what is not of its types, but it panics on parts that contradict each
//! other, and follows a file into any amount of memory. Each check here stands for one such place.
//! Sections are told by their keys, since the library reads old files that lack a `type`.

use base64::prelude::{BASE64_STANDARD, Engine};
use sensorium_core::ConfigError;
use serde_json::{Map, Value};

use super::charsmap;
use crate::MAX_VOCABULARY;

/// The longest token, in bytes: a Unigram model goes as deep into recursion as its tokens are long.
const MAX_TOKEN_BYTES: usize = 1_024;
/// The longest word that a `WordPiece` model may look at piece by piece, in characters: it takes
/// time as the cube of it.
const MAX_WORD_CHARS: u64 = 1_000;
/// How many times longer the normalizer may make a text.
const MAX_GROWTH: usize = 64;
/// The most special tokens that a post-processor may lay round a text.
const MAX_SPECIAL_TOKENS: usize = 1_024;

type Section = Map<String, Value>;

/// Checks a whole file.
///
/// # Errors
///
/// [`ConfigError`] for the first part that would not be read in bounds, its path that in the file.
pub(super) fn check(file: &Value) -> Result<(), ConfigError> {
    check_model(&file["model"]).map_err(|error| error.under("model"))?;
    check_added(&file["added_tokens"])?;
    let mut growth = 1;
    each_section(&file["normalizer"], &mut |section| check_normalizer(section, &mut growth))
        .map_err(|error| error.under("normalizer"))?;
    each_section(&file["pre_tokenizer"], &mut check_pre_tokenizer)
        .map_err(|error| error.under("pre_tokenizer"))?;
    let mut templates = 0;
    each_section(&file["post_processor"], &mut |section| check_template(section, &mut templates))
        .map_err(|error| error.under("post_processor"))
}

/// Every section at any depth.
fn each_section(
    value: &Value,
    check: &mut dyn FnMut(&Section) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    match value {
        Value::Object(section) => {
            check(section)?;
            section.values().try_for_each(|value| each_section(value, check))
        }
        Value::Array(items) => items.iter().try_for_each(|item| each_section(item, check)),
        _ => Ok(()),
    }
}

fn text<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
    section.get(key).and_then(Value::as_str)
}

fn check_model(model: &Value) -> Result<(), ConfigError> {
    if model["dropout"].as_f64().is_some_and(|dropout| dropout != 0.0) {
        // With it the same text has other ids each time.
        return Err(ConfigError::invalid("dropout", &model["dropout"], "null"));
    }
    let word_chars = model["max_input_chars_per_word"].as_u64().unwrap_or_default();
    if word_chars > MAX_WORD_CHARS {
        let expected = format!("at most {MAX_WORD_CHARS}");
        return Err(ConfigError::invalid("max_input_chars_per_word", word_chars, expected));
    }
    match &model["vocab"] {
        Value::Object(ids) => {
            ids.iter().try_for_each(|(token, id)| check_token(token, id.as_u64()))?;
        }
        Value::Array(pieces) => {
            if pieces.len() > MAX_VOCABULARY {
                let expected = format!("at most {MAX_VOCABULARY}");
                return Err(ConfigError::invalid("vocab", pieces.len(), expected));
            }
            let token =
                |piece: &Value| piece[0].as_str().map_or(Ok(()), |it| check_token(it, None));
            pieces.iter().try_for_each(token)?;
            if model["unk_id"].is_null() {
                return Err(ConfigError::invalid("unk_id", "null", "the id of the unknown token"));
            }
        }
        _ => {}
    }
    check_merges(model)
}

fn check_token(token: &str, id: Option<u64>) -> Result<(), ConfigError> {
    if token.len() > MAX_TOKEN_BYTES {
        let got = format!("a token of {} bytes", token.len());
        return Err(ConfigError::invalid("vocab", got, format!("at most {MAX_TOKEN_BYTES}")));
    }
    match id {
        Some(id) if id >= MAX_VOCABULARY as u64 => {
            let expected = format!("below {MAX_VOCABULARY}");
            Err(ConfigError::invalid(&format!("vocab.{token}"), id, expected))
        }
        _ => Ok(()),
    }
}

/// Each merge of a byte pair model makes a token of the vocabulary.
fn check_merges(model: &Value) -> Result<(), ConfigError> {
    let (Some(merges), Some(vocabulary)) = (model["merges"].as_array(), model["vocab"].as_object())
    else {
        return Ok(());
    };
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    for (index, merge) in merges.iter().enumerate() {
        let pair = match merge {
            Value::String(line) if line.starts_with("#version") => continue,
            Value::String(line) => line.split_once(' '),
            pair => pair[0].as_str().zip(pair[1].as_str()),
        };
        let merged = pair.and_then(|(a, b)| Some(format!("{a}{}", b.strip_prefix(prefix)?)));
        if !merged.is_some_and(|merged| vocabulary.contains_key(&merged)) {
            let expected = "a pair whose join is in the vocabulary";
            return Err(ConfigError::invalid(&format!("merges[{index}]"), merge, expected));
        }
    }
    Ok(())
}

fn check_added(added: &Value) -> Result<(), ConfigError> {
    let tokens = added.as_array().map(Vec::as_slice).unwrap_or_default();
    tokens.iter().enumerate().try_for_each(|(index, token)| {
        check_token(token["content"].as_str().unwrap_or_default(), token["id"].as_u64())
            .map_err(|error| error.under(&format!("added_tokens[{index}]")))
    })
}

fn check_normalizer(section: &Section, growth: &mut usize) -> Result<(), ConfigError> {
    let charsmap = "precompiled_charsmap";
    if text(section, "type") == Some("Precompiled") || section.contains_key(charsmap) {
        check_charsmap(text(section, charsmap).unwrap_or_default())
            .map_err(|error| error.under(charsmap))?;
    }
    check_token(text(section, "prepend").unwrap_or_default(), None)?;
    if section.contains_key("content") {
        *growth = growth.saturating_mul(growth_of(section));
    }
    if *growth > MAX_GROWTH {
        let got = format!("a text {growth} times longer");
        return Err(ConfigError::invalid("content", got, format!("at most {MAX_GROWTH}")));
    }
    Ok(())
}

fn check_charsmap(charsmap: &str) -> Result<(), ConfigError> {
    let decoded = BASE64_STANDARD.decode(charsmap).unwrap_or_default();
    if charsmap::is_sound(&decoded) {
        return Ok(());
    }
    let got = format!("{} bytes that lead nowhere", decoded.len());
    Err(ConfigError::invalid("", got, "a table of SentencePiece in base64"))
}

/// How many times longer a `Replace` can make a text; an expression may match between characters.
fn growth_of(section: &Section) -> usize {
    let content = text(section, "content").unwrap_or_default().len();
    let pattern = section.get("pattern").and_then(|pattern| pattern["String"].as_str());
    match pattern {
        Some(pattern) if !pattern.is_empty() => content.div_ceil(pattern.len()).max(1),
        _ => content + 1,
    }
}

fn check_pre_tokenizer(section: &Section) -> Result<(), ConfigError> {
    if section.get("length").and_then(Value::as_u64) == Some(0) {
        return Err(ConfigError::invalid("length", 0, "1 or more"));
    }
    Ok(())
}

/// One template at most, which lays known tokens round the text and names it once.
fn check_template(section: &Section, templates: &mut usize) -> Result<(), ConfigError> {
    if !section.contains_key("single") {
        return Ok(());
    }
    *templates += 1;
    if *templates > 1 {
        return Err(ConfigError::invalid("processors", "two templates", "at most one"));
    }
    let tokens = section.get("special_tokens").unwrap_or(&Value::Null);
    for key in ["single", "pair"] {
        let pieces = section.get(key).and_then(Value::as_array).map(Vec::as_slice);
        check_pieces(key, pieces.unwrap_or_default(), tokens)?;
    }
    Ok(())
}

fn check_pieces(key: &str, pieces: &[Value], tokens: &Value) -> Result<(), ConfigError> {
    let mut num_special = 0;
    for piece in pieces.iter().filter_map(|piece| piece["SpecialToken"]["id"].as_str()) {
        let (ids, words) = (tokens[piece]["ids"].as_array(), tokens[piece]["tokens"].as_array());
        match (ids, words) {
            (Some(ids), Some(words)) if ids.len() == words.len() => num_special += ids.len(),
            _ => {
                let expected = "a token of `special_tokens` with its ids";
                return Err(ConfigError::invalid(key, format!("`{piece}`"), expected));
            }
        }
    }
    if num_special > MAX_SPECIAL_TOKENS {
        let expected = format!("at most {MAX_SPECIAL_TOKENS} special tokens");
        return Err(ConfigError::invalid(key, num_special, expected));
    }
    let texts: Vec<_> =
        pieces.iter().filter_map(|piece| piece["Sequence"]["id"].as_str()).collect();
    if key == "single" && texts != ["A"] {
        return Err(ConfigError::invalid(key, format!("the texts {texts:?}"), "`A` once"));
    }
    Ok(())
}
