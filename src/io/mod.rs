//! Files: vectors and codes in, vectors, codes and models out.
//!
//! | what | how |
//! | --- | --- |
//! | vectors from `.npy`, `.npz`, `.fvecs`, `.bvecs`, `.ivecs`, `.fbin`, `.u8bin`, `.i8bin`, `.ibin`, `.safetensors`, `.parquet`, `.arrow`, `.feather`, folders and patterns of them | [`open`], [`open_all`]: a [`Dataset`] |
//! | vectors from a stream of `.npy` | [`open_stream`] |
//! | codes and neighbour ids from `.npy`, `.npz`, `.ivecs` and `.ibin` | [`IndexFile`] |
//! | ids of the user's own from `.npy`, `.npz`, `.parquet` and `.txt` | [`read_ids`], [`parse_ids`] |
//! | a column of values from `.parquet`, `.arrow` and `.feather`, or of strings from `.txt` | [`read_column`] |
//! | neighbours to `.npy`, `.ivecs`, `.jsonl` and `.parquet` | [`NeighbourWriter`] |
//! | rows to `.npy`, `.fvecs`, `.ivecs` and `.bvecs`, at once or resumably | [`RowWriter`] |
//! | any other file, whole or not at all | [`Output`], [`write_file`]; of a [`Job`], resumably |
//! | several files that belong together | [`finish_together`] |
//! | that no output is an input or another output | [`Claims`], [`files`] |
//! | models | [`write_model`], [`read_model`] |
//! | what a file holds | [`describe`] |
//! | a file of another kind, as long as it is one | [`open_file`] |
//!
//! Inputs are read by position, a range of rows at a time, so a file may be larger than memory. No header is
//! believed: what a file promises is checked against its length before room is made for it.

#[cfg(feature = "arrow")]
mod arrow;
mod bin;
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(crate) mod byte_strings;
mod claims;
mod column;
#[cfg(any(feature = "arrow", feature = "parquet"))]
mod columns;
mod dataset;
mod describe;
mod dtype;
mod file;
mod identity;
mod ids;
mod index;
mod job;
mod locate;
mod model;
mod neighbours;
mod npy;
mod npz;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod partial;
mod pattern;
mod safetensors;
#[cfg(any(feature = "arrow", feature = "parquet"))]
mod sink;
mod stored;
mod together;
mod unfinished;
mod vecs;
mod writer;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod testing;

pub use claims::Claims;
pub use column::read_column;
pub use dataset::{Dataset, open, open_all, open_stream};
pub use describe::{ArrayDescription, Description, FileDescription, describe};
pub(crate) use file::DataFile;
pub use file::open_file;
pub use ids::{parse_ids, read_ids};
pub use index::IndexFile;
pub use job::Job;
pub use locate::{Format, files};
pub(crate) use model::begin_model;
pub use model::{ModelFile, read_model, write_model};
pub use neighbours::NeighbourWriter;
pub use output::{Output, check_output, write_file};
pub use together::finish_together;
pub use unfinished::remove_unfinished;
pub use writer::{RowElement, RowWriter};
