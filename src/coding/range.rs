//! Range coding with `constriction`'s coder and probabilities of 24 bits.

use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};

use super::bits::width;

/// The bits of a probability.
const PRECISION: usize = 24;

/// Weights as probabilities: symbol `i` owns the quantiles `left[i]..left[i + 1]` of 2^24.
pub(super) struct Model {
    left: Vec<u32>,
    /// The symbols of the first quantiles of as many equal parts: where the search for a symbol begins.
    guide: Vec<u32>,
    /// How many bits of a quantile lie below the number of its part.
    part_bits: u32,
}

impl Model {
    /// For two weights or more, all positive and at most 2^24 of them.
    pub fn new(weights: &[u32]) -> Self {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        // Every symbol gets a quantile of its own, and its share of the others.
        let free = (1_u64 << PRECISION) - weights.len() as u64;
        let mut below = 0;
        let mut left: Vec<u32> = Vec::with_capacity(weights.len() + 1);
        left.push(0);
        for (symbol, &weight) in (1..).zip(weights) {
            below += u64::from(weight);
            left.push((symbol + below * free / total) as u32);
        }
        // Twice as many parts as symbols, while they fit the cache.
        let part_bits = PRECISION as u32 - (width(weights.len()) + 1).min(16);
        let mut symbol = 0;
        let parts = 0..=1_u32 << (PRECISION as u32 - part_bits);
        let guide = parts
            .map(|part| {
                while symbol + 2 < left.len() && left[symbol + 1] <= part << part_bits {
                    symbol += 1;
                }
                symbol as u32
            })
            .collect();
        Self { left, guide, part_bits }
    }

    /// The bytes of `symbols`.
    pub fn encode(&self, symbols: impl Iterator<Item = u32>) -> Vec<u8> {
        let mut encoder = DefaultRangeEncoder::new();
        for symbol in symbols {
            let coded = encoder.encode_symbol(symbol, self);
            debug_assert!(coded.is_ok(), "symbol {symbol} has a probability");
        }
        let Ok(words) = encoder.into_compressed();
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Hands `count` symbols to `put`, or returns `None` if `bytes` are not those of so many.
    pub fn decode(&self, bytes: &[u8], count: usize, mut put: impl FnMut(u32)) -> Option<()> {
        let (words, []) = bytes.as_chunks::<4>() else { return None };
        let words: Vec<u32> = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let Ok(mut decoder) = DefaultRangeDecoder::from_compressed(words);
        for _ in 0..count {
            put(decoder.decode_symbol(self).ok()?);
        }
        decoder.maybe_exhausted().then_some(())
    }

    fn probability(&self, symbol: usize) -> NonZeroU32 {
        // `left` ascends, so there is always one.
        NonZeroU32::new(self.left[symbol + 1] - self.left[symbol]).unwrap_or(NonZeroU32::MIN)
    }
}

impl EntropyModel<PRECISION> for Model {
    type Symbol = u32;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Model {
    #[inline]
    fn left_cumulative_and_probability(&self, symbol: impl Borrow<u32>) -> Option<(u32, NonZeroU32)> {
        let symbol = *symbol.borrow() as usize;
        (symbol + 1 < self.left.len()).then(|| (self.left[symbol], self.probability(symbol)))
    }
}

impl DecoderModel<PRECISION> for Model {
    #[inline]
    fn quantile_function(&self, quantile: u32) -> (u32, u32, NonZeroU32) {
        let part = (quantile >> self.part_bits) as usize;
        let (first, last) = (self.guide[part] as usize, self.guide[part + 1] as usize);
        let symbol = first + self.left[first + 1..=last].partition_point(|&left| left <= quantile);
        (symbol as u32, self.left[symbol], self.probability(symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_model_covers_every_quantile_once() {
        let mut rng = Rng::new(6, 0);
        for k in [2, 3, 256, 257, 70_000] {
            let weights: Vec<u32> = (0..k).map(|_| 1 + (rng.uniform().powi(9) * 200.0) as u32).collect();
            let model = Model::new(&weights);
            assert_eq!((model.left[0], model.left[k]), (0, 1 << PRECISION));
            for symbol in 0..k as u32 {
                let (left, probability) = model.left_cumulative_and_probability(symbol).unwrap();
                let last = left + probability.get() - 1;
                assert_eq!(model.quantile_function(left), (symbol, left, probability));
                assert_eq!(model.quantile_function(last), (symbol, left, probability));
            }
            assert_eq!(model.left_cumulative_and_probability(k as u32), None);
        }
    }

    #[test]
    fn symbols_are_read_back_at_the_entropy() {
        let mut rng = Rng::new(7, 0);
        let weights = [1_u32, 90, 9];
        let symbols: Vec<u32> = (0..50_000)
            .map(|_| match rng.below(100) {
                0 => 0,
                1..91 => 1,
                _ => 2,
            })
            .collect();
        let model = Model::new(&weights);
        let bytes = model.encode(symbols.iter().copied());
        let bits: f64 =
            symbols.iter().map(|&symbol| (100.0 / f64::from(weights[symbol as usize])).log2()).sum();
        // Probabilities are off by 2^-24 of 1/100 at most, the coder's own range by 2^-8 of 2^-24, and the end
        // takes up to two words.
        assert!((bytes.len() as f64 * 8.0 - bits).abs() <= 64.0 + bits * 1e-4, "{} {bits}", bytes.len() * 8);
        let mut decoded = Vec::new();
        model.decode(&bytes, symbols.len(), |symbol| decoded.push(symbol)).unwrap();
        assert_eq!(decoded, symbols);
        assert_eq!(model.decode(&bytes, symbols.len() / 2, |_| ()), None);
        assert_eq!(model.decode(&bytes[..bytes.len() - 1], symbols.len(), |_| ()), None);
        assert_eq!(model.decode(&[], 0, |_| ()), Some(()));
    }

    #[test]
    fn random_bytes_do_no_harm() {
        let mut rng = Rng::new(8, 0);
        let model = Model::new(&[1, 5, 1000, 2]);
        for round in 0..2000 {
            let noise: Vec<u8> =
                (0..4 * rng.below(20)).map(|_| if round % 2 == 0 { 255 } else { rng.bits() as u8 }).collect();
            let _ = model.decode(&noise, 300, |symbol| assert!(symbol < 4));
        }
    }
}
