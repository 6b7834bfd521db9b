//! Weights that are packed once and read by many passes.
//!
//! A packed copy belongs to the memory of a tensor, not to a layer: whatever holds the weights, a
//! pass without gradients finds the copy again, and when the last tensor with that memory goes, so
//! does the copy. Burn changes a tensor in place only where nobody else knows of its memory, and a
//! weak reference is enough to be somebody, so what was packed cannot change.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use burn::tensor::Bytes;

use crate::array::Array;
use crate::instruction_set::InstructionSet;

/// A copy, and the memory that it is of.
struct Kept {
    of: Weak<Bytes>,
    copy: Arc<dyn Any + Send + Sync>,
}

/// By the address of the memory, what the copy is for and the instructions that read it.
static COPIES: Mutex<BTreeMap<(usize, Purpose, InstructionSet), Kept>> =
    Mutex::new(BTreeMap::new());

/// What a copy is for, and the group of channels that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Linear,
    Recurrence,
    Convolution { group: usize },
    NormedConvolution,
    TiledConvolution { group: usize },
}

/// The copy of an array that was made for a purpose before, or the one that `make` makes now.
pub(crate) fn kept<T: Send + Sync + 'static>(
    array: &Array,
    purpose: Purpose,
    make: impl FnOnce() -> T,
) -> Arc<T> {
    let memory = array.memory();
    let key = (Arc::as_ptr(&memory).addr(), purpose, InstructionSet::current());
    let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = copies.get(&key).filter(|kept| kept.of.strong_count() > 0)
        && let Ok(copy) = Arc::clone(&kept.copy).downcast()
    {
        return copy;
    }
    copies.retain(|_, kept| kept.of.strong_count() > 0);
    let copy = Arc::new(make());
    copies.insert(key, Kept { of: Arc::downgrade(&memory), copy: Arc::clone(&copy) as _ });
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_made_once_for_each_memory_and_goes_with_it() {
        let array = Array::new(vec![1.0, 2.0], &[2]);
        let copy = |array: &Array| kept(array, Purpose::Linear, || array.values().to_vec());
        let first = copy(&array);
        assert!(Arc::ptr_eq(&first, &copy(&array.clone())));
        let other = Array::new(vec![3.0, 4.0], &[2]);
        assert_eq!(*copy(&other), [3.0, 4.0]);
        let gone = Arc::downgrade(&first);
        drop((array, first));
        copy(&Array::new(vec![5.0], &[1]));
        assert!(gone.upgrade().is_none(), "the next copy lets go of those whose memory is gone");
    }
}
