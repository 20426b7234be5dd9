//! FAISS's index files: quantizers, codes and lists in and out.
//!
//! | what | how |
//! | --- | --- |
//! | the quantizer and the codes of an index that FAISS wrote | [`Reader`] |
//! | a model and its codes as an index that FAISS reads | [`Writer`] |
//! | an [`Index`](crate::index::Index) of the lists of an index that FAISS wrote | [`ListsReader`] |
//! | an [`Index`](crate::index::Index) as one that FAISS reads | [`write_lists`] |
//!
//! | FAISS | fourcc | here |
//! | --- | --- | --- |
//! | `IndexFlatL2` | `IxF2` | `VQk`: its vectors are the codewords |
//! | `IndexPQ` | `IxPq` | `PQmxb`; of one part `VQk` with k = 2^b |
//! | `IndexResidualQuantizer` | `IxRq` | `RQ…` |
//! | `IndexLocalSearchQuantizer` | `IxLS` | `LSQmxb` |
//! | `IndexProductResidualQuantizer` | `IxPR` | `PRQpxsxb` |
//! | `IndexProductLocalSearchQuantizer` | `IxPL` | `PLSQpxsxb` |
//! | `IndexScalarQuantizer` of 8, 6 or 4 bits | `IxSQ` | `SQb` |
//! | `IndexPreTransform` of a rotation | `IxPT` | `OPQp,…` (`LTra`) and `RR,…` (`rrot`), about an offset (`VCnt`) |
//! | `IndexIVFPQ` | `IwPQ` | an index of the spec `IVFk,PQmxb` or `IVFk,VQk'` |
//! | `IndexIVFScalarQuantizer` of such bits | `IwSq` | `IVFk,SQb` |
//! | `IndexIVFResidualQuantizer` and the other three | `IwRQ`, `IwLS`, `IwPR`, `IwPL` | `IVFk,RQ…` and so on |
//! | `IndexPreTransform` before one of these | `IxPT` | `IVFk,OPQp,…`, `IVFk,RR,…`; behind a scaling to length 1 (`VNrm`) by the cosine |
//!
//! What is read is exact: codes and codewords are those of the file, bit by bit. What FAISS keeps for itself, such as how its
//! training went, is kept in the model under `training.faiss`, and written again. Norms behind the codes follow from the codes;
//! they are left out, and indexes are written without; so is what tells where each id is.
//!
//! FAISS rotates vectors before they are dealt out to lists, so its centroids are of rotated vectors. An index that came from there keeps
//! them so, in a quantizer of one codebook behind the rotation; those of other indexes are rotated when they are written, and
//! rounded once.
//!
//! The fields of a file are named once, in the order in which they lie, for reading and writing alike (`fields.rs`); each kind of record
//! has a file, and a row in the table of kinds. No length is believed before the file is known to hold as much.

mod additive;
mod chain;
mod codes;
mod fields;
mod flat;
mod header;
mod kinds;
mod lists;
mod lists_reader;
mod lists_writer;
mod parts;
mod product;
mod reader;
mod scalar;
#[cfg(test)]
mod tests;
mod transform;
mod writer;

pub use lists_reader::ListsReader;
pub use lists_writer::write_lists;
pub use reader::Reader;
pub use writer::Writer;
