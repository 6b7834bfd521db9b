//! What one channel goes through, and what its gradient goes through on the way back.

/// `(x − centre) · scale + shift`, and no less than `floor`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) centre: f32,
    pub(super) scale: f32,
    pub(super) shift: f32,
    floor: f32,
}

#[allow(clippy::inline_always, reason = "the caller has the instruction set, these have not")]
impl Affine {
    pub(super) fn new(centre: f32, scale: f32, shift: f32, relu: bool) -> Self {
        Self { centre, scale, shift, floor: if relu { 0.0 } else { f32::NEG_INFINITY } }
    }

    pub(super) fn is_rectified(self) -> bool {
        self.floor == 0.0
    }

    /// The number before the rectifier.
    #[inline(always)]
    pub(super) fn mapped(self, number: f32) -> f32 {
        (number - self.centre) * self.scale + self.shift
    }

    /// The rectifier; what is not a number stays so.
    #[inline(always)]
    pub(super) fn floored(self, number: f32) -> f32 {
        if number < self.floor { self.floor } else { number }
    }
}

/// Where the rectifier cut off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mask<'a> {
    /// There was none.
    Nothing,
    /// Where the mapped input is zero or less.
    WhereMapped,
    /// Where the output is zero.
    Where(&'a [f32]),
}

impl<'a> Mask<'a> {
    /// The mask of a map, whose output says more where it is known.
    pub(super) fn of(map: Affine, output: Option<&'a [f32]>) -> Self {
        match output {
            Some(output) => Self::Where(output),
            None if map.is_rectified() => Self::WhereMapped,
            None => Self::Nothing,
        }
    }
}

/// Sums over a channel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Of the gradient.
    pub(super) gradient: f64,
    /// Of the gradient times the centred input.
    pub(super) centred: f64,
}

impl Sums {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { gradient: self.gradient + other.gradient, centred: self.centred + other.centred }
    }
}

/// The gradient of the input as a sum of three parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    /// Times the gradient of the output.
    pub(super) gradient: f32,
    /// Times the centred input.
    pub(super) centred: f32,
    pub(super) constant: f32,
}

impl Slope {
    /// The slope of a plain product.
    pub(super) fn of_scale(scale: f32) -> Self {
        Self { gradient: scale, centred: 0.0, constant: 0.0 }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
    pub(super) fn descended(self, gradient: f32, centred: f32) -> f32 {
        self.gradient * gradient + (self.centred * centred + self.constant)
    }
}
