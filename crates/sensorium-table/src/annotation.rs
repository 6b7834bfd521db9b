//! What a file says of a column beyond the types of its cells.

/// What a file says of a column beyond the types of its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Annotation {
    /// Dates or times; cells read as text such as `2024-01-31` or `2024-01-31 12:00:00`.
    Date,
    /// Lists; cells read as JSON text.
    List,
    /// Numbers that stand for classes with a name, such as Hugging Face's `ClassLabel`; cells read
    /// as the names.
    Named {
        /// How many names there are.
        classes: usize,
    },
    /// Labels, whatever they look like: a categorical of pandas or Polars, a dictionary of Arrow.
    Categorical,
}
