//! Passes that run where their kernels do.

/// Runs `work` on a thread of rayon's current pool, and returns what it returns.
///
/// A kernel that is called from any other thread hands all of its work over and sleeps until it is
/// done; called from a thread of the pool it does its share itself and wakes only the others. Worth
/// it for whatever calls many kernels, such as a training step or a prediction.
pub fn on_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_a_thread_of_the_pool() {
        assert!(rayon::current_thread_index().is_none());
        assert!(on_worker(rayon::current_thread_index).is_some());
    }
}
