//! The innermost step: one tile of a product, kept in registers while its sums are made.
//!
//! A tile is as many rows as leave two registers for the columns and one for the row's number, and
//! two registers wide. Source of the scheme: Goto and van de Geijn 2008, "Anatomy of
//! High-Performance Matrix Multiplication" (<https://doi.org/10.1145/1356052.1356053>), section 6.

use crate::instruction_set::InstructionSet;
use crate::vector::{Four, Vector};

/// What a tile is summed over: `runs` runs of `len` steps.
///
/// At each step the left side has one number for each row, next to each other, and the right side
/// one for each column, next to each other. The left side moves by `left_step` at each step, from
/// run to run too; the right side by `right_step`, and it starts `right_run` further on at each
/// run. Functions for [`Rows::Apart`] read the left side's rows `left_row` floats apart, and its
/// steps next to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strip {
    pub(crate) left: *const f32,
    pub(crate) left_row: usize,
    pub(crate) left_step: usize,
    pub(crate) right: *const f32,
    pub(crate) len: usize,
    pub(crate) right_step: usize,
    pub(crate) runs: usize,
    pub(crate) right_run: usize,
}

impl Strip {
    /// One run of a left side of `rows` rows without gaps.
    pub(crate) fn dense(
        left: *const f32,
        rows: usize,
        right: *const f32,
        len: usize,
        right_step: usize,
    ) -> Self {
        Self { left, left_row: 1, left_step: rows, right, len, right_step, runs: 1, right_run: 0 }
    }
}

/// Writes a tile, or adds it to what is there.
///
/// # Safety
///
/// The instruction set must be there; the strip's pointers must hold what it says, and the output
/// all columns of as many rows as the function is for, `stride` floats apart.
pub(crate) type TileFn = unsafe fn(strip: Strip, output: *mut f32, stride: usize, add: bool);

/// How the numbers of a left side's rows lie at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Next to each other.
    Beside,
    /// Each in a line of its own.
    Apart,
}

/// The tiles of an instruction set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    /// The function for a tile of one row, of two, and so on.
    beside: &'static [TileFn],
    apart: &'static [TileFn],
    /// The columns of every tile.
    pub(crate) columns: usize,
}

impl Tiles {
    pub(crate) fn current() -> Self {
        match InstructionSet::current() {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                Self { beside: &avx512::BESIDE, apart: &avx512::APART, columns: 32 }
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => {
                Self { beside: &avx2::BESIDE, apart: &avx2::APART, columns: 16 }
            }
            _ => Self { beside: &portable::BESIDE, apart: &portable::APART, columns: 8 },
        }
    }

    /// The most rows of a tile.
    pub(crate) const fn rows(self) -> usize {
        self.beside.len()
    }

    /// The function for tiles of `rows` rows, from 1 to [`Tiles::rows`].
    pub(crate) fn of_rows(self, rows: usize) -> TileFn {
        self.beside[rows - 1]
    }

    /// [`Tiles::of_rows`] for a left side whose rows lie so.
    pub(crate) fn of_rows_that_lie(self, rows: usize, lie: Rows) -> TileFn {
        match lie {
            Rows::Beside => self.beside[rows - 1],
            Rows::Apart => self.apart[rows - 1],
        }
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
unsafe fn tile<V: Vector, const ROWS: usize, const WIDE: usize, const APART: bool>(
    strip: Strip,
    output: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: every pointer stays inside what the caller of a `TileFn` promises.
    unsafe {
        // The output comes from far away; it is on its way while the sums are made.
        for row in 0..ROWS {
            for part in 0..WIDE {
                V::prefetch(output.add(row * stride + part * V::LANES));
            }
        }
        let mut sums = [[V::zero(); WIDE]; ROWS];
        let mut left = strip.left;
        for run in 0..strip.runs {
            let mut right = strip.right.add(run * strip.right_run);
            for _ in 0..strip.len {
                let mut columns = [V::zero(); WIDE];
                for (part, column) in columns.iter_mut().enumerate() {
                    *column = V::load(right.add(part * V::LANES));
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let number = V::splat(left.add(if APART { row * strip.left_row } else { row }));
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = sum.fused(number, column);
                    }
                }
                left = left.wrapping_add(if APART { 1 } else { strip.left_step });
                right = right.wrapping_add(strip.right_step);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (part, &sum) in sums.iter().enumerate() {
                let at = output.add(row * stride + part * V::LANES);
                let sum = if add { V::load(at).plus(sum) } else { sum };
                sum.store(at);
            }
        }
    }
}

macro_rules! tiles {
    ($module:ident: $vector:ty, $wide:literal, $number:literal [$($rows:literal)+] $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn of<const ROWS: usize, const APART: bool>(
                strip: Strip,
                output: *mut f32,
                stride: usize,
                add: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { tile::<$vector, ROWS, $wide, APART>(strip, output, stride, add) }
            }

            pub(super) const BESIDE: [TileFn; $number] = [$(of::<$rows, false>),+];
            pub(super) const APART: [TileFn; $number] = [$(of::<$rows, true>),+];
        }
    };
}

#[cfg(target_arch = "x86_64")]
tiles!(avx512: std::arch::x86_64::__m512, 2, 14 [1 2 3 4 5 6 7 8 9 10 11 12 13 14], "avx512f");
#[cfg(target_arch = "x86_64")]
tiles!(avx2: std::arch::x86_64::__m256, 2, 6 [1 2 3 4 5 6], "avx2,fma");
tiles!(portable: Four, 2, 4 [1 2 3 4]);
