//! Baseline JPEG, decoded to a half, a quarter or an eighth of its sides.
//!
//! What a pixel of the whole picture is for is skipped: each block of coefficients is transformed to
//! as many pixels as are wanted of it, colors of half the resolution to more, so that none has to be
//! interpolated. The entropy coding has to be read all the same.
//!
//! Read are files of one scan, 8 bits, Huffman codes, in gray or YCbCr, which nearly all are;
//! others, and damaged ones, are left to the decoder of whole pictures, and so is the verdict.
//!
//! Source: ITU-T T.81 (1992), annexes A, B, E and F; ITU-T T.871 (2011), section 7, for colors.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use pulp::{Arch, NullaryFnOnce};

use super::huffman::{Bits, Codes, PADDING};
use super::inverse::{Basis, basis, inverse};
use crate::image::decode::PictureSize;

/// To what part of its sides a picture is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// A half.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth.
    Eighth,
}

impl Reduction {
    /// All, the strongest first.
    pub const ALL: [Self; 3] = [Self::Eighth, Self::Quarter, Self::Half];

    /// The pixels of a side that become one.
    pub const fn factor(self) -> u32 {
        match self {
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// The sides of what a picture of `size` becomes: rounded up, as its blocks are.
    #[must_use]
    pub const fn of(self, size: PictureSize) -> PictureSize {
        let PictureSize { height, width } = size;
        let factor = self.factor();
        PictureSize { height: height.div_ceil(factor), width: width.div_ceil(factor) }
    }
}

/// Decodes a file whose picture has `size`, or gives `None` where it is of another kind or damaged.
///
/// # Shapes
///
/// - returns: `[reduction.of(size), 3]`, RGB
pub(super) fn decoded(bytes: &[u8], size: PictureSize, reduction: Reduction) -> Option<Vec<u8>> {
    let file = File::read(bytes)?;
    if file.size != size || file.is_rgb {
        return None;
    }
    Arch::new().dispatch(Decoding { scan: Scan::new(&file, reduction)?, size: reduction.of(size) })
}

/// The decoding of a scan to a picture of `size`.
struct Decoding<'a> {
    scan: Scan<'a>,
    size: PictureSize,
}

impl NullaryFnOnce for Decoding<'_> {
    type Output = Option<Vec<u8>>;

    #[inline(always)]
    fn call(self) -> Option<Vec<u8>> {
        let planes = self.scan.planes()?;
        let PictureSize { height, width } = self.size;
        let (height, width) = (usize::try_from(height).ok()?, usize::try_from(width).ok()?);
        let mut pixels = vec![0; 3 * height * width];
        for (row, line) in pixels.chunks_exact_mut(3 * width).enumerate() {
            match planes.as_slice() {
                [gray] => fill_gray(line, gray.row(row)),
                [luma, blue, red] => fill_rgb(line, luma.row(row), blue.row(row), red.row(row)),
                _ => return None,
            }
        }
        Some(pixels)
    }
}

/// What the headers say, and the scan after them.
#[derive(Default)]
struct File<'a> {
    size: PictureSize,
    components: Vec<Component>,
    /// In the order of the file.
    steps: [Option<[f32; 64]>; 4],
    means: [Option<Codes>; 4],
    others: [Option<Codes>; 4],
    /// The blocks' groups after which predictions begin anew; 0 for none.
    restart_interval: usize,
    /// Whether the components are red, green and blue.
    is_rgb: bool,
    scan: &'a [u8],
}

/// A component of a frame, and what its scan names for it.
#[derive(Clone, Copy)]
struct Component {
    id: u8,
    /// Its blocks in a group.
    high: usize,
    wide: usize,
    steps: usize,
    means: usize,
    others: usize,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut file = Self::default();
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let (&[first, marker], after) = rest.split_first_chunk()?;
            if first != 0xff {
                return None;
            }
            if marker == 0xff {
                rest = &rest[1..];
                continue;
            }
            let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
            let (segment, after) = (after.get(2..length)?, after.get(length..)?);
            match marker {
                // Baseline and extended sequential, with Huffman codes.
                0xc0 | 0xc1 => file.read_frame(segment)?,
                0xc4 => file.read_codes(segment)?,
                0xda => {
                    file.read_scan(segment)?;
                    file.scan = after;
                    return Some(file);
                }
                0xdb => file.read_steps(segment)?,
                0xdd => file.restart_interval = u16::from_be_bytes(*segment.first_chunk()?).into(),
                // Adobe's, whose last byte says what was made of red, green and blue: 0 is nothing.
                0xee if segment.starts_with(b"Adobe") => file.is_rgb |= segment.get(11)? == &0,
                0xe0..=0xfe => {}
                // Other frames, and what is not in headers.
                _ => return None,
            }
            rest = after;
        }
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let (&[8, high, low, left, right, count], components) = segment.split_first_chunk()? else {
            return None;
        };
        if !matches!(count, 1 | 3) || !self.components.is_empty() {
            return None;
        }
        let (height, width) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([left, right]));
        self.size = PictureSize { height: height.into(), width: width.into() };
        for &[id, sides, steps] in components.as_chunks().0.iter().take(count.into()) {
            let (wide, high) = (usize::from(sides >> 4), usize::from(sides & 15));
            // The blocks of a single component are a group each, whatever it says.
            let (high, wide) = if count == 1 { (1, 1) } else { (high, wide) };
            if !matches!((high, wide), (1 | 2, 1 | 2)) {
                return None;
            }
            let steps = steps.into();
            self.components.push(Component { id, high, wide, steps, means: 0, others: 0 });
        }
        self.is_rgb |= self.components.iter().map(|it| it.id).eq(*b"RGB");
        (self.components.len() == usize::from(count)).then_some(())
    }

    fn read_steps(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = segment.split_first() {
            // In 16 bits where the upper half says so, which baseline files do not.
            let (&steps, rest) = rest.split_first_chunk::<64>()?;
            *self.steps.get_mut(usize::from(head))? = Some(steps.map(f32::from));
            segment = rest;
        }
        Some(())
    }

    fn read_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(total)?;
            let tables = if head >> 4 == 0 { &mut self.means } else { &mut self.others };
            *tables.get_mut(usize::from(head & 15))? = Some(Codes::new(counts, values)?);
            segment = rest;
        }
        Some(())
    }

    /// A scan of all components in the frame's order, and of all coefficients.
    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        let (named, [0, 63, 0]) =
            rest.as_chunks::<2>().0.split_at_checked(count.into()).and_then(|(named, _)| {
                Some((named, *rest.get(2 * named.len()..)?.first_chunk::<3>()?))
            })?
        else {
            return None;
        };
        if named.len() != self.components.len() || named.is_empty() {
            return None;
        }
        for (component, &[id, tables]) in self.components.iter_mut().zip(named) {
            (component.means, component.others) = ((tables >> 4).into(), (tables & 15).into());
            if component.id != id {
                return None;
            }
        }
        Some(())
    }
}

/// The pixels of a component, in the reduced picture's resolution.
struct Plane {
    stride: usize,
    pixels: Vec<u8>,
}

impl Plane {
    fn row(&self, row: usize) -> &[u8] {
        &self.pixels[row * self.stride..][..self.stride]
    }
}

/// The transforms to each number of pixels.
struct Bases {
    one: Basis<1>,
    two: Basis<2>,
    four: Basis<4>,
    eight: Basis<8>,
}

impl Bases {
    fn new() -> Self {
        Self { one: basis(), two: basis(), four: basis(), eight: basis() }
    }

    /// Writes the `rows` × `columns` pixels of a block; nothing where there is no such transform.
    #[inline(always)]
    fn inverse(
        &self,
        (rows, columns): (usize, usize),
        block: &[f32; 64],
        last: usize,
        pixels: &mut [u8],
        stride: usize,
    ) {
        let Self { one, two, four, eight } = self;
        match (rows, columns) {
            (1, 1) => inverse((one, one), block, last, pixels, stride),
            (1, 2) => inverse((one, two), block, last, pixels, stride),
            (2, 1) => inverse((two, one), block, last, pixels, stride),
            (2, 2) => inverse((two, two), block, last, pixels, stride),
            (2, 4) => inverse((two, four), block, last, pixels, stride),
            (4, 2) => inverse((four, two), block, last, pixels, stride),
            (4, 4) => inverse((four, four), block, last, pixels, stride),
            (4, 8) => inverse((four, eight), block, last, pixels, stride),
            (8, 4) => inverse((eight, four), block, last, pixels, stride),
            (8, 8) => inverse((eight, eight), block, last, pixels, stride),
            _ => {}
        }
    }
}

/// A component as its blocks are read.
struct Reader<'a> {
    high: usize,
    wide: usize,
    /// The pixels that its blocks become.
    rows: usize,
    columns: usize,
    codes: [&'a Codes; 2],
    steps: &'a [f32; 64],
    /// The mean of the block before, on which the next one's is based.
    mean: i32,
    plane: Plane,
}

struct Scan<'a> {
    readers: Vec<Reader<'a>>,
    bases: Bases,
    segments: Vec<Vec<u8>>,
    /// The groups of blocks in a row, and in a segment.
    groups_across: usize,
    groups_down: usize,
    groups_in_segment: usize,
}

impl<'a> Scan<'a> {
    fn new(file: &'a File<'_>, reduction: Reduction) -> Option<Self> {
        let high = file.components.iter().map(|it| it.high).max()?;
        let wide = file.components.iter().map(|it| it.wide).max()?;
        let [height, width] = [file.size.height, file.size.width].map(usize::try_from);
        let (groups_down, groups_across) =
            (height.ok()?.div_ceil(8 * high), width.ok()?.div_ceil(8 * wide));
        let num_groups = groups_down * groups_across;
        let side = 8 / usize::try_from(reduction.factor()).ok()?;
        let reader = |component: &Component| {
            let (rows, columns) = (side * high / component.high, side * wide / component.wide);
            let stride = groups_across * component.wide * columns;
            let lines = groups_down * component.high * rows;
            Some(Reader {
                high: component.high,
                wide: component.wide,
                rows,
                columns,
                codes: [
                    file.means.get(component.means)?.as_ref()?,
                    file.others.get(component.others)?.as_ref()?,
                ],
                steps: file.steps.get(component.steps)?.as_ref()?,
                mean: 0,
                plane: Plane { stride, pixels: vec![0; stride * lines] },
            })
        };
        let groups_in_segment =
            if file.restart_interval == 0 { num_groups } else { file.restart_interval };
        let segments = segments_of(file.scan)?;
        if segments.len() != num_groups.div_ceil(groups_in_segment.max(1)) {
            return None;
        }
        Some(Self {
            readers: file.components.iter().map(reader).collect::<Option<_>>()?,
            bases: Bases::new(),
            segments,
            groups_across,
            groups_down,
            groups_in_segment,
        })
    }

    /// Reads every block; `None` where the scan is damaged.
    #[inline(always)]
    fn planes(mut self) -> Option<Vec<Plane>> {
        let num_groups = self.groups_across * self.groups_down;
        let mut group = 0;
        for segment in &self.segments {
            let mut bits = Bits::new(segment);
            self.readers.iter_mut().for_each(|reader| reader.mean = 0);
            for group in group..num_groups.min(group + self.groups_in_segment) {
                let (down, across) = (group / self.groups_across, group % self.groups_across);
                for reader in &mut self.readers {
                    reader.read_group(&mut bits, &self.bases, down, across)?;
                }
                if bits.is_overrun() {
                    return None;
                }
            }
            group += self.groups_in_segment;
        }
        Some(self.readers.into_iter().map(|reader| reader.plane).collect())
    }
}

impl Reader<'_> {
    #[inline(always)]
    fn read_group(
        &mut self,
        bits: &mut Bits<'_>,
        bases: &Bases,
        down: usize,
        across: usize,
    ) -> Option<()> {
        for block_row in 0..self.high {
            let line = (down * self.high + block_row) * self.rows * self.plane.stride;
            for block_column in 0..self.wide {
                let mut block = [0.0; 64];
                let last = bits.block(self.codes, &mut self.mean, self.steps, &mut block)?;
                let place = line + (across * self.wide + block_column) * self.columns;
                let Plane { stride, pixels } = &mut self.plane;
                let shape = (self.rows, self.columns);
                bases.inverse(shape, &block, last, &mut pixels[place..], *stride);
            }
        }
        Some(())
    }
}

/// The stretches of a scan between restart markers, up to the end of the picture: without the zero
/// bytes that are stuffed in after 255, and with [`PADDING`]. `None` where a marker is another one.
fn segments_of(scan: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut segments = Vec::new();
    let mut segment = Vec::with_capacity(scan.len() + PADDING);
    let mut rest = scan;
    loop {
        let at = memchr::memchr(0xff, rest)?;
        segment.extend_from_slice(&rest[..at]);
        match rest.get(at + 1)? {
            0 => segment.push(0xff),
            // Fill bytes before a marker.
            0xff => {
                rest = &rest[at + 1..];
                continue;
            }
            0xd0..=0xd7 => {
                segment.resize(segment.len() + PADDING, 0);
                segments.push(std::mem::take(&mut segment));
            }
            0xd9 => {
                segment.resize(segment.len() + PADDING, 0);
                segments.push(segment);
                return Some(segments);
            }
            _ => return None,
        }
        rest = &rest[at + 2..];
    }
}

#[inline(always)]
fn fill_gray(line: &mut [u8], gray: &[u8]) {
    for (pixel, &level) in line.as_chunks_mut::<3>().0.iter_mut().zip(gray) {
        *pixel = [level; 3];
    }
}

/// YCbCr to RGB, in 16 bits after the point.
#[inline(always)]
fn fill_rgb(line: &mut [u8], luma: &[u8], blue: &[u8], red: &[u8]) {
    const HALF: i32 = 1 << 15;
    let levels = luma.iter().zip(blue).zip(red);
    for (pixel, ((&luma, &blue), &red)) in line.as_chunks_mut::<3>().0.iter_mut().zip(levels) {
        let luma = (i32::from(luma) << 16) + HALF;
        let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
        *pixel = [luma + 91_881 * red, luma - 22_554 * blue - 46_802 * red, luma + 116_130 * blue]
            .map(|level| (level >> 16).clamp(0, 255).to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::golden;
    use crate::image::decode::tests::{difference, picture};
    use crate::image::decode::{Limits, decode_bytes};
    use crate::image::jpeg::JpegFile;
    use crate::image::picture::Picture;

    fn reduced(bytes: &[u8], reduction: Reduction) -> Option<Picture> {
        let size = JpegFile::open(bytes).ok()?.size();
        let pixels = decoded(bytes, size, reduction)?;
        let PictureSize { height, width } = reduction.of(size);
        Some(Picture::from_rgb(height as usize, width as usize, pixels).unwrap())
    }

    fn name_of(case: &Path) -> &str {
        case.file_name().unwrap().to_str().unwrap()
    }

    /// Parity with Pillow's `draft`; cases made by `reference/image/reduced.py`.
    #[test]
    fn every_part_is_pillows() {
        let mut worst = 0;
        for case in golden::cases("image_reduced") {
            // Pillow interpolates its colors; see the next test.
            if name_of(&case) == "422" {
                continue;
            }
            let bytes = fs::read(case.join("a.jpg")).unwrap();
            for (part, reduction) in ["eighth", "quarter", "half"].into_iter().zip(Reduction::ALL) {
                let expected = picture(&case, &format!("{part}.png"));
                worst = worst.max(difference(&reduced(&bytes, reduction).unwrap(), &expected));
            }
        }
        // Each plane is rounded on its own, and the blue one has the weight 1.772.
        let (part, reference) = ("JPEG to a part", "Pillow 13.0.0, draft");
        golden::assert_parity(part, reference, worst.into(), 3.0, "grey level");
    }

    #[test]
    fn a_part_is_the_mean_of_the_whole() {
        // One rounding; three, and cut off levels; and colors that the whole interpolates.
        for (name, tolerance) in [("gray", 1.0), ("444", 4.0), ("422", 9.0)] {
            let case = golden::cases("image_reduced").into_iter().find(|it| name_of(it) == name);
            let bytes = fs::read(case.unwrap().join("a.jpg")).unwrap();
            let whole = decode_bytes(&bytes, Limits::default()).unwrap();
            for reduction in Reduction::ALL {
                let worst = worst_distance(&whole, &reduced(&bytes, reduction).unwrap(), reduction);
                assert!(worst <= tolerance, "{name} {reduction:?} {worst}");
            }
        }
    }

    /// From each level of a part to the mean of those it stands for; but for the last row and
    /// column, which may be means of fewer.
    fn worst_distance(whole: &Picture, part: &Picture, reduction: Reduction) -> f64 {
        let factor = reduction.factor() as usize;
        let (rows, columns) = (whole.height() / factor, whole.width() / factor);
        let places = (0..rows * columns * 3).map(|it| (it / 3 / columns, it / 3 % columns, it % 3));
        let distances = places.map(|(row, column, channel)| {
            let level = part.pixels()[3 * (row * part.width() + column) + channel];
            (f64::from(level) - mean(whole, factor, row, column, channel)).abs()
        });
        distances.fold(0.0, f64::max)
    }

    fn mean(whole: &Picture, factor: usize, row: usize, column: usize, channel: usize) -> f64 {
        let places = (0..factor * factor).map(|place| {
            let (row, column) = (row * factor + place / factor, column * factor + place % factor);
            3 * (row * whole.width() + column) + channel
        });
        let levels = places.map(|place| f64::from(whole.pixels()[place]));
        levels.sum::<f64>() / (factor * factor) as f64
    }

    #[test]
    fn files_of_other_kinds_are_left_to_the_decoder_of_whole_pictures() {
        for case in golden::cases("image_decode") {
            let name = name_of(&case);
            if name.starts_with("jpeg") {
                let bytes = fs::read(case.join("a.jpg")).unwrap();
                let is_other = matches!(name, "jpeg_progressive" | "jpeg_cmyk");
                assert_eq!(reduced(&bytes, Reduction::Half).is_none(), is_other, "{name}");
            }
        }
    }
}
