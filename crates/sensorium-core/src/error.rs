//! What every error has beyond its message: advice, kept apart.

/// An error that can say what to do about it.
///
/// The message says which, got and expected; the hint says what a user may change.
pub trait Hint: std::error::Error {
    /// Advice for the person who ran the command, or `None` where there is none to give.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The candidate that `name` most likely meant, or `None` where none is close.
///
/// Close means a Jaro-Winkler similarity of 0.8 or more, ignoring case; a tie goes to the first.
///
/// # Examples
///
/// ```
/// assert_eq!(sensorium_core::nearest("stackd_cnn", ["rnn", "stacked_cnn"]), Some("stacked_cnn"));
/// assert_eq!(sensorium_core::nearest("zebra", ["rnn", "stacked_cnn"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE: f64 = 0.8;
    let name = name.to_lowercase();
    let mut best = None;
    let mut best_similarity = CLOSE;
    for candidate in candidates {
        let similarity = strsim::jaro_winkler(&name, &candidate.to_lowercase());
        if similarity > best_similarity || (best.is_none() && similarity >= CLOSE) {
            best = Some(candidate);
            best_similarity = similarity;
        }
    }
    best
}
