//! What codes stand for, as vectors.

use std::ops::Range;

use super::flat::decode;
use super::tables::CodeRows;
use crate::engine::Engine;
use crate::error::Result;
use crate::quantizers::Coder;
use crate::scale::Scale;
use crate::vectors::Vectors;
use ndarray::Array2;

/// Vectors that are decoded as they are read.
pub(super) struct DecodedVectors<'a, R> {
    pub engine: &'a Engine,
    pub coder: Box<dyn Coder>,
    pub codes: CodeRows<R>,
}

impl<R: Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync> Vectors for DecodedVectors<'_, R> {
    fn len(&self) -> usize {
        self.codes.n
    }

    fn dim(&self) -> usize {
        self.coder.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let codes = self.engine.upload(self.codes.read(rows)?.view())?;
        let mut recorder = self.engine.recorder();
        let decoded = decode(self.engine, &*self.coder, &mut recorder, &codes, Scale::ONE)?;
        recorder.submit()?;
        let decoded = decoded.download()?;
        out.iter_mut().zip(&decoded).for_each(|(out, value)| *out = *value);
        Ok(())
    }
}
