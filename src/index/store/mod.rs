//! The folder of an index: files that are written once, a manifest that says which of them count, and one writer at a time.

pub mod checked;
pub mod folder;
pub mod manifest;
