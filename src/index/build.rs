//! A new index.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::codes::CodeLayout;
use super::curve::{Trials, check_recall};
use super::held_out::Without;
use super::ids::Ids;
use super::intake::{Incoming, Watch, take_in};
use super::kept;
use super::model::{Coding, Model, Residuals};
use super::refine::Refinement;
use super::sources::record;
use super::spec::IndexSpec;
use super::store::folder::{FileKind, Writer};
use super::{Index, MEMORY};
use crate::columns::Column;
use crate::engine::Engine;
use crate::error::{Context, Error, Result};
use crate::lists::Refine;
use crate::metrics::Metric;
use crate::quantizers::{Quantizer, Training};
use crate::settings::Spelling;
use crate::train::Observer;
use crate::vectors::Vectors;

/// How to build an [`Index`].
///
/// ```
/// use wgvq::index::{Build, Ids, Query, Refinement};
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("base.wgvqi");
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 101) as f32);
/// let build = Build::new("IVF8,PQ2x4".parse()?).refine(Refinement::U8).seed(3);
/// let index = build.run(&engine, &path, &x, Ids::Next, &mut ())?;
/// let found = index.search(&engine, &x, &Query::nearest(1).probes(8))?;
/// assert_eq!(found.of(17).0, [17]);
/// # Ok(())
/// # }
/// ```
pub struct Build<'a> {
    spec: IndexSpec,
    metric: Metric,
    refinement: Refinement,
    source: Option<Vec<PathBuf>>,
    settings: Map<String, Value>,
    spelling: Spelling,
    seed: u64,
    memory: u64,
    force: bool,
    recall: Option<f64>,
    queries: Option<&'a dyn Vectors>,
    train_on: Option<&'a dyn Vectors>,
    keep: &'a [Column],
    watch: Watch<'a>,
}

/// Vectors per codeword below which no sample is made smaller: a codebook would learn them by heart.
const LEAST_PER_CODEWORD: usize = 32;

/// Vectors that the ranges of refining bytes are of, at most.
const RANGED: usize = 1 << 16;

impl<'a> Build<'a> {
    /// An index for squared distances that keeps halves of the vectors, built within [`MEMORY`](super::MEMORY).
    pub fn new(spec: IndexSpec) -> Self {
        Self {
            spec,
            metric: Metric::default(),
            refinement: Refinement::default(),
            source: None,
            settings: Map::new(),
            spelling: Spelling::Key,
            seed: 0,
            memory: MEMORY,
            force: false,
            recall: None,
            queries: None,
            train_on: None,
            keep: &[],
            watch: Box::new(|_, _| Ok(())),
        }
    }

    /// What "near" means: squared distances, inner products, or the cosine.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// What is kept of each vector beside its code.
    pub fn refine(mut self, refinement: Refinement) -> Self {
        self.refinement = refinement;
        self
    }

    /// Where the vectors are, as [`open_all`](crate::io::open_all) takes it: an index that is refined by them needs it.
    pub fn source(mut self, data: &[PathBuf]) -> Self {
        self.source = Some(data.to_vec());
        self
    }

    /// [Settings](crate::Spec::settings) of the quantizer, which messages then spell in this way.
    pub fn set_all(mut self, given: Map<String, Value>, spelling: Spelling) -> Self {
        self.settings.extend(given);
        self.spelling = spelling;
        self
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Stays within about that many bytes. How many segments there are depends on it, and no neighbour does.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Takes the place of an index that is there.
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Measures how much of the 10 true neighbours searches find, by how far they go, and lets those aim at `recall` that say nothing
    /// else. A tenth of the vectors, up to 1000, are queries then: nothing is trained on them, and none is a neighbour
    /// of itself.
    pub fn recall(mut self, recall: f64) -> Self {
        self.recall = Some(recall);
        self
    }

    /// Measures that by these queries (q, d), 1000 of them at most, instead of vectors that are held out.
    pub fn queries(mut self, queries: &'a dyn Vectors) -> Self {
        self.queries = Some(queries);
        self
    }

    /// Trains lists and quantizer on these vectors (t, d) instead of on those of the index, as where these are still to come, or where
    /// what is measured must be of others than were trained on.
    pub fn train_on(mut self, x: &'a dyn Vectors) -> Self {
        self.train_on = Some(x);
        self
    }

    /// Keeps these columns beside the vectors, a row for each: searches [filter](super::Query::matching) by them, and they are
    /// [read](super::Index::column) by ids.
    ///
    /// ```
    /// use wgvq::columns::{Column, ColumnType, Value};
    /// use wgvq::index::{Build, Ids, Query};
    /// # fn main() -> wgvq::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("base.wgvqi");
    /// let x = ndarray::Array2::from_shape_fn((300, 4), |(row, column)| ((row * (column + 3)) % 101) as f32);
    /// let mut years = Column::new("year", ColumnType::Int);
    /// (0..300).try_for_each(|row| years.push(Some(Value::Int(1900 + row % 120))))?;
    /// let engine = wgvq::Engine::cpu();
    /// let index = Build::new("PQ2x4".parse()?).keep(&[years]).run(&engine, &path, &x, Ids::Next, &mut ())?;
    /// let recent = "year >= 2015".parse()?;
    /// let found = index.search(&engine, &x, &Query::nearest(3).matching(&recent))?;
    /// let shown = index.column("year", found.of(0).0)?;
    /// assert!((0..3).all(|rank| matches!(shown.get(rank), Some(Value::Int(2015..)))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep(mut self, columns: &'a [Column]) -> Self {
        self.keep = columns;
        self
    }

    /// Tells `watch` after each batch how many vectors of how many are in; its error ends the work.
    pub fn watch(mut self, watch: impl FnMut(usize, usize) -> Result<()> + 'a) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// Trains lists and quantizer on a sample of `x` (n, d), and writes all of `x` to the folder `folder`. Until the end there is no
    /// index, or still the one that was there.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the spec and the vectors do not go together, or an id is given twice;
    /// [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so; [`Io`](crate::ErrorKind::Io) if the folder is there, or for
    /// a full disk.
    pub fn run(
        mut self,
        engine: &Engine,
        folder: &Path,
        x: &dyn Vectors,
        ids: Ids<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Index> {
        let mut writer = Writer::create(folder, self.force)?;
        let resolved = ids.resolve(x.len(), &[], Some(0), false)?;
        let trials = match self.recall {
            None => None,
            Some(recall) => {
                check_recall(recall)?;
                Some((Trials::of(x, ids, self.queries)?, recall))
            }
        };
        let left_out = trials.as_ref().map_or(&[][..], |(trials, _)| &trials.left_out);
        let others = Without::new(x, left_out);
        let seen = self.train_on.unwrap_or(&others);
        if seen.dim() != x.dim() {
            return Err(Error::input(format!(
                "the vectors to train on have {} dimensions, those of the index {}",
                seen.dim(),
                x.dim()
            )));
        }
        self.check_metric()?;
        let columns = kept::check(self.keep, x.len())?;
        let refine = self.refine_by(&others)?;
        let model = Model { columns, ..self.train(engine, seen, refine, observer)? };
        let mut manifest = model.save(&mut writer)?;
        if model.has_sources() {
            manifest.sources.push(record(self.source.as_deref(), x)?);
        }
        let columns = self.keep.iter().collect();
        let incoming = Incoming { x, ids, first_id: 0, left_out: &[], first_source: 0, columns };
        let coding = Coding::new(&model, engine)?;
        manifest.segments = take_in(&coding, &mut writer, &incoming, self.memory, &mut self.watch)?;
        manifest.next_id = resolved.next;
        if let Some((trials, wanted)) = &trials {
            // What is written can be searched, and counts only once it is committed.
            let index = Index::of(folder, manifest.clone())?;
            let watch = &mut || (self.watch)(x.len(), x.len());
            let (curve, queries) = trials.measure(&index, engine, (x, ids), *wanted, (self.memory, watch))?;
            manifest.recall = Some(curve);
            manifest.queries = queries.map(|bytes| writer.write(FileKind::Queries, &bytes)).transpose()?;
        }
        writer.commit(manifest)?;
        Index::open(folder)
    }

    fn check_metric(&self) -> Result<()> {
        match self.metric {
            Metric::SquaredL2 | Metric::InnerProduct | Metric::Cosine => Ok(()),
            other => Err(Error::input(format!("an index is searched by l2, ip or cosine, not by {other}"))),
        }
    }

    /// What is kept of each of the vectors `x`, beside its code.
    fn refine_by(&self, x: &dyn Vectors) -> Result<Refine> {
        let step = x.len().div_ceil(RANGED).max(1);
        Ok(match self.refinement {
            Refinement::U8 => {
                let rows: Vec<usize> = (0..x.len()).step_by(step).collect();
                let sample = Model::seen_by(self.metric, x).read_each(&rows)?;
                Refine::u8(sample.as_slice().expect("vectors are read in standard layout"), sample.ncols())
            }
            Refinement::F16 => Refine::F16,
            Refinement::None | Refinement::Source => Refine::None,
        })
    }

    fn train(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        refine: Refine,
        observer: &mut dyn Observer,
    ) -> Result<Model> {
        let (spec, metric) = (self.spec.clone(), self.metric);
        let seen = Model::seen_by(metric, x);
        let lists = match spec.lists() {
            1 => None,
            lists => {
                let training = Training::new(format!("VQ{lists}").parse()?).seed(self.seed);
                Some(self.fit(training, engine, &seen, observer).context(|| format!("{lists} lists"))?)
            }
        };
        let quantizer = Training::new(spec.quantizer().clone())
            .set_all(self.settings.clone(), self.spelling)
            .seed(self.seed);
        // Tables of 4-bit codes serve all lists, and what is lost the refinement makes good; other codes are the better for what
        // the list leaves, if they are short.
        let residual = lists.is_some() && !four_bits(spec.quantizer());
        let quantizer = match &lists {
            Some(lists) if residual => {
                let encoder = &lists.encoder(engine)?;
                let centroids = lists.codebooks()[0];
                self.fit(quantizer, engine, &Residuals { x: &seen, lists: encoder, centroids }, observer)
            }
            _ => self.fit(quantizer, engine, &seen, observer),
        };
        let quantizer = quantizer.context(|| spec.quantizer())?;
        let spec = spec.trained(quantizer.spec());
        let codes = CodeLayout::of(&quantizer.codebook_sizes());
        Ok(Model {
            spec,
            metric,
            residual,
            lists,
            turned_back: None,
            quantizer,
            training: Value::Null,
            dim: x.dim(),
            refinement: self.refinement,
            refine,
            codes,
            columns: Vec::new(),
        })
    }

    /// Trains on as many vectors as the memory is enough for.
    fn fit(
        &self,
        training: Training,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Quantizer>> {
        let sample = training.sample_size(x.len())?;
        let holds = training.holds(sample, x.dim())?;
        let room = holds.vectors_within(self.memory, x.dim());
        if room < sample.min(LEAST_PER_CODEWORD * training.codewords()?) {
            return Err(Error::input(format!(
                "training on {sample} vectors takes about {} bytes of memory, and {} are to be used; give more, or take a \
                 smaller sample",
                holds.bytes(sample, x.dim()),
                self.memory
            )));
        }
        if room < sample {
            log::warn!(
                "a sample of {room} vectors is trained on: {sample} would take more memory than is to be used"
            );
        }
        Ok(training.most_vectors(room).fit(engine, x, observer)?.quantizer)
    }
}

/// Whether a code is a product of codes of 4 bits.
fn four_bits(spec: &crate::quantizers::Spec) -> bool {
    let product = spec.inner().unwrap_or(spec);
    product.kind().name == "PQ" && product.to_string().ends_with("x4")
}
