//! Residual vector quantization: every stage quantizes what the stages before left over.

mod beam_search;
mod builder;
mod greedy;
mod spec;
mod variable_rate;

pub use builder::{ResidualBuilder, StageBits};
pub(super) use spec::{BEAM, KIND, MAX_ERROR, REFINE, ResidualSpec, of_bits};

use ndarray::{Array2, s};
use serde_json::{Map, Value, json};

use self::beam_search::BeamSearch;
use self::greedy::Greedy;
use self::variable_rate::VariableRate;
use super::model::Parts;
use super::stack::{self, Stack};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::settings::Settings;

/// m codebooks of (K_j, d), one per stage: a vector becomes the sum of one codeword of each (Eq. 2.9).
///
/// Greedy encoding (a beam of 1) takes the nearest codeword to the residual at every stage, so that the codes of the first
/// stages are those of a quantizer of fewer. A wider beam keeps the best partial sums, whatever their first codes.
///
/// ```
/// use wgvq::{Quantizer, Residual};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let rq = Residual::builder().stages(3).bits(4).beam(5).seed(7).fit(&engine, &x)?;
/// let codes = rq.encode(&engine, &x)?;
/// assert_eq!(codes.view().dim(), (500, 3));
/// let back = rq.decode(&engine, &codes)?;
/// assert!(wgvq::metrics::mse(x.view(), back.view())? < 3.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// With a [limit of the error](ResidualBuilder::max_error) it is of variable rate (section 2.8): the last codeword of every
/// codebook is 0 and says that the vector is near enough and has no more codes. The vector still decodes to the sum of its
/// codewords, and a [container](crate::coding) stores nothing behind the first such code.
///
/// ```
/// use wgvq::{Quantizer, Residual};
/// # let engine = wgvq::Engine::cpu();
/// # let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let rq = Residual::builder().stages(4).bits(4).max_error(9.0).fit(&engine, &x)?;
/// let codes = rq.encode(&engine, &x)?;
/// let stop = 15;
/// assert!(codes.view().rows().into_iter().any(|codes| codes[2] == stop && codes[3] == stop));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    codebooks: Vec<Array2<f32>>,
    beam: usize,
    max_error: Option<f32>,
}

impl Residual {
    /// A quantizer of these codebooks (K_j, d), that searches with a beam of width `beam`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codebook, one is unusable or of another dimension or of a size
    /// that is no power of two from 2 to 65,536, or the beam is not of 1 to 128.
    pub fn new(codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Self> {
        stack::check_codebooks(&codebooks)?;
        for (j, codebook) in codebooks.iter().enumerate() {
            bits_of(codebook).map_err(|error| Error::input(format!("codebook {j}: {error}")))?;
        }
        Ok(Self { codebooks, beam: BEAM.check_count(beam)?, max_error: None })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, stages: usize) -> Result<Self> {
        let quantizer = Self::new(parts.codebooks(stages)?, parts.count(&BEAM)?)?;
        match parts.optional_error(&MAX_ERROR)? {
            Some(max_error) => quantizer.with_max_error(max_error),
            None => Ok(quantizer),
        }
    }

    /// Says how to train one.
    pub fn builder() -> ResidualBuilder {
        ResidualBuilder::default()
    }

    /// The same codebooks, searched with another width.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not 1 to 128.
    pub fn with_beam(mut self, beam: usize) -> Result<Self> {
        self.beam = BEAM.check_count(beam)?;
        Ok(self)
    }

    /// The same codebooks with codes that stop once the squared error is at most `max_error`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the last codeword of a codebook is not 0, or the limit is no number of 0 or
    /// more.
    pub fn with_max_error(mut self, max_error: f32) -> Result<Self> {
        self.max_error = Some(check_max_error(max_error)?);
        for (j, codebook) in self.codebooks.iter().enumerate() {
            if codebook.row(codebook.nrows() - 1).iter().any(|&value| value != 0.0) {
                return Err(Error::input(format!(
                    "the last codeword of codebook {j} is not 0, so that codes cannot stop; train with a largest error"
                )));
            }
        }
        Ok(self)
    }

    /// The first `stages` stages, which are a quantizer of their own: with greedy encoding and codebooks that were not
    /// refined jointly, its codes are the first codes of the whole.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are not so many, or none is asked for.
    pub fn truncated(mut self, stages: usize) -> Result<Self> {
        if stages == 0 || stages > self.codebooks.len() {
            return Err(Error::input(format!("{stages} of {} stages", self.codebooks.len())));
        }
        self.codebooks.truncate(stages);
        Ok(self)
    }

    /// The width of the beam.
    pub fn beam(&self) -> usize {
        self.beam
    }

    /// The squared error at which codes stop, if they do.
    pub fn max_error(&self) -> Option<f32> {
        self.max_error
    }
}

/// The search among `codebooks` with a beam of that width.
fn stages(engine: &Engine, codebooks: &[Array2<f32>], beam: usize) -> Result<Box<dyn Stages>> {
    Ok(match beam {
        1 => Box::new(Greedy::new(engine, codebooks)?),
        beam => Box::new(BeamSearch::new(engine, codebooks, beam)?),
    })
}

fn check_max_error(max_error: f32) -> Result<f32> {
    if max_error.is_finite() && max_error >= 0.0 {
        return Ok(max_error);
    }
    Err(Error::input(format!(
        "a largest error of {max_error}; it is a squared distance, finite and 0 or more"
    )))
}

/// log2 of the number of codewords, which has to be whole.
pub(super) fn bits_of(codebook: &Array2<f32>) -> Result<u32> {
    let k = codebook.nrows();
    match k.checked_ilog2() {
        Some(bits @ 1..=16) if k.is_power_of_two() => Ok(bits),
        _ => Err(Error::input(format!("{k} codewords; a power of two from 2 to 65536 is needed"))),
    }
}

impl sealed::Sealed for Residual {}

impl Quantizer for Residual {
    fn spec(&self) -> Spec {
        // `new` has seen that they are powers of two.
        of_bits(self.codebooks.iter().map(|codebook| codebook.nrows().ilog2()).collect())
    }

    fn layout(&self) -> Layout<'_> {
        Layout { is_ragged: self.max_error.is_some(), ..Layout::of(&self.codebooks) }
    }

    fn settings(&self) -> Map<String, Value> {
        let beam = (BEAM.name.into(), json!(self.beam));
        let max_error = self.max_error.map(|limit| (MAX_ERROR.name.into(), json!(limit)));
        std::iter::once(beam).chain(max_error).collect()
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        let beam = settings.given_count(&BEAM).unwrap_or(self.beam);
        let Some(limit) = self.max_error else {
            if settings.given_number(&MAX_ERROR).is_some() {
                return Err(Error::input(format!(
                    "{} was trained without {}, so that its codes cannot stop; train with it",
                    self.spec(),
                    MAX_ERROR.name
                )));
            }
            return Ok(stages(engine, &self.codebooks, beam)?);
        };
        let limit = settings.given_number(&MAX_ERROR).map_or(limit, |limit| limit as f32);
        // What says stop is no codeword to search for.
        let codewords = |codebook: &Array2<f32>| codebook.slice(s![..codebook.nrows() - 1, ..]).to_owned();
        let searched: Vec<Array2<f32>> = self.codebooks.iter().map(codewords).collect();
        let stages = stages(engine, &searched, beam)?;
        Ok(Box::new(VariableRate::new(stages, Stack::new(engine, &self.codebooks)?, limit)))
    }
}

/// A search that goes stage by stage, and can say after each what it would have found with no further one.
trait Stages: Coder {
    /// Searches for `x` (n, d), and calls `each` after stage j with codes, of which the first j + 1 columns are those of a
    /// quantizer of so many stages, and the distances (n, 1) to what they decode to.
    fn record_stages(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        each: &mut StageSink<'_>,
    ) -> Result<()>;
}

type StageSink<'a> = dyn FnMut(&mut Recorder<'_>, usize, &Matrix<u32>, &Matrix<f32>) -> Result<()> + 'a;
