//! One chunk of codes to bytes and back.
//!
//! Packed, a chunk is one string of bits, row by row. With Huffman and range coding every column is coded by itself:
//! first stands how long each is, then the columns follow.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::bits::{BitReader, BitWriter, width};
use super::column::{Column, ColumnHead, LENGTH_ORDER};
use super::{MAX_CHUNK_CODES, MAX_CODEBOOK_SIZE, Method};
use crate::error::{Context, Error, Result};

/// Codes chunks for codebooks of given sizes.
///
/// With `ragged` codes the last code of every codebook says *stop*: all later codes of its row say so too, and only
/// the first of them is stored.
///
/// ```
/// use ndarray::array;
/// use wgvq::coding::{ChunkCoder, Method};
/// let coder = ChunkCoder::new(Method::Packed, &[16, 16], false)?;
/// let chunk = coder.encode_chunk(array![[1, 2], [3, 4], [5, 6]].view())?;
/// assert_eq!(chunk.bytes.len(), 3);
/// assert_eq!(coder.decode_chunk(3, &chunk.bytes)?, array![[1, 2], [3, 4], [5, 6]]);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChunkCoder {
    method: Method,
    codebook_sizes: Vec<usize>,
    ragged: bool,
}

/// What [`ChunkCoder::encode_chunk`] makes of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedChunk {
    /// Tables and codes.
    pub bytes: Vec<u8>,
    /// How many of the bytes are tables of frequencies and lengths of columns.
    pub model_bytes: usize,
}

impl ChunkCoder {
    /// A coder for codes of `codebook_sizes.len()` columns, at least one.
    ///
    /// # Errors
    /// No codebook; a size that is not in `1..=`[`MAX_CODEBOOK_SIZE`]; more than [`MAX_CHUNK_CODES`] codebooks.
    pub fn new(method: Method, codebook_sizes: &[usize], ragged: bool) -> Result<Self> {
        if codebook_sizes.is_empty() || codebook_sizes.len() > MAX_CHUNK_CODES {
            return Err(Error::input(format!(
                "{} codebooks; codes have between 1 and {MAX_CHUNK_CODES}",
                codebook_sizes.len()
            )));
        }
        if let Some(at) = codebook_sizes.iter().position(|&k| k == 0 || k > MAX_CODEBOOK_SIZE) {
            return Err(Error::input(format!(
                "codebook {at} has {} codewords; it has between 1 and {MAX_CODEBOOK_SIZE}",
                codebook_sizes[at]
            )));
        }
        Ok(Self { method, codebook_sizes: codebook_sizes.to_vec(), ragged })
    }

    /// How many codes a vector has.
    pub fn columns(&self) -> usize {
        self.codebook_sizes.len()
    }

    /// Fails on codes that cannot be coded; `first` is the number of the first row, for the message.
    pub(super) fn check(&self, codes: ArrayView2<u32>, first: usize) -> Result<()> {
        if codes.ncols() != self.columns() {
            return Err(Error::shape(format!(
                "{} codes per vector for {} codebooks",
                codes.ncols(),
                self.columns()
            )));
        }
        for (row, codes) in codes.rows().into_iter().enumerate() {
            let mut stopped = false;
            for (column, (&code, &k)) in codes.iter().zip(&self.codebook_sizes).enumerate() {
                let place = || format!("the code at row {}, column {column} is {code}", first + row);
                if code as usize >= k {
                    return Err(Error::input(format!("{}; the codebook has {k} codewords", place())));
                }
                let stop = code as usize == k - 1;
                if stopped && !stop {
                    let why = format!("; its row has stopped, so it has to be the stop code {}", k - 1);
                    return Err(Error::input(place() + &why));
                }
                stopped = self.ragged && stop;
            }
        }
        Ok(())
    }

    /// Codes (rows, m), at most [`MAX_CHUNK_CODES`] of them, to bytes.
    ///
    /// # Errors
    /// Another number of columns than of codebooks; a code that is not below its codebook's size; a code behind
    /// its row's stop; too many codes.
    pub fn encode_chunk(&self, codes: ArrayView2<u32>) -> Result<EncodedChunk> {
        self.check(codes, 0)?;
        self.check_rows(codes.nrows())?;
        Ok(match self.method {
            Method::Packed => self.pack(codes),
            Method::Huffman | Method::Range => self.encode_columns(codes),
        })
    }

    /// The codes (rows, m) that [`ChunkCoder::encode_chunk`] made `bytes` of. All of them are below their
    /// codebooks' sizes, whatever the bytes are.
    ///
    /// # Errors
    /// Bytes that are not those of so many rows; too many rows.
    pub fn decode_chunk(&self, rows: usize, bytes: &[u8]) -> Result<Array2<u32>> {
        self.check_rows(rows)?;
        let codes = match self.method {
            Method::Packed => self.unpack(rows, bytes)?,
            Method::Huffman | Method::Range => self.decode_columns(rows, bytes)?,
        };
        Array2::from_shape_vec((rows, self.columns()), codes).map_err(|error| Error::shape(error.to_string()))
    }

    fn check_rows(&self, rows: usize) -> Result<()> {
        match rows.checked_mul(self.columns()) {
            Some(codes) if codes <= MAX_CHUNK_CODES => Ok(()),
            _ => Err(Error::input(format!(
                "{rows} rows of {} codes; a chunk has at most {MAX_CHUNK_CODES} codes",
                self.columns()
            ))),
        }
    }

    /// Whether `code` of a codebook of size `k` ends its row.
    #[inline]
    fn stops(&self, code: u32, k: usize) -> bool {
        self.ragged && code as usize == k - 1
    }

    fn pack(&self, codes: ArrayView2<u32>) -> EncodedChunk {
        let fields: Vec<(usize, u32)> = self.codebook_sizes.iter().map(|&k| (k, width(k))).collect();
        let row_bits: usize = fields.iter().map(|&(_, width)| width as usize).sum();
        let mut bits = BitWriter::with_capacity((codes.nrows() * row_bits).div_ceil(8));
        for row in codes.rows() {
            for (&code, &(k, width)) in row.iter().zip(&fields) {
                bits.write(u64::from(code), width);
                if self.stops(code, k) {
                    break;
                }
            }
        }
        EncodedChunk { bytes: bits.finish(), model_bytes: 0 }
    }

    fn unpack(&self, rows: usize, bytes: &[u8]) -> Result<Vec<u32>> {
        let wrong = || Error::input(format!("its {} bytes are not those of {rows} rows", bytes.len()));
        let fields: Vec<(usize, u32)> = self.codebook_sizes.iter().map(|&k| (k, width(k))).collect();
        let mut codes = Vec::with_capacity(rows * fields.len());
        let mut bits = BitReader::new(bytes);
        for row in 0..rows {
            let mut stopped = false;
            for (column, &(k, width)) in fields.iter().enumerate() {
                let code = if stopped { k as u32 - 1 } else { bits.read(width).ok_or_else(wrong)? as u32 };
                if code as usize >= k {
                    return Err(Error::input(format!(
                        "the code at its row {row}, column {column} is {code}; the codebook has {k} codewords"
                    )));
                }
                codes.push(code);
                stopped = stopped || self.stops(code, k);
            }
        }
        match bits.finish() {
            Some([]) => Ok(codes),
            _ => Err(wrong()),
        }
    }

    fn encode_columns(&self, codes: ArrayView2<u32>) -> EncodedChunk {
        // Up to and with the stop, or all.
        let stored = |row: ndarray::ArrayView1<u32>| {
            let stop = row.iter().zip(&self.codebook_sizes).position(|(&code, &k)| self.stops(code, k));
            stop.map_or(row.len(), |stop| stop + 1)
        };
        let lengths: Vec<usize> = codes.rows().into_iter().map(stored).collect();
        let encode = |column: usize| {
            let codes = codes.column(column);
            let rows = codes.iter().zip(&lengths);
            let stored: Vec<u32> =
                rows.filter(|&(_, &length)| length > column).map(|(&code, _)| code).collect();
            (stored.len(), Column::encode(self.method, self.codebook_sizes[column], &stored))
        };
        let columns: Vec<(usize, Column)> = (0..self.columns()).into_par_iter().map(encode).collect();

        let mut head = BitWriter::default();
        for (at, (count, column)) in columns.iter().enumerate() {
            if self.ragged && at > 0 {
                head.write_number(*count as u32, LENGTH_ORDER);
            }
            column.write_head(&mut head);
        }
        let mut bytes = head.finish();
        let tables: usize = columns.iter().map(|(_, column)| column.table_bytes).sum();
        let model_bytes = bytes.len() + tables;
        columns.iter().for_each(|(_, column)| bytes.extend_from_slice(&column.bytes));
        EncodedChunk { bytes, model_bytes }
    }

    fn decode_columns(&self, rows: usize, bytes: &[u8]) -> Result<Vec<u32>> {
        let wrong = || Error::input(format!("its {} bytes are not those of {rows} rows", bytes.len()));
        let mut head = BitReader::new(bytes);
        let mut count = rows;
        let mut heads = Vec::with_capacity(self.columns());
        for (column, &k) in self.codebook_sizes.iter().enumerate() {
            if self.ragged && column > 0 {
                let stored = head.read_number(LENGTH_ORDER).ok_or_else(wrong)? as usize;
                if stored > count {
                    return Err(wrong());
                }
                count = stored;
            }
            heads.push(ColumnHead::read(k, count, &mut head).ok_or_else(wrong)?);
        }
        let mut rest = head.finish().ok_or_else(wrong)?;
        let mut parts = Vec::with_capacity(heads.len());
        for head in heads {
            let (part, behind) = rest.split_at_checked(head.bytes).ok_or_else(wrong)?;
            parts.push((head, part));
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(wrong());
        }
        let decode = |(column, (head, part)): (usize, (ColumnHead, &[u8]))| {
            let decoded = head.decode(self.method, self.codebook_sizes[column], part);
            decoded
                .ok_or_else(|| Error::input("the bytes are not codes"))
                .context(|| format!("codebook {column}"))
        };
        let columns = parts.into_par_iter().enumerate().map(decode).collect::<Result<Vec<_>>>()?;
        self.interleave(rows, &columns).ok_or_else(wrong)
    }

    /// Columns to rows, with the stops that were left out; `None` if the columns are longer or shorter than that.
    fn interleave(&self, rows: usize, columns: &[Vec<u32>]) -> Option<Vec<u32>> {
        let mut codes = Vec::with_capacity(rows * columns.len());
        let mut columns: Vec<_> =
            columns.iter().zip(&self.codebook_sizes).map(|(column, &k)| (column.iter(), k)).collect();
        for _ in 0..rows {
            let mut stopped = false;
            for (column, k) in &mut columns {
                let code = if stopped { *k as u32 - 1 } else { *column.next()? };
                stopped = stopped || self.stops(code, *k);
                codes.push(code);
            }
        }
        columns.iter().all(|(column, _)| column.len() == 0).then_some(codes)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::testing::{entropy_bytes, random_codes, refused, skewed_codes, variants};
    use super::*;
    use crate::rng::Rng;

    #[track_caller]
    fn round_trip(coder: &ChunkCoder, codes: ArrayView2<u32>) -> EncodedChunk {
        let chunk = coder.encode_chunk(codes).unwrap();
        assert_eq!(coder.decode_chunk(codes.nrows(), &chunk.bytes).unwrap(), codes, "{coder:?}");
        assert!(chunk.model_bytes <= chunk.bytes.len());
        chunk
    }

    #[test]
    fn codes_of_every_shape_come_back() {
        let shapes: [&[usize]; 7] =
            [&[1], &[2], &[257], &[256; 8], &[1, 65_536, 2, 1], &[1 << 24, 3], &[1000, 17, 2, 9, 256]];
        for (seed, sizes) in shapes.into_iter().enumerate() {
            let mut rng = Rng::new(10, seed as u64);
            for rows in [0, 1, 2, 300] {
                for (method, ragged) in variants() {
                    let coder = ChunkCoder::new(method, sizes, ragged).unwrap();
                    round_trip(&coder, random_codes(&mut rng, rows, sizes, ragged).view());
                    round_trip(&coder, skewed_codes(&mut rng, rows, sizes, ragged).view());
                    // All rows the same, all rows stopped at once.
                    let last =
                        Array2::from_shape_fn((rows, sizes.len()), |(_, column)| sizes[column] as u32 - 1);
                    round_trip(&coder, last.view());
                }
            }
        }
    }

    #[test]
    fn views_of_any_layout_are_coded_by_their_rows() {
        let codes = random_codes(&mut Rng::new(11, 0), 50, &[7, 7, 7], false);
        let transposed = codes.t().as_standard_layout().into_owned();
        for method in Method::ALL {
            let coder = ChunkCoder::new(method, &[7; 3], false).unwrap();
            assert_eq!(round_trip(&coder, transposed.t()), round_trip(&coder, codes.view()));
        }
    }

    #[test]
    fn packed_codes_are_tight_over_rows() {
        let bytes = |sizes: &[usize], ragged, codes: &Array2<u32>| {
            round_trip(&ChunkCoder::new(Method::Packed, sizes, ragged).unwrap(), codes.view()).bytes.len()
        };
        // 3 + 0 + 9 bits a row.
        assert_eq!(
            bytes(&[5, 1, 257], false, &random_codes(&mut Rng::new(12, 0), 7, &[5, 1, 257], false)),
            84_usize.div_ceil(8)
        );
        // Two, one and three codes of 4 bits are up to the stop or all there are.
        assert_eq!(bytes(&[16; 3], true, &array![[3, 15, 15], [15, 15, 15], [1, 2, 3]]), 3);
    }

    #[test]
    fn columns_that_never_vary_cost_almost_nothing() {
        for method in [Method::Huffman, Method::Range] {
            let coder = ChunkCoder::new(method, &[256, 65_536, 1], false).unwrap();
            let codes = Array2::from_shape_fn((60_000, 3), |(_, column)| [200, 40_000, 0][column]);
            let chunk = round_trip(&coder, codes.view());
            assert!(chunk.bytes.len() <= 20, "{} bytes", chunk.bytes.len());
            assert_eq!(chunk.model_bytes, chunk.bytes.len());
        }
    }

    #[test]
    fn coding_never_takes_more_than_packing_and_a_head() {
        for sizes in [[256, 256], [65_536, 1 << 24]] {
            for rows in [1, 10, 3000] {
                let codes = random_codes(&mut Rng::new(13, 0), rows, &sizes, false);
                let bytes = |method| {
                    let coder = ChunkCoder::new(method, &sizes, false).unwrap();
                    round_trip(&coder, codes.view()).bytes.len()
                };
                // Each column's own last byte, and its part of the head: a flag and a length.
                let most = bytes(Method::Packed) + 2 * (1 + 6);
                assert!(bytes(Method::Huffman) <= most && bytes(Method::Range) <= most);
            }
        }
    }

    #[test]
    fn range_coding_reaches_the_entropy_and_huffman_coding_its_bound() {
        let sizes = [256; 8];
        let codes = skewed_codes(&mut Rng::new(14, 0), 6000, &sizes, false);
        let entropy = entropy_bytes(codes.view());
        let chunk = |method| round_trip(&ChunkCoder::new(method, &sizes, false).unwrap(), codes.view());
        let range = chunk(Method::Range);
        let share = (range.bytes.len() as f64) / (entropy + range.model_bytes as f64);
        assert!(share < 1.01, "{} bytes for {entropy:.0}, models {}", range.bytes.len(), range.model_bytes);
        assert!(range.bytes.len() as f64 >= entropy, "below the entropy");
        assert!(
            (range.model_bytes as f64) < 0.03 * entropy,
            "models take {} of {entropy:.0}",
            range.model_bytes
        );
        let huffman = chunk(Method::Huffman);
        assert!(huffman.bytes.len() >= range.bytes.len() - 64);
        // Less than a bit above the entropy per code.
        assert!((huffman.bytes.len() as f64) < entropy * 1.01 + huffman.model_bytes as f64 + 48_000.0 / 8.0);
        let packed = chunk(Method::Packed).bytes.len();
        assert!(packed == 48_000 && huffman.bytes.len() < packed);
    }

    #[test]
    fn what_cannot_be_coded_is_refused_with_the_place() {
        let coder = |sizes: &[usize], ragged| ChunkCoder::new(Method::Range, sizes, ragged);
        assert!(refused(coder(&[], false)).contains("0 codebooks"));
        assert!(refused(coder(&[4, 0], false)).contains("codebook 1 has 0 codewords"));
        assert!(refused(coder(&[(1 << 24) + 1], false)).contains("16777217 codewords"));
        let two = coder(&[4, 4], true).unwrap();
        assert!(refused(two.encode_chunk(array![[0, 0, 0]].view())).contains("3 codes per vector for 2"));
        let high = refused(two.encode_chunk(array![[0, 0], [1, 4]].view()));
        assert!(high.contains("row 1, column 1 is 4; the codebook has 4"), "{high}");
        let late = refused(two.encode_chunk(array![[0, 0], [3, 1]].view()));
        assert!(late.contains("row 1, column 1 is 1") && late.contains("stop code 3"), "{late}");
        assert!(refused(two.decode_chunk(usize::MAX, &[])).contains("at most 16777216 codes"));
        assert!(refused(two.decode_chunk(1 << 23 | 1, &[])).contains("at most 16777216 codes"));
    }
}
