//! Sums of many numbers that are the same on every machine and for any number of threads.

/// How many numbers are added up side by side: two of the widest registers.
pub(crate) const LANES: usize = 32;

/// `S` sums, each in [`LANES`] parts.
pub(crate) type Lanes<const S: usize> = [[f32; LANES]; S];

/// Adds what `terms` makes of each place of the `inputs` to the sums.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
pub(crate) fn accumulate<const N: usize, const S: usize>(
    sums: &mut Lanes<S>,
    inputs: [&[f32]; N],
    terms: impl Fn([f32; N]) -> [f32; S],
) {
    let blocks = inputs[0].len() / LANES;
    let chunks = inputs.map(|numbers| &numbers.as_chunks::<LANES>().0[..blocks]);
    // A copy that only the loop has stays in registers.
    let mut parts = *sums;
    for block in 0..blocks {
        let numbers = chunks.map(|chunks| &chunks[block]);
        for lane in 0..LANES {
            let terms = terms(numbers.map(|numbers| numbers[lane]));
            for (parts, term) in parts.iter_mut().zip(terms) {
                parts[lane] += term;
            }
        }
    }
    *sums = parts;
    let rest = inputs.map(|numbers| &numbers[blocks * LANES..]);
    for lane in 0..rest[0].len() {
        let terms = terms(rest.map(|numbers| numbers[lane]));
        for (sums, term) in sums.iter_mut().zip(terms) {
            sums[lane] += term;
        }
    }
}

/// The sums over all lanes.
pub(crate) fn totals<const S: usize>(sums: &Lanes<S>) -> [f64; S] {
    sums.map(|lanes| lanes.iter().map(|&lane| f64::from(lane)).sum())
}

/// The sum over all lanes, of halves that are added to each other.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
pub(crate) fn total(lanes: [f32; LANES]) -> f32 {
    let mut lanes = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The mean of numbers and how they spread around it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    /// The sum of the squared distances to the mean.
    pub(crate) squares: f64,
}

impl Moments {
    /// The moments of `count` numbers whose distances to `centre` and their squares have these
    /// sums.
    ///
    /// The sum of distances mends what rounding took from a centre that was meant as the mean:
    /// Chan, Golub and LeVeque 1983 (<https://doi.org/10.1080/00031305.1983.10483115>), eq. 1.7.
    pub(crate) fn around(centre: f32, count: f64, [distances, squares]: [f64; 2]) -> Self {
        if count == 0.0 {
            return Self::default();
        }
        let squares = (squares - distances * distances / count).max(0.0);
        Self { count, mean: f64::from(centre) + distances / count, squares }
    }

    /// The moments of these numbers and others together: eq. 2.1 of the same paper.
    pub(crate) fn with(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let (distance, share) = (other.mean - self.mean, other.count / count);
        Self {
            count,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * share * self.count,
        }
    }

    /// The mean of the squared distances; 0 for no numbers.
    pub(crate) fn variance(self) -> f64 {
        self.squares / self.count.max(1.0)
    }
}
