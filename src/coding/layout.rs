//! The bytes of a container. All numbers are little-endian, all checksums XXH3-128.
//!
//! | part | bytes |
//! | --- | --- |
//! | header | [`MAGIC`], version (4), length of the JSON (4), JSON, checksum of all this (16) |
//! | each chunk | rows (4), length of its bytes (4), checksum of its codes (16), bytes, checksum of all this (16) |
//! | index | per chunk: offset (8), first row (8), its checksum (16) |
//! | footer | rows (8), chunks (8), offset of the index (8), bytes of models (8), bytes of codes (8), checksums of header, index and what precedes in the footer (16 each), [`END`] |
//!
//! No byte is outside these parts and none is free. The checksum of a chunk's codes proves the decoder, and is seeded
//! with the header and the first row, so that no chunk passes for one of another place or file; the other checksums
//! prove the bytes. A footer at the very end tells a file that was cut short.

use std::borrow::Cow;

use twox_hash::XxHash3_128;

use crate::error::{Error, Result};

/// How a container begins: no text file does, and line ends that were converted on the way show.
pub const MAGIC: [u8; 8] = *b"\x89WGVQ\r\n\x1a";

/// How it ends.
pub(super) const END: [u8; 8] = *b"WGVQ end";

/// The version of this layout and of the codes in the chunks.
pub(super) const VERSION: u32 = 1;

/// The bytes in front of the header's JSON.
pub(super) const PREFIX_BYTES: usize = 16;
pub(super) const CHECKSUM_BYTES: usize = 16;
/// The bytes in front of a chunk's own.
pub(super) const CHUNK_HEAD_BYTES: usize = 24;
pub(super) const ENTRY_BYTES: usize = 32;
pub(super) const FOOTER_BYTES: usize = 5 * 8 + 3 * CHECKSUM_BYTES + END.len();

/// The checksum of bytes.
pub(super) fn checksum(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// The checksum of codes, as little-endian numbers, that stand from `first_row` on in the file with this header.
pub(super) fn codes_checksum(header_checksum: u128, first_row: u64, codes: &[u32]) -> u128 {
    let codes = if cfg!(target_endian = "little") {
        Cow::Borrowed(codes)
    } else {
        codes.iter().map(|code| code.to_le()).collect()
    };
    let seed = (header_checksum as u64).wrapping_add(first_row);
    XxHash3_128::oneshot_with_seed(seed, bytemuck::cast_slice(&codes))
}

/// The header for this JSON, with its checksum.
pub(super) fn header_bytes(json: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(json.len())
        .map_err(|_| Error::input(format!("a header of {} bytes; 2^32 are too many", json.len())))?;
    Ok(sealed([&MAGIC[..], &VERSION.to_le_bytes(), &length.to_le_bytes(), json].concat()))
}

/// A chunk of `rows` rows with this checksum of codes.
pub(super) fn chunk_bytes(rows: u32, codes: u128, coded: &[u8]) -> Vec<u8> {
    let length = coded.len() as u32;
    let head = [&rows.to_le_bytes()[..], &length.to_le_bytes(), &codes.to_le_bytes()];
    sealed([&head.concat()[..], coded].concat())
}

/// `bytes` with their checksum behind them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// What stands in front of the checksum at the end of `bytes`, and the checksum, if it is right.
pub(super) fn unsealed(bytes: &[u8]) -> Option<(&[u8], u128)> {
    let (content, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let sum = u128::from_le_bytes(*sum);
    (checksum(content) == sum).then_some((content, sum))
}

/// The next `N` bytes of `bytes`.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// The next eight bytes as a number.
fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub offset: u64,
    pub first_row: u64,
    pub checksum: u128,
}

impl Entry {
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.offset.to_le_bytes()[..], &self.first_row.to_le_bytes(), &self.checksum.to_le_bytes()].concat()
    }

    pub fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            offset: take_u64(bytes)?,
            first_row: take_u64(bytes)?,
            checksum: take(bytes).map(u128::from_le_bytes)?,
        })
    }
}

/// What stands at the end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub rows: u64,
    pub chunks: u64,
    pub index_offset: u64,
    pub model_bytes: u64,
    pub code_bytes: u64,
    pub header_checksum: u128,
    pub index_checksum: u128,
}

impl Footer {
    pub fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.rows, self.chunks, self.index_offset, self.model_bytes, self.code_bytes];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.extend_from_slice(&self.header_checksum.to_le_bytes());
        bytes.extend_from_slice(&self.index_checksum.to_le_bytes());
        let mut bytes = sealed(bytes);
        bytes.extend_from_slice(&END);
        bytes
    }

    /// The footer without [`END`]; `None` if its checksum is wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (mut content, _) = unsealed(bytes)?;
        let content = &mut content;
        Some(Self {
            rows: take_u64(content)?,
            chunks: take_u64(content)?,
            index_offset: take_u64(content)?,
            model_bytes: take_u64(content)?,
            code_bytes: take_u64(content)?,
            header_checksum: take(content).map(u128::from_le_bytes)?,
            index_checksum: take(content).map(u128::from_le_bytes)?,
        })
    }
}
