//! What is kept of each vector beside its code, so that the nearest by their codes can be compared once more.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What the nearest by their codes are compared by once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refinement {
    /// Nothing: the distances are those of codes.
    None,
    /// A byte per dimension.
    U8,
    /// A half per dimension.
    #[default]
    F16,
    /// The vectors themselves, where they were when they were added.
    Source,
}

impl Refinement {
    const ALL: [(Self, &str); 4] =
        [(Self::None, "none"), (Self::U8, "u8"), (Self::F16, "f16"), (Self::Source, "source")];
}

impl fmt::Display for Refinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = Self::ALL.iter().find(|(refinement, _)| refinement == self);
        f.write_str(own.map_or("", |(_, word)| word))
    }
}

impl FromStr for Refinement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let own = Self::ALL.iter().find(|(_, word)| *word == text);
        own.map(|(refinement, _)| *refinement).ok_or_else(|| Error::input("must be f16, u8, source or none"))
    }
}
