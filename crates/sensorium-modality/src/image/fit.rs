//! What a column's pictures are like, learned from a sample of its train rows.

use std::cmp::Ordering;
use std::iter;

use rayon::prelude::*;
use sensorium_core::Hint;
use sensorium_table::{Column, TrainRows};

use super::Image;
use super::config::ImageConfig;
use super::decode::{Limits, MAX_FILE_BYTES, PictureSize, size_of_bytes};
use super::error::PictureError;
use super::resize::Resize;
use super::scale::ChannelScale;
use super::standardize::Standardize;
use crate::ModalityError;

/// The number of train pictures whose mean and deviation `standardize_image: train` takes.
pub const STANDARDIZE_SAMPLE_SIZE: usize = 256;

pub(super) fn fit(
    config: &ImageConfig,
    column: Column<'_>,
    rows: &TrainRows,
) -> Result<Image, ModalityError> {
    let present: Vec<usize> =
        rows.indices().iter().copied().filter(|&row| !column.cell(row).is_missing()).collect();
    let (height, width) = match (config.height, config.width) {
        (Some(height), Some(width)) => (height, width),
        _ => mean_size(config, column, &present)?,
    };
    let image = Image {
        resize: Resize::new(config, height, width),
        channels: vec![ChannelScale::UNIT; config.num_channels],
        max_pixels: config.max_pixels,
    };
    if config.standardize_image == Some(Standardize::Train) {
        let channels = channel_scales(&image, column, &present, STANDARDIZE_SAMPLE_SIZE)?;
        return Ok(Image { channels, ..image });
    }
    // Nothing more to learn; one picture that can be decoded shows that the column is usable.
    channel_scales(&image, column, &present, 1)?;
    let fixed = config.standardize_image.as_ref().and_then(|by| by.fixed(config.num_channels));
    Ok(Image { channels: fixed.unwrap_or_else(|| image.channels.clone()), ..image })
}

/// The mean height and width, rounded as Ludwig does and capped.
fn mean_size(
    config: &ImageConfig,
    column: Column<'_>,
    present: &[usize],
) -> Result<(usize, usize), ModalityError> {
    let limits = Limits { max_pixels: config.max_pixels };
    let sizes = sampled(column, present, config.infer_image_sample_size, |bytes| {
        size_of_bytes(bytes, limits)
    })?;
    let mean = |side: fn(&PictureSize) -> u32, most: usize| {
        let total: u64 = sizes.iter().map(|size| u64::from(side(size))).sum();
        rounded_mean(total, sizes.len() as u64).min(most)
    };
    Ok((
        mean(|size| size.height, config.infer_image_max_height),
        mean(|size| size.width, config.infer_image_max_width),
    ))
}

/// The mean to the nearest whole number, half to the even one, as Python rounds.
fn rounded_mean(total: u64, count: u64) -> usize {
    let (whole, rest) = (total / count, total % count);
    let up = match (2 * rest).cmp(&count) {
        Ordering::Less => 0,
        Ordering::Equal => whole % 2,
        Ordering::Greater => 1,
    };
    usize::try_from(whole + up).unwrap_or(usize::MAX)
}

/// The mean and deviation of each channel's values, as the model would see them but for the scale.
fn channel_scales(
    image: &Image,
    column: Column<'_>,
    present: &[usize],
    sample_size: usize,
) -> Result<Vec<ChannelScale>, ModalityError> {
    let sums = sampled(column, present, sample_size, |bytes| {
        image.decoded(bytes).map(|picture| image.sums(&picture))
    })?;
    let num_values = (sums.len() * image.resize.height * image.resize.width) as f64;
    let scale = |channel: usize| {
        let sum: f64 = sums.iter().map(|sums| sums[channel].sum).sum();
        let squares: f64 = sums.iter().map(|sums| sums[channel].squares).sum();
        let mean = sum / num_values;
        let variance = (squares / num_values - mean * mean).max(0.0);
        // A channel of one value throughout has no deviation; one gray level stands in for it.
        ChannelScale { mean: mean / 255.0, deviation: variance.sqrt().max(1.0) / 255.0 }
    };
    Ok((0..image.channels.len()).map(scale).collect())
}

/// What `read` gives for `sample_size` cells spread over the train rows, in the rows' order.
///
/// A cell that `read` refuses is passed over. Where it refuses them all, the other cells are tried,
/// as many at a time, until one is read.
fn sampled<T: Send>(
    column: Column<'_>,
    present: &[usize],
    sample_size: usize,
    read: impl Fn(&[u8]) -> Result<T, PictureError> + Sync,
) -> Result<Vec<T>, ModalityError> {
    let read_cell = |row: usize| {
        let cell = column.cell(row);
        let bytes = cell.media(MAX_FILE_BYTES)?;
        let read = bytes.map(|bytes| read(&bytes)).transpose();
        read.map_err(|error| error.at(&cell.media_at()))
    };
    let read_cells = |rows: &[usize]| -> Vec<T> {
        rows.par_iter().filter_map(|&row| read_cell(row).ok().flatten()).collect()
    };
    let spread = evenly_spaced(present, sample_size);
    iter::once(spread.as_slice())
        .chain(present.chunks(sample_size))
        .map(read_cells)
        .find(|found| !found.is_empty())
        .ok_or_else(|| {
            let first = present.first().and_then(|&row| read_cell(row).err());
            unusable(column, present.len(), first)
        })
}

fn evenly_spaced(rows: &[usize], wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(rows.len());
    (0..wanted).map(|index| rows[index * rows.len() / wanted]).collect()
}

fn unusable(column: Column<'_>, num_present: usize, first: Option<ModalityError>) -> ModalityError {
    let problem = match &first {
        None => "no train row holds a picture".to_owned(),
        Some(error) => format!("none of {num_present} train pictures can be read; {error}"),
    };
    let advice = first.and_then(|error| error.hint()).unwrap_or_else(|| {
        "check that the column holds paths relative to the table, or leave the input out".to_owned()
    });
    ModalityError::Fit { column: column.name().clone(), problem, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_rounded_half_to_even() {
        assert_eq!(
            [(5, 2), (7, 2), (8, 3), (7, 3), (9, 3)].map(|(t, n)| rounded_mean(t, n)),
            [2, 4, 3, 2, 3]
        );
    }

    #[test]
    fn a_sample_is_spread_over_the_rows() {
        let rows = [3, 5, 7, 9, 11, 13, 15];
        assert_eq!(evenly_spaced(&rows, 3), [3, 7, 11]);
        assert_eq!(evenly_spaced(&rows, 9), rows);
        assert_eq!(evenly_spaced(&[], 9), Vec::<usize>::new());
    }
}
