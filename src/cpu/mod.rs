//! CPU twins.
pub(crate) mod gather;
