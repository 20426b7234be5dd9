//! How the codes of a list lie in a segment.

use crate::cpu::fast_scan::MOST_PARTS;
use crate::cpu::fast_scan::blocks;
use crate::error::{Error, Result};

/// What a row's code is: a number for each of some parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// Of 4 bits. A list is packed in blocks of 32 rows, and a block in chunks of 64 bytes for every four parts: byte `4·v + s` of
    /// chunk `g` has the number of part `4·g + s` of row `v` in its low half and that of row `16 + v` in its high half. What is
    /// past the last row or part is 0.
    Four {
        /// Numbers of a code, 1 to 256.
        parts: usize,
    },
    /// Of 8 bits, row after row.
    Eight {
        /// Numbers of a code.
        parts: usize,
    },
}

impl Codes {
    /// Numbers of a code.
    pub fn parts(self) -> usize {
        match self {
            Self::Four { parts } | Self::Eight { parts } => parts,
        }
    }

    /// Codewords of a part.
    pub fn codewords(self) -> usize {
        match self {
            Self::Four { .. } => 16,
            Self::Eight { .. } => 256,
        }
    }

    /// # Errors
    /// If there are no parts, or too many for a scan of 4 bits.
    pub(super) fn check(self) -> Result<Self> {
        match self {
            Self::Four { parts: 1..=MOST_PARTS } | Self::Eight { parts: 1.. } => Ok(self),
            Self::Four { parts } => Err(Error::input(format!(
                "codes of {parts} parts of 4 bits; 1 to {MOST_PARTS} can be scanned"
            ))),
            Self::Eight { .. } => Err(Error::input("codes of no parts; at least one is needed")),
        }
    }

    /// Bytes of a list of that many rows.
    pub fn bytes(self, rows: usize) -> usize {
        match self {
            Self::Four { parts } => blocks::bytes(rows, parts),
            Self::Eight { parts } => rows * parts,
        }
    }

    /// Appends a list of `codes`, (rows, parts), each below [`codewords`](Self::codewords).
    ///
    /// ```
    /// use wgvq::lists::Codes;
    /// let codes = Codes::Four { parts: 3 };
    /// let mut packed = Vec::new();
    /// codes.pack(&[1, 2, 3, 4, 5, 6], &mut packed);
    /// assert_eq!(packed.len(), codes.bytes(2));
    /// assert_eq!(codes.unpack(&packed, 2), [1, 2, 3, 4, 5, 6]);
    /// ```
    pub fn pack(self, codes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Four { parts } => blocks::pack(codes, parts, out),
            Self::Eight { .. } => out.extend_from_slice(codes),
        }
    }

    /// The codes, (rows, parts), of a list of that many rows.
    pub fn unpack(self, packed: &[u8], rows: usize) -> Vec<u8> {
        match self {
            Self::Four { parts } => blocks::unpack(packed, rows, parts),
            Self::Eight { .. } => packed.to_vec(),
        }
    }
}
