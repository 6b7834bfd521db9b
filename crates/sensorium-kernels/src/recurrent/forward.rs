//! From the first step to the last.

use std::sync::Arc;

use super::{Cell, Rest, Sequence, Sizes, Step};
use crate::array::Array;
use crate::kept::{Purpose, kept};
use crate::operation::Mode;
use crate::product::interleave::interleave;
use crate::product::packed::View;
use crate::product::packed_columns::PackedColumns;
use crate::product::resident::{LeftPanels, Order, Place, panel_height};
use crate::scratch::{with_scratch, written};
use crate::team;

/// What a pass leaves behind.
pub(super) struct Passed {
    /// `[B, T, H]`.
    pub(super) states: Vec<f32>,
    /// `[B, T, GATES * H]`: the inputs before.
    pub(super) gates: Vec<f32>,
    /// `[B, T, CARRIED * H]` if a backward pass can follow.
    pub(super) carried: Vec<f32>,
    /// `[B, T, OWN * H]` if a backward pass can follow.
    pub(super) own: Vec<f32>,
}

/// How many steps are remembered of what only the backward pass needs: all, or as few as a step
/// itself needs.
#[derive(Clone, Copy)]
struct Memory {
    carried: usize,
    own: usize,
}

impl Memory {
    fn new(mode: Mode, steps: usize) -> Self {
        match mode {
            Mode::Training => Self { carried: steps, own: steps },
            Mode::Inference => Self { carried: 2, own: 1 },
        }
    }
}

/// What all steps of all rows read.
struct Shared<'a, C> {
    sequence: &'a Sequence<C>,
    weight: Arc<PackedColumns>,
    bias: &'a [f32],
    memory: Memory,
}

/// Some rows from the first step to the last.
struct Rows<'a> {
    first: usize,
    states: &'a mut [f32],
    gates: &'a mut [f32],
    carried: &'a mut [f32],
    own: &'a mut [f32],
}

pub(super) fn all<C: Cell>(
    sequence: &Sequence<C>,
    mut gates: Vec<f32>,
    weight: &Array,
    bias: &[f32],
    mode: Mode,
) -> Passed {
    let Sizes { rows, steps, width } = sequence.sizes;
    let matrix = View::dense(weight.values(), width, C::GATES * width);
    let weight = match mode {
        Mode::Training => Arc::new(PackedColumns::of_matrix(matrix)),
        Mode::Inference => kept(weight, Purpose::Recurrence, || PackedColumns::of_matrix(matrix)),
    };
    let memory = Memory::new(mode, steps);
    let shared = Shared { sequence, weight, bias, memory };
    let (mut carried, mut own) = (Vec::new(), Vec::new());
    let lens = [steps, memory.carried * C::CARRIED, memory.own * C::OWN]
        .map(|vectors| rows * vectors * width);
    // SAFETY: every step of every row writes its state and all that it remembers.
    let states = unsafe {
        written(lens[0], |states| {
            carried = written(lens[1], |carried| {
                own = written(lens[2], |own| shared.run(states, &mut gates, carried, own));
            });
        })
    };
    Passed { states, gates, carried, own }
}

impl<C: Cell> Shared<'_, C> {
    fn run(&self, states: &mut [f32], gates: &mut [f32], carried: &mut [f32], own: &mut [f32]) {
        let [mut states, mut gates, mut carried, mut own] = [states, gates, carried, own].map(Rest);
        let Sizes { rows, steps, width } = self.sequence.sizes;
        let each = self.sequence.sizes.rows_each::<C>();
        let parts: Vec<Rows<'_>> = (0..rows)
            .step_by(each)
            .map(|first| Rows {
                first,
                states: states.deal(each * steps * width),
                gates: gates.deal(each * steps * C::GATES * width),
                carried: carried.deal(each * self.memory.carried * C::CARRIED * width),
                own: own.deal(each * self.memory.own * C::OWN * width),
            })
            .collect();
        team::each(parts, |part| self.run_rows(part));
    }

    fn run_rows(&self, mut part: Rows<'_>) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let rows = part.states.len() / (steps * width);
        let height = panel_height(self.weight.tiles, rows);
        let padded = self.weight.padded();
        with_scratch(rows * (padded + width) + width, |scratch| {
            let (sums, scratch) = scratch.split_at_mut(rows * padded);
            let (packed, zeros) = scratch.split_at_mut(rows * width);
            // There is no state before the first step.
            sums.fill(0.0);
            zeros.fill(0.0);
            for at in 0..steps {
                if at > 0 {
                    self.pack_states(&part, at - 1, packed, height);
                    let left = LeftPanels {
                        values: packed,
                        rows,
                        height,
                        depth: width,
                        order: Order::PanelByPanel,
                    };
                    let place = Place { values: sums, stride: padded, add: false };
                    self.weight.multiply(left, place);
                }
                for (row, sums) in sums.chunks_exact(padded).enumerate() {
                    self.step(&mut part, at, row, sums, zeros);
                }
            }
        });
    }

    /// Brings the states after a step into the order of a product's left side.
    fn pack_states(&self, part: &Rows<'_>, at: usize, packed: &mut [f32], height: usize) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let time = self.sequence.direction.time(at, steps);
        for (index, panel) in packed.chunks_mut(height * width).enumerate() {
            let states = &part.states[(index * height * steps + time) * width..];
            let lines = panel.len() / width;
            interleave(states, steps * width, lines, panel, lines);
        }
    }

    fn step(&self, part: &mut Rows<'_>, at: usize, row: usize, sums: &[f32], zeros: &[f32]) {
        let Sizes { steps, width, .. } = self.sequence.sizes;
        let time_of = |at: usize| self.sequence.direction.time(at, steps);
        let (time, before) = (time_of(at), at.checked_sub(1).map(time_of));
        let steps_of = |vectors: usize, steps: usize| Steps { row, width: vectors * width, steps };
        let (state_before, state) = steps_of(1, steps).around(part.states, before, time);
        let (carried_before, carried) =
            steps_of(C::CARRIED, self.memory.carried).around(part.carried, before, time);
        let (_, own) = steps_of(C::OWN, self.memory.own).around(part.own, None, time);
        let state_before = state_before.unwrap_or(zeros);
        let carried_before = carried_before.unwrap_or(&zeros[..C::CARRIED * width]);
        let index = (part.first + row) * steps + time;
        if !self.sequence.is_real(index) {
            state.copy_from_slice(state_before);
            carried.copy_from_slice(carried_before);
            own.fill(0.0);
            return;
        }
        let gates = C::GATES * width;
        C::step(Step {
            gates: &mut part.gates[(row * steps + time) * gates..][..gates],
            from_state: &sums[..gates],
            bias: self.bias,
            before: state_before,
            carried_before,
            state,
            carried,
            own,
        });
    }
}

/// Where the steps of a row are that are remembered.
#[derive(Clone, Copy)]
struct Steps {
    row: usize,
    /// The numbers of a step.
    width: usize,
    /// As many as are remembered; later ones take the place of earlier ones.
    steps: usize,
}

impl Steps {
    /// The numbers of the step before, and those to be written.
    fn around(
        self,
        values: &mut [f32],
        before: Option<usize>,
        time: usize,
    ) -> (Option<&[f32]>, &mut [f32]) {
        let Self { row, width, steps } = self;
        let values = &mut values[row * steps * width..][..steps * width];
        let now = time % steps * width;
        match before.map(|before| before % steps * width) {
            None => (None, &mut values[now..][..width]),
            Some(before) if before <= now => {
                let (low, high) = values.split_at_mut(now);
                (low.get(before..before + width), &mut high[..width])
            }
            Some(before) => {
                let (low, high) = values.split_at_mut(before);
                (Some(&high[..width]), &mut low[now..][..width])
            }
        }
    }
}
