//! Vectors that stay where they were when they were added, for an index that is refined by them.

use std::path::PathBuf;

use ndarray::Array1;

use super::model::Model;
use super::store::manifest::SourceRecord;
use crate::error::{Context, Error, Result};
use crate::io::{self, Dataset};
use crate::vectors::{Vectors, fingerprint};

/// What the manifest says of vectors that are at `data`.
pub(super) fn record(data: Option<&[PathBuf]>, x: &dyn Vectors) -> Result<SourceRecord> {
    let Some(data) = data else {
        return Err(Error::input(
            "an index that is refined by the vectors themselves has to know which files they are in; name them",
        ));
    };
    let absolute = |path: &PathBuf| {
        let path = std::path::absolute(path).context(|| path.display())?;
        let shown = path.display().to_string();
        path.into_os_string()
            .into_string()
            .map_err(|_| Error::input(format!("{shown}: is no text; rename it")))
    };
    let data = data.iter().map(absolute).collect::<Result<_>>()?;
    Ok(SourceRecord { data, rows: x.len() as u64, fingerprint: fingerprint(x)? })
}

/// All sources of an index; their rows are numbered one after the other.
pub(super) struct Sources {
    sources: Vec<Dataset>,
    /// The number of the first row of each, and the end of the last.
    firsts: Vec<u64>,
}

impl Sources {
    /// How many rows the sources have.
    pub fn rows(records: &[SourceRecord]) -> u64 {
        records.iter().map(|record| record.rows).sum()
    }

    /// Opens the files.
    ///
    /// # Errors
    /// Files that are not there any more, or are others.
    pub fn open(records: &[SourceRecord]) -> Result<Self> {
        let mut firsts = vec![0];
        let mut sources = Vec::new();
        for record in records {
            let data = io::open_all(&record.data).context(|| "the vectors that refine the index")?;
            if data.len() as u64 != record.rows || fingerprint(&data)? != record.fingerprint {
                return Err(Error::input(format!(
                    "{}: has other vectors than when they were added to the index; put the old ones back, or build the \
                     index again",
                    record.data.join(", ")
                )));
            }
            firsts.push(firsts[firsts.len() - 1] + record.rows);
            sources.push(data);
        }
        Ok(Self { sources, firsts })
    }

    /// The vector of that number, as the index sees it, (1, d).
    pub fn read(&self, row: u64, model: &Model) -> Result<Array1<f32>> {
        let source = self.firsts.partition_point(|&first| first <= row).wrapping_sub(1);
        let Some(data) = self.sources.get(source) else {
            return Err(Error::input(format!(
                "the index names vector {row} of its sources, which have fewer; it is damaged"
            )));
        };
        let row = (row - self.firsts[source]) as usize;
        Ok(model.seen(data).read_rows(row..row + 1)?.row(0).to_owned())
    }
}
