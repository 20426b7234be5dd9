//! Ids from files.

use std::path::{Path, PathBuf};

use wgvq::index::Ids;
use wgvq::{Context, Error, Result, io};

use crate::args::Common;
use crate::stdin;

/// Bytes of an id, and of what finding repeated ones takes beside it.
const BYTES: u64 = 16;

/// The ids of vectors that come, and the memory that is left beside them.
pub struct Given {
    ids: Option<Vec<u64>>,
    pub memory: u64,
}

impl Given {
    /// Those in a file or, where there is no such file, in a column of the files of the vectors.
    pub fn read(given: Option<&PathBuf>, data: &[PathBuf], vectors: usize, common: &Common) -> Result<Self> {
        let Some(given) = given else { return Ok(Self { ids: None, memory: common.memory() }) };
        let memory = common.memory_beside(
            BYTES * vectors as u64,
            format_args!("the ids of {vectors} vectors"),
            "take fewer vectors at a time",
        )?;
        let ids = match given.to_str().filter(|name| is_column(name)) {
            Some(column) => column_of(column, data, io::read_ids).map(|ids| ids.concat()),
            None => stdin::ids(given),
        };
        Ok(Self { ids: Some(ids.context(|| "--ids")?), memory })
    }

    pub fn ids(&self) -> Ids<'_> {
        self.ids.as_deref().map_or(Ids::Next, Ids::Given)
    }
}

/// Whether `name` can only be that of a column: no file of this name, nor what could be one.
pub fn is_column(name: &str) -> bool {
    !Path::new(name).exists() && !name.contains(['.', '/', ':', '*'])
}

/// What `read` makes of a column of each of the files that `data` stands for.
pub fn column_of<T>(column: &str, data: &[PathBuf], read: impl Fn(PathBuf) -> Result<T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for path in data.iter().map(io::files).collect::<Result<Vec<_>>>()?.concat() {
        let is_table = |extension: &std::ffi::OsStr| {
            ["parquet", "arrow", "feather"].iter().any(|table| extension.eq_ignore_ascii_case(table))
        };
        if !path.extension().is_some_and(is_table) {
            let path = path.display();
            return Err(Error::input(format!(
                "{path}: has no column {column}, only tables such as .parquet have; name a file of it"
            )));
        }
        let mut place = path.into_os_string();
        place.push(format!(":{column}"));
        all.push(read(PathBuf::from(place))?);
    }
    Ok(all)
}
