//! Codebooks whose codewords are all combinations of a few levels in each dimension.
//!
//! With L_j levels in dimension j, evenly spaced from −1 to 1, the nearest codeword is the nearest level of each dimension, so
//! nothing is searched. Codeword number Σ_j i_j Π_{l<j} L_l has level i_j of dimension j: the first dimension changes fastest.

use ndarray::{Array2, ArrayView2, array};

use super::Forward;
use super::scratch::Scratch;
use crate::engine::{Engine, Matrix, Recorder, expect_shape};
use crate::error::{Error, Result};
use crate::kernels::scalar_encode::Levels;

/// Codewords of a grid, at most: so many numbers are told apart in `f32`, and the codewords still fit into memory.
const MOST: usize = 1 << 20;

pub(super) struct Grid {
    name: &'static str,
    /// L_j
    levels: Vec<u32>,
    tables: Option<Tables>,
    /// The level of each dimension, what it adds to the codeword's number, and the sum of that.
    digits: Scratch<u32>,
    parts: Scratch<f32>,
    sums: Scratch<f32>,
}

/// What numbers are rounded to, on a device.
struct Tables {
    engine: Engine,
    /// The levels of each dimension.
    levels: Levels,
    /// What each of them adds to the codeword's number.
    parts: Levels,
    /// The numbers of all codewords.
    numbers: Levels,
}

impl Grid {
    /// A grid of so many `levels` in each dimension.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no dimension, one has fewer than 2 levels, or there are too many codewords.
    pub fn new(name: &'static str, levels: &[u32]) -> Result<Self> {
        if levels.is_empty() || levels.iter().any(|&levels| levels < 2) {
            return Err(Error::input(format!(
                "{name}: levels {levels:?}; at least 2 in each of one or more dimensions are needed, such as [8, 5, 5, 5]"
            )));
        }
        let codewords = levels.iter().try_fold(1_usize, |all, &levels| all.checked_mul(levels as usize));
        if codewords.is_none_or(|codewords| codewords > MOST) {
            return Err(Error::input(format!(
                "{name}: levels {levels:?} make more than {MOST} codewords; take fewer dimensions or levels, such as [8, 5, 5, 5]"
            )));
        }
        let (digits, parts, sums) = (Scratch::default(), Scratch::default(), Scratch::default());
        Ok(Self { name, levels: levels.to_vec(), tables: None, digits, parts, sums })
    }

    /// All codewords, (k, d).
    pub fn codebook(&self) -> Array2<f32> {
        let k = self.levels.iter().map(|&levels| levels as usize).product();
        Array2::from_shape_fn((k, self.levels.len()), |(codeword, dimension)| {
            let stride: usize = self.levels[..dimension].iter().map(|&levels| levels as usize).product();
            let levels = self.levels[dimension] as usize;
            level((codeword / stride % levels) as u32, levels as u32)
        })
    }

    /// Records the nearest codewords of `z` (n, d): codes, distances, codewords as the output, and a loss of 0. `codebook` is
    /// [`codebook`](Self::codebook).
    pub fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        z: &Matrix<f32>,
        codebook: &Matrix<f32>,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check(self.name, z, codebook)?;
        let k = self.levels.iter().map(|&levels| levels as usize).product();
        expect_shape(self.name, "codebook", codebook.shape(), (k, self.levels.len()))?;
        let engine = recorder.engine().clone();
        self.tables.take_if(|tables| !tables.engine.is(&engine));
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::new(&engine, &self.levels, k)?,
        };
        let tables = &*self.tables.insert(tables);
        let digits = self.digits.room(&engine, z.shape())?;
        recorder.scalar_encode(z, &tables.levels, digits)?;
        let parts = self.parts.room(&engine, z.shape())?;
        recorder.scalar_decode(digits, &tables.parts, parts)?;
        let sums = self.sums.room(&engine, (z.rows(), 1))?;
        recorder.row_sums(parts, sums)?;
        recorder.scalar_encode(sums, &tables.numbers, &mut forward.codes)?;
        recorder.gather(codebook, &forward.codes, &mut forward.output)?;
        recorder.row_distances(z, &forward.output, &mut forward.distances)?;
        recorder.fill(&mut forward.loss, 0.0)
    }
}

impl Tables {
    fn new(engine: &Engine, levels: &[u32], k: usize) -> Result<Self> {
        let (d, most) = (levels.len(), levels.iter().copied().max().unwrap_or(0) as usize);
        // Where a dimension has fewer levels than another, the last fills the list.
        let listed = |of: &dyn Fn(usize, u32) -> f32| {
            Array2::from_shape_fn((d, most), |(dimension, digit)| {
                of(dimension, (digit as u32).min(levels[dimension] - 1))
            })
        };
        let values = listed(&|dimension, digit| level(digit, levels[dimension]));
        let parts = listed(&|dimension, digit| {
            levels[..dimension].iter().map(|&levels| levels as f32).product::<f32>() * digit as f32
        });
        let one: ArrayView2<f32> = ArrayView2::from_shape((1, 1), &[1.0]).expect("one number");
        Ok(Self {
            levels: Levels::listed(engine, d, &values)?,
            parts: Levels::listed(engine, d, &parts)?,
            numbers: Levels::uniform(engine, 1, k, array![[0.0]].view(), one)?,
            engine: engine.clone(),
        })
    }
}

/// Level `digit` of `levels` from −1 to 1.
fn level(digit: u32, levels: u32) -> f32 {
    (2.0 * f64::from(digit) / f64::from(levels - 1) - 1.0) as f32
}
