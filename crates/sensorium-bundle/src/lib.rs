//! One file that is enough to predict: config, fitted preprocessing, weights and report.
