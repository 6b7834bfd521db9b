//! Samples to overlapping frames.

use serde::{Deserialize, Serialize};

/// What a frame sees beyond the ends of a sound, by numpy's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadMode {
    /// Zeros; librosa's default since 0.10.
    Constant,
    /// The sound mirrored at its first and last sample, which are not repeated.
    Reflect,
    /// The sound mirrored beyond its first and last sample, which are repeated.
    Symmetric,
    /// The first and the last sample, for ever.
    Edge,
}

impl PadMode {
    /// The sample that is seen `distance` (1 or more) beyond an end, counted from that end.
    const fn index(self, distance: usize, length: usize) -> Option<usize> {
        match self {
            Self::Constant => None,
            Self::Reflect if length == 1 => Some(0),
            Self::Reflect => {
                let period = 2 * (length - 1);
                let phase = distance % period;
                Some(if phase < length { phase } else { period - phase })
            }
            Self::Symmetric => {
                let phase = (distance - 1) % (2 * length);
                Some(if phase < length { phase } else { 2 * length - 1 - phase })
            }
            Self::Edge => Some(0),
        }
    }
}

/// How a sound is cut into frames; lengths are in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The length of a frame, at least 1.
    pub frame_length: usize,
    /// From the start of one frame to the start of the next, at least 1.
    pub hop_length: usize,
    /// How far before the sound the first frame starts.
    pub lead: usize,
    /// What is seen beyond the ends.
    pub pad_mode: PadMode,
}

impl Framing {
    /// Frames of which frame `t` is centred on sample `t * hop_length`.
    #[must_use]
    pub const fn centred(frame_length: usize, hop_length: usize, pad_mode: PadMode) -> Self {
        Self { frame_length, hop_length, lead: frame_length / 2, pad_mode }
    }

    /// Frames of which frame `t` starts at sample `t * hop_length`.
    #[must_use]
    pub const fn uncentred(frame_length: usize, hop_length: usize) -> Self {
        Self { frame_length, hop_length, lead: 0, pad_mode: PadMode::Constant }
    }

    /// `T` of a sound of `num_samples`, as librosa counts frames: as many as fit into the sound
    /// with [`Framing::lead`] on both sides.
    ///
    /// A sound too short for one frame, which librosa refuses, is filled up with zeros to one.
    #[must_use]
    pub const fn num_frames(&self, num_samples: usize) -> usize {
        1 + (num_samples + 2 * self.lead).saturating_sub(self.frame_length) / self.hop_length
    }

    /// Frame `index`, from the sound where it lies within it and else put together in `edge`.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1
    /// - `edge`: `[frame_length]`, to write to
    /// - returns: `[frame_length]`
    pub(in crate::audio) fn frame<'a>(
        &self,
        samples: &'a [f32],
        index: usize,
        edge: &'a mut [f32],
    ) -> &'a [f32] {
        let position = index * self.hop_length;
        let inside = position
            .checked_sub(self.lead)
            .and_then(|start| samples.get(start..start + self.frame_length));
        if let Some(frame) = inside {
            return frame;
        }
        for (offset, value) in edge.iter_mut().enumerate() {
            *value = self.sample(samples, position + offset);
        }
        edge
    }

    /// The sample at a position, position 0 being `lead` before the sound.
    fn sample(&self, samples: &[f32], position: usize) -> f32 {
        let length = samples.len();
        let index = match position.checked_sub(self.lead) {
            None => self.pad_mode.index(self.lead - position, length),
            Some(index) if index < length => Some(index),
            Some(index) => {
                self.pad_mode.index(index - length + 1, length).map(|back| length - 1 - back)
            }
        };
        index.map_or(0.0, |index| samples[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only frame of the sound 1 2 3 that sees `lead` more on each side.
    fn padded(pad_mode: PadMode, lead: usize) -> Vec<f32> {
        let frame_length = 3 + 2 * lead;
        let framing = Framing { frame_length, hop_length: 1, lead, pad_mode };
        framing.frame(&[1.0, 2.0, 3.0], 0, &mut vec![0.0; frame_length]).to_vec()
    }

    #[test]
    fn what_is_beyond_the_ends_is_numpys() {
        // numpy.pad([1, 2, 3], 4, mode)
        let cases = [
            (PadMode::Constant, [0., 0., 0., 0., 1., 2., 3., 0., 0., 0., 0.]),
            (PadMode::Reflect, [1., 2., 3., 2., 1., 2., 3., 2., 1., 2., 3.]),
            (PadMode::Symmetric, [3., 3., 2., 1., 1., 2., 3., 3., 2., 1., 1.]),
            (PadMode::Edge, [1., 1., 1., 1., 1., 2., 3., 3., 3., 3., 3.]),
        ];
        for (mode, expected) in cases {
            assert_eq!(padded(mode, 4), expected, "{mode:?}");
        }
    }

    #[test]
    fn one_sample_can_be_mirrored() {
        for mode in [PadMode::Reflect, PadMode::Symmetric, PadMode::Edge] {
            let framing = Framing::centred(6, 2, mode);
            assert_eq!(framing.frame(&[7.0], 0, &mut [0.0; 6]), [7.0; 6], "{mode:?}");
        }
    }

    #[test]
    fn frames_are_counted_as_librosa_does() {
        // librosa.util.frame of the padded sound.
        assert_eq!(Framing::centred(512, 160, PadMode::Constant).num_frames(80_000), 501);
        assert_eq!(Framing::uncentred(400, 160).num_frames(80_000), 498);
        assert_eq!(Framing::uncentred(400, 160).num_frames(399), 1);
    }
}
