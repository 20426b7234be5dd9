//! The codes of a vector as a string of bits of its own, the lowest first, in whole bytes.

use ndarray::{Array2, ArrayView2};

use super::bits::width;
use crate::error::{Error, Result};

/// How the codes of a vector lie in its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowBits {
    sizes: Vec<usize>,
    /// Bits of each code.
    widths: Vec<u32>,
    /// Bits behind the codes, which mean nothing.
    behind: u32,
}

impl RowBits {
    /// Codes of codebooks of these sizes, each in as many bits as tell its codewords apart.
    pub fn new(sizes: Vec<usize>) -> Self {
        Self { widths: sizes.iter().map(|&k| width(k)).collect(), sizes, behind: 0 }
    }

    /// The same with bits behind the codes.
    pub fn with_behind(self, behind: u32) -> Self {
        Self { behind, ..self }
    }

    /// Bytes of a vector.
    pub fn row_bytes(&self) -> usize {
        let bits: u64 = self.widths.iter().map(|&bits| u64::from(bits)).sum();
        (bits + u64::from(self.behind)).div_ceil(8) as usize
    }

    /// The bytes of `codes` (n, m); `first` is the number of the first row, for messages.
    ///
    /// # Errors
    /// Another number of columns; a code that is not below its codebook's size, by row and column.
    pub fn pack(&self, codes: ArrayView2<u32>, first: usize) -> Result<Vec<u8>> {
        let m = self.sizes.len();
        if codes.ncols() != m {
            return Err(Error::input(format!(
                "{} codes per vector, and there are {m} codebooks",
                codes.ncols()
            )));
        }
        let mut bytes = Vec::with_capacity(codes.nrows() * self.row_bytes());
        for (row, codes) in codes.rows().into_iter().enumerate() {
            let (mut pending, mut filled) = (0_u64, 0);
            for (column, &code) in codes.iter().enumerate() {
                self.check(code, first + row, column)?;
                pending |= u64::from(code) << filled;
                filled += self.widths[column];
                while filled >= 8 {
                    bytes.push(pending as u8);
                    pending >>= 8;
                    filled -= 8;
                }
            }
            if filled > 0 {
                bytes.push(pending as u8);
            }
        }
        Ok(bytes)
    }

    /// The codes (n, m) in the bytes of n vectors; `first` is the number of the first row, for messages.
    ///
    /// # Errors
    /// A code that is not below its codebook's size, by row and column.
    pub fn unpack(&self, bytes: &[u8], first: usize) -> Result<Array2<u32>> {
        let row_bytes = self.row_bytes().max(1);
        let mut all = Array2::zeros((bytes.len() / row_bytes, self.sizes.len()));
        for (row, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
            let mut bytes = bytes.iter();
            let (mut pending, mut filled) = (0_u64, 0);
            for (column, &bits) in self.widths.iter().enumerate() {
                while filled < bits {
                    // There are as many bytes as `row_bytes` says.
                    pending |= u64::from(bytes.next().copied().unwrap_or_default()) << filled;
                    filled += 8;
                }
                let code = (pending & ((1 << bits) - 1)) as u32;
                self.check(code, first + row, column)?;
                all[[row, column]] = code;
                pending >>= bits;
                filled -= bits;
            }
        }
        Ok(all)
    }

    fn check(&self, code: u32, row: usize, column: usize) -> Result<()> {
        let k = self.sizes[column];
        if (code as usize) < k {
            return Ok(());
        }
        Err(Error::input(format!(
            "the code at row {row}, column {column} is {code}; the codebook has {k} codewords"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn codes_are_bits_from_the_lowest_on() {
        let bits = RowBits::new(vec![8, 1024, 2]);
        let codes = array![[5, 0x2a5, 1], [0, 1023, 0]];
        // 5 + (0x2a5 << 3) + (1 << 13), and 1023 << 3.
        let packed = [0x2d, 0x35, 0xf8, 0x1f];
        assert_eq!(bits.pack(codes.view(), 0).unwrap(), packed);
        assert_eq!(bits.unpack(&packed, 0).unwrap(), codes);
        let behind = bits.clone().with_behind(4);
        assert_eq!(behind.row_bytes(), 3);
        assert_eq!(behind.unpack(&[0x2d, 0x35, 0xff, 0xf8, 0x1f, 0xff], 0).unwrap(), codes);
    }

    #[test]
    fn what_is_no_code_is_refused_both_ways() {
        let bits = RowBits::new(vec![8, 1000]);
        let why = bits.pack(array![[0, 0], [0, 1000]].view(), 7).unwrap_err().to_string();
        assert_eq!(why, "the code at row 8, column 1 is 1000; the codebook has 1000 codewords");
        let why = bits.unpack(&[0xff, 0xff], 7).unwrap_err().to_string();
        assert_eq!(why, "the code at row 7, column 1 is 1023; the codebook has 1000 codewords");
        assert!(bits.pack(array![[0]].view(), 0).unwrap_err().to_string().contains("there are 2 codebooks"));
    }
}
