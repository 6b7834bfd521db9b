//! The inverse cosine transform of a block, to fewer pixels than it was made of.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for wide registers")]

use std::f64::consts::{FRAC_PI_8, SQRT_2};

/// The transform of an 8 × 8 block to `N` pixels a side, along one side.
///
/// Each pixel is the mean of the 8 / `N` ones that the whole transform (T.81, A.3.3) gives in its
/// place, so that a block becomes what a box filter makes of it.
///
/// # Shapes
///
/// - `[8, N]`: what a coefficient adds to each pixel
pub(super) type Basis<const N: usize> = [[f32; N]; 8];

#[expect(clippy::cast_possible_truncation, reason = "coefficients are f32")]
pub(super) fn basis<const N: usize>() -> Basis<N> {
    let wave = |frequency: usize, pixel: usize| {
        let scale = if frequency == 0 { 0.5 / SQRT_2 } else { 0.5 };
        scale * ((pixel as f64 + 0.5) * frequency as f64 * FRAC_PI_8).cos()
    };
    let merged = 8 / N;
    let mean = |frequency: usize, place: usize| {
        let pixels = merged * place..merged * (place + 1);
        pixels.map(|pixel| wave(frequency, pixel)).sum::<f64>() / merged as f64
    };
    std::array::from_fn(|frequency| std::array::from_fn(|place| mean(frequency, place) as f32))
}

/// How many of a block's rows and columns can hold a coefficient, by the last one's place in
/// [`ZIGZAG`](super::huffman::ZIGZAG).
///
/// The first diagonals end at the places 0, 2, 5, 9 and so on; from 28 on each reaches the border.
const EXTENTS: [usize; 64] = {
    let (mut extents, mut place, mut diagonal) = ([8; 64], 0, 1);
    while diagonal < 8 {
        while place < diagonal * (diagonal + 1) / 2 {
            extents[place] = diagonal;
            place += 1;
        }
        diagonal += 1;
    }
    extents
};

/// Turns a block of coefficients to `R` × `C` pixels of 0 to 255.
///
/// # Shapes
///
/// - `block`: `[8 · 8]`
/// - `last`: the place of the last coefficient, in the order of the file
/// - `pixels`: rows of `stride`, of which the first `R` get `C` pixels each
#[inline(always)]
pub(super) fn inverse<const R: usize, const C: usize>(
    (rows, columns): (&Basis<R>, &Basis<C>),
    block: &[f32; 64],
    last: usize,
    pixels: &mut [u8],
    stride: usize,
) {
    let extent = EXTENTS[last];
    // Every sum is in a register: what is read once is added to all.
    let mut sums = [[0.0_f32; 8]; R];
    for (weights, coefficients) in rows.iter().zip(block.as_chunks::<8>().0).take(extent) {
        for (sums, weight) in sums.iter_mut().zip(weights) {
            for (sum, coefficient) in sums.iter_mut().zip(coefficients) {
                *sum += weight * coefficient;
            }
        }
    }
    let mut levels = [[128.0_f32; C]; R];
    for (column, weights) in columns.iter().enumerate().take(extent) {
        for (levels, sums) in levels.iter_mut().zip(&sums) {
            for (level, weight) in levels.iter_mut().zip(weights) {
                *level += sums[column] * weight;
            }
        }
    }
    for (row, levels) in levels.iter().enumerate() {
        pixels[row * stride..][..C].copy_from_slice(&levels.map(rounded));
    }
}

/// To the nearest of 0 to 255: from 2²³ on floats are whole, and their last byte is what was added.
#[inline(always)]
const fn rounded(level: f32) -> u8 {
    const WHOLE: f32 = 8_388_608.0;
    (level.clamp(0.0, 255.0) + WHOLE).to_bits().to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::super::huffman::ZIGZAG;
    use super::*;

    fn pixels<const R: usize, const C: usize>(block: &[f32; 64], last: usize) -> Vec<u8> {
        let mut pixels = vec![0; R * C];
        inverse((&basis::<R>(), &basis::<C>()), block, last, &mut pixels, C);
        pixels
    }

    #[test]
    fn an_extent_holds_every_coefficient_up_to_the_last() {
        for last in 0..64 {
            let sides = |place: usize| [place / 8, place % 8];
            let least = ZIGZAG[..=last].iter().flat_map(|&place| sides(place)).max().unwrap() + 1;
            assert!(EXTENTS[last] >= least, "{last}");
            assert!(EXTENTS[last] <= least + 1, "{last}");
        }
    }

    #[test]
    fn fewer_pixels_are_means_of_the_whole_transform() {
        // Every coefficient in turn, small enough that no pixel is cut off.
        for last in 0..64 {
            let mut block = [0.0; 64];
            block[0] = 80.0;
            block[ZIGZAG[last]] += 400.0;
            let whole = pixels::<8, 8>(&block, last);
            let mean = |rows: usize, columns: usize, row: usize, column: usize| {
                let (high, wide) = (8 / rows, 8 / columns);
                let places = (0..high).flat_map(|y| (0..wide).map(move |x| (y, x)));
                let levels =
                    places.map(|(y, x)| f64::from(whole[8 * (row * high + y) + column * wide + x]));
                levels.sum::<f64>() / (high * wide) as f64
            };
            let check = |rows: usize, columns: usize, pixels: &[u8]| {
                for (place, &pixel) in pixels.iter().enumerate() {
                    let mean = mean(rows, columns, place / columns, place % columns);
                    // Half a level of its own, and as much of those it is the mean of.
                    assert!((f64::from(pixel) - mean).abs() <= 1.0, "{last} {rows} {columns}");
                }
            };
            check(4, 4, &pixels::<4, 4>(&block, last));
            check(2, 4, &pixels::<2, 4>(&block, last));
            check(1, 2, &pixels::<1, 2>(&block, last));
            check(1, 1, &pixels::<1, 1>(&block, last));
        }
    }

    #[test]
    fn a_mean_alone_is_one_level_and_levels_are_cut_off() {
        let mut block = [0.0; 64];
        block[0] = 8.0 * 12.0;
        assert_eq!(pixels::<8, 8>(&block, 0), [140; 64]);
        block[0] = 8.0 * 200.0;
        assert_eq!(pixels::<2, 2>(&block, 0), [255; 4]);
        block[0] = -8.0 * 200.0;
        assert_eq!(pixels::<4, 2>(&block, 0), [0; 8]);
    }
}
