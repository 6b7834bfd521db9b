//! Rows by rising probability, those of one probability together.

use crate::BinaryScores;

/// Rows that no threshold can tell apart.
pub(super) struct Tie {
    /// How many there are.
    pub(super) rows: usize,
    /// How many of them are true.
    pub(super) positives: usize,
}

/// Groups `rows` by their probability, lowest first.
#[expect(clippy::float_cmp, reason = "only equal probabilities tie: near ones are told apart")]
pub(super) fn ties(scores: &BinaryScores, rows: &[usize]) -> Vec<Tie> {
    let (probability, truth) = (scores.probability(), scores.truth());
    let mut rows = rows.to_vec();
    rows.sort_unstable_by(|&a, &b| probability[a].total_cmp(&probability[b]));
    rows.chunk_by(|&a, &b| probability[a] == probability[b])
        .map(|tied| Tie {
            rows: tied.len(),
            positives: tied.iter().filter(|&&row| truth[row]).count(),
        })
        .collect()
}
