//! An index: vectors as codes in lists, with ids, on disk.
//!
//! [`Build`] makes one, [`Index::open`] opens it by mapping its files, and [`Index::search`] finds neighbours. Vectors are
//! [added](Index::add) and [removed](Index::remove) by one writer at a time, while any number of readers go on with what they
//! opened. Whatever happens in between, an index is what it was before a change or what it is after it.

mod bits;
mod build;
mod change;
mod codes;
mod compact;
mod curve;
mod effort;
mod held_out;
mod ids;
mod info;
mod intake;
mod kept;
mod matching;
mod model;
mod predicate;
mod range;
mod refine;
mod scan;
mod search;
mod segment;
mod sources;
mod spec;
mod store;
mod tabled;
mod transfer;

use std::fmt;
use std::path::{Path, PathBuf};

pub use build::Build;
pub use change::{Add, Added};
pub use curve::{CURVE_K, Curve};
pub use effort::{DEPTH, Effort, PROBES};
pub use ids::Ids;
pub use info::Info;
pub use predicate::Predicate;
pub use refine::Refinement;
pub use search::{Found, Query, Searcher};
pub use spec::IndexSpec;
pub(crate) use transfer::Coded;

use self::model::Model;
use self::segment::Segment;
use self::store::folder::read_manifest;
use self::store::manifest::{MANIFEST, Manifest};
use crate::columns::{Column, ColumnSchema};
use crate::engine::Engine;
use crate::error::{Context, Error, Result};
use crate::metrics::Metric;
use crate::vectors::Vectors;

/// Bytes of memory that building and adding stay within, about, if nothing else is said.
pub const MEMORY: u64 = 1 << 30;

/// An index as it was when it was opened.
pub struct Index {
    folder: PathBuf,
    manifest: Manifest,
    model: Model,
    segments: Vec<Segment>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} vectors of {} in {})", self.len(), self.manifest.spec, self.folder.display())
    }
}

impl Index {
    /// Opens an index. Its vectors are mapped and not read; what is read later is checked when it is first touched.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if there is no such folder; [`Input`](crate::ErrorKind::Input) if it is no index, or one of a newer
    /// version, or a file of it is missing or damaged.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let mut text = read_manifest(folder)?;
        loop {
            let opened = Manifest::parse(&text, &folder.join(MANIFEST))
                .and_then(|manifest| Self::of(folder, manifest));
            let Err(error) = opened else { return opened };
            // A writer may have removed what the manifest named, and then there is another one.
            match read_manifest(folder) {
                Ok(newer) if newer != text => text = newer,
                _ => return Err(error),
            }
        }
    }

    /// The index that a manifest tells of.
    fn of(folder: &Path, manifest: Manifest) -> Result<Self> {
        let model = Model::load(folder, &manifest).context(|| folder.display())?;
        let open = |record| Segment::open(folder, record, &model);
        let segments = manifest.segments.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { folder: folder.into(), manifest, model, segments })
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.manifest.live_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.model.dim
    }

    /// Lists and quantizer.
    pub fn spec(&self) -> &IndexSpec {
        &self.model.spec
    }

    /// What "near" means.
    pub fn metric(&self) -> Metric {
        self.model.metric
    }

    /// The columns that are kept beside the vectors.
    pub fn columns(&self) -> &[ColumnSchema] {
        &self.model.columns
    }

    /// The values that the vectors of these ids have in a column, in the order of the ids.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a column that is not kept or an id that no vector has, naming it, and if what is read is
    /// damaged.
    pub fn column(&self, name: &str, ids: &[u64]) -> Result<Column> {
        let number = predicate::find(name, self.columns())?;
        let mut column = Column::new(name, self.columns()[number].kind);
        for &id in ids {
            let (segment, row) =
                self.locate(id)?.ok_or_else(|| Error::input(format!("no vector has the id {id}")))?;
            column.push(self.segments[segment].kept(number).get(row)?)?;
        }
        Ok(column)
    }

    /// Segment and row of the vector that has this id.
    fn locate(&self, id: u64) -> Result<Option<(usize, usize)>> {
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(row) = segment.find(id)? {
                return Ok(Some((number, row)));
            }
        }
        Ok(None)
    }

    /// Brings lists and quantizer to a device, for any number of searches.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if there is no room.
    pub fn searcher(&self, engine: &Engine) -> Result<Searcher<'_>> {
        Searcher::new(self, engine)
    }

    /// The neighbours of `queries` (q, d). For many calls see [`searcher`](Self::searcher).
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn search(&self, engine: &Engine, queries: &dyn Vectors, query: &Query<'_>) -> Result<Found> {
        self.searcher(engine)?.search(queries, query)
    }
}

#[cfg(test)]
mod tests;
