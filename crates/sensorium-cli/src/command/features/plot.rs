//! Pictures and spectrograms as PNG files.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use sensorium_modality::image::Picture;
use sensorium_modality::pipeline::RowFeatures;
use sensorium_table::atomic::write_atomically;

use super::Inputs;
use crate::failure::{self, Failure};

/// A folder that gets a file for each picture: `<row>_<input>.png`, rows counting from 1.
pub(super) struct Plots<'a> {
    folder: PathBuf,
    inputs: Inputs<'a>,
}

impl<'a> Plots<'a> {
    pub(super) fn create(folder: &Path, inputs: Inputs<'a>) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| failure::output(&error))?;
        Ok(Self { folder: folder.to_owned(), inputs })
    }

    pub(super) fn add(&self, row: &RowFeatures) -> Result<(), Failure> {
        let inputs = self.inputs.config.input_features.iter().zip(&self.inputs.fitted.inputs);
        for ((feature, fitted), features) in inputs.zip(&row.features) {
            if let Some(picture) = features.as_ref().and_then(|cell| fitted.picture(cell)) {
                let name = format!("{}_{}.png", row.row + 1, file_name(feature.name.as_str()));
                write_atomically(&self.folder.join(name), &png(picture)?)?;
            }
        }
        Ok(())
    }
}

/// A column's name without what a file's name may not hold.
fn file_name(column: &str) -> String {
    column.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

fn png(picture: Picture) -> Result<Vec<u8>, Failure> {
    let side = |side: usize| u32::try_from(side).expect("sides of pictures fit 32 bits");
    let (height, width) = (side(picture.height()), side(picture.width()));
    let picture = RgbImage::from_raw(width, height, picture.into_pixels())
        .expect("a picture has three values for each pixel");
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).map_err(|error| failure::output(&error))?;
    Ok(file.into_inner())
}
