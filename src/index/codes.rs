//! How the codes of a list lie in a segment.

use ndarray::Array2;

use crate::lists::BLOCK;

/// The layout of the codes of a list.
///
/// Where no codebook has more than 16 codewords, 32 rows make a block, so that a search can look them up in registers: chunks of
/// 64 bytes, one for every four codes of a row, in which byte 4·v + s has code s of row v in its low half and that of row 16 + v in
/// its high half. Else row follows row, with each code in as many whole bytes as the largest codebook needs.
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

/// Bytes of a chunk.
const CHUNK: usize = 64;

/// Codes of a row in a chunk.
const IN_CHUNK: usize = 4;

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
            Width::Half => self.codes.div_ceil(IN_CHUNK) * CHUNK,
            Width::Bytes(bytes) => bytes * self.codes,
        }
    }

    /// Packs the rows of a list, of which `row` gives the codes.
    pub fn pack<'a>(self, rows: impl ExactSizeIterator<Item = &'a [u32]>) -> Vec<u8> {
        let Width::Bytes(bytes) = self.width else { return self.pack_blocks(rows) };
        let mut packed = Vec::with_capacity(rows.len() * self.unit());
        rows.flatten().for_each(|code| packed.extend(&code.to_le_bytes()[..bytes]));
        packed
    }

    fn pack_blocks<'a>(self, rows: impl ExactSizeIterator<Item = &'a [u32]>) -> Vec<u8> {
        let mut packed = vec![0; rows.len().div_ceil(BLOCK) * self.unit()];
        for (row, codes) in rows.enumerate() {
            for (code, &value) in codes.iter().enumerate() {
                let (byte, shift) = self.place(row, code);
                packed[byte] |= (value as u8) << shift;
            }
        }
        packed
    }

    /// The byte and the bit where a code is, of 4 bits.
    fn place(self, row: usize, code: usize) -> (usize, usize) {
        let (block, row) = (row / BLOCK, row % BLOCK);
        let chunk = block * self.unit() + code / IN_CHUNK * CHUNK;
        (chunk + IN_CHUNK * (row % 16) + code % IN_CHUNK, 4 * (row / 16))
    }

    /// The codes (n, m) of some rows of a packed list.
    pub fn unpack(self, packed: &[u8], rows: &[usize]) -> Array2<u32> {
        Array2::from_shape_fn((rows.len(), self.codes), |(at, code)| match self.width {
            Width::Half => {
                let (byte, shift) = self.place(rows[at], code);
                u32::from(packed[byte] >> shift & 15)
            }
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

    #[test]
    fn a_block_is_as_its_documentation_has_it() {
        let layout = CodeLayout::of(&[16; 6]);
        let codes = Array2::from_shape_fn((20, 6), |(row, code)| ((row + 3 * code) % 16) as u32);
        let packed = layout.pack(codes.outer_iter().map(|row| row.to_slice().unwrap()));
        // Code 5 is code 1 of the second chunk; row 18 is row 2's companion.
        assert_eq!(packed[64 + 4 * 2 + 1], (codes[[2, 5]] | codes[[18, 5]] << 4) as u8);
        assert_eq!(packed[64 + 4 * 9 + 1], codes[[9, 5]] as u8);
    }
}
