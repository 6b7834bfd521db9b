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

/// The error with what caused it, each after a colon.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

/// The candidate that `name` most likely meant, or `None` where none is close.
///
/// Close means a Jaro-Winkler similarity of 0.8 or more, ignoring case; a tie goes to the first. Of
/// names beyond 200 bytes none is close: comparing two takes time that grows with the product of
/// their lengths.
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
    const LONGEST: usize = 200;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let mut best = None;
    let mut best_similarity = CLOSE;
    for candidate in candidates.into_iter().filter(|candidate| candidate.len() <= LONGEST) {
        let similarity = strsim::jaro_winkler(&name, &candidate.to_lowercase());
        if similarity > best_similarity || (best.is_none() && similarity >= CLOSE) {
            best = Some(candidate);
            best_similarity = similarity;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_megabyte_are_not_compared() {
        let long = "n".repeat(1 << 20);
        let other = format!("{long}m");
        assert_eq!(nearest(&long, [other.as_str(), "short"]), None);
        assert_eq!(nearest("shrot", [other.as_str(), "short"]), Some("short"));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("could not read")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_the_error() {
        let error = std::io::Error::other(std::io::Error::other("the disk is full"));
        assert_eq!(with_causes(&error), "the disk is full");
        assert_eq!(with_causes(&Outer(error)), "could not read: the disk is full");
    }
}
