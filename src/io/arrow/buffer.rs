//! A buffer of a batch, plain or packed, read from front to back.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use arrow_ipc::CompressionType;
use lz4_flex::frame::FrameDecoder;

use super::{damaged, read, skip};
use crate::error::Result;
use crate::io::file::{DataFile, Sequential};

/// Where the length of a packed buffer stands, this says that it is not packed.
const NOT_PACKED: i64 = -1;

/// The contents of a buffer, from front to back.
pub(super) type Bytes = BufReader<Box<dyn Read + Send>>;

/// A buffer of a batch.
#[derive(Debug)]
pub(super) struct Buffer {
    /// Where it lies in the file.
    place: Range<u64>,
    /// How it is packed, if it is, and how long it is then.
    packed: Option<(CompressionType, u64)>,
}

impl Buffer {
    /// The buffer at `place`, packed in a way if it says so itself.
    pub fn new(file: &DataFile, mut place: Range<u64>, packing: Option<CompressionType>) -> Result<Self> {
        let Some(packing) = packing.filter(|_| !place.is_empty()) else {
            return Ok(Self { place, packed: None });
        };
        let mut length = [0; 8];
        if place.end - place.start < length.len() as u64 {
            return Err(damaged(file, "a packed buffer has no length"));
        }
        file.read_at(place.start, &mut length)?;
        place.start += length.len() as u64;
        let packed = match i64::from_le_bytes(length) {
            NOT_PACKED => None,
            length => {
                let length = u64::try_from(length);
                Some((packing, length.map_err(|_| damaged(file, "a packed buffer has a negative length"))?))
            }
        };
        Ok(Self { place, packed })
    }

    /// Bytes that it has, or promises to have when it is unpacked.
    pub fn length(&self) -> u64 {
        self.packed.map_or(self.place.end - self.place.start, |(_, length)| length)
    }

    /// Where in the file its contents begin, if they are not packed.
    pub fn start_of_plain(&self) -> Option<u64> {
        self.packed.is_none().then_some(self.place.start)
    }

    /// Its contents from the beginning.
    pub fn open(&self, file: &Arc<DataFile>) -> Result<Bytes> {
        let stored = Sequential::new(file.clone(), self.place.clone());
        let bytes: Box<dyn Read + Send> = match self.packed {
            None => Box::new(stored),
            Some((CompressionType::LZ4_FRAME, _)) => Box::new(FrameDecoder::new(stored)),
            Some((CompressionType::ZSTD, _)) => {
                let unpacked: io::Result<_> = zstd::stream::read::Decoder::new(stored);
                Box::new(unpacked.map_err(|error| damaged(file, error))?)
            }
            Some(_) => return Err(damaged(file, "a batch is packed in a way that is not known")),
        };
        Ok(BufReader::new(bytes))
    }

    /// The place of the first zero among the `count` bits from `from` on, lowest bits first; the place is counted from there.
    pub fn first_zero_bit(&self, file: &Arc<DataFile>, from: u64, count: usize) -> Result<Option<usize>> {
        let mut bytes = self.open(file)?;
        skip(file, &mut bytes, from / 8)?;
        let (mut byte, mut bit) = ([0], (from % 8) as u32);
        for place in 0..count {
            if place == 0 || bit == 8 {
                read(file, &mut bytes, &mut byte)?;
                bit %= 8;
            }
            if byte[0] >> bit & 1 == 0 {
                return Ok(Some(place));
            }
            bit += 1;
        }
        Ok(None)
    }
}
