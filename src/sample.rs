//! A sample of real embeddings: sentences of a dictionary, whose source `data/README.md` tells.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("wordnet.npy");
//! std::fs::write(&path, wgvq::sample::VECTORS)?;
//! assert_eq!(wgvq::io::open(&path)?.to_array()?.dim(), (6000, 384));
//! # Ok::<(), wgvq::Error>(())
//! ```

/// 6,000 vectors of 384 dimensions, as a file in numpy's format.
pub const VECTORS: &[u8] = include_bytes!("../data/wordnet.npy");

/// More of them, held out.
pub const QUERIES: &[u8] = include_bytes!("../data/wordnet_queries.npy");
