//! Training: the loop, its schedule, checkpoints and the report at the end.
