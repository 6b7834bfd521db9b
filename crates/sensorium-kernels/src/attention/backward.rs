//! From the gradient of what was read to those of queries, keys and values.
//!
//! Shares are made again from the logarithms of their sums, with a line for each query.

use std::ops::Range;

use super::{Attention, Sizes};
use crate::dropout::Pattern;
use crate::instruction_set::for_instruction_sets;
use crate::math::exp;
use crate::product::interleave::interleave;
use crate::product::packed::PackedRows;
use crate::product::packed_columns::PackedColumns;
use crate::product::resident::{LeftPanels, Order, Place, panel_height};
use crate::scratch::{Shared, with_scratch};
use crate::sums::{LANES, accumulate, total};
use crate::team;

/// Keys that are taken at once: whole tiles of every instruction set.
const KEYS: usize = 128;
/// Queries that are taken at once: whole panels of every instruction set.
const QUERIES: usize = 84;
/// Products with fewer multiplications are not worth a second thread.
const PARALLEL: usize = 1 << 17;

/// What the forward pass left, and the gradient of its output.
pub(super) struct Passed<'a> {
    /// Queries, keys and values.
    pub(super) sides: [&'a [f32]; 3],
    pub(super) output: &'a [f32],
    /// Of the sums of each query's shares.
    pub(super) logarithms: &'a [f32],
    pub(super) gradient: &'a [f32],
}

/// Writes the gradients of queries, keys and values.
pub(super) fn all(attention: &Attention, passed: &Passed<'_>, gradients: [Shared; 3]) {
    let sizes = attention.sizes;
    let task = |index: usize| Pair::new(attention, passed, index).descend(gradients);
    team::for_each_if(sizes.pairs() * sizes.work() >= PARALLEL, sizes.pairs(), task);
}

/// One head of one row, each side in the orders in which products read it.
struct Pair<'a> {
    attention: &'a Attention,
    index: usize,
    query: PackedColumns,
    query_rows: PackedRows,
    key: PackedColumns,
    key_turned: PackedColumns,
    value_turned: PackedColumns,
    gradient: PackedColumns,
    gradient_rows: PackedRows,
    logarithms: &'a [f32],
    /// The product of each query's output with its gradient.
    common: Vec<f32>,
}

/// Working memory of a pair: lines of the three gradients, and of one block's shares, their
/// gradients, and those in panels.
struct Working<'a> {
    of_query: &'a mut [f32],
    of_key: &'a mut [f32],
    of_value: &'a mut [f32],
    shares: &'a mut [f32],
    of_shares: &'a mut [f32],
    panels: &'a mut [f32],
}

impl<'a> Pair<'a> {
    fn new(attention: &'a Attention, passed: &Passed<'a>, index: usize) -> Self {
        let sizes = attention.sizes;
        let Sizes { queries, tokens, .. } = sizes;
        let [query, key, value] = passed.sides;
        let query = sizes.view(query, index, queries);
        let key = sizes.view(key, index, tokens);
        let gradient = sizes.view(passed.gradient, index, queries);
        let output = sizes.view(passed.output, index, queries);
        let common = (0..queries).map(|query| {
            let token = query * output.row_stride..query * output.row_stride + sizes.width;
            inner(&output.values[token.clone()], &gradient.values[token])
        });
        Self {
            attention,
            index,
            query: PackedColumns::of_matrix(query),
            query_rows: PackedRows::of(query),
            key: PackedColumns::of_matrix(key),
            key_turned: PackedColumns::of_matrix(key.transposed()),
            value_turned: PackedColumns::of_matrix(sizes.view(value, index, tokens).transposed()),
            gradient: PackedColumns::of_matrix(gradient),
            gradient_rows: PackedRows::of(gradient),
            logarithms: &passed.logarithms[index * queries..][..queries],
            common: common.collect(),
        }
    }

    fn descend(&self, [of_query, of_key, of_value]: [Shared; 3]) {
        let Sizes { queries, tokens, .. } = self.attention.sizes;
        let line = self.key.padded();
        let keys = KEYS.min(self.key_turned.padded());
        let block = QUERIES.min(queries) * keys;
        with_scratch((queries + 2 * tokens) * line + 3 * block, |scratch| {
            let mut rest = scratch;
            let [of_query_lines, of_key_lines, of_value_lines, shares, of_shares, panels] =
                [queries * line, tokens * line, tokens * line, block, block, block]
                    .map(|len| rest.split_off_mut(..len).expect("there is room for all"));
            let mut working = Working {
                of_query: of_query_lines,
                of_key: of_key_lines,
                of_value: of_value_lines,
                shares,
                of_shares,
                panels,
            };
            for lines in [&mut working.of_query, &mut working.of_key, &mut working.of_value] {
                lines.fill(0.0);
            }
            self.each_block(&mut working);
            self.write(of_query, queries, working.of_query, line);
            self.write(of_key, tokens, working.of_key, line);
            self.write(of_value, tokens, working.of_value, line);
        });
    }

    fn write(&self, to: Shared, tokens: usize, lines: &[f32], line: usize) {
        let lines = lines.chunks_exact(line);
        // SAFETY: a gradient of so many tokens, of which the pair is this task's.
        unsafe { self.attention.sizes.write(to, self.index, tokens, 0, lines) };
    }

    fn each_block(&self, working: &mut Working<'_>) {
        let Sizes { queries, tokens, .. } = self.attention.sizes;
        for start in (0..tokens).step_by(KEYS) {
            let keys = start..tokens.min(start + KEYS);
            // Queries before these keys do not read them.
            let first = if self.attention.options.causal { start / QUERIES * QUERIES } else { 0 };
            for start in (first..queries).step_by(QUERIES) {
                self.block(start..queries.min(start + QUERIES), keys.clone(), working);
            }
        }
    }

    /// What some queries' reading of some keys adds to the gradients.
    fn block(&self, queries: Range<usize>, keys: Range<usize>, working: &mut Working<'_>) {
        let line = self.key.padded();
        let stride = keys.len().next_multiple_of(self.key.tiles.columns);
        let len = queries.len() * stride;
        let Working { of_query, of_key, of_value, shares, of_shares, panels } = working;
        let (shares, of_shares) = (&mut shares[..len], &mut of_shares[..len]);

        let place = Place { values: shares, stride, add: false };
        self.key_turned.multiply_part(
            self.query_rows.panels(queries.clone()),
            0,
            keys.clone(),
            place,
        );
        let place = Place { values: of_shares, stride, add: false };
        self.value_turned.multiply_part(
            self.gradient_rows.panels(queries.clone()),
            0,
            keys.clone(),
            place,
        );
        self.weigh(queries.clone(), keys.clone(), shares, of_shares, stride);

        let tiles = self.key.tiles;
        let of_keys = |values| LeftPanels {
            values,
            rows: keys.len(),
            height: panel_height(tiles, keys.len()),
            depth: queries.len(),
            order: Order::StepByStep(stride),
        };
        let width = 0..self.key.columns;
        let lines = keys.start * line..keys.end * line;
        let place = Place { values: &mut of_value[lines.clone()], stride: line, add: true };
        self.gradient.multiply_part(of_keys(shares), queries.start, width.clone(), place);
        let place = Place { values: &mut of_key[lines], stride: line, add: true };
        self.query.multiply_part(of_keys(of_shares), queries.start, width.clone(), place);

        let height = panel_height(tiles, queries.len());
        let panels = &mut panels[..queries.len() * keys.len()];
        for (index, panel) in panels.chunks_mut(height * keys.len()).enumerate() {
            let rows = panel.len() / keys.len();
            interleave(&of_shares[index * height * stride..], stride, rows, panel, rows);
        }
        let (rows, depth) = (queries.len(), keys.len());
        let left = LeftPanels { values: panels, rows, height, depth, order: Order::PanelByPanel };
        let lines = queries.start * line..queries.end * line;
        let place = Place { values: &mut of_query[lines], stride: line, add: true };
        self.key.multiply_part(left, keys.start, width, place);
    }

    /// Turns scores into shares, and the gradients of shares into those of scores.
    fn weigh(
        &self,
        queries: Range<usize>,
        keys: Range<usize>,
        shares: &mut [f32],
        of_shares: &mut [f32],
        stride: usize,
    ) {
        let present = self.attention.present(self.index).map(|present| &present[keys.clone()]);
        let patterns = self.attention.patterns(self.index, queries.clone());
        let lines = shares.chunks_exact_mut(stride).zip(of_shares.chunks_exact_mut(stride));
        for ((place, query), (shares, of_shares)) in queries.enumerate().zip(lines) {
            let read = match self.attention.options.causal {
                true => (query + 1).saturating_sub(keys.start).min(keys.len()),
                false => keys.len(),
            };
            for line in [&mut *shares, &mut *of_shares] {
                line[read..].fill(0.0);
            }
            let numbers = [self.attention.scale(), self.logarithms[query], self.common[query]];
            let present = present.map(|present| &present[..read]);
            let pattern = patterns.as_ref().map(|patterns| (patterns[place], keys.start));
            let own = self.attention.own.get(query).map_or(0..0, |own| {
                let place = |key: usize| key.saturating_sub(keys.start).min(read);
                place(own.start)..place(own.end)
            });
            weigh(&mut shares[..read], &mut of_shares[..read], present, own, pattern, numbers);
        }
    }
}

for_instruction_sets! {
    fn inner(left: &[f32], right: &[f32]) -> f32 {
        let mut sum = [[0.0; LANES]];
        accumulate(&mut sum, [left, right], |[left, right]| [left * right]);
        total(sum[0])
    }

    /// `own` are the keys of the query's own group; `pattern` is that of the query, and the first
    /// key.
    fn weigh(
        shares: &mut [f32],
        of_shares: &mut [f32],
        present: Option<&[f32]>,
        own: Range<usize>,
        pattern: Option<(Pattern, usize)>,
        numbers: [f32; 3],
    ) {
        let [scale, logarithm, common] = numbers;
        for share in shares.iter_mut() {
            *share = exp(*share * scale - logarithm);
        }
        if let Some(present) = present {
            for (share, &present) in shares.iter_mut().zip(present) {
                *share = if present == 0.0 { 0.0 } else { *share };
            }
        }
        shares[own].fill(0.0);
        let Some((pattern, first_key)) = pattern else {
            for (of_share, share) in of_shares.iter_mut().zip(shares) {
                *of_share = (*of_share - common) * *share * scale;
            }
            return;
        };
        for (key, (of_share, share)) in (first_key as u32..).zip(of_shares.iter_mut().zip(shares)) {
            let factor = pattern.factor(key);
            *of_share = (*of_share * factor - common) * *share * scale;
            *share *= factor;
        }
    }
}
