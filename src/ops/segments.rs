//! What becomes of the rows of a code.

/// Whether the rows of a code are averaged or summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Mean,
    Sum,
}
