//! FAISS's index files: quantizers and codes in and out.
//!
//! | what | how |
//! | --- | --- |
//! | the quantizer and the codes of an index that FAISS wrote | [`Reader`] |
//! | a model and its codes as an index that FAISS reads | [`Writer`] |
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
//!
//! What is read is exact: codes and codewords are those of the file, bit by bit. What FAISS keeps for itself, such as how its
//! training went, is kept in the model under `training.faiss`, and written again. Norms behind the codes follow from the codes;
//! they are left out, and indexes are written without.
//!
//! The fields of a file are named once, in the order in which they lie, for reading and writing alike (`fields.rs`); each kind of record
//! has a file, and a row in the table of kinds. No length is believed before the file is known to hold as much.

mod additive;
mod codes;
mod fields;
mod flat;
mod header;
mod kinds;
mod parts;
mod product;
mod reader;
mod scalar;
#[cfg(test)]
mod tests;
mod transform;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
