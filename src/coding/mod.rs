//! Codes on disk: packed bits, Huffman and range coding, and the container that holds them.
//!
//! | what | how |
//! | --- | --- |
//! | codes to a `.wgvq` file, in batches of any size | [`Writer`] |
//! | any rows of such a file, or the proof that it is whole | [`Reader`] |
//! | what a file is about: spec, model, codebook sizes | [`Header`] |
//! | what codes would take | [`stored_size`] |
//! | one chunk of codes to bytes and back | [`ChunkCoder`] |
//! | codes to and from a table, `.parquet`, `.arrow` or `.feather` (features `parquet`, `arrow`), a byte string for each vector | `TableWriter`, `TableReader` |
//!
//! A file is cut into chunks of rows, each coded by itself, so that a reader decodes the chunks it needs and no
//! others. Huffman and range coding keep one table of frequencies per codebook and chunk. All arithmetic on the way
//! is of integers: what one machine wrote any other reads.
//!
//! ```
//! # fn main() -> wgvq::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("codes.wgvq");
//! use ndarray::{array, s};
//! use wgvq::coding::{Header, Method, Reader, Writer};
//!
//! let codes = array![[3, 250], [0, 7], [3, 7]];
//! let mut header = Header::new(vec![4, 256], Method::Range);
//! header.spec = "RQ2,8".to_string();
//! let mut writer = Writer::create(&path, header, false)?;
//! writer.append(codes.view())?;
//! writer.finish()?;
//!
//! let reader = Reader::open(&path)?;
//! assert_eq!(reader.header().spec, "RQ2,8");
//! assert_eq!(reader.read(1..3)?, codes.slice(s![1..3, ..]));
//! # Ok(())
//! # }
//! ```

mod bits;
mod chunk;
mod column;
mod frequencies;
mod header;
mod huffman;
mod layout;
mod method;
mod range;
mod reader;
mod rows;
#[cfg(any(feature = "arrow", feature = "parquet"))]
mod table;
mod writer;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod testing;

pub use chunk::{ChunkCoder, EncodedChunk};
pub use header::Header;
pub use layout::MAGIC;
pub use method::Method;
pub use reader::Reader;
pub(crate) use rows::RowBits;
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub use table::{TABLES, TableReader, TableWriter};
pub use writer::{Stats, Writer, stored_size};

/// Rows per chunk unless a header says otherwise, or so many rows would be more than [`MAX_CHUNK_CODES`].
pub const CHUNK_ROWS: usize = 65_536;

/// The most codes in a chunk: what a reader has to hold (64 MiB) whatever a file announces.
pub const MAX_CHUNK_CODES: usize = 1 << 24;

/// The largest codebook: the probabilities of range coding have 24 bits.
pub const MAX_CODEBOOK_SIZE: usize = 1 << 24;
