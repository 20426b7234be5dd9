//! What several integration tests need.

pub mod cli;

#[path = "../../../../tests/suite/common/mod.rs"]
mod library;

pub use library::*;
