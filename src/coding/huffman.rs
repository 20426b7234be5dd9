//! Huffman coding: `constriction` builds the tree, tables make it fast.

use constriction::symbol::DecoderCodebook;
use constriction::symbol::EncoderCodebook;
use constriction::symbol::huffman::{DecoderHuffmanTree, EncoderHuffmanTree};

use super::bits::{BitReader, BitWriter};

/// The codewords of up to this many bits are looked up; longer ones, which are rare, walk through the tree.
const LOOKUP_BITS: u32 = 11;

/// Codes symbols by their place in a table of weights.
pub(super) struct HuffmanEncoder {
    /// Per symbol its codeword, first bit lowest, and how many bits it has. Weights sum to at most 2^25, and the
    /// least sum of a tree of depth h is the Fibonacci number F(h + 2): no codeword has more than 35 bits.
    codewords: Vec<(u64, u32)>,
}

impl HuffmanEncoder {
    /// For at least one weight, all positive.
    pub fn new(weights: &[u32]) -> Self {
        let tree =
            EncoderHuffmanTree::from_probabilities::<u64, _>(weights.iter().map(|&weight| u64::from(weight)));
        let codeword = |symbol| {
            let (mut bits, mut length) = (0_u64, 0);
            // From the leaf to the root: the last bit that comes is the first to be read.
            let climbed = tree.encode_symbol_suffix::<()>(symbol, |bit| {
                bits = bits << 1 | u64::from(bit);
                length += 1;
                Ok(())
            });
            debug_assert!(climbed.is_ok(), "symbol {symbol} is in the tree");
            (bits, length)
        };
        Self { codewords: (0..weights.len()).map(codeword).collect() }
    }

    /// Appends the codeword of `symbol`.
    #[inline]
    pub fn write(&self, symbol: u32, bits: &mut BitWriter) {
        let (codeword, length) = self.codewords[symbol as usize];
        bits.write(codeword & 0xffff_ffff, length.min(32));
        if length > 32 {
            bits.write(codeword >> 32, length - 32);
        }
    }
}

/// Reads what a [`HuffmanEncoder`] of the same weights wrote.
pub(super) struct HuffmanDecoder {
    tree: DecoderHuffmanTree,
    /// For every value of the next bits: the symbol and the length of its codeword, 0 if that is longer.
    lookup: Vec<(u32, u32)>,
}

impl HuffmanDecoder {
    pub fn new(weights: &[u32]) -> Self {
        let tree =
            DecoderHuffmanTree::from_probabilities::<u64, _>(weights.iter().map(|&weight| u64::from(weight)));
        let lookup =
            (0..1 << LOOKUP_BITS).map(|bits| walk(&tree, bits, LOOKUP_BITS).unwrap_or((0, 0))).collect();
        Self { tree, lookup }
    }

    /// The next symbol, or `None` if the bits have run out. There have to be two symbols or more.
    #[inline]
    pub fn read(&self, bits: &mut BitReader) -> Option<u32> {
        let next = bits.peek();
        let (mut symbol, mut length) = self.lookup[next as usize % self.lookup.len()];
        if length == 0 {
            (symbol, length) = walk(&self.tree, next, 56)?;
        }
        bits.skip(length)?;
        Some(symbol)
    }
}

/// The symbol whose codeword the first of `available` bits are, and its length.
fn walk(tree: &DecoderHuffmanTree, bits: u64, available: u32) -> Option<(u32, u32)> {
    let mut length = 0;
    let source = (0..available).map(|bit| {
        length += 1;
        Ok::<_, ()>(bits >> bit & 1 == 1)
    });
    let symbol = tree.decode_symbol(source).ok()?;
    Some((symbol as u32, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn round_trip(weights: &[u32], symbols: &[u32]) -> usize {
        let encoder = HuffmanEncoder::new(weights);
        let mut bits = BitWriter::default();
        symbols.iter().for_each(|&symbol| encoder.write(symbol, &mut bits));
        let bytes = bits.finish();
        let decoder = HuffmanDecoder::new(weights);
        let mut reader = BitReader::new(&bytes);
        assert!(symbols.iter().all(|&symbol| decoder.read(&mut reader) == Some(symbol)));
        assert_eq!(reader.finish(), Some(&[][..]));
        bytes.len()
    }

    #[test]
    fn the_textbook_example_takes_its_bits() {
        // Weights 1, 1, 2, 4 give codewords of 3, 3, 2 and 1 bits.
        assert_eq!(round_trip(&[1, 1, 2, 4], &[0, 1, 2, 3, 3, 3, 3, 2]), 14_usize.div_ceil(8));
    }

    #[test]
    fn the_deepest_tree_is_read_back() {
        // Fibonacci numbers make the deepest trees.
        let mut weights = vec![1, 1];
        loop {
            let next = weights[weights.len() - 1] + weights[weights.len() - 2];
            if weights.iter().sum::<u32>() + next > 1 << 25 {
                break;
            }
            weights.push(next);
        }
        let longest = HuffmanEncoder::new(&weights).codewords.iter().map(|&(_, length)| length).max();
        assert!(longest == Some(weights.len() as u32 - 1) && longest <= Some(35), "{longest:?}");
        assert!(longest > Some(32), "no codeword is written in two parts");
        let symbols: Vec<u32> = (0..weights.len() as u32).collect();
        round_trip(&weights, &symbols);
    }

    #[test]
    fn random_weights_are_read_back_and_random_bytes_do_no_harm() {
        let mut rng = Rng::new(5, 0);
        for k in [2, 3, 256, 5000] {
            let weights: Vec<u32> = (0..k).map(|_| 1 + (rng.uniform().powi(8) * 3000.0) as u32).collect();
            let symbols: Vec<u32> = (0..4000).map(|_| rng.below(k) as u32).collect();
            round_trip(&weights, &symbols);
            let noise: Vec<u8> = (0..1000).map(|_| rng.bits() as u8).collect();
            let decoder = HuffmanDecoder::new(&weights);
            let mut reader = BitReader::new(&noise);
            while let Some(symbol) = decoder.read(&mut reader) {
                assert!((symbol as usize) < k);
            }
        }
    }
}
