//! Text of any encoding as UTF-8, piece by piece.
//!
//! A byte-order mark says UTF-8 or UTF-16; else what was asked for, or UTF-8. Bytes that are no
//! text in the encoding are an error with their place, never a stand-in.

use std::io::{self, BufRead, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::source::{Bytes, peeked};
use crate::{TableError, TextEncoding};

/// How many bytes are looked at for the zeros of UTF-16 without a mark.
const LOOKED_AT: usize = 256;
/// Room for what one step decodes.
const DECODED_BYTES: usize = 1 << 16;

/// The same text in UTF-8, without a byte-order mark.
pub(super) fn decoded(
    path: &Path,
    bytes: Bytes,
    asked: Option<TextEncoding>,
) -> Result<Bytes, TableError> {
    let failed = |source| TableError::Read { path: path.to_owned(), source };
    let (first, mut bytes) = peeked(bytes, LOOKED_AT).map_err(failed)?;
    if first.starts_with(b"\xff\xfe\0\0") || first.starts_with(b"\0\0\xfe\xff") {
        return Err(refused(path, "is UTF-32, which is not read", "save it in UTF-8"));
    }
    let marked = Encoding::for_bom(&first);
    if let Some((_, mark_bytes)) = marked {
        bytes.consume_exactly(mark_bytes).map_err(failed)?;
    }
    let encoding = match (marked, asked) {
        (Some((encoding, _)), _) | (None, Some(TextEncoding(encoding))) => encoding,
        (None, None) => {
            check_for_zeros(path, &first)?;
            UTF_8
        }
    };
    if encoding == UTF_8 {
        return Ok(bytes);
    }
    Ok(Box::new(Decoded::new(bytes, encoding)))
}

/// Text has no zeros; UTF-16 has one in every other place of ASCII.
fn check_for_zeros(path: &Path, first: &[u8]) -> Result<(), TableError> {
    let zeros = |from: usize| first.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), first.len() / 2);
    let guess = match (even, odd) {
        (0, 1..) if odd * 2 > half => "utf-16le",
        (1.., 0) if even * 2 > half => "utf-16be",
        _ => return Ok(()),
    };
    let advice = format!("say `--encoding {guess}`, or save it in UTF-8");
    Err(refused(path, "looks like UTF-16 without a byte-order mark", &advice))
}

fn refused(path: &Path, problem: &str, advice: &str) -> TableError {
    let (path, problem, advice) = (path.to_owned(), problem.to_owned(), advice.to_owned());
    TableError::Encoding { path, problem, advice }
}

trait ConsumeExactly {
    fn consume_exactly(&mut self, count: usize) -> io::Result<()>;
}

impl ConsumeExactly for Bytes {
    fn consume_exactly(&mut self, count: usize) -> io::Result<()> {
        self.read_exact(&mut vec![0; count])
    }
}

/// Bytes that are no text in the encoding they were said to have.
#[derive(Debug, thiserror::Error)]
#[error("byte {place} is no text in {encoding}")]
pub(crate) struct NoText {
    place: u64,
    encoding: &'static str,
}

/// A decoder, and what it has decoded and nobody has read yet.
struct Decoded {
    bytes: Bytes,
    decoder: Decoder,
    text: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    is_done: bool,
}

impl Decoded {
    fn new(bytes: Bytes, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        let text = vec![0; DECODED_BYTES];
        Self { bytes, decoder, text, start: 0, end: 0, consumed: 0, is_done: false }
    }

    /// Decodes until there is something to read, or nothing more.
    fn decode(&mut self) -> io::Result<()> {
        while self.start == self.end && !self.is_done {
            let raw = self.bytes.fill_buf()?;
            let is_last = raw.is_empty();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, is_last);
            self.bytes.consume(read);
            self.consumed += read as u64;
            (self.start, self.end) = (0, written);
            match result {
                DecoderResult::InputEmpty => self.is_done = is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    let encoding = self.decoder.encoding().name();
                    let no_text = NoText { place: self.consumed, encoding };
                    return Err(io::Error::new(io::ErrorKind::InvalidData, no_text));
                }
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.decode()?;
        Ok(&self.text[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}
