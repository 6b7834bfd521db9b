//! Passes over the channels of `[B, C, H, W]`, each a plane in every row.
//!
//! All passes over a channel follow each other on one thread, while its numbers are in the cache.
//! Sums are made of pieces whose size depends on the shape alone: in 32-bit lanes inside a piece
//! and in 64 bits over the pieces, so that they do not depend on the number of threads.

use std::marker::PhantomData;

use super::Passed;
use super::affine::{Affine, Mask, Slope, Sums};
use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::scratch::{Shared, written};
use crate::sums::{LANES, Moments, accumulate, totals};
use crate::team;

/// About as many numbers as a piece has: with a gradient and an output a first-level cache full.
const PIECE: usize = 2_048;
/// As few numbers as are worth a second thread.
const PARALLEL: usize = 1 << 15;
/// With fewer channels than this, threads share out the pieces of each.
const FEW_CHANNELS: usize = 16;

/// What each channel's map makes of it, with `residual` added; and what else `map` found.
pub(super) fn forward<R: Send>(
    x: &Array,
    residual: Option<&Array>,
    map: impl Fn(Channel) -> (Affine, R) + Sync,
) -> (Array, Vec<R>) {
    let (planes, residual) = (Planes::new(x.shape()), residual.map(Array::values));
    let mut found = Vec::new();
    let write = |output: &mut [f32]| {
        let output = Shared::new(output);
        found = planes.by_channel(|channel| {
            let (map, found) = map(channel);
            // SAFETY: the output has the shape of `x`, and each channel is written once.
            unsafe { channel.write(x.values(), residual, map, output) };
            found
        });
    };
    // SAFETY: the channels are all there is.
    let output = unsafe { written(x.values().len(), write) };
    (Array::new(output, x.dims()), found)
}

/// The way back: `saved` is `x`, and the output where that says what was cut off.
pub(super) fn backward(
    saved: &[Array],
    gradient: Array,
    wanted: &[bool],
    map: impl Fn(usize) -> Affine + Sync,
    slope: impl Fn(usize, Sums) -> Slope + Sync,
) -> Passed {
    let (x, planes) = (&saved[0], Planes::new(saved[0].shape()));
    let wants_residual = wanted.get(3) == Some(&true);
    let mut gradient = gradient.into_values();
    let shared = Shared::new(&mut gradient);
    // Where the masked gradient is another's, that of the input has to go elsewhere.
    let pass = |elsewhere: Option<Shared>| {
        planes.by_channel(|channel| {
            let map = map(channel.index);
            let mask = Mask::of(map, saved.get(1).map(Array::values));
            // SAFETY: both arrays have the shape of `x`, and each channel is looked at once.
            unsafe {
                let sums = channel.sums(x.values(), shared, map, mask);
                let slope = slope(channel.index, sums);
                match elsewhere {
                    Some(of_input) => channel.descend_to(x.values(), shared, map, slope, of_input),
                    None if wanted[0] => channel.descend(x.values(), shared, map, slope),
                    None => {}
                }
                sums
            }
        })
    };
    let array = |values| Some(Array::new(values, x.dims()));
    if !(wanted[0] && wants_residual) {
        let sums = pass(None);
        let gradient = array(gradient);
        return match wants_residual {
            true => Passed { of_input: None, of_residual: gradient, sums },
            false => Passed { of_input: gradient.filter(|_| wanted[0]), of_residual: None, sums },
        };
    }
    let mut sums = Vec::new();
    let write = |values: &mut [f32]| sums = pass(Some(Shared::new(values)));
    // SAFETY: `pass` writes every channel.
    let of_input = unsafe { written(gradient.len(), write) };
    Passed { of_input: array(of_input), of_residual: array(gradient), sums }
}

/// The shape of an array `[B, C, H, W]`.
#[derive(Clone, Copy, Debug)]
struct Planes {
    rows: usize,
    channels: usize,
    /// The numbers of a plane.
    len: usize,
}

impl Planes {
    fn new([rows, channels, height, width]: [usize; 4]) -> Self {
        Self { rows, channels, len: height * width }
    }

    fn is_parallel(self) -> bool {
        self.rows * self.channels * self.len >= PARALLEL
    }

    /// What `work` makes of each channel.
    fn by_channel<R: Send>(self, work: impl Fn(Channel) -> R + Sync) -> Vec<R> {
        let work = |index| work(Channel { planes: self, index });
        team::map_if(self.is_parallel(), self.channels, work)
    }
}

/// One channel of an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    planes: Planes,
    pub(super) index: usize,
}

impl Channel {
    /// The mean of the channel's numbers and how they spread.
    pub(super) fn moments(self, x: &[f32]) -> Moments {
        let moments = self.by_piece(|piece| moments(x, piece));
        moments.into_iter().fold(Moments::default(), Moments::with)
    }

    /// Writes what `map` makes of the channel, with `residual` added, to `output`.
    ///
    /// # Safety
    ///
    /// `output` is an array of this shape, and nobody else uses this channel of it.
    unsafe fn write(self, x: &[f32], residual: Option<&[f32]>, map: Affine, output: Shared) {
        self.by_piece(|piece| {
            // SAFETY: pieces do not overlap, and the caller promises the rest.
            let output = unsafe { PieceMut::new(piece, output) };
            match residual {
                Some(residual) => write_sum(x, residual, map, output),
                None => write(x, map, output),
            }
        });
    }

    /// Sets the gradient of what the rectifier cut off to zero, and sums up the rest.
    ///
    /// # Safety
    ///
    /// As for [`Channel::write`], of `gradient`.
    unsafe fn sums(self, x: &[f32], gradient: Shared, map: Affine, mask: Mask<'_>) -> Sums {
        let sums = self.by_piece(|piece| {
            // SAFETY: pieces do not overlap, and the caller promises the rest.
            let mut gradient = unsafe { PieceMut::new(piece, gradient) };
            match mask {
                Mask::Nothing => {}
                Mask::WhereMapped => cut_where_mapped(x, map, &mut gradient),
                Mask::Where(output) => cut_where(output, &mut gradient),
            }
            sums(x, map, &mut gradient)
        });
        sums.into_iter().fold(Sums::default(), Sums::plus)
    }

    /// Turns the gradient of the output into that of the input.
    ///
    /// # Safety
    ///
    /// As for [`Channel::write`], of `gradient`.
    unsafe fn descend(self, x: &[f32], gradient: Shared, map: Affine, slope: Slope) {
        self.by_piece(|piece| {
            // SAFETY: pieces do not overlap, and the caller promises the rest.
            descend(x, map, slope, unsafe { PieceMut::new(piece, gradient) });
        });
    }

    /// Writes the gradient of the input beside that of the output.
    ///
    /// # Safety
    ///
    /// As for [`Channel::write`], of `gradient` and `of_input`.
    unsafe fn descend_to(
        self,
        x: &[f32],
        gradient: Shared,
        map: Affine,
        slope: Slope,
        of_input: Shared,
    ) {
        self.by_piece(|piece| {
            // SAFETY: pieces do not overlap, and the caller promises the rest.
            let [gradient, of_input] =
                unsafe { [gradient, of_input].map(|values| PieceMut::new(piece, values)) };
            descend_to(x, gradient, map, slope, of_input);
        });
    }

    /// What `work` makes of each piece, in order.
    fn by_piece<R: Send>(self, work: impl Fn(Piece) -> R + Sync) -> Vec<R> {
        let Planes { rows, channels, len } = self.planes;
        // Whole planes of some rows, or a part of the plane of one.
        let (rows_each, len_each) = ((PIECE / len).clamp(1, rows), len.min(PIECE));
        let in_plane = len.div_ceil(len_each);
        let piece = |index: usize| {
            let (row, first) = (index / in_plane * rows_each, index % in_plane * len_each);
            work(Piece {
                start: (row * channels + self.index) * len + first,
                rows: rows_each.min(rows - row),
                stride: channels * len,
                len: len_each.min(len - first),
            })
        };
        let pieces = rows.div_ceil(rows_each) * in_plane;
        team::map_if(channels < FEW_CHANNELS && self.planes.is_parallel(), pieces, piece)
    }
}

/// Some rows of a channel: the `len` numbers from `start` on, and those `stride` further on, and
/// so on.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    rows: usize,
    stride: usize,
    len: usize,
}

impl Piece {
    #[inline]
    fn row(self, values: &[f32], row: usize) -> &[f32] {
        &values[self.start + row * self.stride..][..self.len]
    }
}

/// A piece of an array that others write at the same time.
struct PieceMut<'a> {
    piece: Piece,
    values: Shared,
    of: PhantomData<&'a mut [f32]>,
}

impl PieceMut<'_> {
    /// # Safety
    ///
    /// The piece is inside the array, which lives as long, and nobody else uses it.
    unsafe fn new(piece: Piece, values: Shared) -> Self {
        Self { piece, values, of: PhantomData }
    }

    #[inline]
    fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.piece.rows, "a piece has {} rows", self.piece.rows);
        let first = self.values.pointer().wrapping_add(self.piece.start + row * self.piece.stride);
        // SAFETY: inside the array and nobody else's, as the caller of `new` promised.
        unsafe { std::slice::from_raw_parts_mut(first, self.piece.len) }
    }
}

for_instruction_sets! {
    fn moments(x: &[f32], piece: Piece) -> Moments {
        let count = (piece.rows * piece.len) as f64;
        let mut sums = [[0.0; LANES]];
        for row in 0..piece.rows {
            accumulate(&mut sums, [piece.row(x, row)], |[number]| [number]);
        }
        let centre = (totals(&sums)[0] / count) as f32;
        let mut sums = [[0.0; LANES]; 2];
        for row in 0..piece.rows {
            accumulate(&mut sums, [piece.row(x, row)], |[number]| {
                let distance = number - centre;
                [distance, distance * distance]
            });
        }
        Moments::around(centre, count, totals(&sums))
    }

    fn write(x: &[f32], map: Affine, output: PieceMut<'_>) {
        let mut output = output;
        let piece = output.piece;
        for row in 0..piece.rows {
            for (output, &number) in output.row(row).iter_mut().zip(piece.row(x, row)) {
                *output = map.floored(map.mapped(number));
            }
        }
    }

    fn write_sum(x: &[f32], residual: &[f32], map: Affine, output: PieceMut<'_>) {
        let mut output = output;
        let piece = output.piece;
        for row in 0..piece.rows {
            let numbers = piece.row(x, row).iter().zip(piece.row(residual, row));
            for (output, (&number, &residual)) in output.row(row).iter_mut().zip(numbers) {
                *output = map.floored(map.mapped(number) + residual);
            }
        }
    }

    fn cut_where_mapped(x: &[f32], map: Affine, gradient: &mut PieceMut<'_>) {
        let piece = gradient.piece;
        for row in 0..piece.rows {
            for (gradient, &number) in gradient.row(row).iter_mut().zip(piece.row(x, row)) {
                *gradient = if map.mapped(number) <= 0.0 { 0.0 } else { *gradient };
            }
        }
    }

    fn cut_where(output: &[f32], gradient: &mut PieceMut<'_>) {
        let piece = gradient.piece;
        for row in 0..piece.rows {
            for (gradient, &output) in gradient.row(row).iter_mut().zip(piece.row(output, row)) {
                *gradient = if output <= 0.0 { 0.0 } else { *gradient };
            }
        }
    }

    fn sums(x: &[f32], map: Affine, gradient: &mut PieceMut<'_>) -> Sums {
        let piece = gradient.piece;
        let mut sums = [[0.0; LANES]; 2];
        for row in 0..piece.rows {
            let inputs = [piece.row(x, row), &*gradient.row(row)];
            accumulate(&mut sums, inputs, |[number, gradient]| {
                [gradient, gradient * (number - map.centre)]
            });
        }
        let [gradient, centred] = totals(&sums);
        Sums { gradient, centred }
    }

    fn descend(x: &[f32], map: Affine, slope: Slope, gradient: PieceMut<'_>) {
        let mut gradient = gradient;
        let piece = gradient.piece;
        for row in 0..piece.rows {
            for (gradient, &number) in gradient.row(row).iter_mut().zip(piece.row(x, row)) {
                *gradient = slope.descended(*gradient, number - map.centre);
            }
        }
    }

    fn descend_to(
        x: &[f32],
        gradient: PieceMut<'_>,
        map: Affine,
        slope: Slope,
        of_input: PieceMut<'_>,
    ) {
        let [mut gradient, mut of_input] = [gradient, of_input];
        let piece = gradient.piece;
        for row in 0..piece.rows {
            let numbers = piece.row(x, row).iter().zip(&*gradient.row(row));
            for (of_input, (&number, &gradient)) in of_input.row(row).iter_mut().zip(numbers) {
                *of_input = slope.descended(gradient, number - map.centre);
            }
        }
    }
}
