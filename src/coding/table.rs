//! Codes in a table that other programs read: a file of Parquet or Arrow with one column, in which each vector has a byte string.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, ArrayView2};

use super::Header;
use super::rows::RowBits;
use crate::error::{Context, Error, Result};
use crate::io::Output;
use crate::io::byte_strings::{self, ByteStrings, ByteStringsWriter, NewColumn};

/// The extensions of tables of codes.
pub const TABLES: [&str; 3] = ["parquet", "arrow", "feather"];

/// The column, and the key under which the file has the header as JSON.
const COLUMN: &str = "code";
const KEY: &str = "wgvq";

/// Codes in a `.parquet`, `.arrow` or `.feather` file.
///
/// Its column `code` has the codes of a vector as bits, code after code from the lowest on, each in as many bits as tell the codewords of
/// its codebook apart, in whole bytes. What a container says in its header is in the file's metadata, under `wgvq`.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("codes.parquet");
/// use ndarray::array;
/// use wgvq::coding::{Header, Method, TableReader, TableWriter};
/// let codes = array![[3, 250], [0, 7]];
/// let mut writer = TableWriter::create(&path, Header::new(vec![4, 256], Method::Range), false)?;
/// writer.append(codes.view())?;
/// writer.finish()?;
/// assert_eq!(TableReader::open(&path)?.read(0..2)?, codes);
/// # Ok(())
/// # }
/// ```
pub struct TableReader {
    column: Box<dyn ByteStrings>,
    header: Header,
    bits: RowBits,
}

impl TableReader {
    /// Opens a file that [`TableWriter`] wrote.
    ///
    /// # Errors
    /// A file that is missing or damaged, has other columns, or does not say what its codes are of.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let column = byte_strings::open(path)?;
        let note = column.note(KEY).ok_or_else(|| {
            column
                .invalid(&format!("its metadata has no entry '{KEY}'; `wgvq repack` writes tables of codes"))
        })?;
        let header: Header = serde_json::from_str(note)
            .map_err(|error| column.invalid(&format!("its entry '{KEY}' cannot be read: {error}")))?;
        header.chunk_coder().context(|| path.display())?;
        let bits = RowBits::new(header.codebook_sizes.clone());
        if bits.row_bytes() != column.width() {
            let (found, wanted) = (column.width(), bits.row_bytes());
            return Err(column.invalid(&format!(
                "its byte strings have {found} bytes; codes of {} have {wanted}",
                header.spec
            )));
        }
        Ok(Self { column, header, bits })
    }

    /// What the codes are.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many vectors there are.
    pub fn rows(&self) -> usize {
        self.column.rows()
    }

    /// Bits of a vector, those that fill the last byte included.
    pub fn bits_per_vector(&self) -> f64 {
        8.0 * self.column.width() as f64
    }

    /// Fails if the file is of another model than the one with this hash.
    ///
    /// # Errors
    /// The two hashes, if they differ.
    pub fn check_model(&self, hash: &str) -> Result<()> {
        self.header.check_model(hash).map_err(|error| self.column.invalid(&error))
    }

    /// The codes of `rows`, (rows.len(), m).
    ///
    /// # Errors
    /// Rows beyond the last; a file that is damaged or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        let first = rows.start;
        self.bits.unpack(&self.column.read(rows)?, first).map_err(|error| self.column.invalid(&error))
    }
}

/// Writes a file for [`TableReader`]; it takes its target's place when it is finished.
pub struct TableWriter {
    writer: Box<dyn ByteStringsWriter>,
    bits: RowBits,
    written: usize,
}

impl TableWriter {
    /// Begins a file; the method of the header means nothing here.
    ///
    /// # Errors
    /// As [`Writer::create`](super::Writer::create); codes that all have one codeword to name, and take no bits.
    pub fn create(path: impl AsRef<Path>, header: Header, overwrite: bool) -> Result<Self> {
        let path = path.as_ref();
        header.chunk_coder().context(|| path.display())?;
        let bits = RowBits::new(header.codebook_sizes.clone());
        if bits.row_bytes() == 0 {
            return Err(Error::input(format!(
                "{}: codes of codebooks of one codeword have no bits",
                path.display()
            )));
        }
        let note = serde_json::to_string(&header).map_err(|error| Error::input(error.to_string()))?;
        let column = NewColumn { name: COLUMN, width: bits.row_bytes(), note: (KEY, note) };
        let writer = byte_strings::create(path, column, overwrite)?;
        Ok(Self { writer, bits, written: 0 })
    }

    /// Appends codes (n, m).
    ///
    /// # Errors
    /// Another number of columns than of codebooks; a code that is not below its codebook's size, by row and column; a full disk.
    pub fn append(&mut self, codes: ArrayView2<u32>) -> Result<()> {
        self.writer.append(&self.bits.pack(codes, self.written)?)?;
        self.written += codes.nrows();
        Ok(())
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// As [`Output::finish`].
    pub fn finish(self) -> Result<()> {
        self.complete()?.finish()
    }

    /// Writes what is left; the file, which is whole but for its name.
    ///
    /// # Errors
    /// A full disk.
    pub fn complete(self) -> Result<Output> {
        self.writer.complete()
    }
}
