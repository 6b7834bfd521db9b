//! Passes over the rows of `[N, C]`, a channel in each column.
//!
//! Rows are taken in groups whose size depends on the shape alone: sums are made in 32 bits inside
//! a group and in 64 bits over the groups, so that they do not depend on the number of threads.

use super::affine::{Affine, Slope, Sums};
use crate::instruction_set::for_instruction_sets;
use crate::scratch::{Shared, written};
use crate::sums::Moments;
use crate::team;

/// About as many numbers as a group has: with a gradient a first-level cache full.
const GROUP: usize = 4_096;
/// The fewest rows of a group, which leaves a few numbers for each channel, and the most, which
/// are added up one after another.
const ROWS: [usize; 2] = [16, 128];
/// As few numbers as are worth a second thread.
const PARALLEL: usize = 1 << 15;

/// The shape of an array `[N, C]`, and which of its rows count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    rows: usize,
    channels: usize,
    present: Option<&'a [f32]>,
}

/// One number for each channel, for each field of an [`Affine`] but the last, and for those of a
/// [`Slope`]: what a loop over columns reads side by side.
type Columns = [Vec<f32>; 3];

fn columns_of_maps(maps: &[Affine]) -> Columns {
    let column = |field: fn(&Affine) -> f32| maps.iter().map(field).collect();
    [column(|map| map.centre), column(|map| map.scale), column(|map| map.shift)]
}

fn columns_of_slopes(slopes: impl Iterator<Item = Slope> + Clone) -> Columns {
    let column = |field: fn(Slope) -> f32| slopes.clone().map(field).collect();
    [column(|slope| slope.gradient), column(|slope| slope.centred), column(|slope| slope.constant)]
}

impl<'a> Rows<'a> {
    pub(super) fn new([rows, channels]: [usize; 2], present: Option<&'a [f32]>) -> Self {
        Self { rows, channels, present }
    }

    /// The moments of each channel over the rows that count.
    pub(super) fn moments(self, x: &[f32]) -> Vec<Moments> {
        let groups = self.by_group(|group| {
            let mut sums = [vec![0.0; self.channels], vec![0.0; self.channels]];
            let centre = group.mean(x);
            add_distances(group, x, &centre, &mut sums);
            (group.count(), centre, sums)
        });
        let mut moments = vec![Moments::default(); self.channels];
        for (count, centre, [distances, squares]) in groups {
            for (channel, moments) in moments.iter_mut().enumerate() {
                let sums = [distances[channel], squares[channel]].map(f64::from);
                *moments = moments.with(Moments::around(centre[channel], count, sums));
            }
        }
        moments
    }

    /// What the maps make of all rows.
    pub(super) fn mapped(self, x: &[f32], maps: &[Affine]) -> Vec<f32> {
        let columns = columns_of_maps(maps);
        let write = |output: &mut [f32]| {
            let output = Shared::new(output);
            self.by_group(|group| {
                // SAFETY: an output of this shape, of which each group is written once.
                map_rows(group.of(x), &columns, maps[0], unsafe { group.of_shared(output) });
            });
        };
        // SAFETY: the groups are all rows.
        unsafe { written(x.len(), write) }
    }

    /// Sets the gradient of what the rectifiers cut off to zero, and sums up the rest.
    pub(super) fn sums(self, x: &[f32], gradient: &mut [f32], maps: &[Affine]) -> Vec<Sums> {
        let (columns, gradient) = (columns_of_maps(maps), Shared::new(gradient));
        let groups = self.by_group(|group| {
            // SAFETY: a gradient of this shape, of which each group is used once.
            let (x, gradient) = (group.of(x), unsafe { group.of_shared(gradient) });
            if maps[0].is_rectified() {
                cut_rows(x, &columns, gradient);
            }
            let mut sums = [vec![0.0; self.channels], vec![0.0; self.channels]];
            add_gradients(x, gradient, &columns[0], &mut sums);
            sums
        });
        let mut sums = vec![Sums::default(); self.channels];
        for [gradient, centred] in groups {
            for ((sums, gradient), centred) in sums.iter_mut().zip(gradient).zip(centred) {
                let (gradient, centred) = (f64::from(gradient), f64::from(centred));
                *sums = sums.plus(Sums { gradient, centred });
            }
        }
        sums
    }

    /// Turns the gradient of the output into that of the input.
    pub(super) fn descend(
        self,
        x: &[f32],
        gradient: &mut [f32],
        maps: &[Affine],
        slopes: impl Iterator<Item = Slope> + Clone,
    ) {
        let (maps, slopes) = (columns_of_maps(maps), columns_of_slopes(slopes));
        let gradient = Shared::new(gradient);
        self.by_group(|group| {
            // SAFETY: a gradient of this shape, of which each group is used once.
            descend_rows(group, x, &maps[0], &slopes, unsafe { group.of_shared(gradient) });
        });
    }

    /// What `work` makes of each group, in order.
    fn by_group<R: Send>(self, work: impl Fn(Group<'a>) -> R + Sync) -> Vec<R> {
        let rows_each = (GROUP / self.channels).clamp(ROWS[0], ROWS[1]);
        let group = |index: usize| {
            let rows = index * rows_each..self.rows.min((index + 1) * rows_each);
            let present = self.present.map(|present| &present[rows.clone()]);
            work(Group { start: rows.start, rows: rows.len(), channels: self.channels, present })
        };
        let groups = self.rows.div_ceil(rows_each);
        team::map_if(self.rows * self.channels >= PARALLEL, groups, group)
    }
}

/// Rows that follow each other.
#[derive(Clone, Copy, Debug)]
struct Group<'a> {
    start: usize,
    rows: usize,
    channels: usize,
    present: Option<&'a [f32]>,
}

#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
impl Group<'_> {
    #[inline(always)]
    fn counts(self, row: usize) -> bool {
        self.present.is_none_or(|present| present[row] != 0.0)
    }

    fn count(self) -> f64 {
        (0..self.rows).filter(|&row| self.counts(row)).count() as f64
    }

    /// The group's rows.
    #[inline(always)]
    fn of(self, values: &[f32]) -> &[f32] {
        &values[self.start * self.channels..][..self.rows * self.channels]
    }

    /// The group's rows.
    ///
    /// # Safety
    ///
    /// They are inside the array, which lives as long, and nobody else uses them.
    unsafe fn of_shared<'a>(self, values: Shared) -> &'a mut [f32] {
        let first = values.pointer().wrapping_add(self.start * self.channels);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first, self.rows * self.channels) }
    }

    /// The mean of the rows that count, nearly; 0 where none does.
    #[expect(clippy::cast_possible_truncation, reason = "a group has few rows")]
    fn mean(self, x: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.channels];
        add_rows(self, x, &mut sums);
        let share = self.count().max(1.0).recip() as f32;
        sums.iter_mut().for_each(|sum| *sum *= share);
        sums
    }
}

for_instruction_sets! {
    fn add_rows(group: Group<'_>, x: &[f32], sums: &mut [f32]) {
        let rows = group.of(x).chunks_exact(group.channels).enumerate();
        for (_, numbers) in rows.filter(|&(row, _)| group.counts(row)) {
            for (sum, number) in sums.iter_mut().zip(numbers) {
                *sum += number;
            }
        }
    }

    fn add_distances(group: Group<'_>, x: &[f32], centre: &[f32], sums: &mut [Vec<f32>; 2]) {
        let [distances, squares] = sums;
        let rows = group.of(x).chunks_exact(group.channels).enumerate();
        for (_, numbers) in rows.filter(|&(row, _)| group.counts(row)) {
            let sums = distances.iter_mut().zip(squares.iter_mut());
            for ((sum, squares), (number, centre)) in sums.zip(numbers.iter().zip(centre)) {
                let distance = number - centre;
                *sum += distance;
                *squares += distance * distance;
            }
        }
    }

    /// `any` says whether all maps rectify.
    fn map_rows(x: &[f32], columns: &Columns, any: Affine, output: &mut [f32]) {
        let [centres, scales, shifts] = columns;
        let channels = centres.len();
        for (output, numbers) in output.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            let maps = centres.iter().zip(scales).zip(shifts);
            for ((output, number), ((centre, scale), shift)) in output.iter_mut().zip(numbers).zip(maps) {
                *output = any.floored((number - centre) * scale + shift);
            }
        }
    }

    fn cut_rows(x: &[f32], columns: &Columns, gradient: &mut [f32]) {
        let [centres, scales, shifts] = columns;
        let channels = centres.len();
        for (gradient, numbers) in gradient.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            let maps = centres.iter().zip(scales).zip(shifts);
            for ((gradient, number), ((centre, scale), shift)) in gradient.iter_mut().zip(numbers).zip(maps) {
                let output = (number - centre) * scale + shift;
                *gradient = if output <= 0.0 { 0.0 } else { *gradient };
            }
        }
    }

    fn add_gradients(x: &[f32], gradient: &[f32], centres: &[f32], sums: &mut [Vec<f32>; 2]) {
        let [of_gradient, of_centred] = sums;
        let channels = centres.len();
        for (gradient, numbers) in gradient.chunks_exact(channels).zip(x.chunks_exact(channels)) {
            let sums = of_gradient.iter_mut().zip(of_centred.iter_mut());
            let numbers = numbers.iter().zip(centres).zip(gradient);
            for ((of_gradient, of_centred), ((number, centre), gradient)) in sums.zip(numbers) {
                *of_gradient += gradient;
                *of_centred += gradient * (number - centre);
            }
        }
    }

    /// The statistics hang on the rows that count alone.
    fn descend_rows(group: Group<'_>, x: &[f32], centres: &[f32], slopes: &Columns, gradient: &mut [f32]) {
        let [of_gradient, of_centred, constant] = slopes;
        let channels = group.channels;
        let rows = gradient.chunks_exact_mut(channels).zip(group.of(x).chunks_exact(channels));
        for (row, (gradient, numbers)) in rows.enumerate() {
            if !group.counts(row) {
                for (gradient, of_gradient) in gradient.iter_mut().zip(of_gradient) {
                    *gradient *= of_gradient;
                }
                continue;
            }
            let slopes = of_gradient.iter().zip(of_centred).zip(constant);
            let numbers = numbers.iter().zip(centres);
            for ((gradient, (number, centre)), ((of_gradient, of_centred), constant)) in
                gradient.iter_mut().zip(numbers).zip(slopes)
            {
                let slope = Slope { gradient: *of_gradient, centred: *of_centred, constant: *constant };
                *gradient = slope.descended(*gradient, number - centre);
            }
        }
    }
}
