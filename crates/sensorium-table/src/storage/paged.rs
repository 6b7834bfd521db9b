//! A vector in pages: growing it copies little, and never holds twice what it has.

/// The values of a page.
const PAGE: usize = 1 << 15;

/// Values one after another.
#[derive(Clone, Debug)]
pub(crate) struct Paged<T> {
    /// All but the last are full; the first grows as a `Vec` does, so that a short one is small.
    pages: Vec<Vec<T>>,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Copy> Paged<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(value),
            last => {
                let mut page = Vec::with_capacity(if last.is_some() { PAGE } else { 1 });
                page.push(value);
                self.pages.push(page);
            }
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<T> {
        self.pages.get(index / PAGE)?.get(index % PAGE).copied()
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.pages.last_mut()?.last_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.pages.iter().flatten().copied()
    }

    /// The values in their order; each page is freed once it is passed.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = T> {
        self.pages.into_iter().flatten()
    }

    pub(crate) fn shrink(&mut self) {
        self.pages.shrink_to_fit();
        self.pages.last_mut().into_iter().for_each(Vec::shrink_to_fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_over_many_pages() {
        let count = 2 * PAGE + 7;
        let mut values = Paged::default();
        assert_eq!((values.len(), values.get(0)), (0, None));
        (0..count).for_each(|value| values.push(value));
        values.shrink();
        assert_eq!(values.len(), count);
        for index in [0, 1, PAGE - 1, PAGE, 2 * PAGE, count - 1] {
            assert_eq!(values.get(index), Some(index));
        }
        assert_eq!(values.get(count), None);
        assert!(values.iter().eq(0..count));
        assert!(values.into_iter().eq(0..count));
    }
}
