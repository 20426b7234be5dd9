//! `IndexPQ`: a codebook for each part of the dimensions.

use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, Record, shaped};
use super::parts::{Parts, bits_of};
use crate::coding::RowBits;
use crate::error::{Error, Result};

/// M codebooks (2^bits, d / M), one after the other.
#[derive(Default)]
pub(super) struct Product {
    parts: u64,
    bits: u64,
    centroids: Vec<f32>,
}

/// The most bits that a code has in FAISS.
const MOST_BITS: u64 = 24;

impl Product {
    pub fn of(mut parts: Parts) -> Result<Self> {
        let codebooks = parts.take_codebooks();
        parts.end("IndexPQ")?;
        let bits = bits_of(&parts.spec, &codebooks)?;
        if !parts.dim.is_multiple_of(codebooks.len().max(1)) {
            let (spec, m, d) = (&parts.spec, codebooks.len(), parts.dim);
            return Err(Error::input(format!(
                "{spec}: {m} parts of {d} dimensions are of uneven length; those of FAISS are even"
            )));
        }
        Ok(Self {
            parts: codebooks.len() as u64,
            bits: u64::from(bits.first().copied().unwrap_or_default()),
            centroids: codebooks.iter().flatten().copied().collect(),
        })
    }
}

impl Record for Product {
    fn record(&mut self, dim: usize, at: &mut Fields<'_>) -> Result<()> {
        let d = dim as u64;
        at.record("ProductQuantizer");
        at.expect("d", d)?;
        at.count("M", &mut self.parts, 1, d)?;
        if !d.is_multiple_of(self.parts) {
            return Err(at.wrong("M", format!("is {}, which does not divide the {d} dimensions", self.parts)));
        }
        at.count("nbits", &mut self.bits, 1, MOST_BITS)?;
        at.floats("centroids", &mut self.centroids, dim << self.bits)
    }

    fn bits(&self, _: usize) -> RowBits {
        RowBits::new(vec![1 << self.bits; self.parts as usize])
    }

    fn quantizer(self: Box<Self>, dim: usize) -> Result<Parts> {
        let (m, k) = (self.parts as usize, 1_usize << self.bits);
        let spec = match m {
            1 => format!("VQ{k}"),
            _ => format!("PQ{m}x{}", self.bits),
        };
        let width = dim / m;
        let codebooks = self.centroids.chunks_exact(k * width);
        let codebooks = codebooks.map(|codebook| shaped(codebook.to_vec(), (k, width)));
        Ok(Parts::new(&spec, dim)?.put_codebooks(codebooks.collect::<Result<Vec<_>>>()?))
    }
}

impl Body for Product {
    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        self.record(header.d, at)?;
        at.record("IndexPQ");
        at.codes("codes", header.rows, self.bits(header.d))?;
        at.kept("search_type", 0_i32)?;
        at.kept("encode_signs", 0_u8)?;
        // As far apart as two codes can be, and one more: all of them are looked at.
        at.kept("polysemous_ht", (self.parts * self.bits + 1) as i32)
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        self.quantizer(header.d)
    }
}
