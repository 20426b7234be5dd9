//! What a container says about its codes.

use serde::{Deserialize, Serialize};

use super::{CHUNK_ROWS, ChunkCoder, MAX_CHUNK_CODES, Method};
use crate::error::{Error, Result};

/// What the codes of a file are and how they are stored.
///
/// ```
/// use wgvq::coding::{Header, Method};
/// let mut header = Header::new(vec![256; 8], Method::Range);
/// (header.spec, header.dim) = ("RQ8x8".to_string(), 128);
/// assert_eq!(header.chunk_rows, 65_536);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The spec string of the quantizer.
    pub spec: String,
    /// The hash of the model file that the codes belong to, as `io::read_model` gives it; empty if unknown.
    pub model_hash: String,
    /// Numbers per vector, d.
    pub dim: usize,
    /// Codewords per codebook, (m).
    pub codebook_sizes: Vec<usize>,
    /// How the codes are coded.
    pub method: Method,
    /// Rows per chunk; only the last may have fewer.
    pub chunk_rows: usize,
    /// Whether the last code of each codebook says stop, as in [`ChunkCoder`].
    pub ragged: bool,
    /// What encoded the vectors, if that is worth keeping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Header {
    /// A header for codes of these codebooks, with an empty spec, no model, a dimension of 0, codes that are not
    /// ragged and [`CHUNK_ROWS`] rows per chunk, or as many as make [`MAX_CHUNK_CODES`] codes.
    pub fn new(codebook_sizes: Vec<usize>, method: Method) -> Self {
        let chunk_rows = CHUNK_ROWS.min(MAX_CHUNK_CODES / codebook_sizes.len().max(1)).max(1);
        Self {
            spec: String::new(),
            model_hash: String::new(),
            dim: 0,
            codebook_sizes,
            method,
            chunk_rows,
            ragged: false,
            device: None,
        }
    }

    /// Fails if the codes are of another model than the one with this hash.
    ///
    /// # Errors
    /// The two hashes, if they differ.
    pub fn check_model(&self, hash: &str) -> Result<()> {
        match self.model_hash.as_str() {
            noted if noted == hash => Ok(()),
            "" => Err(Error::input("its header names no model; there is no telling whether it is this one")),
            noted => Err(Error::input(format!(
                "its codes belong to the model {noted} ({}), not to {hash}; pass the model they were made with",
                self.spec
            ))),
        }
    }

    /// The coder of the file's chunks.
    ///
    /// # Errors
    /// Codebooks as [`ChunkCoder::new`] refuses them; no rows per chunk, or too many.
    pub fn chunk_coder(&self) -> Result<ChunkCoder> {
        let coder = ChunkCoder::new(self.method, &self.codebook_sizes, self.ragged)?;
        let most = MAX_CHUNK_CODES / coder.columns();
        if self.chunk_rows == 0 || self.chunk_rows > most {
            return Err(Error::input(format!(
                "{} rows per chunk; with {} codes each there are between 1 and {most}",
                self.chunk_rows,
                coder.columns()
            )));
        }
        Ok(coder)
    }
}
