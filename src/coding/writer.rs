//! Writing a container, a batch at a time.

use std::path::Path;

use ndarray::{ArrayView2, Axis};

use super::layout::{Entry, Footer, checksum, chunk_bytes, codes_checksum, header_bytes, unsealed};
use super::{ChunkCoder, Header};
use crate::error::{Error, Result};
use crate::io::Output;

/// Writes codes to a `.wgvq` file.
///
/// Batches of any size make the same file. Until it is finished there is no file under its name, and one that is
/// dropped unfinished leaves nothing.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("codes.wgvq");
/// use ndarray::array;
/// use wgvq::coding::{Header, Method, Writer};
/// let mut writer = Writer::create(&path, Header::new(vec![16, 16], Method::Packed), false)?;
/// writer.append(array![[1, 2], [3, 4]].view())?;
/// writer.append(array![[5, 6]].view())?;
/// let stats = writer.finish()?;
/// assert_eq!((stats.rows, stats.code_bytes), (3, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Writer {
    /// None if the bytes are only counted.
    output: Option<Output>,
    coder: ChunkCoder,
    chunk_rows: usize,
    header_checksum: u128,
    /// Whole rows that wait for their chunk to be full.
    pending: Vec<u32>,
    index: Vec<Entry>,
    stats: Stats,
}

/// What a container takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many vectors have codes in it.
    pub rows: usize,
    /// The whole file.
    pub bytes: u64,
    /// What of it are tables of frequencies and the like.
    pub model_bytes: u64,
    /// What of it are the codes themselves.
    pub code_bytes: u64,
}

impl Stats {
    /// The bits of codes and tables per vector; 0 if there is none. Header, checksums and index, which depend on the
    /// length of names and not on the codes, do not count.
    pub fn bits_per_vector(&self) -> f64 {
        let bytes = self.model_bytes + self.code_bytes;
        if self.rows == 0 { 0.0 } else { bytes as f64 * 8.0 / self.rows as f64 }
    }
}

impl Writer {
    /// Begins the file `path`; over another one only if `overwrite`.
    ///
    /// # Errors
    /// As [`Output::create`]; a header that [`Header::chunk_coder`] refuses.
    pub fn create(path: impl AsRef<Path>, header: Header, overwrite: bool) -> Result<Self> {
        let path = path.as_ref();
        // A header that cannot be is worth no file.
        header.chunk_coder().map_err(|error| error.context(path.display()))?;
        Self::new(Some(Output::create(path, overwrite)?), &header)
    }

    /// Counts what a file would take and writes none.
    ///
    /// # Errors
    /// A header that [`Header::chunk_coder`] refuses.
    pub fn measure(header: Header) -> Result<Self> {
        Self::new(None, &header)
    }

    fn new(output: Option<Output>, header: &Header) -> Result<Self> {
        let coder = header.chunk_coder()?;
        let json = serde_json::to_vec(header).map_err(|error| Error::input(format!("header: {error}")))?;
        let bytes = header_bytes(&json)?;
        let Some((_, header_checksum)) = unsealed(&bytes) else {
            return Err(Error::input("header: its checksum cannot be computed"));
        };
        let (chunk_rows, index, pending) = (header.chunk_rows, Vec::new(), Vec::new());
        let stats = Stats::default();
        let mut writer = Self { output, coder, chunk_rows, header_checksum, pending, index, stats };
        writer.put(&bytes)?;
        Ok(writer)
    }

    /// Appends codes (rows, m).
    ///
    /// # Errors
    /// Another number of columns than of codebooks; a code that is not below its codebook's size, or behind its
    /// row's stop, and then none of them is appended; a disk that is full, and then the writer is of no more use.
    pub fn append(&mut self, codes: ArrayView2<u32>) -> Result<()> {
        self.coder.check(codes, self.stats.rows)?;
        self.stats.rows += codes.nrows();
        let columns = self.coder.columns();
        let missing = self.chunk_rows - self.pending.len() / columns;
        // What begun chunk there is comes first; whole chunks are not copied.
        let first = if self.pending.is_empty() { 0 } else { missing.min(codes.nrows()) };
        let (begun, rest) = codes.split_at(Axis(0), first);
        self.pending.extend(begun);
        if self.pending.len() == self.chunk_rows * columns {
            self.flush()?;
        }
        for chunk in rest.axis_chunks_iter(Axis(0), self.chunk_rows) {
            if chunk.nrows() == self.chunk_rows {
                self.put_chunk(chunk)?;
            } else {
                self.pending.extend(chunk);
            }
        }
        Ok(())
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// As [`Output::finish`].
    pub fn finish(self) -> Result<Stats> {
        let (output, stats) = self.end()?;
        output.map_or(Ok(()), Output::finish)?;
        Ok(stats)
    }

    /// Writes what is left; the file, which is whole but for its name, and what it takes.
    ///
    /// # Errors
    /// A full disk; a file that is only [measured](Self::measure).
    pub fn complete(self) -> Result<(Output, Stats)> {
        let (output, stats) = self.end()?;
        let output = output.ok_or_else(|| Error::input("codes that are only measured make no file"))?;
        Ok((output, stats))
    }

    /// Writes what is left, to the file if there is one.
    fn end(mut self) -> Result<(Option<Output>, Stats)> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let index_offset = self.stats.bytes;
        let index = self.index.iter().flat_map(|entry| entry.to_bytes()).collect::<Vec<_>>();
        self.put(&index)?;
        let footer = Footer {
            rows: self.stats.rows as u64,
            chunks: self.index.len() as u64,
            index_offset,
            model_bytes: self.stats.model_bytes,
            code_bytes: self.stats.code_bytes,
            header_checksum: self.header_checksum,
            index_checksum: checksum(&index),
        };
        self.put(&footer.to_bytes())?;
        Ok((self.output, self.stats))
    }

    /// Writes the rows that wait as a chunk.
    fn flush(&mut self) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let columns = self.coder.columns();
        let chunk = ArrayView2::from_shape((pending.len() / columns, columns), &pending)
            .map_err(|error| Error::shape(error.to_string()))?;
        self.put_chunk(chunk)?;
        // Kept for the room it has.
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn put_chunk(&mut self, codes: ArrayView2<u32>) -> Result<()> {
        let encoded = self.coder.encode_chunk(codes)?;
        let first_row = (self.index.len() * self.chunk_rows) as u64;
        let in_rows = codes.as_standard_layout();
        let codes_sum =
            codes_checksum(self.header_checksum, first_row, in_rows.as_slice().unwrap_or_default());
        let bytes = chunk_bytes(codes.nrows() as u32, codes_sum, &encoded.bytes);
        let Some((_, checksum)) = unsealed(&bytes) else {
            return Err(Error::input("the checksum of a chunk cannot be computed"));
        };
        self.index.push(Entry { offset: self.stats.bytes, first_row, checksum });
        self.stats.model_bytes += encoded.model_bytes as u64;
        self.stats.code_bytes += (encoded.bytes.len() - encoded.model_bytes) as u64;
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(output) = &mut self.output {
            output.append(bytes)?;
        }
        self.stats.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// What a file with this header and these codes (n, m) takes.
///
/// ```
/// use ndarray::Array2;
/// use wgvq::coding::{Header, Method, stored_size};
/// let codes = Array2::from_shape_fn((60_000, 2), |(row, column)| (row * column) as u32 % 16);
/// let packed = stored_size(Header::new(vec![16, 16], Method::Packed), codes.view())?;
/// assert_eq!(packed.code_bytes, 60_000);
/// // The first column does not vary.
/// let coded = stored_size(Header::new(vec![16, 16], Method::Range), codes.view())?;
/// assert!(coded.bits_per_vector() < 4.2);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// As [`Writer::measure`] and [`Writer::append`].
pub fn stored_size(header: Header, codes: ArrayView2<u32>) -> Result<Stats> {
    let mut writer = Writer::measure(header)?;
    writer.append(codes)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};

    use super::super::testing::{Folder, header, random_codes, refused, variants};
    use super::super::{Method, Reader};
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn batches_of_any_size_make_the_same_file() {
        let folder = Folder::new();
        let sizes = [256, 1, 300];
        for (method, ragged) in variants() {
            let codes = random_codes(&mut Rng::new(20, 0), 1000, &sizes, ragged);
            let write = |name: &str, batch: usize| {
                let path = folder.path(name);
                let mut writer = Writer::create(&path, header(&sizes, method, ragged, 64), true).unwrap();
                for batch in codes.axis_chunks_iter(Axis(0), batch) {
                    writer.append(batch).unwrap();
                    writer.append(codes.slice(s![0..0, ..])).unwrap();
                }
                (writer.finish().unwrap(), std::fs::read(&path).unwrap())
            };
            let whole = write("whole.wgvq", 1000);
            assert_eq!(whole.0.bytes, whole.1.len() as u64);
            for batch in [1, 7, 63, 64, 65, 200, 999] {
                assert!(write("parts.wgvq", batch) == whole, "{method} by {batch}");
            }
            let measured = stored_size(header(&sizes, method, ragged, 64), codes.view()).unwrap();
            assert_eq!(measured, whole.0);
            let reader = Reader::open(folder.path("whole.wgvq")).unwrap();
            assert_eq!(reader.stats(), measured);
        }
    }

    #[test]
    fn bits_per_vector_do_not_depend_on_names() {
        let codes = random_codes(&mut Rng::new(21, 0), 1000, &[256, 3], false);
        let stats = |device: &str| {
            let mut header = header(&[256, 3], Method::Range, false, 64);
            header.device = Some(device.into());
            stored_size(header, codes.view()).unwrap()
        };
        let (short, long) = (stats("cpu"), stats(&"a very long name ".repeat(9)));
        assert!(short.bytes < long.bytes);
        assert_eq!(short.bits_per_vector(), long.bits_per_vector());
    }

    #[test]
    fn nothing_is_written_over_or_left_behind() {
        let folder = Folder::new();
        let path = folder.path("codes.wgvq");
        let create = |overwrite| Writer::create(&path, header(&[4], Method::Packed, false, 2), overwrite);
        let mut writer = create(false).unwrap();
        (0..5).for_each(|_| writer.append(array![[1]].view()).unwrap());
        drop(writer);
        assert_eq!(folder.names(), [""; 0]);
        create(false).unwrap().finish().unwrap();
        assert!(refused(create(false)).contains("exists"));
        create(true).unwrap().finish().unwrap();
        assert_eq!(folder.names(), ["codes.wgvq"]);
    }

    #[test]
    fn a_batch_with_a_wrong_code_is_refused_whole() {
        let mut writer = Writer::measure(header(&[4], Method::Packed, false, 2)).unwrap();
        writer.append(array![[1], [2], [3]].view()).unwrap();
        let why = refused(writer.append(array![[0], [4]].view()));
        assert!(why.contains("row 4, column 0 is 4"), "{why}");
        assert_eq!(writer.finish().unwrap().rows, 3);
        assert!(
            refused(Writer::measure(header(&[4], Method::Packed, false, 0))).contains("0 rows per chunk")
        );
        assert!(refused(Writer::measure(header(&[], Method::Packed, false, 1))).contains("0 codebooks"));
        let most = header(&[4, 4], Method::Packed, false, (1 << 23) + 1);
        assert!(refused(Writer::measure(most)).contains("between 1 and 8388608"));
    }

    #[test]
    fn models_take_a_small_share_of_a_chunk_of_the_usual_size() {
        let sizes = [256; 2];
        let codes = super::super::testing::skewed_codes(&mut Rng::new(21, 0), 65_536, &sizes, false);
        let stats = stored_size(Header::new(sizes.to_vec(), Method::Range), codes.view()).unwrap();
        assert!(stats.model_bytes * 200 < stats.bytes, "{stats:?}");
        assert!(stats.bytes - stats.model_bytes - stats.code_bytes < 600, "{stats:?}");
    }
}
