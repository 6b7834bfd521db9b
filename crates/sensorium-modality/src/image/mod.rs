//! Pictures: PNG, JPEG, WebP, GIF and BMP to a `[C, H, W]` grid.

mod config;
mod decode;
mod picture;

use sensorium_core::{ConfigError, FeatureShape};
use sensorium_table::{Cell, Column, TrainRows};
use serde::{Deserialize, Serialize};

pub use config::{ImageConfig, MAX_MAX_PIXELS, MAX_SIDE, ResizeMethod, Standardize};
pub use decode::Limits;
pub use picture::Picture;

use crate::{Features, Modality, ModalityError};

/// Pictures of one column, sized and scaled alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    height: usize,
    width: usize,
}

impl Modality for Image {
    type Config = ImageConfig;
    type Decoded = Picture;

    fn check(config: &ImageConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn fit(
        _config: &ImageConfig,
        _column: Column<'_>,
        _rows: &TrainRows,
    ) -> Result<Self, ModalityError> {
        todo!()
    }

    fn shape(&self) -> FeatureShape {
        FeatureShape::Grid { channels: 3, height: self.height, width: self.width }
    }

    fn decode(&self, _cell: &Cell<'_>) -> Result<Option<Picture>, ModalityError> {
        todo!()
    }

    fn features(&self, _decoded: &Picture) -> Features {
        todo!()
    }
}
