//! An index on disk, and what it does while Python waits.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::{PyFileExistsError, PyRuntimeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use self_cell::self_cell;
use serde_json::json;
use wgvq::Vectors;
use wgvq::index::{
    Add, Build, Found, Ids, Index as Library, IndexSpec, Predicate, Query, Refinement, Searcher,
};
use wgvq::metrics::Metric;
use wgvq::settings::Spelling;

use crate::device;
use crate::error::{io_kind, raise};
use crate::given::Given;
use crate::kept::{columns_of, to_list};
use crate::rows::Rows;
use crate::value::{settings_of, to_python};
use crate::work::{self, Iterations, Threads, Watch};

/// Vectors that a search meets up to which it is done on the calling thread: to start another takes longer.
const FEW: usize = 1 << 18;

type Column<'py, T> = Bound<'py, PyArray1<T>>;
type Table<'py, T> = Bound<'py, PyArray2<T>>;

self_cell!(
    /// An index on a device.
    struct Ready {
        owner: Arc<Library>,
        #[covariant]
        dependent: Searcher,
    }
);

/// An index as it was opened, and what searches it once that was asked for.
struct Opened {
    index: Arc<Library>,
    ready: Mutex<Option<Arc<Ready>>>,
}

impl Opened {
    fn new(index: Library) -> Arc<Self> {
        Arc::new(Self { index: Arc::new(index), ready: Mutex::default() })
    }

    fn search(&self, device: &str, queries: &Rows, look: &Look) -> wgvq::Result<Found> {
        let ready = {
            let mut ready = locked(&self.ready);
            match &*ready {
                Some(ready) => Arc::clone(ready),
                None => {
                    let engine = device::engine(device)?;
                    let new = Ready::try_new(Arc::clone(&self.index), |index| index.searcher(&engine))?;
                    Arc::clone(ready.insert(Arc::new(new)))
                }
            }
        };
        ready.borrow_dependent().search(queries, &look.query())
    }

    /// Whether a search meets few vectors, and nothing has to be made ready for it.
    fn is_quick(&self, queries: usize, look: &Look) -> bool {
        let ready = locked(&self.ready).clone();
        let effort = ready.and_then(|ready| ready.borrow_dependent().effort(&look.query()).ok());
        effort.is_some_and(|effort| {
            let share = effort.probes as f64 / self.index.spec().lists() as f64;
            let met = self.index.len() as f64 * share.min(1.0) + effort.depth as f64;
            let filtered = look.filter.as_ref().map_or(0, Vec::len)
                + look.predicate.as_ref().map_or(0, |_| self.index.len());
            queries as f64 * met + filtered as f64 <= FEW as f64
        })
    }
}

/// What to look for, and how far.
struct Look {
    k: usize,
    radius: Option<f64>,
    nprobe: Option<usize>,
    depth: Option<usize>,
    recall: Option<f64>,
    filter: Option<Vec<u64>>,
    predicate: Option<Predicate>,
}

impl Look {
    fn query(&self) -> Query<'_> {
        let mut query = self.radius.map_or(Query::nearest(self.k), Query::within);
        if let Some(lists) = self.nprobe {
            query = query.probes(lists);
        }
        if let Some(rows) = self.depth {
            query = query.depth(rows);
        }
        if let Some(recall) = self.recall {
            query = query.recall(recall);
        }
        if let Some(filter) = &self.filter {
            query = query.among(filter);
        }
        if let Some(predicate) = &self.predicate {
            query = query.matching(predicate);
        }
        query
    }
}

/// An index on disk. Changes are made to what is there now, and what was opened goes on to be searched until they are done.
#[pyclass(frozen, module = "wgvq._wgvq")]
pub struct Index {
    folder: PathBuf,
    device: String,
    threads: Option<Threads>,
    opened: Mutex<Option<Arc<Opened>>>,
    /// Held by the one change that is made at a time.
    changing: Arc<Mutex<()>>,
}

impl Index {
    fn new(folder: PathBuf, device: String, threads: Option<Threads>, index: Library) -> Self {
        Self {
            folder,
            device,
            threads,
            opened: Mutex::new(Some(Opened::new(index))),
            changing: Arc::default(),
        }
    }

    fn opened(&self) -> PyResult<Arc<Opened>> {
        locked(&self.opened).clone().ok_or_else(|| {
            let folder = self.folder.display();
            PyValueError::new_err(format!("{folder}: was closed; wgvq.Index.open opens it again"))
        })
    }

    fn found(&self, py: Python<'_>, queries: &Bound<'_, PyAny>, look: Look) -> PyResult<Found> {
        let (queries, opened) = (Rows::of(queries)?, self.opened()?);
        if opened.is_quick(queries.len(), &look) {
            return work::at_once(py, self.threads, || opened.search(&self.device, &queries, &look));
        }
        let device = self.device.clone();
        work::run(py, self.threads, None, move |watch| opened.search(&device, &queries.watched(watch), &look))
    }

    /// Makes a change.
    fn change<T: Send + 'static>(
        &self,
        py: Python<'_>,
        progress: Option<&Bound<'_, PyAny>>,
        change: impl FnOnce(&mut Library, &Arc<Watch>) -> wgvq::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        self.opened()?;
        let (folder, changing) = (self.folder.clone(), Arc::clone(&self.changing));
        let (index, done) = work::run(py, self.threads, progress, move |watch| {
            let _one = locked(&changing);
            watch.check()?;
            let mut index = Library::open(&folder)?;
            let done = change(&mut index, watch)?;
            Ok((index, done))
        })?;
        *locked(&self.opened) = Some(Opened::new(index));
        Ok(done)
    }
}

#[pymethods]
impl Index {
    /// Trains lists and quantizer on `data`, float32 (n, d) or the paths of files, and writes an index of it.
    ///
    /// Raises ValueError for what does not go together; FileExistsError unless `overwrite`; OSError; DeviceError.
    #[staticmethod]
    #[pyo3(signature = (path, data, spec, settings, *, ids, keep, refine, metric, recall, queries, seed, memory, overwrite, device, threads, progress))]
    #[expect(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn build(
        py: Python<'_>,
        path: PathBuf,
        data: &Bound<'_, PyAny>,
        spec: &str,
        settings: &Bound<'_, PyDict>,
        ids: Option<PyReadonlyArray1<'_, u64>>,
        keep: &Bound<'_, PyDict>,
        refine: &str,
        metric: &str,
        recall: Option<f64>,
        queries: Option<&Bound<'_, PyAny>>,
        seed: u64,
        memory: u64,
        overwrite: bool,
        device: String,
        threads: Option<Threads>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let spec: IndexSpec = spec.parse().map_err(raise)?;
        let refine: Refinement = word("refine", refine)?;
        let metric: Metric = word("metric", metric)?;
        let settings = settings_of(settings)?;
        let columns = columns_of(keep, &[])?;
        let (data, ids) = (Given::of(data)?, ids.map(|ids| ids.as_array().to_vec()));
        let queries = queries.map(Rows::of).transpose()?;
        let (folder, chosen) = (path.clone(), device.clone());
        let index = work::run(py, threads, progress, move |watch| {
            let engine = device::engine(&chosen)?;
            let paths = data.paths().to_vec();
            let data = data.open(watch)?;
            let mut build = Build::new(spec)
                .metric(metric)
                .refine(refine)
                .set_all(settings, Spelling::Key)
                .seed(seed)
                .memory(memory)
                .keep(&columns)
                .force(overwrite)
                .watch(|done, total| watch.reach(done, total, "vectors"));
            if !paths.is_empty() {
                build = build.source(&paths);
            }
            if let Some(recall) = recall {
                build = build.recall(recall);
            }
            if let Some(queries) = &queries {
                build = build.queries(queries);
            }
            let ids = ids.as_deref().map_or(Ids::Next, Ids::Given);
            Ok(build.run(&engine, &folder, &*data, ids, &mut Iterations(watch)))
        })?;
        let index = index.map_err(|error| match io_kind(&error) {
            ErrorKind::AlreadyExists => {
                let path = path.display();
                PyFileExistsError::new_err(format!("{path}: exists; pass overwrite=True to replace it"))
            }
            _ => raise(error),
        })?;
        if let Some(curve) = index.curve().filter(|curve| curve.choose(curve.wanted).is_none()) {
            let best = curve.best().map_or(0.0, |best| best.recall);
            let wanted = curve.wanted;
            let words = format!(
                "a recall of {wanted} is not expected of any search; the most, {best:.4}, is aimed at"
            );
            let words = std::ffi::CString::new(words)?;
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &words, 2)?;
        }
        Ok(Self::new(path, device, threads, index))
    }

    /// Opens an index, by mapping its files. Raises FileNotFoundError; ValueError if it is damaged or of a newer version.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, device: String, threads: Option<Threads>) -> PyResult<Self> {
        let index = py.detach(|| Library::open(&path)).map_err(raise)?;
        Ok(Self::new(path, device, threads, index))
    }

    /// Lets go of the files.
    fn close(&self) {
        *locked(&self.opened) = None;
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.folder.clone()
    }

    #[getter]
    fn spec(&self) -> PyResult<String> {
        Ok(self.opened()?.index.spec().to_string())
    }

    #[getter]
    fn metric(&self) -> PyResult<String> {
        Ok(self.opened()?.index.metric().to_string())
    }

    #[getter]
    fn dim(&self) -> PyResult<usize> {
        Ok(self.opened()?.index.dim())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.opened()?.index.len())
    }

    /// What it is and how large.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let opened = self.opened()?;
        to_python(py, &py.detach(|| json!(opened.index.info())))
    }

    /// The ids and distances (q, k) of the nearest of `queries`, float32 (q, d); (q, n) where only n are there.
    #[pyo3(signature = (queries, k, *, nprobe, depth, recall, filter, predicate))]
    #[expect(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        k: usize,
        nprobe: Option<usize>,
        depth: Option<usize>,
        recall: Option<f64>,
        filter: Option<PyReadonlyArray1<'py, u64>>,
        predicate: Option<&str>,
    ) -> PyResult<(Table<'py, u64>, Table<'py, f32>)> {
        let filter = filter.map(|ids| ids.as_array().to_vec());
        let predicate = predicate.map(|text| word("where", text)).transpose()?;
        let look = Look { k, radius: None, nprobe, depth, recall, filter, predicate };
        let found = self.found(py, queries, look)?;
        let (ends, ids, distances) = parts(&found);
        let shape = (found.queries(), ends.get(1).map_or(0, |&end| end as usize));
        let uneven = |_| PyRuntimeError::new_err("queries have other numbers of neighbours, a fault of wgvq");
        let ids = Array2::from_shape_vec(shape, ids).map_err(uneven)?;
        let distances = Array2::from_shape_vec(shape, distances).map_err(uneven)?;
        Ok((ids.into_pyarray(py), distances.into_pyarray(py)))
    }

    /// All neighbours of `queries`, float32 (q, d), within a radius: where those of each begin and the last end, int64 (q + 1,),
    /// their ids, and their distances.
    #[pyo3(signature = (queries, radius, *, nprobe, recall, filter, predicate))]
    #[expect(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn search_range<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        radius: f64,
        nprobe: Option<usize>,
        recall: Option<f64>,
        filter: Option<PyReadonlyArray1<'py, u64>>,
        predicate: Option<&str>,
    ) -> PyResult<(Column<'py, i64>, Column<'py, u64>, Column<'py, f32>)> {
        let filter = filter.map(|ids| ids.as_array().to_vec());
        let predicate = predicate.map(|text| word("where", text)).transpose()?;
        let look = Look { k: 1, radius: Some(radius), nprobe, depth: None, recall, filter, predicate };
        let (ends, ids, distances) = parts(&self.found(py, queries, look)?);
        Ok((ends.into_pyarray(py), ids.into_pyarray(py), distances.into_pyarray(py)))
    }

    /// Adds `data`, float32 (n, d) or the paths of files: how many came, and how many went because others have their ids now.
    #[pyo3(signature = (data, *, ids, keep, replace, memory, progress))]
    #[expect(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn add(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        ids: Option<PyReadonlyArray1<'_, u64>>,
        keep: &Bound<'_, PyDict>,
        replace: bool,
        memory: u64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(usize, usize)> {
        let (data, ids) = (Given::of(data)?, ids.map(|ids| ids.as_array().to_vec()));
        let columns = columns_of(keep, self.opened()?.index.columns())?;
        let device = self.device.clone();
        self.change(py, progress, move |index, watch| {
            let engine = device::engine(&device)?;
            let paths = data.paths().to_vec();
            let data = data.open(watch)?;
            let mut how = Add::default()
                .replace(replace)
                .memory(memory)
                .keep(&columns)
                .watch(|done, total| watch.reach(done, total, "vectors"));
            if !paths.is_empty() {
                how = how.source(&paths);
            }
            let done = index.add(&engine, &*data, ids.as_deref().map_or(Ids::Next, Ids::Given), how)?;
            Ok((done.added, done.replaced))
        })
    }

    /// The names and types of the columns that are kept beside the vectors.
    fn columns(&self) -> PyResult<Vec<(String, String)>> {
        let opened = self.opened()?;
        Ok(opened
            .index
            .columns()
            .iter()
            .map(|column| (column.name.clone(), column.kind.to_string()))
            .collect())
    }

    /// The values that the vectors of these ids have in a column, in the order of the ids.
    fn column<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        ids: PyReadonlyArray1<'_, u64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (opened, ids) = (self.opened()?, ids.as_array().to_vec());
        to_list(py, &py.detach(|| opened.index.column(name, &ids)).map_err(raise)?)
    }

    /// Removes the vectors with these ids: how many there were.
    fn remove(&self, py: Python<'_>, ids: PyReadonlyArray1<'_, u64>, missing_ok: bool) -> PyResult<usize> {
        let ids = ids.as_array().to_vec();
        let remove = if missing_ok { Library::remove_any } else { Library::remove };
        self.change(py, None, move |index, _| remove(index, &ids))
    }

    /// Holds every byte against its checksum.
    fn verify(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let opened = self.opened()?;
        work::run(py, self.threads, progress, move |watch| {
            opened.index.verify(|done, total| watch.reach(done, total, "segments"))
        })
    }

    /// Merges all segments.
    fn compact(&self, py: Python<'_>, memory: u64, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let device = self.device.clone();
        self.change(py, progress, move |index, watch| {
            let engine = device::engine(&device)?;
            index.compact(&engine, memory, |done, total| watch.reach(done, total, "lists"))
        })
    }
}

/// What a word stands for.
fn word<T: FromStr<Err = wgvq::Error>>(name: &str, given: &str) -> PyResult<T> {
    given.parse().map_err(|error| PyValueError::new_err(format!("{name} is {given:?}; {error}")))
}

/// Where the neighbours of each query begin and the last end, their ids, and their distances.
fn parts(found: &Found) -> (Vec<i64>, Vec<u64>, Vec<f32>) {
    let (mut ends, mut ids, mut distances) = (vec![0], Vec::new(), Vec::new());
    for query in 0..found.queries() {
        let (own, near) = found.of(query);
        ids.extend_from_slice(own);
        distances.extend_from_slice(near);
        ends.push(ids.len() as i64);
    }
    (ends, ids, distances)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
