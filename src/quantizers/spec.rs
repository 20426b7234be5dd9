//! The strings that name a quantizer.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What a quantizer is and how large: `VQ1024`. The grammar is that of FAISS's index factory where it has one.
///
/// ```
/// use wgvq::Spec;
/// let spec: Spec = "VQ1024".parse()?;
/// assert_eq!(spec, Spec::Vq { k: 1024 });
/// assert_eq!(spec.to_string(), "VQ1024");
/// assert!("VQ".parse::<Spec>().unwrap_err().to_string().contains("VQ1024"));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spec {
    /// `VQ1024`: one codebook of k codewords, any k ≥ 1.
    Vq {
        /// Codewords.
        k: usize,
    },
}

/// The largest codebook: codes are `u32` on the device, and one more than this would be past 64 GiB at
/// d = 1024.
const LARGEST: usize = 1 << 24;

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            Error::input(format!(
                "the spec {text:?} is not known; it has to be VQ and the number of codewords, such as VQ1024"
            ))
        };
        let digits = text.strip_prefix("VQ").ok_or_else(unknown)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unknown());
        }
        match digits.parse() {
            Ok(0) => Err(Error::input("VQ0 has no codewords; k is at least 1, such as in VQ1024")),
            Ok(k) if k <= LARGEST => Ok(Spec::Vq { k }),
            _ => Err(Error::input(format!("{text} has too many codewords; k is at most {LARGEST}"))),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Vq { k } => write!(f, "VQ{k}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in [
            "",
            "VQ",
            "vq8",
            "VQ-1",
            "VQ+1",
            "VQ 8",
            "VQ8x8",
            "PQ",
            "VQ0",
            "VQ99999999999999999999",
            "VQ16777217",
        ] {
            let error = text.parse::<Spec>().unwrap_err();
            assert!(error.to_string().contains("VQ"), "{text}: {error}");
        }
        for k in [1, 3, 1000, LARGEST] {
            assert_eq!(format!("VQ{k}").parse::<Spec>().unwrap().to_string(), format!("VQ{k}"));
        }
    }
}
