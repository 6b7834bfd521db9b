//! Values of one width, held for the rows that have one.

use super::paged::Paged;

/// Numbers, some of them missing. A missing one costs a bit and a half, and nothing after the last
/// present one: a table of thousands of keys may have most of them in few rows.
#[derive(Clone, Debug)]
pub(crate) struct Sparse<T> {
    /// Of the present rows, in their order.
    values: Paged<T>,
    /// 64 rows a word, lowest bit first.
    present: Paged<u64>,
    /// The values before each word.
    before: Paged<u32>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self { values: Paged::default(), present: Paged::default(), before: Paged::default() }
    }
}

impl<T: Copy> Sparse<T> {
    /// Sets the value of a row after all that have one.
    pub(crate) fn put(&mut self, row: usize, value: T) {
        while self.present.len() <= row / 64 {
            self.present.push(0);
            let before = u32::try_from(self.values.len()).expect("fewer values than `MAX_CELLS`");
            self.before.push(before);
        }
        *self.present.last_mut().expect("just made") |= 1 << (row % 64);
        self.values.push(value);
    }

    /// The number of present rows before `row`, if it is present.
    pub(crate) fn rank(&self, row: usize) -> Option<usize> {
        let word = self.present.get(row / 64)?;
        let bit = 1 << (row % 64);
        let before = (word & (bit - 1)).count_ones() + self.before.get(row / 64)?;
        (word & bit != 0).then_some(before as usize)
    }

    pub(crate) fn get(&self, row: usize) -> Option<T> {
        self.value(self.rank(row)?)
    }

    /// The value of the present row with `rank` present ones before it.
    pub(crate) fn value(&self, rank: usize) -> Option<T> {
        self.values.get(rank)
    }

    /// Whether every present value is as `is_so` says.
    pub(crate) fn all(&self, is_so: impl Fn(T) -> bool) -> bool {
        self.values.iter().all(is_so)
    }

    /// The present rows with their values, which are freed as they are passed.
    pub(crate) fn into_present(self) -> impl Iterator<Item = (usize, T)> {
        rows(self.present.into_iter()).zip(self.values.into_iter())
    }

    /// The present rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> {
        rows(self.present.iter())
    }

    pub(crate) fn shrink(&mut self) {
        self.values.shrink();
        self.present.shrink();
        self.before.shrink();
    }
}

/// The rows whose bits are set.
fn rows(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(index, mut word)| {
        std::iter::from_fn(move || {
            let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
            word &= word - 1;
            Some(index * 64 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_were_set_are_present() {
        let mut column = Sparse::default();
        for row in [0, 63, 64, 200, 201] {
            column.put(row, row + 1);
        }
        column.shrink();
        for row in 0..500 {
            let expected = [0, 63, 64, 200, 201].contains(&row).then_some(row + 1);
            assert_eq!(column.get(row), expected, "{row}");
        }
        assert!(column.rows().eq([0, 63, 64, 200, 201]));
        assert_eq!(column.rank(200), Some(3));
        assert!(column.into_present().eq([(0, 1), (63, 64), (64, 65), (200, 201), (201, 202)]));
    }

    #[test]
    fn a_column_without_values_has_none() {
        let column = Sparse::<i64>::default();
        assert_eq!((column.get(0), column.rows().count()), (None, 0));
    }
}
