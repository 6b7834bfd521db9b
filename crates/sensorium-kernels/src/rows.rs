//! Work on the rows of an array, shared out over threads.

use crate::array::Array;
use crate::scratch::Shared;
use crate::team;

/// About as many numbers as a task has.
const TASK: usize = 1 << 13;
/// Arrays with fewer numbers are not worth a second thread.
const PARALLEL: usize = 1 << 15;

/// The rows of an array: all axes but the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub(crate) rows: usize,
    pub(crate) width: usize,
}

impl Rows {
    /// # Panics
    ///
    /// If the array has no axis or no number.
    pub(crate) fn of(array: &Array) -> Self {
        let width = *array.dims().last().expect("an array of rows has an axis");
        Self { rows: array.values().len() / width, width }
    }

    /// What `work` makes of the rows of each task, in order. Which rows those are depends on the
    /// shape alone, and not on the number of threads.
    pub(crate) fn by_task<R: Send>(self, work: impl Fn(Part) -> R + Sync + Send) -> Vec<R> {
        let each = (TASK / self.width).max(1);
        let task = |index: usize| {
            let first = index * each;
            work(Part { first, rows: each.min(self.rows - first) })
        };
        let tasks = self.rows.div_ceil(each);
        team::map_if(self.rows * self.width >= PARALLEL, tasks, task)
    }
}

/// Rows that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) first: usize,
    pub(crate) rows: usize,
}

impl Part {
    /// These rows of an array with `width` numbers in each.
    pub(crate) fn of(self, values: &[f32], width: usize) -> &[f32] {
        &values[self.first * width..][..self.rows * width]
    }

    /// These rows of an array with `width` numbers in each.
    ///
    /// # Safety
    ///
    /// They are inside the array, which lives as long, and nobody else uses them.
    pub(crate) unsafe fn of_shared<'a>(self, values: Shared, width: usize) -> &'a mut [f32] {
        let first = values.pointer().wrapping_add(self.first * width);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first, self.rows * width) }
    }
}
