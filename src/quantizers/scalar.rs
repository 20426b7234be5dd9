//! Scalar quantization: every dimension by itself.

use std::fmt;

use ndarray::{Array2, ArrayViewD, Axis};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::codes::check_recorded;
use super::even_levels::{EvenLevels, Wanted, even_levels};
use super::extent::Extent;
use super::kinds::{Kind, Place};
use super::lloyd_max::lloyd_max;
use super::model::Parts;
use super::projection::batch_bytes;
use super::spec::{Needs, Node, Piece, whole};
use super::training::{Fit, memory::beside};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::scalar_encode::Levels;
use crate::rng::Rng;
use crate::settings::{DefaultValue, Setting, Settings, Values as May};
use crate::train::Holds;
use crate::vectors::Vectors;

/// k levels per dimension; a value becomes the number of its nearest level, the lower of two.
///
/// The levels of a dimension are its own or those of all dimensions, evenly spaced or fitted to the data:
/// [`ScalarLevels`]. A model file has them as the tensors `low` and `step`, (d, 1) or (1, 1), where level c is
/// `low + c · step`; or as `levels`, (d, k) or (1, k).
///
/// ```
/// use wgvq::{Quantizer, Scalar};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::array![[0.0_f32, 5.0], [8.0, 5.0], [3.5, 5.0]];
/// let scalar = Scalar::builder().k(3).fit(&engine, &x)?; // 0, 4 and 8 in column 0; column 1 has one value
/// let codes = scalar.encode(&engine, &x)?;
/// assert_eq!(codes.view(), ndarray::array![[0, 0], [2, 0], [1, 0]]);
/// assert_eq!(scalar.decode(&engine, &codes)?, ndarray::array![[0.0, 5.0], [8.0, 5.0], [4.0, 5.0]]);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    dim: usize,
    /// How many levels a dimension has.
    k: usize,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// The lowest level and the step to the next: (d, 1) or (1, 1) each.
    Uniform { low: Array2<f32>, step: Array2<f32> },
    /// All levels in ascending order, (d, k) or (1, k).
    Listed(Array2<f32>),
}

/// Where the levels of a [`Scalar`] lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScalarLevels {
    /// Evenly spaced: in the middles of equal cells from the least training value to the greatest (Fig. 2.1), or from the one
    /// to the other (Fig. 2.2), whichever loses less of the training vectors.
    #[default]
    Uniform,
    /// Where they lose the least (Lloyd 1982, Max 1960), by a sample of the training vectors.
    LloydMax,
}

pub(super) static KIND: Kind = Kind {
    name: "SQ",
    letters: &["SQ"],
    title: "every dimension by itself, in so many bits or, behind :, levels; evenly spaced or by Lloyd and Max, of its own or \
            shared by all",
    examples: &["SQ8", "SQ:9"],
    place: Place::Anywhere,
    settings: &[&LEVELS, &SHARED],
    parse,
};

/// Where the levels lie. What a model file says under that name is how its tensors lie.
static LEVELS: Setting = Setting::new(
    "levels",
    May::Choice(&["uniform", "lloyd-max"]),
    "Levels: evenly spaced, or fitted to the data by Lloyd and Max",
)
.by_default(DefaultValue::Word("uniform"));

static SHARED: Setting =
    Setting::new("shared", May::Switch, "The same levels for all dimensions").by_default(DefaultValue::Off);

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let Some(levels) = piece.rest.strip_prefix(':') else {
        return Ok(Spec::new(ScalarSpec { k: 1 << piece.bits(piece.number()?)? }));
    };
    let k = whole(levels).ok_or_else(|| piece.incomplete())?;
    Ok(Spec::new(ScalarSpec { k: piece.within("levels", k, 2..=MOST_LEVELS)? }))
}

/// Levels of a dimension, at most: as many as a codebook of 16 bits has.
const MOST_LEVELS: usize = 1 << 16;

fn check_levels(k: usize) -> Result<()> {
    if (2..=MOST_LEVELS).contains(&k) {
        return Ok(());
    }
    Err(Error::input(format!("{k} levels per dimension; must be 2 to {MOST_LEVELS}")))
}

struct ScalarSpec {
    k: usize,
}

impl fmt::Display for ScalarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.k.is_power_of_two() { write!(f, "SQ{}", self.k.ilog2()) } else { write!(f, "SQ:{}", self.k) }
    }
}

impl Node for ScalarSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn needs(&self, settings: &Settings) -> Result<Needs> {
        Ok(if self.even_levels(settings).is_some() { Needs::All } else { Needs::Sample(SAMPLE) })
    }

    fn even_levels(&self, settings: &Settings) -> Option<Wanted> {
        let even = settings.word(&LEVELS) != Some("lloyd-max");
        even.then(|| Wanted { k: self.k, shared: settings.is_on(&SHARED) })
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        let batches = batch_bytes(n, d) as f64;
        if self.even_levels(settings).is_some() {
            // A part of what the first pass has read stays with the allocator during the second.
            return Ok(beside(1.1, 1.25 * batches, 0));
        }
        // A sample of its own beside the batches, of which each thread sorts a column, and sums it up in f64.
        let columns = d as f64 + 8.0 * rayon::current_num_threads() as f64;
        Ok(beside(1.1, batches + 4.0 * SAMPLE.min(n) as f64 * columns, 0))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let levels = match fit.settings.word(&LEVELS) {
            Some("lloyd-max") => ScalarLevels::LloydMax,
            _ => ScalarLevels::Uniform,
        };
        let builder = Scalar::builder().k(self.k).levels(levels).seed(fit.seed);
        Ok(Box::new(builder.shared(fit.settings.is_on(&SHARED)).fit(fit.engine, x)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Scalar::from_parts(parts, self.k)?))
    }
}

/// How to train a [`Scalar`].
#[derive(Clone, Debug)]
pub struct ScalarBuilder {
    k: usize,
    levels: ScalarLevels,
    shared: bool,
    seed: u64,
}

impl Default for ScalarBuilder {
    fn default() -> Self {
        Self { k: 256, levels: ScalarLevels::default(), shared: false, seed: 0 }
    }
}

/// Dimensions, at most: shared levels say nothing of how many there are, and every code of a vector has its place in memory.
const MOST_DIMENSIONS: usize = 1 << 20;

/// Vectors that Lloyd-Max levels are fitted to.
const SAMPLE: usize = 65_536;

/// Values that shared Lloyd-Max levels are fitted to.
const SHARED_SAMPLE: usize = 1 << 22;

impl Scalar {
    /// A quantizer of `dim` dimensions with `k` levels each, of which level c is `low + c · step`: both (dim, 1), or (1, 1) for all dimensions.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no dimension, levels are not 2 to 65,536, the shapes are others, or a
    /// step is negative or a level not finite.
    pub fn uniform(dim: usize, k: usize, low: Array2<f32>, step: Array2<f32>) -> Result<Self> {
        check_shape(dim, k, "low", &low, 1)?;
        check_shape(dim, k, "step", &step, 1)?;
        if low.dim() != step.dim() {
            return Err(Error::input("low and step are of different shapes; both are shared or neither is"));
        }
        let last = k.saturating_sub(1) as f32;
        let usable = |low: f32, step: f32| {
            low.is_finite()
                && (step == 0.0 || step.is_normal() && step > 0.0)
                && (low + last * step).is_finite()
        };
        match low.iter().zip(&step).position(|(&low, &step)| !usable(low, step)) {
            None => Ok(Self { dim, k, values: Values::Uniform { low, step } }),
            Some(j) => Err(Error::input(format!(
                "the levels of dimension {j} start at {} with a step of {}; all have to be finite and ascend",
                low[[j, 0]],
                step[[j, 0]]
            ))),
        }
    }

    /// A quantizer of `dim` dimensions with these levels: (dim, k), or (1, k) for all dimensions.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no dimension, the shape is another, or a row has a level that is
    /// not finite or below the one before.
    pub fn with_levels(dim: usize, levels: Array2<f32>) -> Result<Self> {
        let k = levels.ncols();
        check_shape(dim, k, "levels", &levels, k)?;
        for (j, row) in levels.rows().into_iter().enumerate() {
            let ascend = row.iter().zip(row.iter().skip(1)).all(|(a, b)| a <= b);
            if !ascend || !(row[row.len() - 1] - row[0]).is_finite() {
                return Err(Error::input(format!(
                    "the levels of dimension {j} are not finite numbers in ascending order"
                )));
            }
        }
        Ok(Self { dim, k, values: Values::Listed(levels) })
    }

    /// Levels that are evenly spaced, for each of `dim` dimensions or the same for all.
    pub(super) fn even(dim: usize, k: usize, levels: &[EvenLevels]) -> Result<Self> {
        let column = |of: fn(&EvenLevels) -> f32| {
            Array2::from_shape_vec((levels.len(), 1), levels.iter().map(of).collect()).expect("one each")
        };
        Self::uniform(dim, k, column(|levels| levels.low), column(|levels| levels.step))
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, k: usize) -> Result<Self> {
        let dim = parts.setting("dim")?;
        match parts.setting::<String>("levels")?.as_str() {
            "uniform" => Self::uniform(dim, k, parts.tensor("low")?, parts.tensor("step")?),
            "lloyd_max" => {
                let levels = parts.tensor("levels")?;
                if levels.ncols() != k {
                    let found = levels.ncols();
                    return Err(Error::input(format!(
                        "its levels are {found} per dimension; its spec has {k}"
                    )));
                }
                Self::with_levels(dim, levels)
            }
            other => Err(Error::input(format!(
                "its levels are {other:?}; known are \"uniform\" and \"lloyd_max\""
            ))),
        }
    }

    /// Says how to train one.
    pub fn builder() -> ScalarBuilder {
        ScalarBuilder::default()
    }

    /// All levels, (d, k), or (1, k) if the dimensions share them.
    pub fn levels(&self) -> Array2<f32> {
        match &self.values {
            Values::Uniform { low, step } => {
                Array2::from_shape_fn((low.nrows(), self.k), |(j, c)| low[[j, 0]] + c as f32 * step[[j, 0]])
            }
            Values::Listed(levels) => levels.clone(),
        }
    }
}

/// Fails unless `tensor` is (`dim` or 1, `columns`) and both `dim` and `k` make sense.
fn check_shape(dim: usize, k: usize, name: &str, tensor: &Array2<f32>, columns: usize) -> Result<()> {
    if dim == 0 {
        return Err(Error::input("a scalar quantizer of 0 dimensions; at least 1 is needed"));
    }
    if dim > MOST_DIMENSIONS {
        return Err(Error::input(format!(
            "a scalar quantizer of {dim} dimensions; must be at most {MOST_DIMENSIONS}"
        )));
    }
    check_levels(k)?;
    let (rows, found) = tensor.dim();
    if found != columns || (rows != dim && rows != 1) {
        return Err(Error::input(format!(
            "{name} is {rows} × {found}; {dim} × {columns}, or 1 × {columns} for all dimensions, is needed"
        )));
    }
    Ok(())
}

impl ScalarBuilder {
    /// Levels per dimension, 2 to 65,536; 256 if not said.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// As many levels per dimension as numbers of so many bits, 1 to 16.
    pub fn bits(self, bits: u32) -> Self {
        self.k(1_usize.checked_shl(bits).unwrap_or(usize::MAX))
    }

    /// Where the levels lie; evenly spaced if not said.
    pub fn levels(mut self, levels: ScalarLevels) -> Self {
        self.levels = levels;
        self
    }

    /// Whether all dimensions have the same levels; each has its own if not said.
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// The seed of the sample that [`ScalarLevels::LloydMax`] takes; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), n ≥ 1, on the host: uniform levels in two passes over all vectors, Lloyd-Max
    /// levels on a random sample of 65,536 (shared ones of 2²² values).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are no vectors or dimensions, levels are not 2 to 65,536, or the values
    /// are farther apart than [`f32::MAX`] has a root; what reading `x` fails with.
    pub fn fit(self, _engine: &Engine, x: &dyn Vectors) -> Result<Scalar> {
        check_levels(self.k)?;
        match self.levels {
            ScalarLevels::Uniform => self.fit_uniform(x),
            ScalarLevels::LloydMax => self.fit_lloyd_max(x),
        }
    }

    fn fit_uniform(self, x: &dyn Vectors) -> Result<Scalar> {
        let levels = even_levels(x, Wanted { k: self.k, shared: self.shared })?;
        Scalar::even(x.dim(), self.k, &levels)
    }

    fn fit_lloyd_max(self, x: &dyn Vectors) -> Result<Scalar> {
        let (n, d, k) = (x.len(), x.dim(), self.k);
        let limit = if self.shared { (SHARED_SAMPLE / d.max(1)).clamp(1, SAMPLE) } else { SAMPLE };
        let sample = if n <= limit {
            x.read_rows(0..n)?
        } else {
            x.read_each(&Rng::new(self.seed, 0).distinct(limit, n))?
        };
        Extent::of(&sample)?; // for its errors
        let levels: Vec<f32> = if self.shared {
            lloyd_max(sample.into_iter().collect(), k)
        } else {
            let columns = sample.axis_iter(Axis(1)).into_par_iter();
            columns.flat_map_iter(|column| lloyd_max(column.to_vec(), k)).collect()
        };
        Scalar::with_levels(d, Array2::from_shape_vec((levels.len() / k, k), levels).expect("k levels each"))
    }
}

impl sealed::Sealed for Scalar {}

impl Quantizer for Scalar {
    fn spec(&self) -> Spec {
        Spec::new(ScalarSpec { k: self.k })
    }

    fn layout(&self) -> Layout<'_> {
        Layout::without_codebooks(self.dim, vec![self.k; self.dim])
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let named = match &self.values {
            Values::Uniform { low, step } => vec![("low", low), ("step", step)],
            Values::Listed(levels) => vec![("levels", levels)],
        };
        named.into_iter().map(|(name, values)| (name.into(), values.view().into_dyn())).collect()
    }

    fn settings(&self) -> Map<String, Value> {
        let levels = match &self.values {
            Values::Uniform { .. } => "uniform",
            Values::Listed(_) => "lloyd_max",
        };
        Map::from_iter([("levels".into(), json!(levels))])
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        let levels = match &self.values {
            Values::Uniform { low, step } => {
                Levels::uniform(engine, self.dim, self.k, low.view(), step.view())?
            }
            Values::Listed(levels) => Levels::listed(engine, self.dim, levels)?,
        };
        Ok(Box::new(ScalarCoder { levels }))
    }
}

struct ScalarCoder {
    levels: Levels,
}

impl Coder for ScalarCoder {
    fn scratch_bytes(&self) -> usize {
        4 * self.dim()
    }

    /// A value beyond the last level has its code; nothing is squared on the way.
    fn takes_any_value(&self) -> bool {
        true
    }

    fn dim(&self) -> usize {
        self.levels.d()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        vec![self.levels.k(); self.levels.d()]
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.scalar_encode(x, &self.levels, codes)?;
        let mut decoded = recorder.engine().uninitialized(x.rows(), x.cols())?;
        recorder.scalar_decode(codes, &self.levels, &mut decoded)?;
        recorder.row_distances(x, &decoded, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        recorder.scalar_decode(codes, &self.levels, decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;
    use ndarray::array;

    fn normals(n: usize, d: usize) -> Array2<f32> {
        let mut rng = Rng::new(4, 0);
        Array2::from_shape_fn((n, d), |(_, j)| rng.normal() * (j + 1) as f32 + 10.0 * j as f32)
    }

    fn all_kinds() -> impl Iterator<Item = ScalarBuilder> {
        let kinds = [ScalarLevels::Uniform, ScalarLevels::LloydMax];
        kinds
            .into_iter()
            .flat_map(|levels| [false, true].map(|shared| Scalar::builder().levels(levels).shared(shared)))
    }

    fn loss(scalar: &Scalar, x: &Array2<f32>) -> f64 {
        let engine = Engine::cpu();
        let decoded = scalar.decode(&engine, &scalar.encode(&engine, x).unwrap()).unwrap();
        metrics::mse(x.view(), decoded.view()).unwrap()
    }

    #[test]
    fn every_kind_survives_its_file_and_both_engines_agree() {
        let x = normals(3000, 5);
        let folder = tempfile::tempdir().unwrap();
        let cpu = Engine::cpu();
        for (i, builder) in all_kinds().enumerate() {
            for (k, spec) in
                [(2, "SQ1"), (3, "SQ:3"), (9, "SQ:9"), (16, "SQ4"), (512, "SQ9"), (700, "SQ:700")]
            {
                let scalar = builder.clone().k(k).fit(&cpu, &x).unwrap();
                let path = folder.path().join(format!("{i}-{k}.safetensors"));
                scalar.save(&path, false, Value::Null).unwrap();
                let model = crate::load(&path).unwrap();
                assert_eq!(model.quantizer.spec().to_string(), spec);
                assert_eq!(spec.parse::<Spec>().unwrap().to_string(), spec);
                assert!((scalar.bits_per_vector() - 5.0 * (k as f64).log2()).abs() < 1e-9);
                let codes = scalar.encode(&cpu, &x).unwrap();
                assert_eq!(model.quantizer.encode(&cpu, &x).unwrap(), codes);
                assert_eq!(codes.codebook_sizes(), vec![k; 5]);
                let Some(gpu) = crate::test_gpu() else { continue };
                let on_gpu = scalar.encode(&gpu, &x).unwrap();
                // Only within rounding of a border may they differ: k borders, of some 2^-20 of the range each.
                let differ = on_gpu.view().iter().zip(codes.view()).filter(|(a, b)| a != b).count();
                assert!(differ <= 15, "{differ} of 15,000 codes differ");
            }
        }
    }

    #[test]
    fn fitted_levels_lose_less_than_even_ones_and_own_less_than_shared_ones() {
        let x = normals(20_000, 4);
        let fit = |builder: ScalarBuilder| loss(&builder.bits(4).fit(&Engine::cpu(), &x).unwrap(), &x);
        let losses: Vec<f64> = all_kinds().map(fit).collect();
        let [own_even, shared_even, own_fitted, shared_fitted] = losses[..] else { panic!("four kinds") };
        assert!(own_fitted < own_even && shared_fitted < shared_even, "{losses:?}");
        assert!(own_even < shared_even && own_fitted < shared_fitted, "{losses:?}");
        // Σ σ² times the least loss of 16 levels on a normal (Max 1960). A squared error there has a standard deviation
        // of 3.4 times its mean, most of it from the tails: five standard errors over dimensions that weigh
        // (1, 4, 9, 16) / 30 are 7.5 %.
        assert!((own_fitted / (30.0 * 0.009497) - 1.0).abs() < 0.075, "{own_fitted}");
    }

    #[test]
    fn even_levels_are_within_half_a_step_inside_and_the_last_outside() {
        let x = normals(500, 3);
        let engine = Engine::cpu();
        let scalar = Scalar::builder().bits(6).fit(&engine, &x).unwrap();
        let Values::Uniform { step, .. } = &scalar.values else { panic!("uniform by default") };
        let decoded = scalar.decode(&engine, &scalar.encode(&engine, &x).unwrap()).unwrap();
        for ((row, j), &value) in x.indexed_iter() {
            // The rounding of numbers up to 64 is at most 2^-19.
            assert!((value - decoded[[row, j]]).abs() <= step[[j, 0]] / 2.0 + 4e-6);
        }
        let far = array![[-1e30_f32, 1e30, 3.4e38]];
        assert_eq!(scalar.encode(&engine, &far).unwrap().view(), array![[0, 63, 63]]);
    }

    #[test]
    fn constant_and_few_values_lose_nothing() {
        let x = array![[5.0_f32, 1.0, 0.0], [5.0, 2.0, 1e-40], [5.0, 1.0, 0.0]];
        for builder in all_kinds() {
            let scalar = builder.bits(3).fit(&Engine::cpu(), &x).unwrap();
            let found = loss(&scalar, &x);
            match &scalar.values {
                // Cells of 5/8 or 1/8: half of one off at most.
                Values::Uniform { .. } => assert!(found <= 3.0 * 0.3125 * 0.3125, "{found}"),
                Values::Listed(_) => assert!(found < 1e-12, "{found}"),
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let engine = Engine::cpu();
        for builder in all_kinds() {
            assert!(builder.clone().bits(0).fit(&engine, &normals(5, 2)).is_err());
            assert!(builder.clone().bits(17).fit(&engine, &normals(5, 2)).is_err());
            assert!(builder.clone().fit(&engine, &normals(0, 2)).is_err());
            assert!(builder.clone().fit(&engine, &normals(5, 0)).is_err());
            assert!(builder.clone().fit(&engine, &array![[f32::NAN]]).is_err());
            assert!(builder.fit(&engine, &array![[3e38_f32], [-3e38]]).is_err());
        }
        for (spec, says) in
            [("SQ:1", "must be 2 to 65536"), ("SQ:65537", "must be 2 to 65536"), ("SQ:x", "SQ:9")]
        {
            let error = spec.parse::<Spec>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(Scalar::uniform(2, 8, array![[0.0]], array![[-1.0]]).is_err());
        assert!(Scalar::uniform(2, 8, array![[0.0]], array![[1.0], [1.0]]).is_err());
        assert!(Scalar::uniform(2, 1 << 16, array![[0.0]], array![[1e35]]).is_err());
        assert!(Scalar::uniform(3, 8, array![[0.0], [0.0]], array![[1.0], [1.0]]).is_err());
        assert!(Scalar::with_levels(1, array![[0.0, 2.0, 1.0, 3.0]]).is_err());
        assert!(Scalar::with_levels(1, array![[0.0]]).is_err());
        assert!(Scalar::with_levels(1, Array2::zeros((1, 0))).is_err());
    }
}
