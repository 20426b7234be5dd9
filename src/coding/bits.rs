//! Bits, least significant first, in bytes: numbers of fixed width and exp-Golomb numbers.

/// The bits that tell `k` codes apart: ⌈log₂ k⌉, none for a single one.
pub(super) fn width(k: usize) -> u32 {
    k.next_power_of_two().trailing_zeros()
}

/// Appends numbers to a string of bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The `filled` bits behind `bytes`, fewer than 32 between calls.
    pending: u64,
    filled: u32,
}

impl BitWriter {
    pub fn with_capacity(bytes: usize) -> Self {
        // A word more, as words are what the vector grows by.
        Self { bytes: Vec::with_capacity(bytes + 4), ..Self::default() }
    }

    /// Appends `value`, which has no more than `width` bits, and those are 32 at most.
    #[inline]
    pub fn write(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 32 && value >> width == 0);
        self.pending |= value << self.filled;
        self.filled += width;
        if self.filled >= 32 {
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.filled -= 32;
        }
    }

    /// Appends `zeros` zeros and a one.
    pub fn write_unary(&mut self, mut zeros: u32) {
        while zeros >= 31 {
            self.write(0, 31);
            zeros -= 31;
        }
        self.write(1 << zeros, zeros + 1);
    }

    /// Appends a number in the exp-Golomb code of `order`: the fewer bits the nearer it is to 2^`order`, or below.
    pub fn write_number(&mut self, value: u32, order: u32) {
        let value = u64::from(value) + (1 << order);
        let bits = value.ilog2();
        self.write_unary(bits - order);
        self.write(value ^ (1 << bits), bits);
    }

    /// The bytes; zeros fill the last one.
    pub fn finish(mut self) -> Vec<u8> {
        let rest = self.filled.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..rest]);
        self.bytes
    }
}

/// The order in which the exp-Golomb code takes few bits for numbers of this mean.
pub(super) fn order_for_mean(sum: u64, count: u64) -> u32 {
    (sum / count.max(1)).max(1).ilog2().min(24)
}

/// Reads what a [`BitWriter`] wrote. `None` says that the bits have run out, or are not what it would write.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The number of the next bit.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next 56 bits and perhaps more, zeros behind the end.
    #[inline]
    pub fn peek(&self) -> u64 {
        let from = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match from.first_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => from.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        word >> (self.at % 8)
    }

    /// Steps over `width` bits.
    #[inline]
    pub fn skip(&mut self, width: u32) -> Option<()> {
        self.at += width as usize;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// The number in the next `width` bits, 56 at most.
    #[inline]
    pub fn read(&mut self, width: u32) -> Option<u64> {
        let value = self.peek() & ((1 << width) - 1);
        self.skip(width)?;
        Some(value)
    }

    /// How many zeros there are before the next one; 55 at most.
    pub fn read_unary(&mut self) -> Option<u32> {
        let zeros = self.peek().trailing_zeros();
        // Bits beyond the 56 may be those of a byte that was not looked at in full.
        if zeros >= 56 {
            return None;
        }
        self.skip(zeros + 1)?;
        Some(zeros)
    }

    /// The next number of the exp-Golomb code of `order`.
    pub fn read_number(&mut self, order: u32) -> Option<u32> {
        let bits = order + self.read_unary()?;
        if bits >= 32 {
            return None;
        }
        let value = self.read(bits)? | 1 << bits;
        Some((value - (1 << order)) as u32)
    }

    /// The whole bytes behind what has been read; the bits up to them have to be zeros.
    pub fn finish(self) -> Option<&'a [u8]> {
        let whole = self.at.div_ceil(8);
        let padding = (whole * 8 - self.at) as u32;
        if padding > 0 && self.bytes.get(whole - 1)? >> (8 - padding) != 0 {
            return None;
        }
        self.bytes.get(whole..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn widths_are_logarithms_rounded_up() {
        let widths = [1, 2, 3, 4, 5, 256, 257, 65_536, 65_537, 1 << 24].map(width);
        assert_eq!(widths, [0, 1, 2, 2, 3, 8, 9, 16, 17, 24]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut rng = Rng::new(1, 0);
        for length in [0, 1, 2, 7, 100, 5000] {
            let fields: Vec<(u64, u32)> = (0..length)
                .map(|_| {
                    let width = rng.below(33) as u32;
                    (u64::from(rng.bits()) & ((1 << width) - 1), width)
                })
                .collect();
            let mut writer = BitWriter::with_capacity(0);
            fields.iter().for_each(|&(value, width)| writer.write(value, width));
            let bytes = writer.finish();
            let bits: usize = fields.iter().map(|&(_, width)| width as usize).sum();
            assert_eq!(bytes.len(), bits.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            assert!(fields.iter().all(|&(value, width)| reader.read(width) == Some(value)));
            assert_eq!(reader.finish(), Some(&[][..]));
        }
    }

    #[test]
    fn numbers_of_every_size_are_read_back_in_every_order() {
        for order in 0..=24 {
            let numbers: Vec<u32> = (0..=24).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).collect();
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|&number| writer.write_number(number, order));
            (0..=55).for_each(|zeros| writer.write_unary(zeros));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            assert!(numbers.iter().all(|&number| reader.read_number(order) == Some(number)), "order {order}");
            assert!((0..=55).all(|zeros| reader.read_unary() == Some(zeros)));
            assert!(reader.finish().is_some());
        }
    }

    #[test]
    fn the_end_and_bits_behind_it_are_noticed() {
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!((reader.read(3), reader.read(6)), (Some(7), None));
        let mut padded = BitReader::new(&[0b0000_0101, 9]);
        assert_eq!(padded.read(3), Some(5));
        assert_eq!(padded.finish(), Some(&[9][..]));
        let mut unpadded = BitReader::new(&[0b1000_0101, 9]);
        assert_eq!(unpadded.read(3), Some(5));
        assert_eq!(unpadded.finish(), None);
        assert_eq!(BitReader::new(&[0; 16]).read_unary(), None);
        assert_eq!(BitReader::new(&[0; 3]).read_number(0), None);
    }
}
