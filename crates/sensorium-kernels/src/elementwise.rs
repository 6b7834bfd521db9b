//! Changes of each number of an array by itself, shared out over threads.

use crate::array::Array;
use crate::scratch::written;
use crate::team;

/// Arrays with fewer numbers are not worth a second thread.
const PARALLEL: usize = 1 << 15;
/// The numbers of one task.
const TASK: usize = 1 << 14;
/// Numbers that are copied before they are changed: they are still in the first-level cache then.
const BLOCK: usize = 1 << 11;

/// The array with each number changed: in its own memory where nobody else holds that.
///
/// `change` is given the place of some of the numbers, the numbers, and those of `others` there.
pub(crate) fn changed<const N: usize>(
    array: Array,
    others: [&[f32]; N],
    change: impl Fn(usize, &mut [f32], [&[f32]; N]) + Sync,
) -> Array {
    let dims = array.dims().to_vec();
    if array.is_unshared() {
        let mut values = array.into_values();
        share_out(&mut values, |start, part| {
            let range = start..start + part.len();
            change(start, part, others.map(|other| &other[range.clone()]));
        });
        return Array::new(values, &dims);
    }
    let source = array.values();
    let copy = |start: usize, part: &mut [f32]| {
        let starts = (start..start + part.len()).step_by(BLOCK);
        for (start, block) in starts.zip(part.chunks_mut(BLOCK)) {
            let range = start..start + block.len();
            block.copy_from_slice(&source[range.clone()]);
            change(start, block, others.map(|other| &other[range.clone()]));
        }
    };
    // SAFETY: every part is copied from the source before it is changed.
    let values = unsafe { written(source.len(), |values| share_out(values, copy)) };
    Array::new(values, &dims)
}

/// Gives all numbers to `task` in parts, each with its place.
fn share_out(values: &mut [f32], task: impl Fn(usize, &mut [f32]) + Sync) {
    if values.len() < PARALLEL {
        return task(0, values);
    }
    team::chunks_mut(values, TASK, |index, part| task(index * TASK, part));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(_: usize, values: &mut [f32], [others]: [&[f32]; 1]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value += other;
        }
    }

    #[test]
    fn numbers_are_changed_in_place_where_nobody_else_holds_them_and_in_a_copy_elsewhere() {
        for len in [1, BLOCK, PARALLEL - 1, PARALLEL, 3 * TASK + 5] {
            let numbers: Vec<f32> = (0..len).map(|number| number as f32).collect();
            let doubled: Vec<f32> = numbers.iter().map(|number| number * 2.0).collect();
            let array = Array::new(numbers.clone(), &[1, len]);
            let place = array.values().as_ptr();

            let held = array.clone();
            let copied = changed(array, [&numbers], add);
            assert_eq!(copied.values(), doubled);
            assert_eq!(held.values(), numbers);

            let own = changed(held, [&numbers], add);
            assert_eq!(own.values(), doubled);
            assert_eq!(own.values().as_ptr(), place);
            assert_eq!(own.dims(), [1, len]);
        }
    }
}
