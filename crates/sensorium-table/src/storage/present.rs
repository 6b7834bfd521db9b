//! Values of one width with a bit for each row that has one.

/// Numbers, some of them missing.
#[derive(Clone, Debug)]
pub(crate) struct Sparse<T> {
    values: Vec<T>,
    /// 64 rows a word, lowest bit first.
    present: Vec<u64>,
}

impl<T: Copy + Default> Sparse<T> {
    /// As many missing values as there are rows so far.
    pub(crate) fn missing(num_rows: usize) -> Self {
        let mut column = Self { values: Vec::new(), present: Vec::new() };
        column.pad(num_rows);
        column
    }

    pub(crate) fn push(&mut self, value: T) {
        let row = self.values.len();
        self.pad(row + 1);
        self.values[row] = value;
        self.present[row / 64] |= 1 << (row % 64);
    }

    /// Adds missing values until there are `num_rows`.
    pub(crate) fn pad(&mut self, num_rows: usize) {
        let num_rows = num_rows.max(self.values.len());
        self.values.resize(num_rows, T::default());
        self.present.resize(num_rows.div_ceil(64), 0);
    }

    pub(crate) fn get(&self, row: usize) -> Option<T> {
        let value = self.values[row];
        (self.present[row / 64] >> (row % 64) & 1 == 1).then_some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether every present value is as `is_so` says.
    pub(crate) fn all(&self, is_so: impl Fn(T) -> bool) -> bool {
        (0..self.len()).filter_map(|row| self.get(row)).all(is_so)
    }

    /// The same rows with every value converted.
    pub(crate) fn map<U>(&self, convert: impl Fn(T) -> U) -> Sparse<U> {
        let values = self.values.iter().map(|value| convert(*value)).collect();
        Sparse { values, present: self.present.clone() }
    }

    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
        self.present.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_stay_missing_beyond_one_word() {
        let mut column = Sparse::missing(63);
        column.push(5_i64);
        column.push(6);
        column.pad(130);
        let present: Vec<(usize, i64)> =
            (0..column.len()).filter_map(|row| Some((row, column.get(row)?))).collect();
        assert_eq!(present, [(63, 5), (64, 6)]);
        assert_eq!(column.len(), 130);
    }
}
