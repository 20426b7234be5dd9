//! The string that names an index.

use std::fmt;
use std::str::FromStr;

use crate::error::{Context, Error, Result};
use crate::quantizers::Spec;

/// How many lists an index has, and what quantizes the vectors in them. The grammar is that of FAISS's index factory.
///
/// | spec | index |
/// | --- | --- |
/// | `IVF1024,PQ64x4` | 1024 lists, and codes of `PQ64x4`; any [`Spec`] can stand there |
/// | `PQ64x4`, `FLAT,PQ64x4` | one list, so that every code is compared |
///
/// ```
/// use wgvq::index::IndexSpec;
/// let spec: IndexSpec = "IVF1024,OPQ16,PQ16x8".parse()?;
/// assert_eq!((spec.lists(), spec.quantizer().to_string().as_str()), (1024, "OPQ16,PQ16x8"));
/// assert_eq!("FLAT,SQ8".parse::<IndexSpec>()?.to_string(), "SQ8");
/// assert!("IVF1024".parse::<IndexSpec>().unwrap_err().to_string().contains("IVF1024,PQ64x4"));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSpec {
    lists: usize,
    quantizer: Spec,
}

/// The most lists: beyond, finding the nearest lists takes longer than to look through them.
const MOST_LISTS: usize = 1 << 20;

impl IndexSpec {
    /// How many lists there are.
    pub fn lists(&self) -> usize {
        self.lists
    }

    /// What quantizes the vectors.
    pub fn quantizer(&self) -> &Spec {
        &self.quantizer
    }

    /// As many lists of what was trained: its spec may say more, such as a scale.
    pub(super) fn trained(self, quantizer: Spec) -> Self {
        Self { quantizer, ..self }
    }
}

impl fmt::Display for IndexSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lists > 1 {
            write!(f, "IVF{},", self.lists)?;
        }
        self.quantizer.fmt(f)
    }
}

impl FromStr for IndexSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (head, tail) = text.split_once(',').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let quantizer = |tail: Option<&str>| match tail {
            None | Some("") => Err(Error::input(format!(
                "{text} says nothing of what quantizes the vectors; an example is IVF1024,PQ64x4"
            ))),
            Some(tail) => tail.parse().context(|| text),
        };
        if head == "FLAT" {
            return Ok(Self { lists: 1, quantizer: quantizer(tail)? });
        }
        let Some(number) = head.strip_prefix("IVF") else {
            return Ok(Self { lists: 1, quantizer: text.parse()? });
        };
        match number.parse() {
            Ok(lists @ 1..=MOST_LISTS) if number.bytes().all(|digit| digit.is_ascii_digit()) => {
                Ok(Self { lists, quantizer: quantizer(tail)? })
            }
            _ => Err(Error::input(format!(
                "{text}: IVF has the number of lists behind it, 1 to {MOST_LISTS}, such as in IVF1024,PQ64x4"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;

    #[test]
    fn lists_come_before_a_spec() {
        for (text, lists, shown) in [
            ("IVF16,RQ4x6", 16, "IVF16,RQ4x6"),
            ("IVF1,SQ8", 1, "SQ8"),
            ("SQ8", 1, "SQ8"),
            ("FLAT,RR,SQ4", 1, "RR,SQ4"),
            ("IVF1048576,OPQ4,PQ4x4", 1 << 20, "IVF1048576,OPQ4,PQ4x4"),
        ] {
            let spec: IndexSpec = text.parse().unwrap();
            assert_eq!((spec.lists(), spec.to_string().as_str()), (lists, shown));
            assert_eq!(shown.parse::<IndexSpec>().unwrap(), spec);
        }
        for (text, part) in [
            ("IVF,SQ8", "IVF has the number of lists behind it"),
            ("IVF0,SQ8", "1 to 1048576"),
            ("IVF+4,SQ8", "1 to 1048576"),
            ("IVF1048577,SQ8", "1 to 1048576"),
            ("IVF4", "says nothing of what quantizes"),
            ("IVF4,", "says nothing of what quantizes"),
            ("FLAT", "says nothing of what quantizes"),
            ("IVF4,PQ8", "IVF4,PQ8: the spec \"PQ8\" is not complete"),
            ("IVF4,IVF4,SQ8", "is not known"),
        ] {
            assert!(refused(text.parse::<IndexSpec>()).contains(part), "{text}");
        }
    }
}
