//! How often each code of a codebook occurs in a chunk: what Huffman and range coding are built on, and how that is
//! stored.
//!
//! The table costs bytes and its errors cost bytes, so counts are rounded like floating-point numbers. With a
//! relative error δ the codes of a chunk take about n·δ²/(2 ln 2) bits more, and δ² falls fourfold with a further
//! bit of mantissa, which costs a bit per code that occurs: hence a bit of mantissa for every fourfold of the mean
//! count.
//!
//! Stored are only codes that occur, as runs; so a table is short for few codes out of many, and for all of them.

use super::bits::{BitReader, BitWriter, order_for_mean, width};

/// The exponents of counts, which are below 2^25: a chunk has no more codes.
const EXPONENTS: usize = 25;

/// The codes that occur, and weights that say how often. Encoder and decoder have the very same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frequencies {
    /// In ascending order.
    pub codes: Vec<u32>,
    /// Positive and about the counts, in all at most twice as many as codes were counted.
    pub weights: Vec<u32>,
}

impl Frequencies {
    /// Appends a table of `counts`, one per code and at least one of them positive, to `bits` and returns it as a
    /// reader will see it.
    pub fn write(counts: &[u32], bits: &mut BitWriter) -> Self {
        let codes: Vec<u32> =
            (0..).zip(counts).filter(|&(_, &count)| count > 0).map(|(code, _)| code).collect();
        let counted: usize = counts.iter().map(|&count| count as usize).sum();
        bits.write(codes.len() as u64 - 1, width(counts.len().min(counted)));
        write_codes(&codes, bits);
        let rounding = Rounding { mantissa: mantissa(counted, codes.len()) };
        let rounded = codes.iter().map(|&code| rounding.split(counts[code as usize]));
        let weights = write_weights(rounded, rounding, bits);
        Self { codes, weights }
    }

    /// Reads the table of `counted` codes below `k`, both positive; `None` if there is none.
    pub fn read(k: usize, counted: usize, bits: &mut BitReader) -> Option<Self> {
        let used = bits.read(width(k.min(counted)))? as usize + 1;
        if used > k.min(counted) {
            return None;
        }
        let codes = read_codes(used, k, bits)?;
        let rounding = Rounding { mantissa: mantissa(counted, used) };
        let weights = read_weights(used, rounding, bits)?;
        let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        (sum <= 2 * counted as u64).then_some(Self { codes, weights })
    }
}

/// Alternately how many codes are left out and how many follow one another.
fn write_codes(codes: &[u32], bits: &mut BitWriter) {
    let runs: Vec<(u32, u32)> = {
        let mut end = 0;
        let consecutive = codes.chunk_by(|&a, &b| a + 1 == b);
        consecutive
            .map(|run| {
                let gap = run[0] - end;
                end = run[0] + run.len() as u32;
                (gap, run.len() as u32 - 1)
            })
            .collect()
    };
    let sum = |numbers: fn(&(u32, u32)) -> u32| runs.iter().map(numbers).map(u64::from).sum();
    let gap_order = order_for_mean(sum(|run| run.0), runs.len() as u64);
    let run_order = order_for_mean(sum(|run| run.1), runs.len() as u64);
    bits.write(u64::from(gap_order), 5);
    bits.write(u64::from(run_order), 5);
    for (gap, length) in runs {
        bits.write_number(gap, gap_order);
        bits.write_number(length, run_order);
    }
}

fn read_codes(used: usize, k: usize, bits: &mut BitReader) -> Option<Vec<u32>> {
    let gap_order = bits.read(5)? as u32;
    let run_order = bits.read(5)? as u32;
    if gap_order.max(run_order) > 24 {
        return None;
    }
    let mut codes = Vec::with_capacity(used);
    let mut end = 0;
    while codes.len() < used {
        let start = end + bits.read_number(gap_order)? as usize;
        // Two runs with nothing between them would be one.
        if start == end && end > 0 {
            return None;
        }
        end = start + bits.read_number(run_order)? as usize + 1;
        if end > k || end - start > used - codes.len() {
            return None;
        }
        codes.extend(start as u32..end as u32);
    }
    Some(codes)
}

/// The bits of mantissa that counts keep.
fn mantissa(counted: usize, used: usize) -> u32 {
    (counted / used).ilog2().saturating_sub(4) / 2
}

/// Counts as an exponent and the first few bits behind the leading one.
#[derive(Clone, Copy)]
struct Rounding {
    mantissa: u32,
}

impl Rounding {
    fn split(self, count: u32) -> (u32, u32) {
        let exponent = count.ilog2();
        let fraction = count ^ (1 << exponent);
        (exponent, fraction >> (exponent - self.bits(exponent)))
    }

    /// How many bits the fraction has.
    fn bits(self, exponent: u32) -> u32 {
        exponent.min(self.mantissa)
    }

    /// The middle of the counts that are split in this way.
    fn join(self, exponent: u32, fraction: u32) -> u32 {
        let lost = exponent - self.bits(exponent);
        ((1 << self.bits(exponent) | fraction) << lost) + (1 << lost >> 1)
    }
}

/// Exponents lie about a common one: how far off they are is put in a Rice code.
#[derive(Clone, Copy)]
struct Exponents {
    center: u32,
    low_bits: u32,
}

impl Exponents {
    /// The choice that takes the fewest bits.
    fn fit(exponents: impl Iterator<Item = u32>) -> Self {
        let mut counts = [0_u64; EXPONENTS];
        exponents.for_each(|exponent| counts[exponent as usize] += 1);
        let cost = |choice: &Self| -> u64 {
            (0..).zip(counts).map(|(exponent, count)| count * u64::from(choice.cost(exponent))).sum()
        };
        let occurring = (0..).zip(counts).filter(|&(_, count)| count > 0);
        let choices = occurring.flat_map(|(center, _)| (0..4).map(move |low_bits| Self { center, low_bits }));
        choices.min_by_key(cost).unwrap_or(Self { center: 0, low_bits: 0 })
    }

    /// 0, -1, 1, -2, … as 0, 1, 2, 3, …
    fn distance(self, exponent: u32) -> u32 {
        let above = exponent as i32 - self.center as i32;
        (above << 1 ^ above >> 31) as u32
    }

    fn cost(self, exponent: u32) -> u32 {
        (self.distance(exponent) >> self.low_bits) + 1 + self.low_bits
    }

    fn write(self, exponent: u32, bits: &mut BitWriter) {
        let distance = self.distance(exponent);
        bits.write_unary(distance >> self.low_bits);
        bits.write(u64::from(distance & ((1 << self.low_bits) - 1)), self.low_bits);
    }

    fn read(self, bits: &mut BitReader) -> Option<u32> {
        let distance = (bits.read_unary()? << self.low_bits) | bits.read(self.low_bits)? as u32;
        let above = (distance >> 1) as i32 ^ -((distance & 1) as i32);
        let exponent = self.center.checked_add_signed(above)?;
        ((exponent as usize) < EXPONENTS).then_some(exponent)
    }
}

/// Writes exponents and fractions; returns the weights that a reader makes of them.
fn write_weights(
    rounded: impl ExactSizeIterator<Item = (u32, u32)> + Clone,
    rounding: Rounding,
    bits: &mut BitWriter,
) -> Vec<u32> {
    if rounded.len() == 1 {
        // A code that is alone needs no weight.
        return vec![1];
    }
    let exponents = Exponents::fit(rounded.clone().map(|(exponent, _)| exponent));
    bits.write(u64::from(exponents.center), 5);
    bits.write(u64::from(exponents.low_bits), 2);
    let write = |(exponent, fraction)| {
        exponents.write(exponent, bits);
        bits.write(u64::from(fraction), rounding.bits(exponent));
        rounding.join(exponent, fraction)
    };
    rounded.map(write).collect()
}

fn read_weights(used: usize, rounding: Rounding, bits: &mut BitReader) -> Option<Vec<u32>> {
    if used == 1 {
        return Some(vec![1]);
    }
    let exponents = Exponents { center: bits.read(5)? as u32, low_bits: bits.read(2)? as u32 };
    let mut read = || {
        let exponent = exponents.read(bits)?;
        let fraction = bits.read(rounding.bits(exponent))? as u32;
        Some(rounding.join(exponent, fraction))
    };
    (0..used).map(|_| read()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The table of `counts` and the bytes it takes, read back on the way.
    fn round_trip(counts: &[u32]) -> (Frequencies, usize) {
        let mut bits = BitWriter::default();
        let written = Frequencies::write(counts, &mut bits);
        let bytes = bits.finish();
        let mut reader = BitReader::new(&bytes);
        let counted: usize = counts.iter().map(|&count| count as usize).sum();
        assert_eq!(Frequencies::read(counts.len(), counted, &mut reader).as_ref(), Some(&written));
        assert_eq!(reader.finish(), Some(&[][..]));
        for cut in 0..bytes.len() {
            let cut = Frequencies::read(counts.len(), counted, &mut BitReader::new(&bytes[..cut]));
            assert_eq!(cut, None);
        }
        (written, bytes.len())
    }

    #[test]
    fn tables_of_every_shape_are_read_back() {
        let mut rng = Rng::new(2, 0);
        for k in [1, 2, 3, 255, 256, 257, 4096] {
            for share in [0.0, 0.01, 0.5, 1.0] {
                for largest in [1, 2, 100, 100_000] {
                    let mut counts: Vec<u32> = (0..k)
                        .map(|_| if rng.uniform() < share { 1 + rng.below(largest) as u32 } else { 0 })
                        .collect();
                    counts[rng.below(k)] += 1;
                    let (table, _) = round_trip(&counts);
                    let occurring: Vec<u32> =
                        (0..k as u32).filter(|&code| counts[code as usize] > 0).collect();
                    assert_eq!(table.codes, occurring);
                    if occurring.len() > 1 {
                        for (&code, &weight) in occurring.iter().zip(&table.weights) {
                            // The middle of an octave is at most half above its lower end and a third below its
                            // upper one.
                            let count = counts[code as usize];
                            assert!(
                                2 * weight <= 3 * count && 3 * weight >= 2 * count,
                                "{weight} for {count}"
                            );
                        }
                    }
                }
            }
        }
        round_trip(&[1 << 23, 1]);
        round_trip(&[1, 0, 0, 1 << 24]);
    }

    #[test]
    fn tables_are_short() {
        // One code of 65,536, or all of two: a few bytes.
        let mut lonely = vec![0; 65_536];
        lonely[40_000] = 1000;
        assert!(round_trip(&lonely).1 <= 8, "{}", round_trip(&lonely).1);
        assert!(round_trip(&[500, 600]).1 <= 6, "{}", round_trip(&[500, 600]).1);
        // 100 of 2^24 codes, each once: log₂ of the gaps' mean and 2.5 bits for where a code is, 1 for its count.
        let mut sparse = vec![0; 1 << 24];
        let mut rng = Rng::new(3, 0);
        rng.distinct(100, 1 << 24).into_iter().for_each(|code| sparse[code] = 1);
        assert!(round_trip(&sparse).1 <= 100 * (18 + 4) / 8 + 8, "{}", round_trip(&sparse).1);
        // 256 counts about 256: their spread, ±16, is within an octave or two, and there are two bits of mantissa.
        let counts: Vec<u32> = (0..256).map(|_| 256 + rng.below(64) as u32 - 32).collect();
        assert!(round_trip(&counts).1 <= 256 * 4 / 8 + 8, "{}", round_trip(&counts).1);
    }

    #[test]
    fn more_codes_than_were_counted_are_no_table() {
        // Either count is told with two bits, so the table of four codes can be taken for one of three.
        let mut bits = BitWriter::default();
        Frequencies::write(&[1; 4], &mut bits);
        let bytes = bits.finish();
        assert!(Frequencies::read(4, 4, &mut BitReader::new(&bytes)).is_some());
        assert_eq!(Frequencies::read(4, 3, &mut BitReader::new(&bytes)), None);
        assert_eq!(Frequencies::read(3, 4, &mut BitReader::new(&bytes)), None);
    }

    #[test]
    fn no_bits_make_a_table_that_cannot_be() {
        let mut rng = Rng::new(4, 0);
        let mut read = 0;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.below(40)).map(|_| rng.bits() as u8 & rng.bits() as u8).collect();
            let (k, counted) = (1 + rng.below(300), 1 + rng.below(1000));
            let Some(table) = Frequencies::read(k, counted, &mut BitReader::new(&bytes)) else { continue };
            read += 1;
            assert!(
                table.codes.is_sorted_by(|a, b| a < b) && (table.codes[table.codes.len() - 1] as usize) < k
            );
            assert!(table.codes.len() <= counted && table.codes.len() == table.weights.len());
            assert!(table.weights.iter().all(|&weight| weight > 0));
            assert!(table.weights.iter().sum::<u32>() as usize <= 2 * counted);
        }
        assert!(read > 100, "only {read} strings of bits were tables");
    }
}
