//! Judges predictions of a whole split: metrics, intervals and baselines. No tensors.
