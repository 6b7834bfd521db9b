//! Lines of numbers, brought into the order in which tiles read them.

use crate::instruction_set::InstructionSet;

/// Steps that are taken at once: a cache line of each line, so that lines a power of two apart,
/// which share a set of the cache, do not push each other out of it.
const TOGETHER: usize = 16;

/// Writes lines (`stride` floats from one to the next) so that the first numbers of all lines
/// follow each other, then the second ones, and so on: `width` floats from step to step, of which
/// those from `lines` on keep what they hold.
pub(crate) fn interleave(
    source: &[f32],
    stride: usize,
    lines: usize,
    panel: &mut [f32],
    width: usize,
) {
    let steps = panel.len() / width;
    if steps > 0 {
        assert!(panel.len() >= (steps - 1) * width + lines);
        // SAFETY: the panel has room for all lines at all steps.
        unsafe { interleave_to(source, stride, lines, steps, panel.as_mut_ptr(), width) };
    }
}

/// [`interleave`] of so many steps to a place that others may write between the lines of.
///
/// # Safety
///
/// There is room for `lines` floats at each of the steps, and nobody else uses it.
pub(crate) unsafe fn interleave_to(
    source: &[f32],
    stride: usize,
    lines: usize,
    steps: usize,
    to: *mut f32,
    width: usize,
) {
    assert!(source.len() >= (lines - 1) * stride + steps);
    for start in (0..steps).step_by(TOGETHER) {
        for first in (0..lines).step_by(TOGETHER) {
            let size =
                Square { lines: TOGETHER.min(lines - first), steps: TOGETHER.min(steps - start) };
            let source = &source[first * stride + start..];
            // SAFETY: the caller's promise, and the length above.
            unsafe { square(source, stride, size, to.add(start * width + first), width) };
        }
    }
}

/// At most [`TOGETHER`] lines and steps.
#[derive(Clone, Copy)]
struct Square {
    lines: usize,
    steps: usize,
}

/// # Safety
///
/// `source` holds all lines and steps, and there is room for them.
#[inline]
unsafe fn square(source: &[f32], stride: usize, size: Square, to: *mut f32, width: usize) {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::current() == InstructionSet::Avx512 {
        // SAFETY: the instruction set is there; else the caller's promise.
        unsafe { avx512::square(source.as_ptr(), stride, size, to, width) };
        return;
    }
    for line in 0..size.lines {
        let numbers = &source[line * stride..][..size.steps];
        for (step, number) in numbers.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { to.add(step * width + line).write(*number) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::Square;
    use std::arch::x86_64::{
        __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
        _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
        _mm512_unpacklo_pd, _mm512_unpacklo_ps,
    };

    /// # Safety
    ///
    /// `from` holds as many floats as there are steps (1 to 16) at each line (1 to 16), and `to` has
    /// room for one of each line at each step.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn square(
        from: *const f32,
        stride: usize,
        size: Square,
        to: *mut f32,
        width: usize,
    ) {
        let Square { lines, steps } = size;
        let there = u16::MAX >> (16 - steps);
        let mut rows = [_mm512_setzero_ps(); 16];
        for (line, row) in rows.iter_mut().enumerate().take(lines) {
            // SAFETY: the caller's promise.
            *row = unsafe { _mm512_maskz_loadu_ps(there, from.add(line * stride)) };
        }
        let columns = transposed(rows);
        let mask = u16::MAX >> (16 - lines);
        for (step, column) in columns.iter().enumerate().take(steps) {
            // SAFETY: the caller's promise; the mask leaves out lines that are not there.
            unsafe { _mm512_mask_storeu_ps(to.add(step * width), mask, *column) };
        }
    }

    /// The 16 by 16 numbers with rows and columns exchanged: first within quarters of a register
    /// by pairs and by fours, then the quarters among the registers.
    #[target_feature(enable = "avx512f")]
    fn transposed(rows: [__m512; 16]) -> [__m512; 16] {
        let mut fours = [_mm512_setzero_ps(); 16];
        for group in 0..4 {
            let [a, b, c, d] = std::array::from_fn(|row| rows[group * 4 + row]);
            let [ab_low, ab_high] = [_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)];
            let [cd_low, cd_high] = [_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)];
            for (half, (ab, cd)) in [(ab_low, cd_low), (ab_high, cd_high)].into_iter().enumerate() {
                let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                fours[group * 4 + half * 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
                fours[group * 4 + half * 2 + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
            }
        }
        let mut columns = [_mm512_setzero_ps(); 16];
        for column in 0..4 {
            let [a, b, c, d] = std::array::from_fn(|group| fours[group * 4 + column]);
            // 0x88 takes quarters 0 and 2 of each side, 0xDD quarters 1 and 3.
            let even = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)];
            let odd = [_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(c, d)];
            columns[column] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
            columns[column + 4] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
            columns[column + 8] = _mm512_shuffle_f32x4::<0xDD>(even[0], even[1]);
            columns[column + 12] = _mm512_shuffle_f32x4::<0xDD>(odd[0], odd[1]);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_interleaved_step_by_step_and_the_rest_is_left_alone() {
        InstructionSet::for_each(|set| {
            for (lines, steps, width) in [(1, 1, 1), (14, 33, 14), (20, 16, 32), (32, 50, 40)] {
                let stride = steps + 3;
                let source: Vec<f32> = (0..lines * stride).map(|number| number as f32).collect();
                let mut panel = vec![-1.0; steps * width];
                interleave(&source, stride, lines, &mut panel, width);
                for (at, &got) in panel.iter().enumerate() {
                    let (step, line) = (at / width, at % width);
                    let want = if line < lines { source[line * stride + step] } else { -1.0 };
                    assert!(got.total_cmp(&want).is_eq(), "{set:?} {lines} lines, {step}, {line}");
                }
            }
        });
    }
}
