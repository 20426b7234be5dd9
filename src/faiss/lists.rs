//! `IndexIVF`: codes with ids in lists, one for each centroid of a coarse quantizer.

use super::additive::Additive;
use super::chain::Chain;
use super::fields::Fields;
use super::header::Header;
use super::kinds::{Record, TRANSFORMED, called};
use super::parts::Parts;
use super::product::Product;
use super::scalar::Scalar;
use crate::coding::RowBits;
use crate::error::{Error, Result};
use crate::index::PROBES;

/// A kind of index of lists that is read and written.
pub(super) struct Kind {
    fourcc: &'static [u8; 4],
    /// What FAISS calls it.
    pub name: &'static str,
    /// The names of the quantizers that it holds.
    holds: &'static [&'static str],
    order: Order,
    /// The quantizer, to be read.
    empty: fn() -> Box<dyn Record>,
    /// The quantizer, to be written.
    of: fn(Parts) -> Result<Box<dyn Record>>,
}

/// Where the quantizer stands among the fields about its codes.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Whether codes are of residuals, the bytes of a code, the quantizer.
    Last,
    /// The quantizer, the bytes of a code, whether they are of residuals.
    First,
    /// The bytes of a code, the quantizer, whether they are of residuals, and how tables are made.
    Between,
}

static KINDS: [Kind; 6] = [
    Kind {
        fourcc: b"IwPQ",
        name: "IndexIVFPQ",
        holds: &["VQ", "PQ"],
        order: Order::Last,
        empty: || Box::new(Product::default()),
        of: |parts| Ok(Box::new(Product::of(parts)?)),
    },
    Kind {
        fourcc: b"IwSq",
        name: "IndexIVFScalarQuantizer",
        holds: &["SQ"],
        order: Order::First,
        empty: || Box::new(Scalar::default()),
        of: |parts| Ok(Box::new(Scalar::of(parts)?)),
    },
    Kind {
        fourcc: b"IwRQ",
        name: "IndexIVFResidualQuantizer",
        holds: &["RQ"],
        order: Order::Between,
        empty: || Box::new(Additive::residual()),
        of: |parts| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IwLS",
        name: "IndexIVFLocalSearchQuantizer",
        holds: &["LSQ"],
        order: Order::Between,
        empty: || Box::new(Additive::local_search()),
        of: |parts| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IwPR",
        name: "IndexIVFProductResidualQuantizer",
        holds: &["PRQ"],
        order: Order::Between,
        empty: || Box::new(Additive::product_residual()),
        of: |parts| Ok(Box::new(Additive::of(parts)?)),
    },
    Kind {
        fourcc: b"IwPL",
        name: "IndexIVFProductLocalSearchQuantizer",
        holds: &["PLSQ"],
        order: Order::Between,
        empty: || Box::new(Additive::product_local_search()),
        of: |parts| Ok(Box::new(Additive::of(parts)?)),
    },
];

/// The name of the kind of these letters.
pub(super) fn name(letters: [u8; 4]) -> Option<&'static str> {
    KINDS.iter().find(|kind| *kind.fourcc == letters).map(|kind| kind.name)
}

/// An index of lists, but for the codes and ids in them.
pub(super) struct Lists {
    pub kind: &'static Kind,
    pub header: Header,
    /// What is done to vectors before.
    pub chain: Chain,
    /// (lists, d), of what the chain makes of vectors.
    pub centroids: Vec<f32>,
    pub quantizer: Box<dyn Record>,
    /// Whether codes are of what the centroid leaves.
    pub residual: bool,
    /// The rows of each list.
    pub sizes: Vec<usize>,
}

/// FAISS's numbers of the inner product among the metrics.
pub(super) const INNER_PRODUCT: i32 = 0;

/// The letters of lists that lie in the file itself, and of how their lengths are told: all of them, or of those that are not empty.
const ARRAYS: &[u8; 4] = b"ilar";
const FULL: &[u8; 4] = b"full";
const SPARSE: &[u8; 4] = b"sprs";

/// Bytes of an id.
pub(super) const ID_BYTES: u64 = 8;

/// Lists, at most, so that products of them stay within 64 bits.
const MOST_LISTS: u64 = 1 << 32;

impl Lists {
    /// One of the quantizer, without lists yet.
    pub fn of(parts: Parts, chain: Chain) -> Result<Self> {
        let (name, d) = (parts.spec.kind().name, parts.dim);
        let Some(kind) = KINDS.iter().find(|kind| kind.holds.contains(&name)) else {
            let held: Vec<_> = KINDS.iter().flat_map(|kind| kind.holds).copied().collect();
            return Err(Error::input(format!(
                "{}: FAISS has no lists of such codes; it has those of {}, also behind OPQ and RR",
                parts.spec,
                held.join(", ")
            )));
        };
        let (header, quantizer) = (Header { d, rows: 0 }, (kind.of)(parts)?);
        Ok(Self { kind, header, chain, centroids: Vec::new(), quantizer, residual: false, sizes: Vec::new() })
    }

    /// Reads one; and where the codes and ids of the lists begin.
    pub fn read(at: &mut Fields<'_>) -> Result<(Self, u64)> {
        let mut letters = [0; 4];
        at.letters(&mut letters)?;
        let (mut chain, mut around) = (Chain::default(), None);
        if letters == *TRANSFORMED {
            at.record("IndexPreTransform");
            let mut header = Header::default();
            header.fields(at)?;
            chain.fields(header.d, at)?;
            if at.metric() == Some(INNER_PRODUCT) && (chain.unit || !chain.offset.is_empty()) {
                let why =
                    "moves or scales vectors before inner products, which are then not those of the vectors";
                return Err(at.wrong("chain", why));
            }
            around = Some(header);
            at.letters(&mut letters)?;
        }
        let Some(kind) = KINDS.iter().find(|kind| *kind.fourcc == letters) else {
            let read: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            let why = format!("is {}; an index is made of {}", called(letters), read.join(", "));
            return Err(at.wrong("fourcc", why));
        };
        let mut lists = Self {
            kind,
            header: Header::default(),
            chain,
            centroids: Vec::new(),
            quantizer: (kind.empty)(),
            residual: false,
            sizes: Vec::new(),
        };
        at.record(kind.name);
        lists.header.fields(at)?;
        if let Some(around) = around {
            around.expect_same(lists.header, at)?;
        }
        let start = lists.rest(at)?;
        Ok((lists, start))
    }

    /// Writes it, up to where the codes and ids of the lists begin.
    pub fn write(&mut self, at: &mut Fields<'_>) -> Result<()> {
        if !self.chain.is_empty() {
            at.letters(&mut TRANSFORMED.clone())?;
            at.record("IndexPreTransform");
            self.header.fields(at)?;
            self.chain.fields(self.header.d, at)?;
        }
        at.letters(&mut self.kind.fourcc.clone())?;
        at.record(self.kind.name);
        self.header.fields(at)?;
        self.rest(at).map(drop)
    }

    /// How codes lie.
    pub fn bits(&self) -> RowBits {
        self.quantizer.bits(self.header.d)
    }

    /// The fields behind the header; where the codes and ids begin.
    fn rest(&mut self, at: &mut Fields<'_>) -> Result<u64> {
        let mut count = self.sizes.len() as u64;
        at.count("nlist", &mut count, 1, MOST_LISTS)?;
        // As many as are looked into here, if nothing is said.
        at.kept("nprobe", count.min(PROBES as u64))?;
        self.coarse(count, at)?;
        at.record(self.kind.name);
        direct_map(at)?;
        let mut size = self.bits().row_bytes() as u64;
        if self.kind.order == Order::Last {
            self.by_residual(at)?;
        }
        if self.kind.order != Order::First {
            at.number("code_size", &mut size)?;
        }
        self.quantizer.record(self.header.d, at)?;
        at.record(self.kind.name);
        let bytes = self.bits().row_bytes() as u64;
        if self.kind.order == Order::First {
            at.expect("code_size", bytes)?;
        } else if size != bytes {
            return Err(
                at.wrong("quantizer", format!("has codes of {bytes} bytes; code_size before it is {size}"))
            );
        }
        if self.kind.order != Order::Last {
            self.by_residual(at)?;
        }
        if self.kind.order == Order::Between {
            at.kept("use_precomputed_table", 0_i32)?;
        }
        self.lists(count, bytes, at)
    }

    fn by_residual(&mut self, at: &mut Fields<'_>) -> Result<()> {
        let mut is = u8::from(self.residual);
        at.number("by_residual", &mut is)?;
        if is > 1 {
            return Err(at.wrong("by_residual", format!("is {is}; it has to be 0 or 1")));
        }
        self.residual = is == 1;
        Ok(())
    }

    /// The coarse quantizer: centroids as they are.
    fn coarse(&mut self, count: u64, at: &mut Fields<'_>) -> Result<()> {
        let (wanted, name) = match at.metric() {
            Some(INNER_PRODUCT) => (b"IxFI", "IndexFlatIP"),
            _ => (b"IxF2", "IndexFlatL2"),
        };
        let mut letters = *wanted;
        at.letters(&mut letters)?;
        if letters != *wanted {
            let why = format!(
                "is {}; the coarse quantizer has to be that of {name}, by the metric of the index",
                called(letters)
            );
            return Err(at.wrong("quantizer", why));
        }
        at.record(name);
        let own = Header { d: self.header.d, rows: count as usize };
        let mut header = own;
        header.fields(at)?;
        own.expect_same(header, at)?;
        at.floats("xb", &mut self.centroids, own.rows.saturating_mul(own.d))
    }

    /// The lengths of the lists; where the codes and ids begin.
    fn lists(&mut self, count: u64, bytes: u64, at: &mut Fields<'_>) -> Result<u64> {
        let mut letters = *ARRAYS;
        at.letters(&mut letters)?;
        if letters != *ARRAYS {
            let letters = letters.escape_ascii();
            let why = format!("are '{letters}', not in the file as arrays ('ilar'); let FAISS write them so");
            return Err(at.wrong("invlists", why));
        }
        at.record("ArrayInvertedLists");
        at.expect("nlist", count)?;
        at.expect("code_size", bytes)?;
        let filled: Vec<_> = (0_u64..).zip(&self.sizes).filter(|(_, size)| **size > 0).collect();
        // FAISS does so.
        let mut letters = if filled.len() as u64 > count / 2 { *FULL } else { *SPARSE };
        at.letters(&mut letters)?;
        let mut numbers: Vec<u64> = match &letters {
            FULL => self.sizes.iter().map(|&size| size as u64).collect(),
            SPARSE => filled.into_iter().flat_map(|(list, &size)| [list, size as u64]).collect(),
            _ => {
                let letters = letters.escape_ascii();
                return Err(at.wrong("list_type", format!("is '{letters}'; 'full' and 'sprs' are known")));
            }
        };
        at.numbers("sizes", &mut numbers)?;
        let rows = match &letters == FULL {
            true => self.take_sizes(count, (0..).zip(numbers.iter().copied()), numbers.len() as u64 == count),
            false => {
                let (pairs, rest) = numbers.as_chunks::<2>();
                let ascend = pairs.is_sorted_by(|one, other| one[0] < other[0]);
                self.take_sizes(
                    count,
                    pairs.iter().map(|&[list, size]| (list, size)),
                    rest.is_empty() && ascend,
                )
            }
        };
        let Some(rows) = rows else {
            return Err(at.wrong("sizes", format!("are not those of {count} lists")));
        };
        if rows != self.header.rows as u64 {
            let total = self.header.rows;
            return Err(at.wrong("sizes", format!("add up to {rows} vectors; the index says it has {total}")));
        }
        at.pass("lists", rows.saturating_mul(bytes + ID_BYTES))
    }

    /// Takes the lengths of lists, if they fit; how many rows these are.
    fn take_sizes(&mut self, count: u64, found: impl Iterator<Item = (u64, u64)>, fits: bool) -> Option<u64> {
        if !fits {
            return None;
        }
        let mut sizes = vec![0; count as usize];
        let mut rows = 0_u64;
        for (list, size) in found {
            *sizes.get_mut(usize::try_from(list).ok()?)? = usize::try_from(size).ok()?;
            rows = rows.checked_add(size)?;
        }
        self.sizes = sizes;
        Some(rows)
    }
}

/// Where each id is, which follows from the lists: it is passed over, and none is written.
fn direct_map(at: &mut Fields<'_>) -> Result<()> {
    let mut map = 0_u8;
    at.number("direct_map", &mut map)?;
    if map > 2 {
        return Err(at.wrong("direct_map", format!("is {map}; it has to be 0 to 2")));
    }
    at.skip("direct_map", ID_BYTES)?;
    if map == 2 {
        at.skip("direct_map", 2 * ID_BYTES)?;
    }
    Ok(())
}
