//! From the last step back to the first, and the gradient of the weights over all steps.

use super::{Cell, Direction, Rest, Sequence, Sizes, StepBack, vector};
use crate::instruction_set::for_instruction_sets;
use crate::product::interleave::interleave;
use crate::product::multiply::{MatrixColumns, MatrixOutput, multiply};
use crate::product::packed::{PackedRows, View};
use crate::product::packed_columns::PackedColumns;
use crate::product::resident::{LeftPanels, Order, Place, panel_height};
use crate::scratch::{with_scratch, written};
use crate::team;

/// What the forward pass left behind, as in [`super::forward::Passed`].
pub(super) struct Passed<'a> {
    pub(super) states: &'a [f32],
    pub(super) carried: &'a [f32],
}

/// The gates at every step, which become their gradients.
pub(super) struct Gates {
    /// `[B, T, GATES * H]`: of the input's share, which is the state's too but for the last gates.
    pub(super) shared: Vec<f32>,
    /// `[B, T, OWN * H]`: of the state's share of the last gates.
    pub(super) own: Vec<f32>,
}

/// What all steps of all rows read.
struct Shared<'a, C> {
    sequence: &'a Sequence<C>,
    passed: &'a Passed<'a>,
    /// `[B, T, H]`: the gradient of the states.
    gradient: &'a [f32],
    /// The weights of the state, transposed.
    weight: PackedColumns,
}

/// Some rows from the last step to the first.
struct Rows<'a> {
    first: usize,
    gates: &'a mut [f32],
    own: &'a mut [f32],
}

/// What some rows carry from step to step.
struct Working<'a> {
    /// Rows of the state's width and what fills up a tile.
    state_gradient: &'a mut [f32],
    carried_gradient: &'a mut [f32],
    /// The gradients of the gates in the order of a product's left side.
    packed: &'a mut [f32],
    zeros: &'a [f32],
}

pub(super) fn all<C: Cell>(
    sequence: &Sequence<C>,
    weight: &[f32],
    passed: &Passed<'_>,
    gradient: &[f32],
    gates: &mut Gates,
) {
    let width = sequence.sizes.width;
    let weight =
        PackedColumns::of_matrix(View::dense(weight, width, C::GATES * width).transposed());
    let shared = Shared { sequence, passed, gradient, weight };
    shared.run(&mut gates.shared, &mut gates.own);
}

impl<C: Cell> Shared<'_, C> {
    fn run(&self, gates: &mut [f32], own: &mut [f32]) {
        let [mut gates, mut own] = [gates, own].map(Rest);
        let Sizes { rows, steps, width } = self.sequence.sizes;
        let each = self.sequence.sizes.rows_each::<C>();
        let parts: Vec<Rows<'_>> = (0..rows)
            .step_by(each)
            .map(|first| Rows {
                first,
                gates: gates.deal(each * steps * C::GATES * width),
                own: own.deal(each * steps * C::OWN * width),
            })
            .collect();
        team::each(parts, |part| self.run_rows(part));
    }

    fn run_rows(&self, mut part: Rows<'_>) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let gates = C::GATES * width;
        let rows = part.gates.len() / (steps * gates);
        let padded = self.weight.padded();
        with_scratch(rows * (padded + C::CARRIED * width + gates) + width, |scratch| {
            let (packed, scratch) = scratch.split_at_mut(rows * gates);
            scratch.fill(0.0);
            let (state_gradient, scratch) = scratch.split_at_mut(rows * padded);
            let (carried_gradient, zeros) = scratch.split_at_mut(rows * C::CARRIED * width);
            let mut working = Working { state_gradient, carried_gradient, packed, zeros };
            for at in (0..steps).rev() {
                for row in 0..rows {
                    self.step_back(&mut part, &mut working, at, row);
                }
                if at > 0 {
                    self.through_gates(&part, &mut working, at);
                }
            }
        });
    }

    fn step_back(&self, part: &mut Rows<'_>, working: &mut Working<'_>, at: usize, row: usize) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let first = (part.first + row) * steps;
        let time_of = |at: usize| self.sequence.direction.time(at, steps);
        let (time, before) = (time_of(at), at.checked_sub(1).map(time_of));
        let padded = self.weight.padded();
        let state_gradient = &mut working.state_gradient[row * padded..][..width];
        add(state_gradient, &self.gradient[(first + time) * width..][..width]);
        let of = |vectors: usize| (vectors * width, (row * steps + time) * vectors * width);
        let ((gates_len, gates_at), (own_len, own_at)) = (of(C::GATES), of(C::OWN));
        let gates = &mut part.gates[gates_at..][..gates_len];
        let own = &mut part.own[own_at..][..own_len];
        if !self.sequence.is_real(first + time) {
            gates.fill(0.0);
            own.fill(0.0);
            return;
        }
        let passed = |values, vectors, time| vector(values, first + time, vectors * width);
        let before_of = |values, vectors| match before {
            Some(before) => passed(values, vectors, before),
            None => &working.zeros[..vectors * width],
        };
        C::step_back(StepBack {
            gates,
            own,
            before: before_of(self.passed.states, 1),
            carried_before: before_of(self.passed.carried, C::CARRIED),
            state: passed(self.passed.states, 1, time),
            carried: passed(self.passed.carried, C::CARRIED, time),
            state_gradient,
            carried_gradient: &mut working.carried_gradient[row * C::CARRIED * width..]
                [..C::CARRIED * width],
        });
    }

    /// Adds to the gradient of the states before a step what comes through its gates.
    fn through_gates(&self, part: &Rows<'_>, working: &mut Working<'_>, at: usize) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let time = self.sequence.direction.time(at, steps);
        let depth = C::GATES * width;
        let rows = working.packed.len() / depth;
        let height = panel_height(self.weight.tiles, rows);
        for (index, panel) in working.packed.chunks_mut(height * depth).enumerate() {
            let lines = panel.len() / depth;
            let (shared, own) = panel.split_at_mut((C::GATES - C::OWN) * width * lines);
            let first = index * height * steps + time;
            interleave(&part.gates[first * depth..], steps * depth, lines, shared, lines);
            if C::OWN > 0 {
                let own_width = C::OWN * width;
                interleave(&part.own[first * own_width..], steps * own_width, lines, own, lines);
            }
        }
        let left =
            LeftPanels { values: working.packed, rows, height, depth, order: Order::PanelByPanel };
        let stride = self.weight.padded();
        self.weight.multiply(left, Place { values: working.state_gradient, stride, add: true });
    }
}

for_instruction_sets! {
    fn add(sums: &mut [f32], numbers: &[f32]) {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
}

/// The gradients of the state's weights and of its bias.
///
/// One product: the states before all steps, and a row of ones for the bias, with the gradients of
/// the gates at these steps.
pub(super) fn weight_gradient<C: Cell>(
    sequence: &Sequence<C>,
    states: &[f32],
    gates: &Gates,
) -> (Vec<f32>, Vec<f32>) {
    let Sizes { rows, steps, width } = sequence.sizes;
    let left = states_before(sequence.direction, sequence.sizes, states);
    let columns = |values, vectors, all| View {
        values,
        rows: rows * steps,
        columns: vectors * width,
        row_stride: all * width,
        column_stride: 1,
    };
    let shared = product(&left, columns(&gates.shared, C::GATES - C::OWN, C::GATES));
    let mut weight = if C::OWN == 0 {
        shared
    } else {
        let own = product(&left, columns(&gates.own, C::OWN, C::OWN));
        side_by_side(&shared, &own, (C::GATES - C::OWN) * width, C::OWN * width)
    };
    let bias = weight.split_off(width * C::GATES * width);
    (weight, bias)
}

/// Rows of two matrices, one after the other.
fn side_by_side(left: &[f32], right: &[f32], left_width: usize, right_width: usize) -> Vec<f32> {
    let rows = left.chunks_exact(left_width).zip(right.chunks_exact(right_width));
    rows.flat_map(|(left, right)| left.iter().chain(right).copied()).collect()
}

fn product(left: &PackedRows, right: View<'_>) -> Vec<f32> {
    let write = |values: &mut [f32]| {
        let output = MatrixOutput::new(values, right.columns);
        multiply(left, &MatrixColumns(right), &output);
    };
    // SAFETY: `multiply` writes the whole output, and there is a step to sum over.
    unsafe { written(left.rows * right.columns, write) }
}

/// The state before each step of each row, one column each, and a row of ones below.
fn states_before(direction: Direction, sizes: Sizes, states: &[f32]) -> PackedRows {
    let Sizes { rows, steps, width } = sizes;
    PackedRows::with(width + 1, rows * steps, |lines, panel| {
        let in_states = lines.start..lines.end.min(width);
        for (step, numbers) in panel.chunks_exact_mut(lines.len()).enumerate() {
            let before = match direction {
                Direction::Forwards if step % steps > 0 => Some(step - 1),
                Direction::Backwards if step % steps + 1 < steps => Some(step + 1),
                _ => None,
            };
            let (numbers, one) = numbers.split_at_mut(in_states.len());
            one.fill(1.0);
            match before {
                Some(before) => {
                    numbers.copy_from_slice(&states[before * width..][in_states.clone()]);
                }
                None => numbers.fill(0.0),
            }
        }
    })
}
