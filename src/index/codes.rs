//! How the codes of a list lie in a segment.

use ndarray::Array2;

use crate::lists::blocks;

/// The layout of the codes of a list.
///
/// Where no codebook has more than 16 codewords, rows lie in [`blocks`], so that a search can look them up in registers. Else row follows row, with each code in as many whole bytes as the largest codebook needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLayout {
    codes: usize,
    width: Width,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Half,
    Bytes(usize),
}

impl CodeLayout {
    /// For codebooks of these sizes.
    pub fn of(codebook_sizes: &[usize]) -> Self {
        let width = match codebook_sizes.iter().copied().max().unwrap_or(1) {
            ..=0x10 => Width::Half,
            0x11..=0x100 => Width::Bytes(1),
            0x101..=0x1_0000 => Width::Bytes(2),
            _ => Width::Bytes(4),
        };
        Self { codes: codebook_sizes.len(), width }
    }

    /// Codes of a row.
    pub fn codes(self) -> usize {
        self.codes
    }

    /// Whether rows lie in blocks.
    pub fn in_blocks(self) -> bool {
        self.width == Width::Half
    }

    /// Bytes of a block, or of a row where there are no blocks.
    pub fn unit(self) -> usize {
        match self.width {
            Width::Half => blocks::bytes(1, self.codes),
            Width::Bytes(bytes) => bytes * self.codes,
        }
    }

    /// Packs the rows of a list, of which `row` gives the codes.
    pub fn pack<'a>(self, rows: impl ExactSizeIterator<Item = &'a [u32]>) -> Vec<u8> {
        let mut packed = Vec::new();
        match self.width {
            Width::Half => {
                let codes: Vec<u8> = rows.flatten().map(|&code| code as u8).collect();
                blocks::pack(&codes, self.codes, &mut packed);
            }
            Width::Bytes(bytes) => {
                rows.flatten().for_each(|code| packed.extend(&code.to_le_bytes()[..bytes]))
            }
        }
        packed
    }

    /// The codes (n, m) of some rows of a packed list.
    pub fn unpack(self, packed: &[u8], rows: &[usize]) -> Array2<u32> {
        Array2::from_shape_fn((rows.len(), self.codes), |(at, code)| match self.width {
            Width::Half => blocks::code(packed, self.codes, rows[at], code).into(),
            Width::Bytes(bytes) => {
                let mut word = [0; 4];
                word[..bytes].copy_from_slice(&packed[(rows[at] * self.codes + code) * bytes..][..bytes]);
                u32::from_le_bytes(word)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_width_come_back() {
        for (sizes, unit) in [
            (vec![16; 4], 64),
            (vec![16, 2, 9, 1, 16], 128),
            (vec![16, 17, 2], 3),
            (vec![256; 3], 3),
            (vec![257, 2], 4),
            (vec![1 << 16], 2),
            (vec![(1 << 16) + 1, 2], 8),
        ] {
            let layout = CodeLayout::of(&sizes);
            assert_eq!(layout.unit(), unit, "{sizes:?}");
            let code = |(row, code): (usize, usize)| ((sizes[code] - 1) >> (row % 3)) as u32;
            for rows in [0, 1, 16, 17, 32, 33, 70] {
                let codes = Array2::from_shape_fn((rows, sizes.len()), code);
                let packed = layout.pack(codes.outer_iter().map(|row| row.to_slice().unwrap()));
                let units = if layout.in_blocks() { rows.div_ceil(32) } else { rows };
                assert_eq!(packed.len(), units * unit);
                let all: Vec<usize> = (0..rows).collect();
                assert_eq!(layout.unpack(&packed, &all), codes, "{sizes:?}");
                let some: Vec<usize> = (0..rows).rev().step_by(3).collect();
                assert_eq!(layout.unpack(&packed, &some), codes.select(ndarray::Axis(0), &some), "{sizes:?}");
            }
        }
    }
}
