//! The mean of what a metric says of each row.

/// The mean, or `None` where there is nothing to take it of.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// The share of rows that are right, or `None` where there is no row.
pub(crate) fn share(rights: impl IntoIterator<Item = bool>) -> Option<f64> {
    mean(rights.into_iter().map(f64::from))
}
