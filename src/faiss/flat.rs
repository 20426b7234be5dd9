//! `IndexFlat`: vectors as they are, which here are the codewords of a codebook.

use ndarray::Array2;

use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, shaped};
use super::parts::Parts;
use crate::error::Result;

#[derive(Default)]
pub(super) struct Flat {
    vectors: Vec<f32>,
    rows: usize,
}

impl Flat {
    pub fn of(mut parts: Parts) -> Result<Self> {
        let codebook = parts.take("codebook.0").unwrap_or_default();
        parts.end("IndexFlatL2")?;
        let rows = codebook.nrows();
        Ok(Self { rows, vectors: codebook.iter().copied().collect() })
    }
}

impl Body for Flat {
    fn own_rows(&self) -> Option<usize> {
        Some(self.rows)
    }

    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        self.rows = header.rows;
        at.floats("xb", &mut self.vectors, header.rows.saturating_mul(header.d))
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        let codebook: Array2<f32> = shaped(self.vectors, (header.rows, header.d))?;
        Ok(Parts::new(&format!("VQ{}", header.rows), header.d)?.put_codebooks([codebook]))
    }
}
