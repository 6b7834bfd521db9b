//! JPEG, straight from its decoder: one pass over the headers, and no copy of the file.
//!
//! Whole pictures are decoded by `zune-jpeg`. It has no inverse transform of a part of the
//! coefficients, and `jpeg-decoder` 0.3.2, which has, takes 2.8 times as long for half the size as
//! `zune-jpeg` 0.5 for all of it (3.4 ms to 1.2 ms a picture of VQA-RAD); so [`reduced`] is our own.

mod huffman;
mod inverse;
mod reduced;

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::decode::{MAX_FILE_SIDE, PictureSize};

pub use reduced::Reduction;

/// A JPEG file whose headers were read.
pub(super) struct JpegFile<'a> {
    bytes: &'a [u8],
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    size: PictureSize,
}

impl<'a> JpegFile<'a> {
    /// Reads the headers, taking no memory for pixels.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
        decoder.decode_headers().map_err(|error| format!("{error:?}"))?;
        let (width, height) = decoder.dimensions().ok_or("it has no frame header")?;
        let [height, width] = [height, width].map(u32::try_from);
        let (Ok(height), Ok(width)) = (height, width) else {
            return Err("its sides are not JPEG's".to_owned());
        };
        Ok(Self { bytes, decoder, size: PictureSize { height, width } })
    }

    /// The number of color components: 1, 3 or 4.
    pub(super) fn num_components(&self) -> u8 {
        self.decoder.info().map_or(4, |info| info.components)
    }

    /// Whether the file keeps its coefficients in several scans.
    pub(super) fn is_progressive(&self) -> bool {
        frame_marker_of(self.bytes) == Some(PROGRESSIVE)
    }

    /// Whether the scans may hold the picture: each block of pixels takes a bit for its mean, and in
    /// one scan another for that there is nothing else. Where data end early, a decoder would paint
    /// gray, and so would libjpeg; it might be a gigabyte of it.
    fn may_be_whole(&self) -> bool {
        let PictureSize { height, width } = self.size;
        let blocks = u64::from(height.div_ceil(8)) * u64::from(width.div_ceil(8));
        let bits = if self.is_progressive() { blocks } else { 2 * blocks };
        scans_of(self.bytes).is_none_or(|scans| 8 * scans.len() as u64 >= bits)
    }

    /// The size as stored, before the orientation is obeyed.
    pub(super) const fn size(&self) -> PictureSize {
        self.size
    }

    /// What EXIF asks for; a damaged EXIF block asks for nothing.
    pub(super) fn orientation(&self) -> Orientation {
        let asked = self.decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
        asked.unwrap_or(Orientation::NoTransforms)
    }

    /// As [`JpegFile::into_rgb`], with the size of what is given: reduced where the file can be, and
    /// whole elsewhere.
    pub(super) fn into_reduced_rgb(
        self,
        reduction: Reduction,
    ) -> Result<(PictureSize, Vec<u8>), String> {
        self.check_length()?;
        match reduced::decoded(self.bytes, self.size, reduction) {
            Some(pixels) => Ok((reduction.of(self.size), pixels)),
            None => Ok((self.size, self.into_rgb()?)),
        }
    }

    fn check_length(&self) -> Result<(), String> {
        let problem = "its data end before its picture";
        self.may_be_whole().then_some(()).ok_or_else(|| problem.to_owned())
    }

    /// Decodes the pixels to RGB, from gray, YCbCr, CMYK and YCCK alike.
    pub(super) fn into_rgb(mut self) -> Result<Vec<u8>, String> {
        if let Some(ColorSpace::MultiBand(_)) = self.decoder.input_colorspace() {
            return Err("its number of color components is neither 1, 3 nor 4".to_owned());
        }
        if !is_complete(self.bytes) {
            return Err("it has no end".to_owned());
        }
        self.check_length()?;
        // Stray bytes between headers are harmless. A fault in the pixels is not: a lenient decoder
        // would paint gray what it cannot read.
        self.decoder.set_options(options().set_strict_mode(true));
        let num_bytes = self.decoder.output_buffer_size().ok_or("it has no frame header")?;
        let mut pixels = vec![0; num_bytes];
        self.decoder.decode_into(&mut pixels).map_err(|error| format!("{error:?}"))?;
        Ok(pixels)
    }
}

fn options() -> DecoderOptions {
    let max_side = MAX_FILE_SIDE as usize;
    DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(false)
        .set_max_width(max_side)
        .set_max_height(max_side)
}

/// Whether an end marker follows the first scan. Data of a scan cannot hold one by chance, but a
/// thumbnail inside a header has its own, so headers are stepped over.
fn is_complete(bytes: &[u8]) -> bool {
    const END: [u8; 2] = [0xff, 0xd9];
    scans_of(bytes).is_none_or(|scans| scans.windows(2).rev().any(|pair| pair == END))
}

/// What follows the first start-of-scan marker, or `None` where the headers are not in order.
fn scans_of(bytes: &[u8]) -> Option<&[u8]> {
    const START_OF_SCAN: u8 = 0xda;
    behind_marker(bytes, |marker| marker == START_OF_SCAN).map(|(_, rest)| rest)
}

/// The marker of a frame that is refined from scan to scan, with Huffman codes.
const PROGRESSIVE: u8 = 0xc2;

/// The marker of the first frame, which says how it is coded.
fn frame_marker_of(bytes: &[u8]) -> Option<u8> {
    // The others between them are of tables.
    let is_frame = |marker| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    behind_marker(bytes, is_frame).map(|(marker, _)| marker)
}

/// The first marker of the headers that is wanted, and what follows it.
fn behind_marker(bytes: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<(u8, &[u8])> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (&first, after) = rest.split_first()?;
        let (&marker, after_marker) = after.split_first()?;
        match (first, marker) {
            (0xff, marker) if is_wanted(marker) => return Some((marker, after_marker)),
            (0xff, 0xff) => rest = after,
            (0xff, _) => {
                let length = u16::from_be_bytes(*after_marker.first_chunk()?);
                rest = after_marker.get(usize::from(length)..)?;
            }
            _ => return None,
        }
    }
}
