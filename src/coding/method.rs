//! The ways to code a chunk.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How codes become bits.
///
/// ```
/// use wgvq::coding::Method;
/// assert_eq!("range".parse::<Method>()?, Method::Range);
/// assert_eq!(Method::Packed.to_string(), "packed");
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The same number of bits for every code of a codebook: ⌈log₂ k⌉.
    Packed,
    /// Whole numbers of bits, fewer for codes that are frequent.
    Huffman,
    /// Fractions of bits: within rounding of the entropy.
    Range,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Packed, Self::Huffman, Self::Range];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Huffman => "huffman",
            Self::Range => "range",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            Error::input(format!("there is no coding '{name}'; it is one of packed, huffman, range"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_are_those_of_the_header() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
        let error = "zip".parse::<Method>().unwrap_err().to_string();
        assert!(error.contains("'zip'") && error.contains("packed, huffman, range"), "{error}");
    }
}
