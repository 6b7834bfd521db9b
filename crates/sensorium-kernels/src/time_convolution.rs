//! Convolutions over time of steps whose channels stand next to each other.
//!
//! What a kernel reads at one place is then one run of `kernel size * D` numbers, and at the next
//! place a run that begins a stride further on: all places together are a matrix whose rows
//! overlap in memory, and the convolution is its product with the weight. The same matrix makes
//! the gradient of the weight. The gradient of the input is, at stride 1, a convolution of the
//! output's gradient with the kernel turned round; at other strides it is made window by window,
//! and windows that overlap are added.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::{Tensor, s};

use crate::array::Array;
use crate::instruction_set::for_instruction_sets;
use crate::kept::{Purpose, kept};
use crate::linear::column_sums;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::product::interleave::interleave;
use crate::product::left::{Left, Panel, is_crowded, rows_of};
use crate::product::multiply::{
    Columns, InPlace, MatrixColumns, MatrixOutput, Output, columns_in_place, multiply,
};
use crate::product::packed::{PackedRows, View};
use crate::product::packed_columns::PackedColumns;
use crate::product::product;
use crate::product::resident::panel_height;
use crate::product::tile::{Rows, Tiles};
use crate::scratch::written;
use crate::team;

/// As few numbers as are worth a second thread.
const PARALLEL: usize = 1 << 15;

/// How a kernel slides over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeConvolutionOptions {
    /// Steps that each output reads; 1 or more.
    pub kernel_size: usize,
    /// Steps from one output to the next; 1 or more.
    pub stride: usize,
    /// Steps of zeros before the first step and after the last.
    pub padding: [usize; 2],
}

/// Convolves steps with a kernel (a cross-correlation, as PyTorch's `conv1d`), channels last.
///
/// # Shapes
///
/// - `x`: `[B, T, D]`
/// - `weight`: `[kernel size * D, F]`, the steps of the kernel outermost
/// - `bias`: `[F]`
/// - returns: `[B, ⌊(T + before + after - kernel size) / stride⌋ + 1, F]`
///
/// # Panics
///
/// If a size is zero, the kernel does not fit the padded steps, or the shapes do not belong
/// together.
pub fn time_convolution(
    x: Tensor<3>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    options: &TimeConvolutionOptions,
) -> Tensor<3> {
    let bias_width = bias.as_ref().map(|bias| bias.dims()[0]);
    let shape = Shape::new(x.dims(), weight.dims(), bias_width, *options);
    if !runs_here(&x.device(), x.dtype()) {
        return reference(&shape, x, weight, bias);
    }
    let operation = TimeConvolution { shape };
    let (x, weight) = (x.into(), weight.into());
    match bias {
        None => apply(operation, [x, weight]),
        Some(bias) => apply(operation, [x, weight, bias.into()]),
    }
}

fn reference(shape: &Shape, x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let Shape { rows, outputs, filters, options, .. } = *shape;
    let TimeConvolutionOptions { kernel_size, stride, padding: [before, after] } = options;
    let padded = x.pad([(before, after), (0, 0)], 0.0);
    let span = (outputs - 1) * stride + 1;
    let step = isize::try_from(stride).expect("a stride is less than half the address space");
    let view = |offset| padded.clone().slice_dim(1, s![offset..offset + span; step]);
    let columns = Tensor::cat((0..kernel_size).map(view).collect(), 2); // [B, U, kernel size * D]
    let [fan_in, _] = weight.dims();
    let mut output = columns.reshape([rows * outputs, fan_in]).matmul(weight);
    if let Some(bias) = bias {
        output = output + bias.unsqueeze_dim(0);
    }
    output.reshape([rows, outputs, filters])
}

/// The sizes of a convolution over time.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: usize,
    steps: usize,
    width: usize,
    filters: usize,
    /// Steps that go out.
    outputs: usize,
    options: TimeConvolutionOptions,
}

impl Shape {
    fn new(
        x: [usize; 3],
        weight: [usize; 2],
        bias: Option<usize>,
        options: TimeConvolutionOptions,
    ) -> Self {
        let [rows, steps, width] = x;
        let [fan_in, filters] = weight;
        let TimeConvolutionOptions { kernel_size, stride, padding: [before, after] } = options;
        assert!(
            !x.contains(&0) && !weight.contains(&0) && kernel_size > 0 && stride > 0,
            "time_convolution: no size may be zero, but the input is {x:?}, the weight {weight:?}, \
             the kernel size {kernel_size} and the stride {stride}"
        );
        assert!(
            fan_in == kernel_size * width && bias.is_none_or(|bias| bias == filters),
            "time_convolution: a weight {weight:?} does not belong to {kernel_size} steps of \
             {width} and a bias of {bias:?}"
        );
        let padded = steps + before + after;
        assert!(
            kernel_size <= padded,
            "time_convolution: a kernel of {kernel_size} steps does not fit {padded} padded steps"
        );
        let outputs = (padded - kernel_size) / stride + 1;
        Self { rows, steps, width, filters, outputs, options }
    }

    /// What the kernel reads at each step that goes out.
    fn windows<'a>(&self, x: &'a [f32]) -> Windows<'a> {
        let TimeConvolutionOptions { kernel_size, stride, padding: [before, _] } = self.options;
        let before = before.cast_signed();
        Windows::new(
            x,
            [self.rows, self.steps, self.width],
            before,
            WindowsOptions { size: kernel_size, stride, outputs: self.outputs },
        )
    }
}

#[derive(Debug)]
struct TimeConvolution {
    shape: Shape,
}

impl Operation for TimeConvolution {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        let (fixed, bias) = inputs.split_at(2);
        let [x, weight] = fixed else { unreachable!("split at 2") };
        let Shape { rows, outputs, filters, .. } = self.shape;
        let matrix = matrix(weight);
        let bias = bias.first().map(Array::values);
        let windows = self.shape.windows(x.values());
        let (values, saved) = match mode {
            Mode::Training => (windows.product(&MatrixColumns(matrix), bias), fixed.to_vec()),
            Mode::Inference => {
                // Packed as a linear layer's weight is, so a copy made for either serves both.
                let weight = kept(weight, Purpose::Linear, || PackedColumns::of_matrix(matrix));
                (windows.product(&*weight, bias), Vec::new())
            }
        };
        (Array::new(values, &[rows, outputs, filters]), saved)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        let [x, weight] = saved else { unreachable!("a convolution saves its two inputs") };
        let (shape, dy) = (&self.shape, gradient.values());
        let of_bias = || Array::new(column_sums(dy, shape.filters), &[shape.filters]);
        let mut gradients = vec![
            wanted[0].then(|| Array::new(input_gradient(shape, weight, dy), x.dims())),
            wanted[1].then(|| Array::new(weight_gradient(shape, x.values(), dy), weight.dims())),
        ];
        gradients.extend(wanted.get(2).map(|wanted| wanted.then(of_bias)));
        gradients
    }
}

fn matrix(weight: &Array) -> View<'_> {
    let [fan_in, filters] = weight.shape();
    View::dense(weight.values(), fan_in, filters)
}

/// How windows are cut.
#[derive(Clone, Copy)]
struct WindowsOptions {
    /// Steps of a window.
    size: usize,
    /// Steps from one window to the next.
    stride: usize,
    /// Windows of each row.
    outputs: usize,
}

/// Windows over time: a matrix `[B * U, size * D]` whose rows overlap in memory.
struct Windows<'a> {
    /// `[B, length, D]`
    values: Cow<'a, [f32]>,
    rows: usize,
    length: usize,
    width: usize,
    options: WindowsOptions,
}

impl<'a> Windows<'a> {
    /// Windows over an array of `[B, T, D]`, the first of which begins `before` steps before it.
    fn new(
        values: &'a [f32],
        [rows, steps, width]: [usize; 3],
        before: isize,
        options: WindowsOptions,
    ) -> Self {
        let reach = (options.outputs - 1) * options.stride + options.size;
        let (values, length) = if before == 0 && reach <= steps {
            (Cow::Borrowed(values), steps)
        } else {
            (Cow::Owned(padded(values, steps * width, before, reach, width)), reach)
        };
        Self { values, rows, length, width, options }
    }

    /// The windows of one row.
    fn of_row(&self, row: usize) -> View<'_> {
        let WindowsOptions { size, stride, outputs } = self.options;
        View {
            values: &self.values[row * self.length * self.width..],
            rows: outputs,
            columns: size * self.width,
            row_stride: stride * self.width,
            column_stride: 1,
        }
    }

    fn packed(&self) -> PackedRows {
        let depth = self.options.size * self.width;
        PackedRows::with(self.rows * self.options.outputs, depth, |windows, panel| {
            let height = windows.len();
            let mut column = 0;
            for (row, windows) in by_row(windows, self.options.outputs) {
                let view = self.of_row(row);
                let source = &view.values[windows.start * view.row_stride..];
                interleave_columns(source, view.row_stride, windows.len(), panel, height, column);
                column += windows.len();
            }
        })
    }

    /// Whether the windows of one row make at least half a tile.
    fn outputs_fill_tiles(&self) -> bool {
        2 * self.options.outputs >= Tiles::current().rows()
    }

    /// The windows of one row that a panel has, but the last.
    fn height(&self) -> usize {
        panel_height(Tiles::current(), self.options.outputs)
    }

    /// The product with a weight, and a bias added.
    fn product<C: Columns>(&self, weight: &C, bias: Option<&[f32]>) -> Vec<f32> {
        let columns = weight.columns();
        let write = |values: &mut [f32]| {
            let output = BiasedOutput { matrix: MatrixOutput::new(values, columns), bias };
            if self.outputs_fill_tiles() && !is_crowded(self.options.stride * self.width) {
                multiply(self, weight, &output);
            } else {
                multiply(&self.packed(), weight, &output);
            }
        };
        // SAFETY: no size is zero, so `multiply` writes the whole output.
        unsafe { written(self.rows * self.options.outputs * columns, write) }
    }
}

/// Windows as the left side of a product, each panel within one row.
impl Left for Windows<'_> {
    fn rows(&self) -> usize {
        self.rows * self.options.outputs
    }

    fn depth(&self) -> usize {
        self.options.size * self.width
    }

    fn tiles(&self) -> Tiles {
        Tiles::current()
    }

    fn num_panels(&self) -> usize {
        self.rows * self.options.outputs.div_ceil(self.height())
    }

    fn panel(&self, index: usize) -> Panel {
        let (height, outputs) = (self.height(), self.options.outputs);
        let panels = outputs.div_ceil(height);
        let (row, start) = (index / panels, index % panels * height);
        let View { values, row_stride, .. } = self.of_row(row);
        Panel {
            first: row * outputs + start,
            rows: height.min(outputs - start),
            values: values[start * row_stride..].as_ptr(),
            row: row_stride,
            step: 1,
            lie: Rows::Apart,
        }
    }
}

/// Windows as the right side of a product, one step of the sum each.
impl Columns for Windows<'_> {
    type Block = ();

    fn columns(&self) -> usize {
        self.options.size * self.width
    }

    fn run(&self) -> usize {
        self.options.outputs
    }

    fn block(&self, _: Range<usize>) {}

    fn pack(
        &self,
        (): &mut (),
        first: usize,
        width: usize,
        steps: Range<usize>,
        mut panel: &mut [f32],
    ) {
        for (row, windows) in by_row(steps, self.options.outputs) {
            let (part, rest) = panel.split_at_mut(windows.len() * width);
            MatrixColumns(self.of_row(row)).pack(&mut (), first, width, windows, part);
            panel = rest;
        }
    }

    fn in_place(
        &self,
        first: usize,
        width: usize,
        steps: Range<usize>,
        reads: usize,
    ) -> Option<InPlace<'_>> {
        let outputs = self.options.outputs;
        if !(steps.start.is_multiple_of(outputs) && steps.len().is_multiple_of(outputs)) {
            return None;
        }
        let row = self.of_row(steps.start / outputs);
        let runs = [steps.len() / outputs, self.length * self.width];
        let of_row = columns_in_place(row, first, width, 0..outputs, reads)?;
        Some(InPlace { runs, ..of_row })
    }
}

/// Cuts a range of all numbers of rows of `len` into those of one row each: the row, and the
/// numbers in it.
fn by_row(numbers: Range<usize>, len: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (numbers.start / len..numbers.end.div_ceil(len)).map(move |row| {
        let first = row * len;
        let start = numbers.start.max(first) - first;
        (row, start..numbers.end.min(first + len) - first)
    })
}

/// Rows of `[length, width]` that show the rows of an array (of `row` numbers each), moved by
/// `before` steps, and zeros where there is nothing to show.
fn padded(values: &[f32], row: usize, before: isize, length: usize, width: usize) -> Vec<f32> {
    let len = length * width;
    let lead = before.max(0).unsigned_abs().min(length) * width;
    let skipped = before.min(0).unsigned_abs() * width;
    let shown = row.saturating_sub(skipped).min(len - lead);
    let copy = |index: usize, to: &mut [f32]| {
        let from = &values[index * row..][..row];
        to[..lead].fill(0.0);
        if shown > 0 {
            to[lead..lead + shown].copy_from_slice(&from[skipped..skipped + shown]);
        }
        to[lead + shown..].fill(0.0);
    };
    let len_of_all = values.len() / row * len;
    let write = |all: &mut [f32]| {
        team::chunks_mut_if(len_of_all >= PARALLEL, all, len, copy);
    };
    // SAFETY: `copy` writes a whole row, and there are as many as the array has.
    unsafe { written(len_of_all, write) }
}

/// [`interleave`] of lines into the columns of a panel from `column` on.
fn interleave_columns(
    source: &[f32],
    stride: usize,
    lines: usize,
    panel: &mut [f32],
    width: usize,
    column: usize,
) {
    let steps = panel.len() / width;
    let panel = &mut panel[column..];
    interleave(source, stride, lines, panel, width);
    // Seen from a later column, the panel ends before its last step is whole.
    for step in panel.len() / width..steps {
        for line in 0..lines {
            panel[step * width + line] = source[line * stride + step];
        }
    }
}

/// A matrix with a number added to each column.
struct BiasedOutput<'a> {
    matrix: MatrixOutput,
    bias: Option<&'a [f32]>,
}

impl Output for BiasedOutput<'_> {
    fn direct(&self, rows: Range<usize>, columns: Range<usize>) -> Option<(*mut f32, usize)> {
        self.matrix.direct(rows, columns)
    }

    fn scatter(
        &self,
        tile: &[f32],
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        add: bool,
    ) {
        self.matrix.scatter(tile, stride, rows, columns, add);
    }

    fn finish(&self, rows: Range<usize>, columns: Range<usize>) {
        let Some(bias) = self.bias else { return };
        for row in rows {
            // SAFETY: `finish` is called for numbers that are written, by the thread that has them.
            add(unsafe { self.matrix.row(row, columns.clone()) }, &bias[columns.clone()]);
        }
    }
}

for_instruction_sets! {
    fn add(values: &mut [f32], others: &[f32]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value += other;
        }
    }
}

/// # Shapes
///
/// - `x`: `[B, T, D]`
/// - `dy`: `[B, U, F]`
/// - returns: `[kernel size * D, F]`
fn weight_gradient(shape: &Shape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let Shape { rows, outputs, filters, .. } = *shape;
    let windows = shape.windows(x);
    let fan_in = Columns::columns(&windows);
    // Of the two sides the right one is read without a whole copy, so the windows, of which there
    // are more numbers, go there; what comes out is small and is turned afterwards.
    let left = rows_of(View::dense(dy, rows * outputs, filters).transposed(), fan_in);
    let write = |values: &mut [f32]| {
        multiply(&*left, &windows, &MatrixOutput::new(values, fan_in));
    };
    // SAFETY: no size is zero, so `multiply` writes the whole output.
    let turned = unsafe { written(filters * fan_in, write) };
    transposed(&turned, filters, fan_in)
}

/// Lines of a matrix that one task turns.
const LINES: usize = 64;

/// `[rows, columns]` as `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let turn = |index: usize, lines: &mut [f32]| {
        interleave(&values[index * LINES..], columns, rows, lines, rows);
    };
    let write = |all: &mut [f32]| {
        team::chunks_mut_if(values.len() >= PARALLEL, all, LINES * rows, turn);
    };
    // SAFETY: every line is one of a chunk, and `interleave` writes all of its lines and steps.
    unsafe { written(values.len(), write) }
}

/// # Shapes
///
/// - `weight`: `[kernel size * D, F]`
/// - `dy`: `[B, U, F]`
/// - returns: `[B, T, D]`
fn input_gradient(shape: &Shape, weight: &Array, dy: &[f32]) -> Vec<f32> {
    let Shape { rows, outputs, filters, options, .. } = *shape;
    if options.stride == 1 {
        return turned_convolution(shape, weight.values(), dy);
    }
    let windows = product(View::dense(dy, rows * outputs, filters), matrix(weight).transposed());
    overlap_add(shape, &windows)
}

/// The gradient of the input at stride 1: each step was read by as many windows as the kernel has
/// steps, first by its last step.
fn turned_convolution(shape: &Shape, weight: &[f32], dy: &[f32]) -> Vec<f32> {
    let Shape { rows, steps, width, filters, outputs, options } = *shape;
    let TimeConvolutionOptions { kernel_size, padding: [before, _], .. } = options;
    // The first window that read step 0 is `kernel size - 1` windows before the one that begins
    // with it; padding wider than that has windows that read no step at all.
    let before = (kernel_size - 1).cast_signed() - before.cast_signed();
    let windows = Windows::new(
        dy,
        [rows, outputs, filters],
        before,
        WindowsOptions { size: kernel_size, stride: 1, outputs: steps },
    );
    let turned = TurnedKernel { weight, kernel_size, width, filters };
    windows.product(&turned, None)
}

/// The kernel turned round, `[kernel size * F, D]`: its steps in the other order, and each of them
/// transposed.
struct TurnedKernel<'a> {
    /// `[kernel size * D, F]`
    weight: &'a [f32],
    kernel_size: usize,
    width: usize,
    filters: usize,
}

impl Columns for TurnedKernel<'_> {
    type Block = ();

    fn columns(&self) -> usize {
        self.width
    }

    fn block(&self, _: Range<usize>) {}

    fn pack(
        &self,
        (): &mut (),
        first: usize,
        width: usize,
        steps: Range<usize>,
        mut panel: &mut [f32],
    ) {
        for (turned, filters) in by_row(steps, self.filters) {
            let (part, rest) = panel.split_at_mut(filters.len() * width);
            let step = &self.weight[(self.kernel_size - 1 - turned) * self.width * self.filters..];
            let matrix = View::dense(step, self.width, self.filters).transposed();
            MatrixColumns(matrix).pack(&mut (), first, width, filters, part);
            panel = rest;
        }
    }
}

/// Adds windows `[B, U, kernel size * D]` to the steps that they are of: `[B, T, D]`.
fn overlap_add(shape: &Shape, windows: &[f32]) -> Vec<f32> {
    let Shape { rows, steps, width, outputs, options, .. } = *shape;
    let TimeConvolutionOptions { kernel_size, stride, padding: [before, _] } = options;
    let fan_in = kernel_size * width;
    let row = outputs * fan_in;
    let add_row = |index: usize, sums: &mut [f32]| {
        let windows = &windows[index * row..][..row];
        for (output, window) in windows.chunks_exact(fan_in).enumerate() {
            // The window begins at step `output * stride - before`.
            let skipped = before.saturating_sub(output * stride).min(kernel_size);
            let start = (output * stride).saturating_sub(before).min(steps);
            add(&mut sums[start * width..], &window[skipped * width..]);
        }
    };
    let mut sums = vec![0.0; rows * steps * width];
    team::chunks_mut_if(windows.len() >= PARALLEL, &mut sums, steps * width, add_row);
    sums
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::instruction_set::InstructionSet;

    #[derive(Clone, Copy, Debug)]
    struct Case {
        x: [usize; 3],
        filters: usize,
        options: TimeConvolutionOptions,
    }

    impl Case {
        fn weight(&self) -> [usize; 2] {
            [self.options.kernel_size * self.x[2], self.filters]
        }

        fn shape(&self) -> Shape {
            Shape::new(self.x, self.weight(), Some(self.filters), self.options)
        }
    }

    fn cases() -> impl Strategy<Value = Case> {
        let sizes = (1..=4_usize, 1..=40_usize, 1..=40_usize, 1..=70_usize);
        // Also more padding than the kernel is long.
        let options = (1..=7_usize, 1..=3_usize, [0..=8_usize, 0..=8_usize]);
        (sizes, options).prop_filter_map("the kernel fits", |(sizes, options)| {
            let ((rows, steps, width, filters), (kernel_size, stride, padding)) = (sizes, options);
            let fits = kernel_size <= steps + padding[0] + padding[1];
            let options = TimeConvolutionOptions { kernel_size, stride, padding };
            fits.then_some(Case { x: [rows, steps, width], filters, options })
        })
    }

    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len)
            .map(|index| ((index * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    fn tensor<const D: usize>(shape: [usize; D], seed: usize, device: &Device) -> Tensor<D> {
        let data = TensorData::new(numbers(shape.iter().product(), seed), shape);
        Tensor::from_data(data, device)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec().expect("32-bit floats")
    }

    /// Output, and the gradients of input, weight and bias, of a sum of the outputs with weights.
    fn passes(case: &Case, ours: bool) -> [Vec<f32>; 4] {
        let device = Device::flex().autodiff();
        let x = tensor(case.x, 1, &device).require_grad();
        let weight = tensor(case.weight(), 2, &device).require_grad();
        let bias = tensor([case.filters], 3, &device).require_grad();
        let (given_x, given_weight, given_bias) = (x.clone(), weight.clone(), Some(bias.clone()));
        let output = if ours {
            time_convolution(given_x, given_weight, given_bias, &case.options)
        } else {
            reference(&case.shape(), given_x, given_weight, given_bias)
        };
        let shares = tensor(output.dims(), 4, &device);
        let gradients = (output.clone() * shares).sum().backward();
        [
            values(output.inner()),
            values(x.grad(&gradients).expect("x is tracked")),
            values(weight.grad(&gradients).expect("weight is tracked")),
            values(bias.grad(&gradients).expect("bias is tracked")),
        ]
    }

    fn assert_close(got: &[f32], want: &[f32], place: &str) {
        // Sums of products in another order: the rounding grows with the largest of them.
        let largest = want.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        for (index, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= 4e-6 * largest, "{place} at {index}: {got}, not {want}");
        }
        assert_eq!(got.len(), want.len(), "{place}");
    }

    fn assert_same(case: &Case) {
        let names = ["output", "gradient of x", "gradient of the weight", "gradient of the bias"];
        let want = passes(case, false);
        InstructionSet::for_each(|set| {
            for ((name, got), want) in names.iter().zip(passes(case, true)).zip(&want) {
                assert_close(&got, want, &format!("{name} on {set:?} of {case:?}"));
            }
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn convolutions_over_time_and_their_gradients_are_burns(case in cases()) {
            assert_same(&case);
        }
    }

    #[test]
    fn sizes_that_several_threads_share_are_burns_too() {
        for (stride, padding) in [(1, [1, 1]), (2, [2, 0]), (3, [0, 0])] {
            let options = TimeConvolutionOptions { kernel_size: 3, stride, padding };
            assert_same(&Case { x: [16, 50, 65], filters: 67, options });
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        for stride in [1, 2] {
            let options = TimeConvolutionOptions { kernel_size: 3, stride, padding: [1, 1] };
            let case = Case { x: [16, 50, 65], filters: 67, options };
            let passes = |threads| team::with_threads(threads, || passes(&case, true));
            InstructionSet::for_each(|set| {
                assert!(passes(1) == passes(3), "{set:?}, stride {stride}");
            });
        }
    }

    #[test]
    fn a_kernel_sees_the_steps_around_and_zeros_beyond_the_ends() {
        let device = Device::flex();
        let x = Tensor::from_floats([[[1.0], [2.0], [3.0], [4.0], [5.0]]], &device);
        // The digits of an output are the steps that it saw.
        let weight = Tensor::<2>::from_floats([[100.0], [10.0], [1.0]], &device);
        let digits = |stride, padding| {
            let options = TimeConvolutionOptions { kernel_size: 3, stride, padding };
            values(time_convolution(x.clone(), weight.clone(), None, &options))
        };
        InstructionSet::for_each(|_| {
            assert_eq!(digits(1, [1, 1]), [12.0, 123.0, 234.0, 345.0, 450.0]);
            assert_eq!(digits(2, [0, 2]), [123.0, 345.0, 500.0]);
            assert_eq!(digits(3, [0, 0]), [123.0]);
        });
    }

    #[test]
    fn packed_weights_give_the_same_outside_training() {
        let device = Device::flex();
        let options = TimeConvolutionOptions { kernel_size: 5, stride: 1, padding: [2, 2] };
        let case = Case { x: [3, 11, 21], filters: 35, options };
        let (x, weight) = (tensor(case.x, 1, &device), tensor(case.weight(), 2, &device));
        let want = values(reference(&case.shape(), x.clone(), weight.clone(), None));
        InstructionSet::for_each(|set| {
            // Twice: the second pass reads the weights that the first one packed.
            for _ in 0..2 {
                let got = time_convolution(x.clone(), weight.clone(), None, &options);
                assert_close(&values(got), &want, &format!("inference on {set:?}"));
            }
        });
    }

    const ONE_STEP: TimeConvolutionOptions =
        TimeConvolutionOptions { kernel_size: 1, stride: 1, padding: [0, 0] };

    #[test]
    #[should_panic(expected = "time_convolution: no size may be zero")]
    fn an_empty_batch_is_refused() {
        let device = Device::flex();
        let x = Tensor::<3>::empty([0, 2, 3], &device);
        drop(time_convolution(x, tensor([3, 2], 1, &device), None, &ONE_STEP));
    }

    #[test]
    #[should_panic(expected = "time_convolution: a kernel of 4 steps does not fit 3 padded steps")]
    fn a_kernel_longer_than_the_padded_steps_is_refused() {
        let device = Device::flex();
        let options = TimeConvolutionOptions { kernel_size: 4, padding: [1, 0], ..ONE_STEP };
        let x = tensor([1, 2, 3], 1, &device);
        drop(time_convolution(x, tensor([12, 2], 1, &device), None, &options));
    }
}
