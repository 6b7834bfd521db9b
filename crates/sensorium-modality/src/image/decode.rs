//! From a file's bytes to a [`Picture`].

use std::io::Cursor;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::color::opaque_rgb;
use super::error::PictureError;
use super::format::{description_of, format_of};
use super::jpeg::JpegFile;
use super::picture::Picture;

/// The largest file that is read, in bytes: 64 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The longest side that a picture may have, in pixels: JPEG's own limit, for every format.
pub const MAX_FILE_SIDE: u32 = 65_535;

/// What a picture may take.
///
/// Decoding needs at most 8 bytes a pixel for the values, as much again inside a decoder, and the
/// file itself, which is at most [`MAX_FILE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels that a picture may have; it is checked before memory is taken for them.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 100 million pixels.
    fn default() -> Self {
        Self { max_pixels: 100_000_000 }
    }
}

/// The sides of a picture, upright, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureSize {
    /// The height, at least 1.
    pub height: u32,
    /// The width, at least 1.
    pub width: u32,
}

/// Decodes a PNG, JPEG, WebP, GIF or BMP file, told by its content, to upright opaque sRGB.
///
/// EXIF orientation is obeyed, transparency becomes white, 16 bits become 8, an animation gives its
/// first frame. Color profiles are not applied.
///
/// # Errors
///
/// [`PictureError`] where the file is larger than [`MAX_FILE_BYTES`] or the picture than `limits`,
/// where the format is another one, or where the file is empty, corrupt or truncated.
pub fn decode_bytes(bytes: &[u8], limits: Limits) -> Result<Picture, PictureError> {
    Opened::new(bytes, limits)?.decode()
}

/// Reads the size from a file's header, without decoding the pixels.
///
/// # Errors
///
/// As [`decode_bytes`], but for faults that lie after the header.
pub fn size_of_bytes(bytes: &[u8], limits: Limits) -> Result<PictureSize, PictureError> {
    Opened::new(bytes, limits).map(|opened| opened.upright_size())
}

/// A file whose header was read and found within the limits.
struct Opened<'a> {
    file: File<'a>,
    size: PictureSize,
    orientation: Orientation,
    format: ImageFormat,
}

enum File<'a> {
    Jpeg(Box<JpegFile<'a>>),
    Other(Box<dyn ImageDecoder + 'a>),
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], limits: Limits) -> Result<Self, PictureError> {
        check_file_size(bytes)?;
        let format = format_of(bytes).ok_or_else(|| unknown_format(bytes))?;
        let (file, size, orientation) = if format == ImageFormat::Jpeg {
            let file = JpegFile::open(bytes).map_err(|problem| corrupt(format, &problem))?;
            let (size, orientation) = (file.size(), file.orientation());
            (File::Jpeg(Box::new(file)), size, orientation)
        } else {
            let (file, size, orientation) = open_other(bytes, format, limits)
                .map_err(|error| refusal(format, &error, limits))?;
            (File::Other(file), size, orientation)
        };
        check_size(size, limits)?;
        Ok(Self { file, size, orientation, format })
    }

    fn upright_size(&self) -> PictureSize {
        let PictureSize { height, width } = self.size;
        match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => PictureSize { height: width, width: height },
            _ => self.size,
        }
    }

    fn decode(self) -> Result<Picture, PictureError> {
        let Self { file, size, orientation, format } = self;
        let pixels = match file {
            File::Jpeg(file) => file.into_rgb().map_err(|problem| corrupt(format, &problem))?,
            File::Other(file) => rgb_of(file).map_err(|problem| corrupt(format, &problem))?,
        };
        upright(size, pixels, orientation)
            .ok_or_else(|| corrupt(format, "its pixels are not as many as its header says"))
    }
}

type Header<'a> = (Box<dyn ImageDecoder + 'a>, PictureSize, Orientation);

fn open_other(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<Header<'_>, ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut inner = image::Limits::no_limits();
    inner.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(MAX_FILE_BYTES));
    reader.limits(inner);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    // A picture whose EXIF block is damaged is a picture still; it is taken as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((Box::new(decoder), PictureSize { height, width }, orientation))
}

fn rgb_of(decoder: Box<dyn ImageDecoder + '_>) -> Result<Vec<u8>, String> {
    let color = decoder.color_type();
    let num_bytes = usize::try_from(decoder.total_bytes()).map_err(|error| error.to_string())?;
    let mut values = vec![0; num_bytes];
    decoder.read_image_boxed(&mut values).map_err(|error| error.to_string())?;
    opaque_rgb(color, values).ok_or_else(|| format!("its color type {color:?} is not read"))
}

/// Turns and mirrors the pixels as EXIF asks; without a copy where it asks nothing.
fn upright(size: PictureSize, pixels: Vec<u8>, orientation: Orientation) -> Option<Picture> {
    let (height, width) = (usize::try_from(size.height).ok()?, usize::try_from(size.width).ok()?);
    if orientation == Orientation::NoTransforms {
        return Picture::from_rgb(height, width, pixels);
    }
    let mut lying = DynamicImage::ImageRgb8(RgbImage::from_raw(size.width, size.height, pixels)?);
    lying.apply_orientation(orientation);
    let (height, width) = (lying.height().try_into().ok()?, lying.width().try_into().ok()?);
    Picture::from_rgb(height, width, lying.into_rgb8().into_raw())
}

fn check_file_size(bytes: &[u8]) -> Result<(), PictureError> {
    if bytes.len() as u64 <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(PictureError::TooLarge {
        got: format!("a file of {} bytes", bytes.len()),
        limit: format!("{MAX_FILE_BYTES} bytes"),
        advice: "save the picture with fewer pixels or stronger compression",
    })
}

fn check_size(size: PictureSize, limits: Limits) -> Result<(), PictureError> {
    let PictureSize { height, width } = size;
    let limit = if height.max(width) > MAX_FILE_SIDE {
        format!("{MAX_FILE_SIDE} pixels a side")
    } else if u64::from(height) * u64::from(width) > limits.max_pixels {
        format!("{} pixels", limits.max_pixels)
    } else {
        return Ok(());
    };
    let got = format!("a picture of {width} x {height} pixels");
    Err(PictureError::TooLarge { got, limit, advice: TOO_LARGE_ADVICE })
}

const TOO_LARGE_ADVICE: &str = "resize the file, or raise `max_pixels` under `preprocessing`";

fn unknown_format(bytes: &[u8]) -> PictureError {
    PictureError::Unreadable {
        expected: "a picture in a supported format",
        got: description_of(bytes),
        advice: "supported formats: PNG, JPEG, WebP, GIF, BMP",
    }
}

fn corrupt(format: ImageFormat, problem: &str) -> PictureError {
    PictureError::Unreadable {
        expected: "a readable picture",
        got: format!("a {} file that cannot be decoded ({problem})", name_of(format)),
        advice: "the file is damaged, cut short or of a rare kind: save it again, or leave the \
                 cell empty",
    }
}

fn refusal(format: ImageFormat, error: &ImageError, limits: Limits) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooLarge {
            got: format!("a {} file that unpacks to too much", name_of(format)),
            limit: format!("{} pixels", limits.max_pixels),
            advice: TOO_LARGE_ADVICE,
        },
        other => corrupt(format, &other.to_string()),
    }
}

fn name_of(format: ImageFormat) -> String {
    match format {
        ImageFormat::WebP => "WebP".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}
