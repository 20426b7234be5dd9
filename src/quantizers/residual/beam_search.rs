//! Residual quantization that keeps the best partial sums at every stage.

use ndarray::Array2;

use super::{StageSink, Stages};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::Result;
use crate::kernels::beam_step::{Beam, Candidates};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::ops::Op;
use crate::quantizers::Coder;
use crate::quantizers::codes::check_recorded;
use crate::quantizers::stack::{self, Stack};

pub(super) struct BeamSearch {
    stages: Vec<Stage>,
    /// What is taken off the vectors and the first codebook, (1, d).
    mean: Matrix<f32>,
    stack: Stack,
}

struct Stage {
    codebook: Codebook,
    /// Inner products of the codewords of the stages before with this one's.
    gram: Matrix<f32>,
    /// Entries that are kept after this stage.
    width: usize,
}

impl BeamSearch {
    pub fn new(engine: &Engine, codebooks: &[Array2<f32>], beam: usize) -> Result<Self> {
        let (mut stages, mut before, mut width) = (Vec::new(), 0, 1_usize);
        for codebook in codebooks {
            let (k, d) = codebook.dim();
            width = width.saturating_mul(k).min(beam);
            stages.push(Stage {
                codebook: Codebook::from_matrix(engine.uninitialized(k, d)?, Metric::SquaredL2)?,
                // The first stage extends the empty tuple, which has no inner products.
                gram: stack::table(engine, if before == 0 { k } else { before }, k)?,
                width,
            });
            before += k;
        }
        let mean = engine.uninitialized(1, codebooks[0].ncols())?;
        let mut search = Self { stages, mean, stack: Stack::new(engine, codebooks)? };
        let there = codebooks.iter().map(|codebook| engine.upload(codebook.view()));
        let there = there.collect::<Result<Vec<_>>>()?;
        let mut recorder = engine.recorder();
        search.record_codebooks(&mut recorder, &there.iter().collect::<Vec<_>>())?;
        recorder.submit()?;
        Ok(search)
    }

    /// Calls `each` with the beam after every stage; the last one is the result.
    fn record(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        mut each: impl FnMut(&mut Recorder<'_>, usize, &Beam) -> Result<()>,
    ) -> Result<Beam> {
        let engine = recorder.engine().clone();
        let mut centred = engine.uninitialized(x.rows(), x.cols())?;
        recorder.elementwise(Op::Sub, x, &self.mean, &mut centred)?;
        let mut beam: Option<Beam> = None;
        for (j, stage) in self.stages.iter().enumerate() {
            let mut scores = engine.uninitialized(x.rows(), stage.codebook.k())?;
            recorder.scores(&centred, &stage.codebook, &mut scores)?;
            let candidates =
                Candidates { scores: &scores, gram: &stage.gram, first: self.stack.offset(j), group: 0 };
            let mut next = Beam::new(&engine, x.rows(), stage.width, j + 1)?;
            recorder.beam_step(beam.as_ref(), &candidates, &mut next)?;
            each(recorder, j, &next)?;
            beam = Some(next);
        }
        Ok(beam.expect("there is a stage"))
    }

    /// The codes of the best of `beam`, and how far they are from `x`.
    fn record_best(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        beam: &Beam,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.beam_codes(beam, self.stack.offsets(codes.cols()), codes)?;
        self.stack.record_distances(recorder, x, codes, distances)
    }
}

impl Stages for BeamSearch {
    fn record_stages(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        each: &mut StageSink<'_>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut distances = engine.uninitialized(x.rows(), 1)?;
        self.record(recorder, x, |recorder, j, beam| {
            let mut codes = engine.uninitialized(x.rows(), j + 1)?;
            self.record_best(recorder, x, beam, &mut codes, &mut distances)?;
            each(recorder, j, &codes, &distances)
        })?;
        Ok(())
    }
}

impl Coder for BeamSearch {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let beam = self.record(recorder, x, |_, _, _| Ok(()))?;
        self.record_best(recorder, x, &beam, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn record_codebooks(&mut self, recorder: &mut Recorder<'_>, codebooks: &[&Matrix<f32>]) -> Result<()> {
        let engine = recorder.engine().clone();
        self.stack.record_codebooks(recorder, codebooks)?;
        for (j, codebook) in codebooks.iter().enumerate() {
            let (done, stages) = self.stages.split_at_mut(j);
            let stage = &mut stages[0];
            if j == 0 {
                // The first codebook holds the data's place; the others are corrections about 0 already.
                stack::record_centred(recorder, codebook, stage.codebook.codewords_mut(), &mut self.mean)?;
                recorder.fill(&mut stage.gram, 0.0)?;
            } else {
                recorder.copy(codebook, stage.codebook.codewords_mut())?;
                let mut before = engine.uninitialized(self.stack.offset(j), codebook.cols())?;
                for (i, stage) in done.iter().enumerate() {
                    recorder.copy_rows(stage.codebook.codewords(), &mut before, self.stack.offset(i))?;
                }
                recorder.matmul_transposed(&before, stage.codebook.codewords(), &mut stage.gram)?;
            }
            recorder.prepare_codebook(&mut stage.codebook)?;
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        let scores = self.stages.iter().map(|stage| stage.codebook.k()).max().unwrap_or(0);
        let entries = self.stages.iter().map(|stage| stage.width).max().unwrap_or(0);
        4 * (2 * self.dim() + scores + 2 * entries * (self.stages.len() + 1))
    }
}
