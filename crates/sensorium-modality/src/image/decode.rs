//! From a file's bytes to a [`Picture`].

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use sensorium_core::guard::guarded;

use super::budget::share;
use super::color::opaque_rgb;
use super::cost;
use super::error::PictureError;
use super::format::{description_of, format_of};
use super::jpeg::{JpegFile, Reduction};
use super::picture::Picture;
use super::png;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureSize {
    /// The height, at least 1.
    pub height: u32,
    /// The width, at least 1.
    pub width: u32,
}

/// Decodes a PNG, JPEG, WebP, GIF, BMP or TIFF file, told by its content, to upright opaque sRGB.
///
/// EXIF orientation is obeyed, transparency becomes white, 16 bits become 8, an animation gives its
/// first frame and a file of several pages its first. Color profiles are not applied.
///
/// All decoders of the process take at most [`MAX_DECODING_BYTES`](super::MAX_DECODING_BYTES) at once:
/// this waits where others have taken what the picture needs.
///
/// # Errors
///
/// [`PictureError`] where the file is larger than [`MAX_FILE_BYTES`] or the picture than `limits`,
/// where the format is another one, or where the file is empty, corrupt or truncated.
pub fn decode_bytes(bytes: &[u8], limits: Limits) -> Result<Picture, PictureError> {
    decode_reduced(bytes, limits, |_| None)
}

/// As [`decode_bytes`], but that a JPEG file becomes the part of its size that `reduction` says.
///
/// Only files of one scan in gray or YCbCr are reduced, as nearly all are; others come whole.
///
/// # Errors
///
/// As [`decode_bytes`].
pub fn decode_reduced(
    bytes: &[u8],
    limits: Limits,
    reduction: impl FnOnce(PictureSize) -> Option<Reduction>,
) -> Result<Picture, PictureError> {
    decode_then(bytes, limits, reduction, |picture| picture)
}

/// As [`decode_reduced`], and does with the picture what is to be done with it while its memory is
/// still counted.
pub(super) fn decode_then<T>(
    bytes: &[u8],
    limits: Limits,
    reduction: impl FnOnce(PictureSize) -> Option<Reduction>,
    then: impl FnOnce(Picture) -> T,
) -> Result<T, PictureError> {
    let bytes = mended(bytes)?;
    let opened = Opened::new(&bytes, limits)?;
    let reduction = reduction(opened.upright_size());
    let _share = share(opened.num_bytes());
    opened.decode(reduction).map(then)
}

/// The bytes, within their limit, without faults that hide no pixel.
fn mended(bytes: &[u8]) -> Result<Cow<'_, [u8]>, PictureError> {
    check_file_size(bytes)?;
    let is_png = format_of(bytes) == Some(ImageFormat::Png);
    Ok(if is_png { png::with_end(bytes) } else { Cow::Borrowed(bytes) })
}

/// Reads the size from a file's header, without decoding the pixels.
///
/// # Errors
///
/// As [`decode_bytes`], but for faults that lie after the header.
pub fn size_of_bytes(bytes: &[u8], limits: Limits) -> Result<PictureSize, PictureError> {
    check_file_size(bytes)?;
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
        let format = format_of(bytes).ok_or_else(|| unknown_format(bytes))?;
        let opened = guarded(|| Self::of(bytes, format, limits));
        opened.unwrap_or_else(|problem| Err(corrupt(format, &problem)))
    }

    fn of(bytes: &'a [u8], format: ImageFormat, limits: Limits) -> Result<Self, PictureError> {
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

    /// What decoding takes, in bytes.
    fn num_bytes(&self) -> u64 {
        let is_turned = self.orientation != Orientation::NoTransforms;
        match &self.file {
            File::Jpeg(file) => cost::of_jpeg(
                file.num_components().into(),
                file.is_progressive(),
                self.size,
                is_turned,
            ),
            File::Other(file) => {
                cost::of_other(self.format, file.color_type(), self.size, is_turned)
            }
        }
    }

    fn decode(self, reduction: Option<Reduction>) -> Result<Picture, PictureError> {
        let format = self.format;
        let decoded = guarded(|| self.decode_unguarded(reduction));
        decoded.unwrap_or_else(|problem| Err(corrupt(format, &problem)))
    }

    fn decode_unguarded(self, reduction: Option<Reduction>) -> Result<Picture, PictureError> {
        let Self { file, size, orientation, format } = self;
        let decoded = match (file, reduction) {
            (File::Jpeg(file), Some(reduction)) => file.into_reduced_rgb(reduction),
            (File::Jpeg(file), None) => file.into_rgb().map(|pixels| (size, pixels)),
            (File::Other(file), _) => rgb_of(file).map(|pixels| (size, pixels)),
        };
        let (size, pixels) = decoded.map_err(|problem| corrupt(format, &problem))?;
        upright(size, pixels, orientation)
            .ok_or_else(|| corrupt(format, "its pixels are not as many as its header says"))
    }
}

type Header<'a> = (Box<dyn ImageDecoder + 'a>, PictureSize, Orientation);

fn open_other(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<Header<'_>, ImageError> {
    if format == ImageFormat::WebP && is_cut_webp(bytes) {
        return Err(ImageError::IoError(ErrorKind::UnexpectedEof.into()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut inner = image::Limits::no_limits();
    inner.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(MAX_FILE_BYTES));
    reader.limits(inner);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    // A picture whose EXIF block is damaged is a picture still; it is taken as it lies.
    // A TIFF file is laid out as such a block is.
    let orientation = match format {
        ImageFormat::Tiff => Orientation::from_exif_chunk(bytes),
        _ => decoder.orientation().ok(),
    };
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    Ok((Box::new(decoder), PictureSize { height, width }, orientation))
}

/// Whether a WebP file is shorter than its header says: what is cut may be its orientation.
fn is_cut_webp(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok());
    length.is_none_or(|length| u64::from(u32::from_le_bytes(length)) + 8 > bytes.len() as u64)
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
        advice: "supported formats: PNG, JPEG, WebP, GIF, BMP, TIFF; convert the file",
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

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, Rgb};
    use sensorium_core::{Hint, Seed};

    use super::super::{EXTENSIONS, is_image};
    use super::*;
    use crate::golden;

    /// Reads `file` of a golden case.
    pub(in super::super) fn picture(case: &Path, file: &str) -> Picture {
        decode_bytes(&fs::read(case.join(file)).unwrap(), Limits::default()).unwrap()
    }

    /// The largest difference between two pictures of one size.
    pub(in super::super) fn difference(left: &Picture, right: &Picture) -> u8 {
        assert_eq!((left.height(), left.width()), (right.height(), right.width()));
        let pairs = left.pixels().iter().zip(right.pixels());
        pairs.map(|(&left, &right)| left.abs_diff(right)).max().unwrap()
    }

    fn golden_files() -> Vec<(String, Vec<u8>)> {
        let files = golden::cases("image_decode").into_iter().map(|case| {
            let config = fs::read(case.join("case.json")).unwrap();
            let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
            let file = config["file"].as_str().unwrap();
            assert!(EXTENSIONS.contains(&file.rsplit('.').next().unwrap()));
            (
                case.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(case.join(file)).unwrap(),
            )
        });
        files.collect()
    }

    /// Parity with Pillow; cases made by `reference/image/decode.py`.
    #[test]
    fn every_kind_of_file_decodes_as_in_pillow() {
        let (mut lossless, mut lossy) = (0, 0);
        for (case, (name, bytes)) in golden::cases("image_decode").iter().zip(golden_files()) {
            let expected = picture(case, "expected.png");
            let decoded = decode_bytes(&bytes, Limits::default()).unwrap();
            // Lossless formats agree to the bit, but for the rounding of half transparent pixels;
            // JPEG's and lossy WebP's inverse transforms and chroma upsampling round on their own.
            let tolerance = match name.as_str() {
                "jpeg_420" => 8,
                name if name.starts_with("jpeg") || name == "webp_lossy" => 3,
                name if name.ends_with("alpha") || name == "png_rgba" => 1,
                _ => 0,
            };
            let difference = difference(&decoded, &expected);
            assert!(difference <= tolerance, "{name} is off by {difference}");
            let worst = if tolerance > 1 { &mut lossy } else { &mut lossless };
            *worst = difference.max(*worst);
            assert!(is_image(&bytes[..18]), "{name}");
            let size = size_of_bytes(&bytes, Limits::default()).unwrap();
            assert_eq!(
                (size.height as usize, size.width as usize),
                (decoded.height(), decoded.width())
            );
        }
        let parity = |part: &str, worst: u8, tolerance: f64| {
            golden::assert_parity(part, "Pillow 13.0.0", worst.into(), tolerance, "grey level");
        };
        parity("decode PNG, GIF, BMP, TIFF, lossless WebP", lossless, 1.0);
        parity("decode JPEG, lossy WebP", lossy, 8.0);
    }

    #[test]
    fn a_cut_file_is_refused_unless_all_its_pixels_are_there() {
        for (name, bytes) in golden_files() {
            let whole = decode_bytes(&bytes, Limits::default()).unwrap();
            for length in 0..bytes.len() {
                if let Ok(picture) = decode_bytes(&bytes[..length], Limits::default()) {
                    let missing = bytes.len() - length;
                    assert!(picture == whole, "{name} without its last {missing} bytes");
                }
            }
        }
    }

    #[test]
    fn a_damaged_file_never_panics_nor_grows() {
        let limits = Limits { max_pixels: 20_000 };
        for (name, bytes) in golden_files() {
            let seed = Seed::new(1).derive(&name);
            let decoded = (0..400).filter_map(|round| {
                let mut damaged = bytes.clone();
                for change in 0..=round % 3 {
                    let draw = seed.at(round).at(change).value();
                    let place = usize::try_from(draw >> 8).unwrap() % bytes.len();
                    damaged[place] = draw.to_le_bytes()[0];
                }
                decode_bytes(&damaged, limits).ok()
            });
            for picture in decoded {
                assert!(picture.pixels().len() as u64 <= 3 * limits.max_pixels, "{name}");
            }
        }
    }

    #[test]
    fn a_damaged_or_cut_file_never_panics_nor_grows_where_it_is_reduced() {
        for case in golden::cases("image_reduced") {
            let bytes = fs::read(case.join("a.jpg")).unwrap();
            let seed = Seed::new(2).derive(&case.display().to_string());
            for round in 0..600 {
                let draw = seed.at(round).value();
                let place = usize::try_from(draw >> 16).unwrap() % bytes.len();
                let mut damaged = bytes.clone();
                if round % 3 == 0 {
                    damaged.truncate(place);
                } else {
                    damaged[place] = draw.to_le_bytes()[0];
                }
                let reduction = Reduction::ALL[usize::from(draw.to_le_bytes()[1]) % 3];
                let limits = Limits { max_pixels: 20_000 };
                if let Ok(picture) = decode_reduced(&damaged, limits, |_| Some(reduction)) {
                    assert!(picture.pixels().len() as u64 <= 3 * limits.max_pixels);
                }
            }
        }
    }

    /// A gray JPEG of flat blocks, 2 across and 3 down, 36 times 1 to 6, whose EXIF block has
    /// `orientation`.
    fn oriented_jpeg(orientation: u8) -> Vec<u8> {
        let blocks = [[1, 2], [3, 4], [5, 6]];
        let gray: Vec<u8> =
            (0..24 * 16).map(|place| 36 * blocks[place / 16 / 8][place % 16 / 8]).collect();
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 100);
        encoder.encode(&gray, 16, 24, ExtendedColorType::L8).unwrap();
        // APP1: marker, length, name, then little-endian TIFF with one tag, 0x0112, of one short.
        let tiff = [
            b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0",
            [orientation, 0, 0, 0].as_slice(),
            &[0; 4],
        ]
        .concat();
        let body = [b"Exif\0\0".as_slice(), &tiff].concat();
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        let segment = [[0xff, 0xe1].as_slice(), &length, &body].concat();
        file.splice(2..2, segment);
        file
    }

    #[test]
    fn all_eight_orientations_are_obeyed() {
        let lying = vec![vec![1_u8, 2], vec![3, 4], vec![5, 6]];
        for (orientation, expected) in [
            (0, lying.clone()), // no such orientation: as it lies
            (1, lying),
            (2, vec![vec![2, 1], vec![4, 3], vec![6, 5]]),
            (3, vec![vec![6, 5], vec![4, 3], vec![2, 1]]),
            (4, vec![vec![5, 6], vec![3, 4], vec![1, 2]]),
            (5, vec![vec![1, 3, 5], vec![2, 4, 6]]),
            (6, vec![vec![5, 3, 1], vec![6, 4, 2]]),
            (7, vec![vec![6, 4, 2], vec![5, 3, 1]]),
            (8, vec![vec![2, 4, 6], vec![1, 3, 5]]),
        ] {
            let picture = decode_bytes(&oriented_jpeg(orientation), Limits::default()).unwrap();
            let size = (picture.height(), picture.width());
            assert_eq!(size, (8 * expected.len(), 8 * expected[0].len()), "{orientation}");
            for (place, pixel) in picture.pixels().chunks(3).enumerate() {
                let block = 36 * expected[place / size.1 / 8][place % size.1 / 8];
                assert!(pixel[0].abs_diff(block) <= 1, "{orientation} at {place}");
            }
        }
    }

    fn encoded(format: ImageFormat, height: u32, width: u32) -> Vec<u8> {
        let picture = RgbImage::from_pixel(width, height, Rgb([9, 99, 199]));
        let mut file = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture).write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    #[test]
    fn one_pixel_too_many_is_refused_in_every_format() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
        ] {
            let file = encoded(format, 30, 40);
            let picture = decode_bytes(&file, Limits { max_pixels: 1200 }).unwrap();
            assert_eq!((picture.height(), picture.width()), (30, 40));
            let error = decode_bytes(&file, Limits { max_pixels: 1199 }).unwrap_err();
            assert_eq!(
                error.to_string(),
                "a picture of 40 x 30 pixels, but at most 1199 pixels is allowed"
            );
            assert!(error.hint().unwrap().contains("`max_pixels`"));
        }
    }

    #[test]
    fn an_enormous_picture_in_a_small_file_is_refused_before_its_pixels_are_made() {
        let mut file = encoded(ImageFormat::Bmp, 1, 1);
        file[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
        file[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
        let error = decode_bytes(&file, Limits::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "a picture of 60000 x 60000 pixels, but at most 100000000 pixels is allowed"
        );
        let file = encoded(ImageFormat::Png, 1, 65_536);
        let error = decode_bytes(&file, Limits::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "a picture of 65536 x 1 pixels, but at most 65535 pixels a side is allowed"
        );
    }

    /// Files of a few bytes whose header claims the largest sides that its format can.
    fn files_of_enormous_claims() -> Vec<Vec<u8>> {
        let mut jpeg = encoded(ImageFormat::Jpeg, 8, 8);
        // After the marker: two bytes of length, one of bits, then height and width.
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].fill(0xff);
        let mut gif = encoded(ImageFormat::Gif, 8, 8);
        gif[6..10].fill(0xff);
        let mut webp = encoded(ImageFormat::WebP, 8, 8);
        // VP8L: length and signature, then 14 bits each of width and height less one: 16383 both.
        let start = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
        webp[start..start + 4].copy_from_slice(&[0xfe, 0xbf, 0xff, 0x0f]);
        let mut file = encoded(ImageFormat::Png, 8, 8);
        file[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        let sum = png::crc32(&file[12..29]).to_be_bytes();
        file[29..33].copy_from_slice(&sum);
        vec![jpeg, gif, webp, file]
    }

    #[test]
    fn an_enormous_claim_is_refused_in_every_format() {
        for file in files_of_enormous_claims() {
            let error = decode_bytes(&file, Limits::default()).unwrap_err();
            assert!(matches!(error, PictureError::TooLarge { .. }), "{error}");
            assert_eq!(size_of_bytes(&file, Limits::default()).unwrap_err(), error);
        }
    }

    #[test]
    fn a_jpeg_whose_data_cannot_be_its_pixels_is_truncated() {
        let mut file = encoded(ImageFormat::Jpeg, 64, 64);
        let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        assert!(decode_bytes(&file, Limits::default()).is_ok());
        file[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]); // 10 000 x 10 000
        for reduction in [None, Some(Reduction::Eighth)] {
            let error = decode_reduced(&file, Limits::default(), |_| reduction).unwrap_err();
            assert!(error.to_string().contains("(its data end before its picture)"), "{error}");
        }
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let message = |bytes: &[u8]| {
            let error = decode_bytes(bytes, Limits::default()).unwrap_err();
            format!("{error}; {}", error.hint().unwrap())
        };
        assert_eq!(
            message(b""),
            "not a picture in a supported format: an empty file; supported formats: PNG, JPEG, \
             WebP, GIF, BMP, TIFF; convert the file"
        );
        assert!(message(b"<!DOCTYPE html><html>").contains("starts with `<!DOCTYPE html><`"));
        let cut = &encoded(ImageFormat::Png, 30, 40)[..50];
        assert!(message(cut).starts_with("not a readable picture: a PNG file that cannot be"));
        let cut = &encoded(ImageFormat::Jpeg, 30, 40)[..640];
        assert!(message(cut).contains("a JPEG file that cannot be decoded (it has no end)"));
    }

    #[test]
    fn a_file_over_the_limit_is_refused_unread() {
        let mut file = encoded(ImageFormat::Bmp, 1, 1);
        file.resize((64 << 20) + 1, 0);
        let error = decode_bytes(&file, Limits::default()).unwrap_err().to_string();
        assert_eq!(error, "a file of 67108865 bytes, but at most 67108864 bytes is allowed");
    }
}
