//! Quantizers whose codewords add up: `IndexResidualQuantizer`, `IndexLocalSearchQuantizer`, and products of either.

use ndarray::Array2;
use serde_json::json;

use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, Record, shaped};
use super::parts::{Parts, bits_of};
use crate::coding::RowBits;
use crate::error::{Error, Result};

/// How codes are searched for.
#[derive(Clone, Copy, PartialEq)]
enum Search {
    Residual,
    Local,
}

/// An index of parts, each the sum of codewords; one part is the whole.
pub(super) struct Additive {
    search: Search,
    is_product: bool,
    codebooks: Codebooks,
    parts: usize,
    /// The width of the beam, or rounds of local search.
    effort: u64,
}

/// The record `AdditiveQuantizer`: codebooks (2^bits, width) of which all are in one array.
#[derive(Clone, Default)]
struct Codebooks {
    bits: Vec<u32>,
    values: Vec<f32>,
    width: usize,
    /// Bits behind the codes of a vector, for its norm.
    norm_bits: u32,
}

/// The bits of a norm by the number of its `search_type`.
const NORM_BITS: [u32; 10] = [0, 0, 0, 32, 8, 4, 8, 4, 8, 8];

/// The search types whose norms have a quantizer of their own, and of these the ones with tables.
const NORMS_QUANTIZED: [i32; 4] = [6, 7, 8, 9];
const NORMS_TABLED: [i32; 2] = [8, 9];

/// Codebooks and bits, at most.
const MOST_CODEBOOKS: u64 = 4096;
const MOST_BITS: u64 = 16;

/// What FAISS searches with by itself.
const USUAL_BEAM: u64 = 5;
const USUAL_ROUNDS: u64 = 16;

/// What is searched with here, at most.
const MOST_BEAM: u64 = 128;
const MOST_ROUNDS: u64 = 1024;

impl Additive {
    pub fn residual() -> Self {
        Self::empty(Search::Residual, false)
    }

    pub fn local_search() -> Self {
        Self::empty(Search::Local, false)
    }

    pub fn product_residual() -> Self {
        Self::empty(Search::Residual, true)
    }

    pub fn product_local_search() -> Self {
        Self::empty(Search::Local, true)
    }

    fn empty(search: Search, is_product: bool) -> Self {
        Self { search, is_product, codebooks: Codebooks::default(), parts: 1, effort: 0 }
    }

    pub fn of(mut parts: Parts) -> Result<Self> {
        let kind = parts.spec.kind().name;
        let search = if kind.ends_with("LSQ") { Search::Local } else { Search::Residual };
        let is_product = kind.starts_with('P');
        let codebooks = parts.take_codebooks();
        let beam = parts.take_count("beam").unwrap_or(USUAL_BEAM);
        let rounds = parts.take_count("local_search").unwrap_or(USUAL_ROUNDS);
        parts.end(&format!("index of {kind}"))?;
        let width = codebooks.first().map_or(0, Array2::ncols);
        if codebooks.iter().any(|codebook| codebook.ncols() != width) {
            return Err(Error::input(format!(
                "{}: its parts are of uneven length; those of FAISS are even",
                parts.spec
            )));
        }
        Ok(Self {
            search,
            is_product,
            parts: parts.dim / width.max(1),
            effort: if search == Search::Local { rounds } else { beam },
            codebooks: Codebooks {
                bits: bits_of(&parts.spec, &codebooks)?,
                values: codebooks.iter().flatten().copied().collect(),
                width,
                norm_bits: 0,
            },
        })
    }

    /// What stands behind the codebooks of a quantizer that is searched.
    fn search_fields(&mut self, at: &mut Fields<'_>) -> Result<()> {
        match self.search {
            Search::Residual => {
                at.kept("train_type", 1_i32)?;
                let mut beam = self.effort as i32;
                at.number("max_beam_size", &mut beam)?;
                if beam < 1 {
                    return Err(at.wrong("max_beam_size", format!("is {beam}; it has to be 1 or more")));
                }
                self.effort = beam as u64;
            }
            Search::Local => {
                at.expect("K", self.codebooks.bits.first().map_or(0, |&bits| 1_u64 << bits))?;
                at.kept("train_iters", 25_u64)?;
                at.count("encode_ils_iters", &mut self.effort, 1, u64::MAX)?;
                at.kept("train_ils_iters", 8_u64)?;
                at.kept("icm_iters", 4_u64)?;
                at.kept("p", 0.5_f32)?;
                at.kept("lambd", 1e-2_f32)?;
                at.kept("chunk_size", 10_000_u64)?;
                at.kept("random_seed", 0x12345_i32)?;
                let m = self.codebooks.bits.len() / self.parts.max(1);
                at.kept("nperts", m.min(4) as u64)?;
                at.kept("update_codebooks_with_double", 1_u8)?;
            }
        }
        Ok(())
    }

    fn part(&self, part: usize) -> Codebooks {
        let own = self.codebooks.bits.len() / self.parts;
        let bits = &self.codebooks.bits[part * own..(part + 1) * own];
        let size = |bits: &[u32]| bits.iter().map(|&bits| self.codebooks.width << bits).sum::<usize>();
        let start = size(&self.codebooks.bits[..part * own]);
        let values = self.codebooks.values[start..start + size(bits)].to_vec();
        Codebooks { bits: bits.to_vec(), values, width: self.codebooks.width, norm_bits: 0 }
    }
}

impl Codebooks {
    /// The fields of codebooks for vectors of `d` dimensions, of which each is that of a `d / width` part.
    fn fields(&mut self, d: usize, at: &mut Fields<'_>) -> Result<()> {
        at.expect("d", d as u64)?;
        let mut m = self.bits.len() as u64;
        at.count("M", &mut m, 1, MOST_CODEBOOKS)?;
        at.expect("nbits", m)?;
        self.bits.resize(m as usize, 0);
        for bits in &mut self.bits {
            let mut found = u64::from(*bits);
            at.count("nbits", &mut found, 1, MOST_BITS)?;
            *bits = found as u32;
        }
        at.expect("is_trained", 1_u8)?;
        let codewords: usize = self.bits.iter().map(|&bits| 1_usize << bits).sum();
        let mut count = self.values.len() as u64;
        at.number("codebooks", &mut count)?;
        let width = count as usize / codewords;
        if count != (codewords * width) as u64 || width == 0 || !d.is_multiple_of(width) {
            let why = format!(
                "has {count} numbers; {codewords} codewords of {d} dimensions, or of a part of them, take others"
            );
            return Err(at.wrong("codebooks", why));
        }
        self.width = width;
        at.floats_alone("codebooks", &mut self.values, count as usize)?;
        let mut search_type = 0_i32;
        at.number("search_type", &mut search_type)?;
        let known = usize::try_from(search_type).ok().and_then(|known| NORM_BITS.get(known));
        self.norm_bits =
            *known.ok_or_else(|| at.wrong("search_type", format!("is {search_type}; 0 to 9 are known")))?;
        at.kept("norm_min", f32::NAN)?;
        at.kept("norm_max", f32::NAN)?;
        if NORMS_QUANTIZED.contains(&search_type) {
            at.skip("qnorm", 4)?;
        }
        if NORMS_TABLED.contains(&search_type) {
            at.skip("norm_tabs", 4)?;
        }
        Ok(())
    }
}

impl Record for Additive {
    fn record(&mut self, dim: usize, at: &mut Fields<'_>) -> Result<()> {
        at.record("AdditiveQuantizer");
        self.codebooks.fields(dim, at)?;
        let parts = dim / self.codebooks.width;
        if !self.is_product && parts != 1 {
            let why = format!("are of {} dimensions; it has to be {dim}", self.codebooks.width);
            return Err(at.wrong("codebooks", why));
        }
        self.parts = parts;
        if self.is_product {
            at.expect("nsplits", parts as u64)?;
            if !self.codebooks.bits.len().is_multiple_of(parts) {
                let m = self.codebooks.bits.len();
                return Err(
                    at.wrong("nsplits", format!("is {parts}, which does not divide the {m} codebooks"))
                );
            }
            for part in 0..parts {
                at.record(format!("quantizers[{part}]"));
                let whole = self.part(part);
                let mut own = whole.clone();
                own.fields(self.codebooks.width, at)?;
                if (&own.bits, &own.values) != (&whole.bits, &whole.values) {
                    return Err(at.wrong("codebooks", "are not those of the whole index"));
                }
                let before = self.effort;
                self.search_fields(at)?;
                if part > 0 && self.effort != before {
                    let why = format!("searches with {}, and the part before with {before}", self.effort);
                    return Err(at.wrong("search", why));
                }
            }
        } else {
            self.search_fields(at)?;
        }
        Ok(())
    }

    fn bits(&self, _: usize) -> RowBits {
        let sizes = self.codebooks.bits.iter().map(|&bits| 1 << bits).collect();
        RowBits::new(sizes).with_behind(self.codebooks.norm_bits)
    }

    fn quantizer(self: Box<Self>, dim: usize) -> Result<Parts> {
        let Codebooks { bits, values, width, .. } = &self.codebooks;
        let (b, own) = (bits[0], bits.len() / self.parts);
        let is_even = bits.iter().all(|&other| other == b);
        let spec = match (self.search, self.is_product) {
            (Search::Residual, false) => {
                let stages: Vec<_> = bits.iter().map(|bits| format!("1x{bits}")).collect();
                format!("RQ{}", stages.join("+"))
            }
            _ if !is_even => {
                return Err(Error::input(format!(
                    "its codebooks have {bits:?} bits; only those of an IndexResidualQuantizer can be of different sizes"
                )));
            }
            (Search::Local, false) => format!("LSQ{own}x{b}"),
            (Search::Residual, true) => format!("PRQ{}x{own}x{b}", self.parts),
            (Search::Local, true) => format!("PLSQ{}x{own}x{b}", self.parts),
        };
        let mut left = &values[..];
        let mut codebooks = Vec::with_capacity(bits.len());
        for &bits in bits {
            let (own, rest) = left.split_at(width << bits);
            codebooks.push(shaped(own.to_vec(), (1 << bits, *width))?);
            left = rest;
        }
        let parts = Parts::new(&spec, dim)?.put_codebooks(codebooks);
        let (setting, most) = match self.search {
            Search::Residual => ("beam", MOST_BEAM),
            Search::Local => ("local_search", MOST_ROUNDS),
        };
        if self.effort > most {
            log::warn!(
                "FAISS searches with {} for its {setting}; the model has {most}, the most there is here",
                self.effort
            );
        }
        // Local search starts from a beam here, of which FAISS has none.
        let parts = parts.with("beam", json!(USUAL_BEAM));
        Ok(parts.with(setting, json!(self.effort.min(most))))
    }
}

impl Body for Additive {
    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        self.record(header.d, at)?;
        let bits = self.bits(header.d);
        at.record("IndexAdditiveQuantizer");
        at.expect("code_size", bits.row_bytes() as u64)?;
        at.codes("codes", header.rows, bits)
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        self.quantizer(header.d)
    }
}
