//! Working memory that a thread keeps between calls, so that packing costs no page faults.

use std::cell::Cell;

/// One cache line, and one AVX-512 register.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Numbers that start at a cache line.
#[derive(Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
}

impl Aligned {
    /// `len` numbers, all zero.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16)] }
    }

    /// `len` numbers, of which `write` writes every one.
    ///
    /// # Safety
    ///
    /// `write` writes each number before anyone reads it.
    pub(crate) unsafe fn written(len: usize, write: impl FnOnce(&mut [f32])) -> Self {
        let num_lines = len.div_ceil(16);
        let mut lines: Vec<Line> = Vec::with_capacity(num_lines);
        if let Some(last) = lines.spare_capacity_mut()[..num_lines].last_mut() {
            last.write(Line([0.0; 16]));
        }
        // SAFETY: the memory is ours and large enough; `write` fills it, as the caller promises.
        write(unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) });
        // SAFETY: all of it is written now, what `len` leaves of the last line before.
        unsafe { lines.set_len(num_lines) };
        Self { lines }
    }

    pub(crate) fn values(&self) -> &[f32] {
        // SAFETY: a `Line` is 16 floats without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        let len = self.lines.len() * 16;
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aligned({} floats)", self.lines.len() * 16)
    }
}

thread_local! {
    static KEPT: Cell<Aligned> = const { Cell::new(Aligned { lines: Vec::new() }) };
}

/// Calls `work` with `len` numbers of any value that start at a cache line.
///
/// The memory is this thread's and is kept; a call inside a call gets its own.
pub(crate) fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut kept = KEPT.take();
    if kept.lines.len() * 16 < len {
        kept = Aligned::zeros(len);
    }
    let result = work(&mut kept.values_mut()[..len]);
    KEPT.set(kept);
    result
}

/// `len` new numbers, of which `write` writes every one.
///
/// # Safety
///
/// `write` writes each number before anyone reads it.
pub(crate) unsafe fn written(len: usize, write: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(len);
    // SAFETY: the memory is ours and large enough; `write` fills it, as the caller promises.
    write(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr(), len) });
    // SAFETY: all of it is written now.
    unsafe { values.set_len(len) };
    values
}

/// Numbers that several threads write, each its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: whoever dereferences the pointer promises that no two threads use the same number.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    pub(crate) fn pointer(self) -> *mut f32 {
        self.0
    }
}
