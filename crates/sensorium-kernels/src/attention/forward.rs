//! From queries to what they read.
//!
//! Scores are made with a line for each key, so that all queries of a block go through the softmax
//! side by side, and their shares are the left side of the next product as they lie.

use std::ops::Range;

use super::{Attention, Sizes};
use crate::dropout::Pattern;
use crate::instruction_set::for_instruction_sets;
use crate::math::exp;
use crate::product::packed::{PackedRows, View};
use crate::product::packed_columns::PackedColumns;
use crate::product::resident::{LeftPanels, Order, Place, panel_height};
use crate::scratch::{Shared, with_scratch};
use crate::team;

/// Keys whose scores are held at once: whole panels of every instruction set, and as many as fit
/// half of the second-level cache with a block of queries.
const KEYS: usize = 252;
/// Queries that are taken at once: whole tiles of every instruction set.
const QUERIES: usize = 96;
/// Products with fewer multiplications are not worth a second thread.
const PARALLEL: usize = 1 << 18;

/// Writes what all queries read, and the logarithms of the sums of their shares.
pub(super) fn all(
    attention: &Attention,
    sides: [&[f32]; 3],
    output: &mut [f32],
    logarithms: &mut [f32],
) {
    let sizes = attention.sizes;
    let (output, logarithms) = (Shared::new(output), Shared::new(logarithms));
    let each = queries_each(sizes);
    let tasks_of_pair = sizes.queries.div_ceil(each);
    let task = |index: usize| {
        let (pair, first) = (index / tasks_of_pair, index % tasks_of_pair * each);
        let pair = Pair::new(attention, sides, pair);
        for first in (first..sizes.queries.min(first + each)).step_by(QUERIES) {
            pair.read(first, output, logarithms);
        }
    };
    let tasks = sizes.pairs() * tasks_of_pair;
    team::for_each_if(sizes.pairs() * sizes.work() >= PARALLEL, tasks, task);
}

/// The queries of a task: all of a pair, or fewer where there are more threads than pairs. No
/// number of the result depends on it.
fn queries_each(sizes: Sizes) -> usize {
    let tasks_of_pair = (2 * team::num_threads()).div_ceil(sizes.pairs());
    sizes.queries.div_ceil(tasks_of_pair).next_multiple_of(QUERIES)
}

/// One head of one row.
struct Pair<'a> {
    attention: &'a Attention,
    index: usize,
    query: View<'a>,
    key: PackedRows,
    value: PackedColumns,
}

/// What a block of queries has read so far.
struct Reading<'a> {
    /// The largest score of each query.
    largest: &'a mut [f32],
    /// The sum of each query's shares.
    sums: &'a mut [f32],
    /// A line for each query.
    read: &'a mut [f32],
}

impl<'a> Pair<'a> {
    fn new(attention: &'a Attention, [query, key, value]: [&'a [f32]; 3], index: usize) -> Self {
        let sizes = attention.sizes;
        Self {
            attention,
            index,
            query: sizes.view(query, index, sizes.queries),
            key: PackedRows::of(sizes.view(key, index, sizes.tokens)),
            value: PackedColumns::of_matrix(sizes.view(value, index, sizes.tokens)),
        }
    }

    /// What the block of queries from `first` on reads.
    fn read(&self, first: usize, output: Shared, logarithms: Shared) {
        let sizes = self.attention.sizes;
        let number = QUERIES.min(sizes.queries - first);
        let queries = View {
            values: &self.query.values[first * self.query.row_stride..],
            rows: number,
            ..self.query
        };
        let queries = PackedColumns::of_matrix(queries.transposed());
        let (padded, line) = (queries.padded(), self.value.padded());
        let keys = KEYS.min(sizes.tokens);
        with_scratch(padded * (keys + 3) + number * line, |scratch| {
            let (scores, scratch) = scratch.split_at_mut(padded * keys);
            let (factors, scratch) = scratch.split_at_mut(padded);
            let (largest, scratch) = scratch.split_at_mut(padded);
            let (sums, read) = scratch.split_at_mut(padded);
            largest.fill(f32::MIN);
            sums.fill(0.0);
            let mut reading = Reading { largest, sums, read };
            for start in (0..self.tokens_read(first + number)).step_by(KEYS) {
                self.read_keys(first, start, &queries, scores, factors, &mut reading);
            }
            let logarithms = logarithms.pointer().wrapping_add(self.index * sizes.queries + first);
            // SAFETY: the queries of this block are this task's, and inside the array.
            let logarithms = unsafe { std::slice::from_raw_parts_mut(logarithms, number) };
            reading.finish(logarithms, line, self.attention.scale());
            let lines = reading.read.chunks_exact(line);
            // SAFETY: as above.
            unsafe { sizes.write(output, self.index, sizes.queries, first, lines) };
        });
    }

    /// How many keys the queries before `end` may read.
    fn tokens_read(&self, end: usize) -> usize {
        let Sizes { tokens, .. } = self.attention.sizes;
        if self.attention.options.causal { tokens.min(end) } else { tokens }
    }

    /// Adds what the queries from `first` on read of the keys from `start` on.
    fn read_keys(
        &self,
        first: usize,
        start: usize,
        queries: &PackedColumns,
        scores: &mut [f32],
        factors: &mut [f32],
        reading: &mut Reading<'_>,
    ) {
        let Sizes { tokens, .. } = self.attention.sizes;
        let number = KEYS.min(tokens - start);
        let padded = queries.padded();
        let scores = &mut scores[..number * padded];
        let place = Place { values: scores, stride: padded, add: false };
        queries.multiply(self.key.panels(start..start + number), place);
        let keys = Readable::new(self.attention, self.index, first, start..start + number);
        weigh(scores, keys, self.attention.scale(), reading, factors);
        let line = self.value.padded();
        let rows = reading.read.len() / line;
        if let Some(patterns) = self.attention.patterns(self.index, first..first + rows) {
            drop_out(scores, padded, &patterns, start);
        }
        for (read, factor) in reading.read.chunks_exact_mut(line).zip(factors) {
            if start > 0 {
                read.iter_mut().for_each(|number| *number *= *factor);
            }
        }
        let (height, order) = (panel_height(queries.tiles, rows), Order::StepByStep(padded));
        let shares = LeftPanels { values: scores, rows, height, depth: number, order };
        let place = Place { values: reading.read, stride: line, add: start > 0 };
        self.value.multiply_part(shares, start, 0..self.value.columns, place);
    }
}

impl Reading<'_> {
    /// Divides what was read by the sums of shares, and writes their logarithms.
    fn finish(&mut self, logarithms: &mut [f32], line: usize, scale: f32) {
        let lines = self.read.chunks_exact_mut(line).zip(logarithms);
        for ((read, logarithm), (largest, &sum)) in lines.zip(self.largest.iter().zip(&*self.sums))
        {
            // A query without keys has read nothing.
            let share = if sum == 0.0 { 0.0 } else { sum.recip() };
            *logarithm = if sum == 0.0 { 0.0 } else { largest * scale + sum.ln() };
            for number in read {
                *number = if sum == 0.0 { 0.0 } else { *number * share };
            }
        }
    }
}

/// Which queries of a block may read which of some keys.
#[derive(Clone, Copy)]
struct Readable<'a> {
    present: Option<&'a [f32]>,
    causal: bool,
    own: &'a [Range<usize>],
    first_query: usize,
    first_key: usize,
}

impl<'a> Readable<'a> {
    fn new(attention: &'a Attention, pair: usize, first_query: usize, keys: Range<usize>) -> Self {
        let first_key = keys.start;
        let present = attention.present(pair).map(|present| &present[keys.clone()]);
        let own = attention.own.get(keys).unwrap_or(&[]);
        Self { present, causal: attention.options.causal, own, first_query, first_key }
    }

    /// Those of `queries` queries that may read a key: from the first of both ranges to its end.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
    fn by(self, key: usize, queries: usize) -> [Range<usize>; 2] {
        if self.present.is_some_and(|present| present[key] == 0.0) {
            return [0..0, queries..queries];
        }
        let place = |query: usize| query.saturating_sub(self.first_query).min(queries);
        let start = if self.causal { place(self.first_key + key) } else { 0 };
        match self.own.get(key) {
            Some(own) => [start..place(own.start).max(start), place(own.end).max(start)..queries],
            None => [start..queries, queries..queries],
        }
    }
}

for_instruction_sets! {
    /// Sets shares to zero; those of a key are `stride` floats from those of the next.
    fn drop_out(shares: &mut [f32], stride: usize, patterns: &[Pattern], first_key: usize) {
        for (key, shares) in (first_key as u32..).zip(shares.chunks_exact_mut(stride)) {
            for (share, pattern) in shares.iter_mut().zip(patterns) {
                *share *= pattern.factor(key);
            }
        }
    }

    /// Turns scores into shares of the largest one so far; `factors` is what earlier shares are
    /// to be multiplied with.
    fn weigh(scores: &mut [f32], keys: Readable<'_>, scale: f32, reading: &mut Reading<'_>, factors: &mut [f32]) {
        let Reading { largest, sums, .. } = reading;
        let queries = largest.len();
        factors.copy_from_slice(largest);
        for (key, scores) in scores.chunks_exact(queries).enumerate() {
            for read in keys.by(key, queries) {
                for (largest, &score) in largest[read.clone()].iter_mut().zip(&scores[read]) {
                    *largest = if score > *largest { score } else { *largest };
                }
            }
        }
        for ((factor, largest), sum) in factors.iter_mut().zip(largest.iter()).zip(sums.iter_mut()) {
            *factor = exp((*factor - largest) * scale);
            *sum *= *factor;
        }
        for (key, scores) in scores.chunks_exact_mut(queries).enumerate() {
            let mut end = 0;
            for read in keys.by(key, queries) {
                scores[end..read.start].fill(0.0);
                end = read.end;
                let sums = sums[read.clone()].iter_mut().zip(&largest[read.clone()]);
                for (score, (sum, largest)) in scores[read].iter_mut().zip(sums) {
                    *score = exp((*score - largest) * scale);
                    *sum += *score;
                }
            }
            scores[end..].fill(0.0);
        }
    }
}
