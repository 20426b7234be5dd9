//! How work is done while Python waits: without its lock, on as many threads as were asked for, and so that Ctrl-C ends it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use wgvq::Error;
use wgvq::train::{Iteration, Observer};

use crate::error::raise;

/// How often Python is asked for signals, and told how far the work is.
const EVERY: Duration = Duration::from_millis(50);

/// How long work has to stop by itself after Ctrl-C. Where it has not, because it is deep in a sort, a decomposition or a
/// driver, it goes on behind Python's back, and its result is dropped.
const GRACE: Duration = Duration::from_millis(700);

/// More threads than any machine has cores only get in one another's way.
const MOST_THREADS: usize = 1024;

/// How many threads to work on.
#[derive(Clone, Copy)]
pub struct Threads(usize);

impl FromPyObject<'_, '_> for Threads {
    type Error = PyErr;

    /// Raises ValueError for what is no number of threads.
    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match given.extract() {
            Ok(threads @ 1..=MOST_THREADS) => Ok(Self(threads)),
            _ => Err(PyValueError::new_err(format!(
                "threads is {}; must be 1 to {MOST_THREADS}, or None",
                given.repr()?
            ))),
        }
    }
}

/// What work tells of itself, and whether it is to stop.
#[derive(Default)]
pub struct Watch {
    stop: AtomicBool,
    done: AtomicUsize,
    /// The error after the last iteration.
    mse: Mutex<f64>,
    /// How much of what there is is done since training ended, and what that is.
    part: Mutex<Option<(usize, usize, &'static str)>>,
}

impl Watch {
    /// Whether to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Fails if the work is to stop.
    pub fn check(&self) -> wgvq::Result<()> {
        if self.is_stopped() { Err(Error::cancelled("stopped")) } else { Ok(()) }
    }

    /// `steps` more are done, and the error is now `mse`.
    pub fn advance(&self, steps: usize, mse: f64) {
        self.done.fetch_add(steps, Ordering::Relaxed);
        *self.mse.lock().unwrap_or_else(PoisonError::into_inner) = mse;
    }

    /// Iterations or steps so far.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// So many of `total` units are done. Fails if the work is to stop.
    pub fn reach(&self, done: usize, total: usize, unit: &'static str) -> wgvq::Result<()> {
        *self.part.lock().unwrap_or_else(PoisonError::into_inner) = Some((done, total, unit));
        self.check()
    }

    /// Passes on to `progress` how far the work is.
    fn tell(&self, progress: &Bound<'_, PyAny>) -> PyResult<()> {
        let part = *self.part.lock().unwrap_or_else(PoisonError::into_inner);
        let mse = *self.mse.lock().unwrap_or_else(PoisonError::into_inner);
        match part {
            Some((done, total, unit)) => progress.call_method1("reach", (done, total, unit)),
            None => progress.call_method1("iterate", (self.done(), mse)),
        }
        .map(drop)
    }
}

/// Tells a [`Watch`] of every iteration.
pub struct Iterations<'a>(pub &'a Watch);

impl Observer for Iterations<'_> {
    fn iteration(&mut self, iteration: &Iteration) -> ControlFlow<()> {
        self.0.advance(1, iteration.mse);
        if self.0.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn cancelled(&self) -> bool {
        self.0.is_stopped()
    }
}

/// Does `work` on a thread of its own. Meanwhile signals are looked for, as Python handles them on the calling thread alone,
/// and `progress.iterate(iterations, mse)` is called while it trains, or `progress.reach(done, total, unit)`.
pub fn run<T: Send + 'static>(
    py: Python<'_>,
    threads: Option<Threads>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Arc<Watch>) -> wgvq::Result<T> + Send + 'static,
) -> PyResult<T> {
    let pool = pool(threads)?;
    let watch = Arc::new(Watch::default());
    let (send, receive) = sync_channel(1);
    let receive = Mutex::new(receive);
    let theirs = Arc::clone(&watch);
    let work = move || {
        let result = on(pool.as_deref(), || work(&theirs));
        // Nobody listens any more if Python has stopped waiting.
        let _ = send.send(result);
    };
    std::thread::Builder::new().name("wgvq".into()).spawn(work)?;

    let mut stopped: Option<(PyErr, Instant)> = None;
    loop {
        let next = py.detach(|| receive.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(EVERY));
        match (next, stopped) {
            (Ok(_), Some((error, _))) => return Err(error),
            (Ok(result), None) => return result.map_err(raise),
            (Err(RecvTimeoutError::Disconnected), _) => {
                return Err(PyRuntimeError::new_err(
                    "the engine panicked, which is a fault of wgvq; stderr has more",
                ));
            }
            (Err(RecvTimeoutError::Timeout), Some((error, since))) if since.elapsed() >= GRACE => {
                return Err(error);
            }
            (Err(RecvTimeoutError::Timeout), still) => stopped = still,
        }
        if stopped.is_none() {
            let told = py.check_signals().and_then(|()| match progress {
                Some(progress) => watch.tell(progress),
                None => Ok(()),
            });
            if let Err(error) = told {
                watch.stop.store(true, Ordering::Relaxed);
                stopped = Some((error, Instant::now()));
            }
        }
    }
}

/// Does `work` that takes no time to speak of on the calling thread.
pub fn at_once<T: Send>(
    py: Python<'_>,
    threads: Option<Threads>,
    work: impl FnOnce() -> wgvq::Result<T> + Send,
) -> PyResult<T> {
    let pool = pool(threads)?;
    py.detach(|| on(pool.as_deref(), work)).map_err(raise)
}

fn on<T: Send>(pool: Option<&ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// The threads to work on; `None` for those that all work without a number of its own shares, one for each core.
fn pool(threads: Option<Threads>) -> PyResult<Option<Arc<ThreadPool>>> {
    static POOLS: LazyLock<Mutex<HashMap<usize, Arc<ThreadPool>>>> = LazyLock::new(Default::default);
    refuse_forks()?;
    let Some(Threads(threads)) = threads else { return Ok(None) };
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Ok(Some(Arc::clone(pool)));
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool =
        Arc::new(pool.map_err(|error| PyRuntimeError::new_err(format!("threads={threads}: {error}")))?);
    pools.insert(threads, Arc::clone(&pool));
    Ok(Some(pool))
}

/// Threads do not live on in a forked process, which would wait for them forever.
fn refuse_forks() -> PyResult<()> {
    static FIRST: AtomicU32 = AtomicU32::new(0);
    let here = std::process::id();
    match FIRST.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed) {
        Err(first) if first != here => Err(PyRuntimeError::new_err(
            "wgvq was at work before this process was forked, and its threads are not here; start processes by \
             multiprocessing.get_context(\"spawn\") or joblib's loky",
        )),
        _ => Ok(()),
    }
}
