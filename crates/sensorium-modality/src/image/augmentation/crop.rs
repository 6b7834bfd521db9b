//! Cut-outs brought to full size.

use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{ChangePicture, Region, check_pair};
use crate::image::Picture;
use crate::image::resize::Resize;

/// Cuts a rectangle out of the picture and brings it to the picture's size.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `scale` | `[0.08, 1.0]` | of the picture's area | above 0, at most 1 |
/// | `ratio` | `[0.75, 1.333]` | width to height | 0.01 to 100 |
///
/// Source: Szegedy et al. 2015, "Going Deeper with Convolutions", section 6; torchvision's
/// `RandomResizedCrop`. Differs from it: the picture has the column's size already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResizedCrop {
    /// The least and the largest share of the area.
    pub scale: [f64; 2],
    /// The least and the largest width to height.
    pub ratio: [f64; 2],
}

impl Default for ResizedCrop {
    fn default() -> Self {
        Self { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

impl ChangePicture for ResizedCrop {
    fn check(&self) -> Result<(), ConfigError> {
        check_pair("scale", self.scale, [f64::MIN_POSITIVE, 1.0])?;
        check_pair("ratio", self.ratio, [0.01, 100.0])
    }

    fn apply(&self, picture: Picture, rng: &mut ChaCha8Rng) -> Picture {
        let (height, width) = (picture.height(), picture.width());
        let Some(region) = Region::draw((height, width), self.scale, self.ratio, rng) else {
            return picture;
        };
        Resize::bilinear(height, width).levels(&cut(&picture, region)).into_owned()
    }
}

fn cut(picture: &Picture, Region { top, left, height, width }: Region) -> Picture {
    let rows = picture.pixels().chunks_exact(3 * picture.width()).skip(top).take(height);
    let pixels = rows.flat_map(|row| &row[3 * left..3 * (left + width)]).copied().collect();
    Picture::from_rgb(height, width, pixels).expect("the region lies within the picture")
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;

    use super::super::tests::patterned;
    use super::*;

    #[test]
    fn a_cut_has_the_pixels_of_its_region() {
        let picture = Picture::from_rgb(2, 3, (0..18).collect()).unwrap();
        let region = Region { top: 1, left: 1, height: 1, width: 2 };
        assert_eq!(cut(&picture, region).pixels(), [12, 13, 14, 15, 16, 17]);
    }

    #[test]
    fn the_whole_area_is_the_picture_itself() {
        let whole = ResizedCrop { scale: [1.0, 1.0], ratio: [1.0, 1.0] };
        let cropped = whole.apply(patterned(8, 8), &mut Seed::new(1).rng());
        assert_eq!(cropped, patterned(8, 8));
    }

    #[test]
    fn bounds_out_of_order_are_refused() {
        let wrong = ResizedCrop { scale: [0.5, 0.2], ..ResizedCrop::default() };
        let message = wrong.check().unwrap_err().to_string();
        assert!(message.starts_with("`scale` is [0.5, 0.2], but two numbers"), "{message}");
    }
}
