//! Pooling: windows of a map become one number each.
//!
//! A window is gone through line by line: first down, over whole lines of the map, then across.

use std::ops::Range;

use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Tensor, module};

use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::scratch::{with_scratch, written};
use crate::sums::{LANES, accumulate, total};
use crate::team;

/// How a window slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2dOptions {
    /// Height and width of the window; 1 or more.
    pub kernel: [usize; 2],
    /// Places from one window to the next, down and across; 1 or more.
    pub stride: [usize; 2],
    /// Places around the map that take no part: `[[top, bottom], [left, right]]`, each below the
    /// kernel.
    pub padding: [[usize; 2]; 2],
}

/// The largest number of each window. Its gradient goes to the first of equal ones, line by line.
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - returns: `[B, C, ⌊(H + top + bottom - kernel height) / stride⌋ + 1, …]`
///
/// # Panics
///
/// If a size is zero or the window does not fit the padded map.
pub fn max_pool2d(x: Tensor<4>, options: &Pool2dOptions) -> Tensor<4> {
    let windows = Windows::new("max_pool2d", x.dims(), *options);
    if runs_here(&x.device(), x.dtype()) {
        return apply(MaxPool(windows), [x.into()]);
    }
    reference_max(x, options)
}

/// The mean of the numbers of each window that are inside the map.
///
/// # Shapes
///
/// As [`max_pool2d`].
///
/// # Panics
///
/// As [`max_pool2d`].
pub fn avg_pool2d(x: Tensor<4>, options: &Pool2dOptions) -> Tensor<4> {
    let windows = Windows::new("avg_pool2d", x.dims(), *options);
    if runs_here(&x.device(), x.dtype()) {
        return apply(AveragePool(windows), [x.into()]);
    }
    reference_mean(x, options)
}

/// The mean of each map.
///
/// # Shapes
///
/// - `x`: `[B, C, H, W]`
/// - returns: `[B, C]`
///
/// # Panics
///
/// If a size is zero.
pub fn global_mean(x: Tensor<4>) -> Tensor<2> {
    let dims = x.dims();
    assert!(!dims.contains(&0), "global_mean: no size may be zero, but the input is {dims:?}");
    if runs_here(&x.device(), x.dtype()) {
        let [rows, channels, height, width] = dims;
        return apply(GlobalMean { rows, channels, places: height * width }, [x.into()]);
    }
    x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
}

fn reference_max(x: Tensor<4>, options: &Pool2dOptions) -> Tensor<4> {
    let Pool2dOptions { kernel, stride, padding } = *options;
    let padding = padding.map(<(usize, usize)>::from);
    let options = MaxPoolOptions::new(kernel).with_stride(stride).with_padding_pairs(padding);
    module::max_pool2d(x, options)
}

fn reference_mean(x: Tensor<4>, options: &Pool2dOptions) -> Tensor<4> {
    let Pool2dOptions { kernel, stride, padding } = *options;
    let padding = padding.map(<(usize, usize)>::from);
    let options = AvgPoolOptions::new(kernel).with_stride(stride).with_padding_pairs(padding);
    module::avg_pool2d(x, options.with_count_include_pad(false))
}

/// Windows over maps of one size.
#[derive(Clone, Copy, Debug)]
struct Windows {
    rows: usize,
    channels: usize,
    /// Height and width of a map.
    map: [usize; 2],
    /// Windows down and across.
    output: [usize; 2],
    options: Pool2dOptions,
}

/// What one place of a window, `offset` lines or columns from its first, sees of the map.
struct Seen {
    /// The windows in which it is inside the map.
    windows: Range<usize>,
    /// Where it is in the first of them.
    first: usize,
}

impl Windows {
    /// # Panics
    ///
    /// If a size is zero or the window does not fit.
    fn new(
        name: &str,
        [rows, channels, height, width]: [usize; 4],
        options: Pool2dOptions,
    ) -> Self {
        let Pool2dOptions { kernel, stride, padding } = options;
        let sizes = [rows, channels, height, width, kernel[0], kernel[1], stride[0], stride[1]];
        assert!(
            !sizes.contains(&0),
            "{name}: no size may be zero, but the maps are {rows}x{channels}x{height}x{width} and \
             the windows {options:?}"
        );
        let map = [height, width];
        let output = [0, 1].map(|axis| {
            let ([before, after], kernel) = (padding[axis], kernel[axis]);
            let padded = map[axis] + before + after;
            assert!(
                before.max(after) < kernel && kernel <= padded,
                "{name}: windows {options:?} do not fit maps of {height}x{width}"
            );
            (padded - kernel) / stride[axis] + 1
        });
        Self { rows, channels, map, output, options }
    }

    fn seen(&self, axis: usize, offset: usize) -> Seen {
        let Pool2dOptions { stride, padding, .. } = self.options;
        let (stride, before) = (stride[axis], padding[axis][0]);
        let start = before.saturating_sub(offset).div_ceil(stride);
        let end = (self.map[axis] + before).saturating_sub(offset).div_ceil(stride);
        let end = end.min(self.output[axis]).max(start);
        Seen { windows: start..end, first: (start * stride + offset).saturating_sub(before) }
    }

    /// The lines of the map that the windows of a line of the output see.
    fn lines(&self, output: usize) -> Range<usize> {
        let Pool2dOptions { kernel, stride, padding } = self.options;
        let start = output * stride[0];
        let end = (start + kernel[0]).saturating_sub(padding[0][0]).min(self.map[0]);
        start.saturating_sub(padding[0][0])..end
    }

    fn columns(&self) -> impl Iterator<Item = Seen> + '_ {
        (0..self.options.kernel[1]).map(|offset| self.seen(1, offset))
    }

    /// Whether windows are two columns wide and lie side by side from the first column on, and no
    /// line is of two of them.
    fn are_pairs(&self) -> bool {
        let Pool2dOptions { kernel, stride, padding } = self.options;
        [kernel[1], stride[1]] == [2; 2] && padding[1] == [0; 2] && stride[0] >= kernel[0]
    }

    /// Whether they are, and every place of the map is in one.
    fn are_all_pairs(&self) -> bool {
        let Pool2dOptions { kernel, stride, padding } = self.options;
        let down = stride[0] == kernel[0] && padding[0] == [0; 2];
        let is_even = self.map[0].is_multiple_of(kernel[0]) && self.map[1].is_multiple_of(2);
        self.are_pairs() && down && is_even
    }

    /// How many columns of each window are inside the map.
    fn counts(&self) -> Vec<f32> {
        let mut counts = vec![0.0; self.output[1]];
        for seen in self.columns() {
            counts[seen.windows].iter_mut().for_each(|count| *count += 1.0);
        }
        counts
    }

    fn places(&self) -> [usize; 2] {
        [self.map, self.output].map(|[height, width]| height * width)
    }

    /// An array of the shape of the output or the input, of which `work` writes each plane.
    ///
    /// # Safety
    ///
    /// `work` writes every number before it reads it.
    unsafe fn filled(
        &self,
        [height, width]: [usize; 2],
        work: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Array {
        let len = self.rows * self.channels * height * width;
        let write = |values: &mut [f32]| by_plane(values, height * width, self.places()[0], work);
        // SAFETY: every number is of one plane, which `work` writes.
        let values = unsafe { written(len, write) };
        Array::new(values, &[self.rows, self.channels, height, width])
    }
}

/// Maps with fewer numbers in all are not worth a second thread.
const PARALLEL: usize = 1 << 15;

/// Gives each plane to `work`; `places` is the size of the larger side.
fn by_plane(
    values: &mut [f32],
    plane: usize,
    places: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let planes = values.len() / plane;
    team::chunks_mut_if(planes * places >= PARALLEL, values, plane, work);
}

#[derive(Debug)]
struct MaxPool(Windows);

impl Operation for MaxPool {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x] = inputs else { unreachable!("pooling has one input") };
        let windows = &self.0;
        let [places, _] = windows.places();
        let work = |plane: usize, output: &mut [f32]| {
            let map = &x.values()[plane * places..][..places];
            with_scratch(windows.map[1], |line| largest(windows, line, map, output));
        };
        // SAFETY: `largest` fills every line of the output first.
        let output = unsafe { windows.filled(windows.output, work) };
        let saved = match mode {
            Mode::Inference => Vec::new(),
            Mode::Training => vec![x.clone(), output.clone()],
        };
        (output, saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let [x, output] = saved else { unreachable!("it saves its input and output") };
        let windows = &self.0;
        let [places, outputs] = windows.places();
        let work = |plane: usize, of_x: &mut [f32]| {
            if !windows.are_all_pairs() {
                of_x.fill(0.0);
            }
            let [output, gradient] =
                [output, &gradient].map(|values| &values.values()[plane * outputs..][..outputs]);
            let map = &x.values()[plane * places..][..places];
            with_scratch(windows.output[1], |left| {
                to_largest(windows, left, map, output, gradient, of_x);
            });
        };
        // SAFETY: it is filled, but where pairs write every number.
        let of_x = unsafe { windows.filled(windows.map, work) };
        vec![Some(of_x)]
    }
}

#[derive(Debug)]
struct AveragePool(Windows);

impl Operation for AveragePool {
    fn forward(&self, inputs: &[Array], _: Mode) -> (Array, Vec<Array>) {
        let [x] = inputs else { unreachable!("pooling has one input") };
        let windows = &self.0;
        let [places, _] = windows.places();
        let counts = windows.counts();
        let work = |plane: usize, output: &mut [f32]| {
            output.fill(0.0);
            let map = &x.values()[plane * places..][..places];
            with_scratch(windows.map[1], |line| means(windows, line, &counts, map, output));
        };
        // SAFETY: it is filled.
        let output = unsafe { windows.filled(windows.output, work) };
        (output, Vec::new())
    }

    fn backward(&self, _: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let windows = &self.0;
        let [_, outputs] = windows.places();
        let counts = windows.counts();
        let work = |plane: usize, of_x: &mut [f32]| {
            of_x.fill(0.0);
            let gradient = &gradient.values()[plane * outputs..][..outputs];
            with_scratch(windows.map[1], |line| to_all(windows, line, &counts, gradient, of_x));
        };
        // SAFETY: it is filled.
        let of_x = unsafe { windows.filled(windows.map, work) };
        vec![Some(of_x)]
    }
}

for_instruction_sets! {
    fn largest(windows: &Windows, line: &mut [f32], map: &[f32], output: &mut [f32]) {
        let (width, stride) = (windows.map[1], windows.options.stride[1]);
            for (index, output) in output.chunks_exact_mut(windows.output[1]).enumerate() {
                line.fill(f32::NEG_INFINITY);
                for seen in windows.lines(index) {
                    raise(line, &map[seen * width..][..width]);
                }
                output.fill(f32::NEG_INFINITY);
                for Seen { windows, first } in windows.columns() {
                    let (output, line) = (&mut output[windows], line.get(first..).unwrap_or(&[]));
                    match stride {
                        1 => raise(output, line),
                        2 => raise_by::<2>(output, line),
                        _ => raise_from(output, line.iter().step_by(stride)),
                    }
                }
            }
    }

    fn to_largest(windows: &Windows, left: &mut [f32], map: &[f32], output: &[f32], gradient: &[f32], of_map: &mut [f32]) {
        let (width, stride) = (windows.map[1], windows.options.stride[1]);
        let lines = output.chunks_exact(windows.output[1]).zip(gradient.chunks_exact(windows.output[1]));
            for (index, (output, gradient)) in lines.enumerate() {
                // What no place has taken yet.
                left.copy_from_slice(gradient);
                for seen in windows.lines(index) {
                    if windows.are_pairs() {
                        let line = seen * width..(seen + 1) * width;
                        take_pairs(output, left, &map[line.clone()], &mut of_map[line]);
                        continue;
                    }
                    for Seen { windows, first } in windows.columns() {
                        let (output, left) = (&output[windows.clone()], &mut left[windows]);
                        // The last windows may see padding alone in this column.
                        let line = seen * width + first.min(width)..(seen + 1) * width;
                        let (map, of_map) = (&map[line.clone()], &mut of_map[line]);
                        match stride {
                            1 => take_by::<1>(output, left, map, of_map),
                            2 => take_by::<2>(output, left, map, of_map),
                            _ => take_from(
                                output.iter().zip(left),
                                map.iter().zip(of_map).step_by(stride),
                            ),
                        }
                    }
                }
            }
    }

    fn means(windows: &Windows, line: &mut [f32], counts: &[f32], map: &[f32], output: &mut [f32]) {
        let (width, stride) = (windows.map[1], windows.options.stride[1]);
            for (index, output) in output.chunks_exact_mut(windows.output[1]).enumerate() {
                line.fill(0.0);
                let lines = windows.lines(index);
                let share = (lines.len() as f32).recip();
                for seen in lines {
                    for (sum, number) in line.iter_mut().zip(&map[seen * width..][..width]) {
                        *sum += number;
                    }
                }
                for Seen { windows, first } in windows.columns() {
                    let line = line.get(first..).unwrap_or(&[]).iter().step_by(stride);
                    for (sum, number) in output[windows].iter_mut().zip(line) {
                        *sum += number;
                    }
                }
                for (mean, count) in output.iter_mut().zip(counts) {
                    *mean = *mean * share / count;
                }
            }
    }

    fn to_all(windows: &Windows, line: &mut [f32], counts: &[f32], gradient: &[f32], of_map: &mut [f32]) {
        let (width, stride) = (windows.map[1], windows.options.stride[1]);
            for (index, gradient) in gradient.chunks_exact(windows.output[1]).enumerate() {
                line.fill(0.0);
                let lines = windows.lines(index);
                let share = (lines.len() as f32).recip();
                for Seen { windows, first } in windows.columns() {
                    let line = line.get_mut(first..).unwrap_or(&mut []).iter_mut().step_by(stride);
                    let gradient = gradient[windows.clone()].iter().zip(&counts[windows]);
                    for (sum, (gradient, count)) in line.zip(gradient) {
                        *sum += gradient * share / count;
                    }
                }
                for seen in lines {
                    for (sum, number) in of_map[seen * width..][..width].iter_mut().zip(&*line) {
                        *sum += number;
                    }
                }
            }
    }
}

/// The larger of two numbers, and no number if one of them is none.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn larger(one: f32, other: f32) -> f32 {
    if other > one || other.is_nan() { other } else { one }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn raise(numbers: &mut [f32], others: &[f32]) {
    for (number, &other) in numbers.iter_mut().zip(others) {
        *number = larger(*number, other);
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn raise_from<'a>(numbers: &mut [f32], others: impl Iterator<Item = &'a f32>) {
    for (number, &other) in numbers.iter_mut().zip(others) {
        *number = larger(*number, other);
    }
}

/// [`raise`] by every `S`-th number, of which the compiler knows how far apart they are.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn raise_by<const S: usize>(numbers: &mut [f32], others: &[f32]) {
    let (steps, rest) = others.as_chunks::<S>();
    let (whole, last) = numbers.split_at_mut(numbers.len().min(steps.len()));
    for (number, step) in whole.iter_mut().zip(steps) {
        *number = larger(*number, step[0]);
    }
    raise(last, rest);
}

/// [`take_by`] of both columns of windows two wide that lie side by side: every number of a line is
/// written in its order, which vectors can do and writing every second one they cannot.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
#[expect(clippy::float_cmp, reason = "the output of a window is a copy of one of its numbers")]
fn take_pairs(output: &[f32], left: &mut [f32], map: &[f32], of_map: &mut [f32]) {
    let (pairs, of_pairs) = (map.as_chunks::<2>().0, of_map.as_chunks_mut::<2>().0);
    let windows = output.iter().zip(left);
    for ((output, left), ([first, second], of_pair)) in windows.zip(pairs.iter().zip(of_pairs)) {
        let of_first = if first == output { *left } else { 0.0 };
        let rest = if first == output { 0.0 } else { *left };
        let of_second = if second == output { rest } else { 0.0 };
        *of_pair = [of_first, of_second];
        *left = if second == output { 0.0 } else { rest };
    }
}

/// Gives what is left of the gradient to the places that hold the output.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn take_by<const S: usize>(output: &[f32], left: &mut [f32], map: &[f32], of_map: &mut [f32]) {
    let (steps, rest) = map.as_chunks::<S>();
    let (of_steps, of_rest) = of_map.as_chunks_mut::<S>();
    let whole = output.len().min(steps.len());
    let (last_output, last_left) = (&output[whole..], whole..);
    let places =
        steps.iter().map(|step| &step[0]).zip(of_steps.iter_mut().map(|step| &mut step[0]));
    take_from(output[..whole].iter().zip(&mut left[..whole]), places);
    take_from(last_output.iter().zip(&mut left[last_left]), rest.iter().zip(of_rest));
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
#[expect(clippy::float_cmp, reason = "the output of a window is a copy of one of its numbers")]
fn take_from<'a>(
    windows: impl Iterator<Item = (&'a f32, &'a mut f32)>,
    places: impl Iterator<Item = (&'a f32, &'a mut f32)>,
) {
    for ((output, left), (number, of_number)) in windows.zip(places) {
        let taken = if number == output { *left } else { 0.0 };
        *of_number += taken;
        *left = if number == output { 0.0 } else { *left };
    }
}

#[derive(Debug)]
struct GlobalMean {
    rows: usize,
    channels: usize,
    places: usize,
}

impl Operation for GlobalMean {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let [x] = inputs else { unreachable!("a mean has one input") };
        let mut means = vec![0.0; self.rows * self.channels];
        by_plane(&mut means, 1, self.places, |plane, mean| {
            mean[0] = mean_of(&x.values()[plane * self.places..][..self.places]);
        });
        let saved = if mode == Mode::Training { vec![x.clone()] } else { Vec::new() };
        (Array::new(means, &[self.rows, self.channels]), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, _: &[bool]) -> Vec<Option<Array>> {
        let mut of_x = vec![0.0; gradient.values().len() * self.places];
        let share = (self.places as f32).recip();
        by_plane(&mut of_x, self.places, self.places, |plane, of_x| {
            of_x.fill(gradient.values()[plane] * share);
        });
        vec![Some(Array::new(of_x, saved[0].dims()))]
    }
}

for_instruction_sets! {
    fn mean_of(numbers: &[f32]) -> f32 {
        let mut sum = [[0.0; LANES]];
        accumulate(&mut sum, [numbers], |[number]| [number]);
        total(sum[0]) / numbers.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{assert_same_passes, random};

    #[derive(Clone, Debug)]
    struct Case {
        x: [usize; 4],
        options: Pool2dOptions,
    }

    fn cases() -> impl Strategy<Value = Case> {
        let axis = (1..=4_usize, 1..=4_usize, 0..=3_usize, 0..=3_usize, 0..=40_usize);
        (1..=3_usize, 1..=3_usize, axis.clone(), axis).prop_map(|(rows, channels, down, across)| {
            let padded = |(kernel, _, before, after, _): (usize, usize, usize, usize, usize)| {
                [before.min(kernel - 1), after.min(kernel - 1)]
            };
            let size = |axis: (usize, usize, usize, usize, usize)| axis.0 + axis.4;
            Case {
                x: [rows, channels, size(down), size(across)],
                options: Pool2dOptions {
                    kernel: [down.0, across.0],
                    stride: [down.1, across.1],
                    padding: [padded(down), padded(across)],
                },
            }
        })
    }

    type Pool = fn(Tensor<4>, &Pool2dOptions) -> Tensor<4>;

    impl Case {
        fn check(&self, ours: Pool, burns: Pool, tolerance: f32) {
            let run = |pool: Pool| {
                move |inputs: &[Tensor<1>]| {
                    pool(inputs[0].clone().reshape(self.x), &self.options).flatten(0, 3)
                }
            };
            let x = random(self.x.iter().product(), 1);
            assert_same_passes(&[x], tolerance, run(ours), run(burns));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn maxima_and_their_gradients_are_burns(case in cases()) {
            // The same numbers; of the gradient, a sum of at most 16 in another order.
            case.check(max_pool2d, reference_max, 4e-7);
        }

        #[test]
        fn means_and_their_gradients_are_burns(case in cases()) {
            // Sums of at most 16 numbers in another order.
            case.check(avg_pool2d, reference_mean, 1e-6);
        }

        #[test]
        fn means_of_whole_maps_and_their_gradients_are_burns(
            x in [1..4_usize, 1..9_usize, 1..40_usize, 1..70_usize],
        ) {
            let burns = |x: Tensor<4>| x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2);
            let run = |mean: fn(Tensor<4>) -> Tensor<2>| {
                move |inputs: &[Tensor<1>]| mean(inputs[0].clone().reshape(x)).flatten(0, 1)
            };
            // Sums of up to 2 800 numbers in another order, divided by as many.
            assert_same_passes(&[random(x.iter().product(), 1)], 1e-6, run(global_mean), run(burns));
        }
    }

    #[test]
    fn the_first_of_equal_numbers_takes_the_gradient_and_no_number_stays_none() {
        let device = Device::flex().autodiff();
        let x = [[[[1.0, 1.0, f32::NAN, 2.0], [1.0, 1.0, 2.0, 2.0]]]];
        let x = Tensor::<4>::from_floats(x, &device).require_grad();
        let options = Pool2dOptions { kernel: [2; 2], stride: [2; 2], padding: [[0; 2]; 2] };
        let output = max_pool2d(x.clone(), &options);
        let gradients = output.sum().backward();
        let values = |tensor: Tensor<4>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let gradient = values(x.grad(&gradients).unwrap());
        assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let output = values(max_pool2d(x.inner(), &options));
        assert!(output[0].total_cmp(&1.0).is_eq() && output[1].is_nan(), "{output:?}");
    }

    #[test]
    #[should_panic(expected = "max_pool2d: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let options = Pool2dOptions { kernel: [2; 2], stride: [2; 2], padding: [[0; 2]; 2] };
        drop(max_pool2d(Tensor::empty([0, 1, 2, 2], &Device::flex()), &options));
    }
}
