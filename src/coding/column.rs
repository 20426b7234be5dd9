//! The codes of one codebook: a table of frequencies and what Huffman or range coding makes of the codes with it.
//!
//! A column whose table does not pay, as with many codewords and few rows, is packed.

use super::Method;
use super::bits::{BitReader, BitWriter, width};
use super::frequencies::Frequencies;
use super::huffman::{HuffmanDecoder, HuffmanEncoder};
use super::range::Model;

/// The order of the exp-Golomb code of counts and lengths of columns.
pub(super) const LENGTH_ORDER: u32 = 8;

/// A column as it is stored.
pub(super) struct Column {
    /// With a table of frequencies; otherwise packed.
    coded: bool,
    /// Whether there is anything to store: not if there are no codes or only one codeword.
    present: bool,
    pub bytes: Vec<u8>,
    /// How many of them are the table.
    pub table_bytes: usize,
}

impl Column {
    /// `method` is the one for codes whose table pays, so it is not [`Method::Packed`].
    pub fn encode(method: Method, k: usize, codes: &[u32]) -> Self {
        if k == 1 || codes.is_empty() {
            return Self { coded: false, present: false, bytes: Vec::new(), table_bytes: 0 };
        }
        let mut counts = vec![0_u32; k];
        codes.iter().for_each(|&code| counts[code as usize] += 1);
        let mut table = BitWriter::default();
        let frequencies = Frequencies::write(&counts, &mut table);
        // The coders number the codes that occur.
        let mut symbols = counts;
        for (symbol, &code) in (0..).zip(&frequencies.codes) {
            symbols[code as usize] = symbol;
        }
        let symbols = codes.iter().map(|&code| symbols[code as usize]);
        let mut bytes = table.finish();
        let table_bytes = bytes.len();
        match method {
            _ if frequencies.codes.len() == 1 => {}
            Method::Range => bytes.extend(Model::new(&frequencies.weights).encode(symbols)),
            Method::Huffman | Method::Packed => {
                let encoder = HuffmanEncoder::new(&frequencies.weights);
                let mut bits = BitWriter::with_capacity(codes.len());
                symbols.for_each(|symbol| encoder.write(symbol, &mut bits));
                bytes.extend(bits.finish());
            }
        }
        if bytes.len() < packed_bytes(k, codes.len()) {
            return Self { coded: true, present: true, bytes, table_bytes };
        }
        let mut bits = BitWriter::with_capacity(packed_bytes(k, codes.len()));
        codes.iter().for_each(|&code| bits.write(u64::from(code), width(k)));
        Self { coded: false, present: true, bytes: bits.finish(), table_bytes: 0 }
    }

    pub fn write_head(&self, head: &mut BitWriter) {
        if self.present {
            head.write(u64::from(self.coded), 1);
            if self.coded {
                head.write_number(self.bytes.len() as u32, LENGTH_ORDER);
            }
        }
    }
}

/// The bytes of `count` packed codes below `k`.
fn packed_bytes(k: usize, count: usize) -> usize {
    (count * width(k) as usize).div_ceil(8)
}

/// What a chunk says of a column before it.
pub(super) struct ColumnHead {
    count: usize,
    coded: bool,
    pub bytes: usize,
}

impl ColumnHead {
    pub fn read(k: usize, count: usize, head: &mut BitReader) -> Option<Self> {
        if k == 1 || count == 0 {
            return Some(Self { count, coded: false, bytes: 0 });
        }
        let coded = head.read(1)? == 1;
        let bytes = if coded { head.read_number(LENGTH_ORDER)? as usize } else { packed_bytes(k, count) };
        Some(Self { count, coded, bytes })
    }

    /// The column's codes, all of them below `k`.
    pub fn decode(&self, method: Method, k: usize, bytes: &[u8]) -> Option<Vec<u32>> {
        let mut bits = BitReader::new(bytes);
        let mut codes = Vec::with_capacity(self.count);
        if !self.coded {
            for _ in 0..self.count {
                codes.push(bits.read(width(k)).filter(|&code| code < k as u64)? as u32);
            }
            return bits.finish()?.is_empty().then_some(codes);
        }
        let frequencies = Frequencies::read(k, self.count, &mut bits)?;
        let coded = bits.finish()?;
        match method {
            _ if frequencies.codes.len() == 1 => {
                codes.resize(self.count, frequencies.codes[0]);
                coded.is_empty().then_some(codes)
            }
            Method::Range => {
                let put = |symbol: u32| codes.push(frequencies.codes[symbol as usize]);
                Model::new(&frequencies.weights).decode(coded, self.count, put)?;
                Some(codes)
            }
            Method::Huffman | Method::Packed => {
                let decoder = HuffmanDecoder::new(&frequencies.weights);
                let mut bits = BitReader::new(coded);
                for _ in 0..self.count {
                    codes.push(frequencies.codes[decoder.read(&mut bits)? as usize]);
                }
                bits.finish()?.is_empty().then_some(codes)
            }
        }
    }
}
