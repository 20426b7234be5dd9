//! A trial: a candidate is trained on some vectors, encodes others, and is searched for queries.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use wgvq::index::{Build, Ids, Index, Query, Refinement, Searcher};
use wgvq::io::RowWriter;
use wgvq::metrics::{Metric, Usage};
use wgvq::ndarray::{Array2, ArrayView2, s};
use wgvq::search::{CodedVectors, Search};
use wgvq::train::{Iteration, Observer};
use wgvq::{Batching, Engine, Error, ErrorKind, Evaluation, Result, Training, encode_batches};

use super::budget::Limit;
use super::candidates::{Candidate, Plan};
use super::point::{Hits, Looked, NEIGHBOURS, Point};
use crate::recalls::ids_of;

/// What every candidate is to do, and with what.
pub struct Task<'a> {
    pub engine: &'a Engine,
    pub metric: Metric,
    /// The recalls that searches of an index aim at.
    pub aims: &'a [f64],
    pub seed: u64,
    pub memory: u64,
    /// The folder for what is thrown away.
    pub folder: &'a Path,
    pub limit: Limit,
    pub trained_on: ArrayView2<'a, f32>,
    pub base: ArrayView2<'a, f32>,
    pub queries: &'a Array2<f32>,
    /// Queries that tell an index how far to look; without them it holds vectors out.
    pub aiming: Option<&'a Array2<f32>>,
    /// The rows of the base that are nearest to each query, (q, 10).
    pub truth: &'a Array2<u32>,
}

/// What a candidate came to.
pub struct Trial {
    pub candidate: Candidate,
    /// The spec, with the lists that the index had.
    pub spec: String,
    /// Vectors that were trained on, and as many that were searched.
    pub vectors: usize,
    /// Bytes of a vector, beside its id.
    pub bytes: f64,
    /// The share of the variance that codes lose.
    pub loss: Option<f64>,
    /// How often the codewords occur.
    pub usage: Vec<Usage>,
    /// Bytes of all that there is, and those of them that do not grow with the vectors.
    pub memory: (f64, f64),
    pub train_seconds: f64,
    /// Vectors a second.
    pub encode_rate: f64,
    /// What searches found, by how far they went; the least first.
    pub points: Vec<Point>,
}

impl Trial {
    /// Bytes that so many vectors take.
    pub fn memory_of(&self, vectors: usize) -> f64 {
        let (all, fixed) = self.memory;
        fixed + (all - fixed) * vectors as f64 / self.vectors as f64
    }

    /// What the nearest are compared by once more, if it is an index.
    pub fn refinement(&self) -> Option<Refinement> {
        self.candidate.plan.refinement()
    }

    /// The spec, and what the nearest are compared by once more.
    pub fn name(&self) -> String {
        match self.refinement() {
            None | Some(Refinement::None) => self.spec.clone(),
            Some(refinement) => format!("{} + {refinement}", self.spec),
        }
    }

    /// What it came to, in a line.
    pub fn line(&self) -> String {
        let recall = self.points.last().map_or(0.0, |point| point.hits.ten);
        format!(
            "{} on {} vectors: {} bytes, 10-recall@10 {recall:.4}, {:.2} s of training",
            self.name(),
            self.vectors,
            self.bytes,
            self.train_seconds
        )
    }
}

/// The file of the vectors that an index of the [source](Refinement::Source) compares by.
const SOURCE: &str = "base.npy";

impl<'a> Task<'a> {
    /// Tries a candidate; `None` if the time is over.
    pub fn run(&self, candidate: &Candidate) -> Result<Option<Trial>> {
        let trial = match &candidate.plan {
            Plan::Codes(_) => self.codes(candidate),
            &Plan::Index { refinement, kept, .. } => self.index(candidate, refinement, kept),
        };
        match trial {
            Err(error) if error.kind() == ErrorKind::Cancelled && self.limit.is_over() => Ok(None),
            trial => trial.map(Some),
        }
    }

    fn codes(&self, candidate: &Candidate) -> Result<Trial> {
        let (engine, n) = (self.engine, self.base.nrows());
        let start = Instant::now();
        let training = Training::new(candidate.plan.quantizer().clone()).seed(self.seed);
        let trained = training.fit(engine, &self.trained_on, &mut Watch::of(self.limit))?;
        let train_seconds = start.elapsed().as_secs_f64();
        let quantizer = &*trained.quantizer;

        let coder = quantizer.prepare(engine)?;
        let sizes = quantizer.codebook_sizes();
        let mut measured = Evaluation::new(&*coder);
        let mut values = Vec::with_capacity(n * sizes.len());
        let batching = Batching::within(self.memory, &*coder, engine);
        let start = Instant::now();
        encode_batches(&*coder, engine, &self.base, 0..n, batching, |batch| {
            measured.add_encoded(batch);
            values.extend(batch.codes.iter().copied());
            if self.limit.is_over() { Err(Error::cancelled("the time is over")) } else { Ok(()) }
        })?;
        let encode_rate = n as f64 / start.elapsed().as_secs_f64();

        let codes = Array2::from_shape_vec((n, sizes.len()), values).expect("m codes per row");
        let read = |rows: std::ops::Range<usize>| Ok(codes.slice(s![rows, ..]).to_owned());
        let coded = CodedVectors::new(engine, self.metric, quantizer, n, read)?;
        let search = || {
            let search = Search::nearest(NEIGHBOURS).memory(self.memory);
            Ok(search.among(&coded, self.queries)?.ids)
        };
        let (ids, seconds) = timed(search)?;
        let bytes = quantizer.bits_per_vector() / 8.0;
        let fixed = 4.0 * quantizer.tensors().iter().map(|(_, values)| values.len()).sum::<usize>() as f64;
        Ok(Trial {
            spec: candidate.plan.spec(n)?.to_string(),
            bytes,
            loss: measured.distortion.relative_mse(),
            usage: measured.usage,
            memory: (fixed + bytes * n as f64, fixed),
            train_seconds,
            encode_rate,
            points: vec![Point { looked: None, hits: Hits::of(ids, self.truth), rate: self.rate(seconds) }],
            candidate: candidate.clone(),
            vectors: n,
        })
    }

    fn index(&self, candidate: &Candidate, refinement: Refinement, kept: usize) -> Result<Trial> {
        let n = self.base.nrows();
        let (folder, source) = (self.folder.join("trial.wgvqi"), self.folder.join(SOURCE));
        if refinement == Refinement::Source && !source.exists() {
            self.write_source(&source)?;
        }
        let (watch, start) = (&mut Watch::of(self.limit), Instant::now());
        // The batches of vectors that are in, not those of the queries that come after.
        let mut taken_in: Option<Instant> = None;
        let spec = candidate.plan.spec(n)?;
        let mut build = Build::new(spec.clone())
            .metric(self.metric)
            .refine(refinement)
            .source(&[source])
            .train_on(&self.trained_on)
            .seed(self.seed)
            .memory(self.memory)
            .force(true)
            .recall(self.aims[0])
            .watch(|done, total| {
                if done == total {
                    taken_in.get_or_insert_with(Instant::now);
                }
                if self.limit.is_over() { Err(Error::cancelled("the time is over")) } else { Ok(()) }
            });
        if let Some(aiming) = self.aiming {
            build = build.queries(aiming);
        }
        let index = build.run(self.engine, &folder, &self.base, Ids::Next, watch)?;
        let trained = watch.last.unwrap_or(start);
        let encoding = taken_in.unwrap_or_else(Instant::now).duration_since(trained);
        let searcher = index.searcher(self.engine)?;
        let info = index.info();
        Ok(Trial {
            spec: spec.to_string(),
            bytes: kept as f64,
            loss: None,
            usage: Vec::new(),
            memory: (info.bytes as f64, 0.0),
            train_seconds: trained.duration_since(start).as_secs_f64(),
            encode_rate: n as f64 / encoding.max(Duration::from_nanos(1)).as_secs_f64(),
            points: self.points(&index, &searcher)?,
            candidate: candidate.clone(),
            vectors: n,
        })
    }

    /// Searches of an index, the least recall first, as far as one is expected.
    fn points(&self, index: &Index, searcher: &Searcher<'_>) -> Result<Vec<Point>> {
        let Some(curve) = index.curve() else { return Ok(Vec::new()) };
        let mut points: Vec<Point> = Vec::new();
        let aims = self.aims.iter().filter(|&&aim| curve.choose(aim).is_some()).copied();
        // And the most that there is.
        for aim in aims.chain(curve.best().map(|best| best.recall)) {
            let query = Query::nearest(NEIGHBOURS).recall(aim);
            let effort = searcher.effort(&query)?;
            let looked = Looked { aim, probes: effort.probes, depth: effort.depth };
            // The least aim for which it goes so far is the one to name.
            if points.iter().any(|point| point.looked.is_some_and(|other| other.is_as_far_as(&looked))) {
                continue;
            }
            let (found, seconds) = timed(|| searcher.search(self.queries, &query))?;
            let hits = Hits::of(ids_of(&found, NEIGHBOURS), self.truth);
            points.push(Point { looked: Some(looked), hits, rate: self.rate(seconds) });
        }
        Ok(points)
    }

    fn rate(&self, seconds: f64) -> f64 {
        self.queries.nrows() as f64 / seconds
    }

    fn write_source(&self, path: &Path) -> Result<()> {
        let base = self.base.as_standard_layout();
        let mut writer = RowWriter::create(path, base.nrows(), base.ncols(), true)?;
        writer.append(base.as_slice().expect("in standard layout"))?;
        writer.finish()
    }
}

/// Searches that are timed, unless one takes longer than this.
const TIMED: usize = 3;
const LONG: f64 = 0.5;

/// What `search` gives, and the median of the seconds that it takes.
fn timed<T>(mut search: impl FnMut() -> Result<T>) -> Result<(T, f64)> {
    let mut seconds = Vec::new();
    loop {
        let start = Instant::now();
        let found = search()?;
        seconds.push(start.elapsed().as_secs_f64());
        if seconds.len() == TIMED || seconds[0] > LONG {
            seconds.sort_by(f64::total_cmp);
            return Ok((found, seconds[seconds.len() / 2].max(1e-9)));
        }
    }
}

/// Ends a training when the time is over, and knows when its last iteration was.
struct Watch {
    limit: Limit,
    last: Option<Instant>,
}

impl Watch {
    fn of(limit: Limit) -> Self {
        Self { limit, last: None }
    }
}

impl Observer for Watch {
    fn iteration(&mut self, _: &Iteration) -> ControlFlow<()> {
        self.last = Some(Instant::now());
        if self.limit.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn cancelled(&self) -> bool {
        self.limit.is_over()
    }
}
