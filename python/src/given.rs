//! Vectors that an index takes: an array, or files.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use wgvq::io::{Dataset, open_all};
use wgvq::{Context, Vectors};

use crate::rows::Rows;
use crate::work::Watch;

/// An array as `Rows` takes it, or the paths of files.
pub enum Given {
    Array(Rows),
    Files(Vec<PathBuf>),
}

impl Given {
    /// Raises TypeError as `Rows::of`.
    pub fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        match data.extract() {
            Ok(paths) => Ok(Self::Files(paths)),
            Err(_) => Ok(Self::Array(Rows::of(data)?)),
        }
    }

    /// The paths, if it is files.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Array(_) => &[],
            Self::Files(paths) => paths,
        }
    }

    /// The vectors, not to be read any more once the watch is asked to stop.
    pub fn open(self, watch: &Arc<Watch>) -> wgvq::Result<Box<dyn Vectors>> {
        match self {
            Self::Array(rows) => Ok(Box::new(rows.watched(watch))),
            Self::Files(paths) => {
                let data = open_all(&paths).context(|| "data")?;
                Ok(Box::new(Files { data, watch: Arc::clone(watch) }))
            }
        }
    }
}

struct Files {
    data: Dataset,
    watch: Arc<Watch>,
}

impl Vectors for Files {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn dim(&self) -> usize {
        self.data.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> wgvq::Result<()> {
        self.watch.check()?;
        self.data.read(rows, out)
    }
}
