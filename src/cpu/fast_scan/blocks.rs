//! Codes of 4 bits in blocks of 32 rows, as a scan reads them.
//!
//! A block has a chunk of 64 bytes for every four parts of the codes: byte `4·v + s` of chunk `g` has the code of part `4·g + s`
//! of row `v` in its low half and that of row `16 + v` in its high half. So the four bytes of a 32-bit lane are a row's, a
//! permutation of 64 bytes looks all of them up in four tables of 16 at once, and one instruction sums up each lane. Where
//! tables are of 16 bytes, four transposed loads make the same of it.

/// Rows of a block of a list.
pub const BLOCK: usize = 32;

/// Parts whose codes a chunk has.
pub(crate) const PARTS: usize = 4;

/// The codes of four parts of a block.
pub(crate) type Chunk = [u8; BLOCK / 2 * PARTS];

/// Chunks of a block of codes of that many parts.
pub(crate) fn chunks(parts: usize) -> usize {
    parts.div_ceil(PARTS)
}

/// Bytes of a list of that many rows: its last block is whole.
pub(crate) fn bytes(rows: usize, parts: usize) -> usize {
    rows.div_ceil(BLOCK) * chunks(parts) * size_of::<Chunk>()
}

/// Which byte of its block has the code of a part of a row, and by how many bits it is shifted.
#[inline(always)]
fn place(row: usize, part: usize) -> (usize, u32) {
    let byte = part / PARTS * size_of::<Chunk>() + row % (BLOCK / 2) * PARTS + part % PARTS;
    (byte, 4 * (row / (BLOCK / 2)) as u32)
}

/// Appends the blocks of `codes` (rows, parts), each below 16. What is past the last row or part is 0.
pub(crate) fn pack(codes: &[u8], parts: usize, out: &mut Vec<u8>) {
    let rows = codes.len() / parts.max(1);
    let (first, block) = (out.len(), bytes(BLOCK, parts));
    out.resize(first + bytes(rows, parts), 0);
    for (row, codes) in codes.chunks_exact(parts.max(1)).enumerate() {
        let block = &mut out[first + row / BLOCK * block..][..block];
        for (part, &code) in codes.iter().enumerate() {
            let (byte, shift) = place(row % BLOCK, part);
            block[byte] |= (code & 15) << shift;
        }
    }
}

/// The codes (rows, parts) of a list of that many rows.
pub(crate) fn unpack(blocks: &[u8], rows: usize, parts: usize) -> Vec<u8> {
    (0..rows).flat_map(|row| (0..parts).map(move |part| code(blocks, parts, row, part))).collect()
}

/// The code of one part of a row.
pub(crate) fn code(blocks: &[u8], parts: usize, row: usize, part: usize) -> u8 {
    let (byte, shift) = place(row % BLOCK, part);
    blocks[row / BLOCK * bytes(BLOCK, parts) + byte] >> shift & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_and_padding_is_zero() {
        for (rows, parts) in [(0, 4), (1, 1), (31, 3), (32, 4), (33, 5), (100, 64), (64, 7)] {
            let codes: Vec<u8> = (0..rows * parts).map(|at| (at * 7 % 31 % 16) as u8).collect();
            let mut blocks = vec![255];
            pack(&codes, parts, &mut blocks);
            assert_eq!(blocks.remove(0), 255, "what was there stays");
            assert_eq!(blocks.len(), bytes(rows, parts));
            assert_eq!(unpack(&blocks, rows, parts), codes, "{rows} rows of {parts} parts");
            let ones = blocks.iter().map(|byte| byte.count_ones()).sum::<u32>();
            assert_eq!(ones, codes.iter().map(|code| code.count_ones()).sum::<u32>(), "nothing else is set");
        }
    }

    #[test]
    fn a_byte_has_its_part_of_rows_16_apart() {
        let mut codes = vec![0; 32 * 6];
        codes[17 * 6 + 5] = 9;
        codes[6 + 5] = 4;
        let mut blocks = Vec::new();
        pack(&codes, 6, &mut blocks);
        assert_eq!((blocks.len(), blocks[64 + 4 + 1]), (128, 0x94));
    }
}
