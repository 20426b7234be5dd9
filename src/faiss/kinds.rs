//! The kinds of index: which letters they begin with, and which quantizers they hold.

use ndarray::Array2;

use super::additive::Additive;
use super::fields::Fields;
use super::flat::Flat;
use super::header::Header;
use super::lists;
use super::parts::Parts;
use super::product::Product;
use super::scalar::Scalar;
use super::transform::Transformed;
use crate::coding::RowBits;
use crate::error::{Error, Result};

/// A kind of index that is read and written.
pub(super) struct Kind {
    pub fourcc: &'static [u8; 4],
    /// What FAISS calls it.
    pub name: &'static str,
    /// The names of the quantizers that it holds.
    holds: &'static [&'static str],
    /// Whether it holds codes of vectors, and not vectors.
    takes_codes: bool,
    /// One to be read.
    empty: fn() -> Box<dyn Body>,
    /// One to be written, of a quantizer; with codes if the second says so.
    of: fn(Parts, Option<usize>) -> Result<Box<dyn Body>>,
}

/// What an index has behind its header.
pub(super) trait Body {
    /// The vectors that it has of itself.
    fn own_rows(&self) -> Option<usize> {
        None
    }

    /// Goes over its fields, to read or to write them.
    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()>;

    /// The quantizer, once it was read.
    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts>;
}

/// The record of a quantizer, which stands in an index of codes and in one of lists of codes.
pub(super) trait Record {
    /// Goes over its fields, for vectors of `dim` dimensions.
    fn record(&mut self, dim: usize, at: &mut Fields<'_>) -> Result<()>;

    /// How the codes of such vectors lie.
    fn bits(&self, dim: usize) -> RowBits;

    /// The quantizer, once it was read.
    fn quantizer(self: Box<Self>, dim: usize) -> Result<Parts>;
}

static KINDS: [Kind; 8] = [
    Kind {
        fourcc: b"IxF2",
        name: "IndexFlatL2",
        holds: &["VQ"],
        takes_codes: false,
        empty: || Box::new(Flat::default()),
        of: |parts, _| Ok(Box::new(Flat::of(parts)?)),
    },
    Kind {
        fourcc: b"IxPq",
        name: "IndexPQ",
        holds: &["VQ", "PQ"],
        takes_codes: true,
        empty: || Box::new(Product::default()),
        of: |parts, _| Ok(Box::new(Product::of(parts)?)),
    },
    Kind {
        fourcc: b"IxRq",
        name: "IndexResidualQuantizer",
        holds: &["RQ"],
        takes_codes: true,
        empty: || Box::new(Additive::residual()),
        of: |parts, _| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IxLS",
        name: "IndexLocalSearchQuantizer",
        holds: &["LSQ"],
        takes_codes: true,
        empty: || Box::new(Additive::local_search()),
        of: |parts, _| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IxPR",
        name: "IndexProductResidualQuantizer",
        holds: &["PRQ"],
        takes_codes: true,
        empty: || Box::new(Additive::product_residual()),
        of: |parts, _| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IxPL",
        name: "IndexProductLocalSearchQuantizer",
        holds: &["PLSQ"],
        takes_codes: true,
        empty: || Box::new(Additive::product_local_search()),
        of: |parts, _| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IxSQ",
        name: "IndexScalarQuantizer",
        holds: &["SQ"],
        takes_codes: true,
        empty: || Box::new(Scalar::default()),
        of: |parts, _| Ok(Box::new(Scalar::of(parts)?)),
    },
    Kind {
        fourcc: TRANSFORMED,
        name: "IndexPreTransform",
        holds: &["OPQ", "RR"],
        takes_codes: true,
        empty: || Box::new(Transformed::default()),
        of: Transformed::of,
    },
];

/// The letters of an index behind a transform of its vectors.
pub(super) const TRANSFORMED: &[u8; 4] = b"IxPT";

/// Kinds that FAISS has besides, for messages: letters, name, and what would do instead.
const OTHERS: [(&[u8; 4], &str, &str); 35] = [
    (b"IxFI", "IndexFlatIP", FLAT_IP),
    (b"IxFl", "IndexFlat", REWRITE),
    (b"IxPQ", "IndexPQ of an old version", REWRITE),
    (b"IxPo", "IndexPQ of an old version", REWRITE),
    (b"IxRQ", "IndexResidualQuantizer of an old version", REWRITE),
    (b"IxMp", "IndexIDMap", INNER),
    (b"IxM2", "IndexIDMap2", INNER),
    (b"IxRF", "IndexRefine", INNER),
    (b"IxHe", "IndexLSH", ""),
    (b"IxHE", "IndexLSH", ""),
    (b"IxLa", "IndexLattice", ""),
    (b"Ix2L", "Index2Layer", ""),
    (b"Imiq", "MultiIndexQuantizer", ""),
    (b"ImRQ", "ResidualCoarseQuantizer", ""),
    (b"IwFl", "IndexIVFFlat", VECTORS),
    (b"IwQR", "IndexIVFPQR", ""),
    (b"IwPf", "IndexIVFPQFastScan", FAST_SCAN),
    (b"IVRf", "IndexIVFResidualQuantizerFastScan", FAST_SCAN),
    (b"IVLf", "IndexIVFLocalSearchQuantizerFastScan", FAST_SCAN),
    (b"NPRf", "IndexIVFProductResidualQuantizerFastScan", FAST_SCAN),
    (b"NPLf", "IndexIVFProductLocalSearchQuantizerFastScan", FAST_SCAN),
    (b"IwSh", "IndexIVFSpectralHash", ""),
    (b"IPfs", "IndexPQFastScan", FAST_SCAN),
    (b"IRfs", "IndexResidualQuantizerFastScan", FAST_SCAN),
    (b"ILfs", "IndexLocalSearchQuantizerFastScan", FAST_SCAN),
    (b"IPRf", "IndexProductResidualQuantizerFastScan", FAST_SCAN),
    (b"IPLf", "IndexProductLocalSearchQuantizerFastScan", FAST_SCAN),
    (b"IHNf", "IndexHNSWFlat", ""),
    (b"IHNp", "IndexHNSWPQ", ""),
    (b"IHNs", "IndexHNSWSQ", ""),
    (b"INSf", "IndexNSGFlat", ""),
    (b"Ixrq", "IndexRaBitQ", ""),
    (b"Iwrq", "IndexIVFRaBitQ", ""),
    (b"IBxF", "IndexBinaryFlat", ""),
    (b"IBwF", "IndexBinaryIVF", ""),
];

const FLAT_IP: &str = "; a codebook is of the nearest codeword by L2";
const REWRITE: &str = "; let FAISS of today read and write it";
const INNER: &str = "; write the index inside it";
const VECTORS: &str = "; its lists hold vectors, not codes: build an index of these";
const FAST_SCAN: &str = "; write the index that it was made from";

/// A whole index: its letters, its header and what follows.
pub(super) struct Index {
    pub kind: &'static Kind,
    pub header: Header,
    pub body: Box<dyn Body>,
}

impl Index {
    /// Reads one; behind a transform another transform is refused.
    pub fn read(at: &mut Fields<'_>, is_inner: bool) -> Result<Self> {
        let mut letters = [0; 4];
        at.letters(&mut letters)?;
        let kind = KINDS.iter().find(|kind| *kind.fourcc == letters);
        let kind = kind.ok_or_else(|| unknown(at, letters))?;
        if is_inner && kind.fourcc == TRANSFORMED {
            return Err(
                at.wrong("fourcc", "is that of a transform, behind a transform; one rotation is read")
            );
        }
        let mut index = Self { kind, header: Header::default(), body: (kind.empty)() };
        index.rest(at)?;
        Ok(index)
    }

    /// One of the quantizer, with codes of so many vectors if there are any.
    pub fn of(parts: Parts, rows: Option<usize>) -> Result<Self> {
        let name = parts.spec.kind().name;
        let fits = |kind: &&Kind| kind.holds.contains(&name) && (kind.takes_codes || rows.is_none());
        let Some(kind) = KINDS.iter().find(fits) else {
            let mut held: Vec<_> = KINDS.iter().flat_map(|kind| kind.holds).copied().collect();
            held.dedup();
            return Err(Error::input(format!(
                "{}: FAISS has no such quantizer; it has those of {}",
                parts.spec,
                held.join(", ")
            )));
        };
        let d = parts.dim;
        let body = (kind.of)(parts, rows)?;
        let rows = body.own_rows().or(rows).unwrap_or_default();
        Ok(Self { kind, header: Header { d, rows }, body })
    }

    /// Writes it.
    pub fn write(&mut self, at: &mut Fields<'_>) -> Result<()> {
        let mut letters = *self.kind.fourcc;
        at.letters(&mut letters)?;
        self.rest(at)
    }

    fn rest(&mut self, at: &mut Fields<'_>) -> Result<()> {
        at.record(self.kind.name);
        self.header.fields(at)?;
        self.body.fields(self.header, at)
    }

    /// The quantizer, once it was read.
    pub fn into_parts(self) -> Result<Parts> {
        self.body.into_parts(self.header)
    }
}

/// The error for letters that are not in the table.
fn unknown(at: &Fields<'_>, letters: [u8; 4]) -> Error {
    let read: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    at.wrong("fourcc", format!("is {}; what is read is {}", called(letters), read.join(", ")))
}

/// What FAISS calls an index of these letters, and what to do with it that is not done here.
pub(super) fn called(letters: [u8; 4]) -> String {
    if let Some((_, name, instead)) = OTHERS.iter().find(|(fourcc, ..)| **fourcc == letters) {
        return format!("that of {name}{instead}");
    }
    if let Some(name) = lists::name(letters) {
        return format!("that of {name}, whose lists become an index of wgvq, NAME.wgvqi");
    }
    match KINDS.iter().find(|kind| *kind.fourcc == letters) {
        Some(kind) => format!("that of {}", kind.name),
        None => format!("'{}', no index that is known", letters.escape_ascii()),
    }
}

/// `values` as a matrix; the fields have seen that there are as many.
pub(super) fn shaped(values: Vec<f32>, shape: (usize, usize)) -> Result<Array2<f32>> {
    Array2::from_shape_vec(shape, values).map_err(|error| Error::input(error.to_string()))
}
