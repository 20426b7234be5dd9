//! Vectors that come and go.

use super::bits::RowBits;
use super::curve::mark_changed;
use super::ids::Ids;
use super::intake::{Incoming, Watch, take_in};
use super::kept;
use super::model::Coding;
use super::segment::Segment;
use super::sources::{Sources, record};
use super::store::folder::{FileKind, Writer};
use super::store::manifest::{DeletedRecord, SegmentRecord};
use super::{Index, MEMORY};
use crate::columns::Column;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::vectors::Vectors;
use std::path::PathBuf;

/// How to [add](Index::add) vectors.
pub struct Add<'a> {
    replace: bool,
    source: Option<Vec<PathBuf>>,
    memory: u64,
    keep: &'a [Column],
    watch: Watch<'a>,
}

/// What [`Index::add`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Vectors that came.
    pub added: usize,
    /// Vectors that went, because others came with their ids.
    pub replaced: usize,
}

impl Default for Add<'_> {
    fn default() -> Self {
        Self { replace: false, source: None, memory: MEMORY, keep: &[], watch: Box::new(|_, _| Ok(())) }
    }
}

impl<'a> Add<'a> {
    /// Vectors with ids that are there already replace those that have them. Of several that are added with one id the last counts.
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// Where the vectors are, as [`open_all`](crate::io::open_all) takes it: an index that is refined by them needs it.
    pub fn source(mut self, data: &[PathBuf]) -> Self {
        self.source = Some(data.to_vec());
        self
    }

    /// Stays within about that many bytes, [`MEMORY`](super::MEMORY) if not said.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// What is kept beside the vectors, a row for each: the columns that the index has, in any order.
    pub fn keep(mut self, columns: &'a [Column]) -> Self {
        self.keep = columns;
        self
    }

    /// Tells `watch` after each batch how many vectors of how many are in; its error ends the work.
    pub fn watch(mut self, watch: impl FnMut(usize, usize) -> Result<()> + 'a) -> Self {
        self.watch = Box::new(watch);
        self
    }
}

impl Index {
    /// Adds `x` (n, d): all of it, or nothing where this fails. Then the index is as after this change, and after those that others
    /// have made since it was opened.
    ///
    /// ```
    /// use wgvq::index::{Add, Build, Ids, Query, Refinement};
    /// # fn main() -> wgvq::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("base.wgvqi");
    /// let engine = wgvq::Engine::cpu();
    /// let x = ndarray::Array2::from_shape_fn((300, 4), |(row, column)| ((row * (column + 3)) % 101) as f32);
    /// let build = Build::new("PQ2x4".parse()?).refine(Refinement::U8);
    /// let mut index = build.run(&engine, &path, &x, Ids::Next, &mut ())?;
    /// let more = ndarray::array![[50.0_f32, 60.0, 70.0, 80.0]];
    /// assert_eq!(index.add(&engine, &more, Ids::Given(&[9000]), Add::default())?.added, 1);
    /// assert_eq!(index.search(&engine, &more, &Query::nearest(1).depth(40))?.of(0).0, [9000]);
    /// assert!(index.add(&engine, &more, Ids::Given(&[9000]), Add::default()).is_err());
    /// index.remove(&[9000])?;
    /// assert_eq!(index.len(), 300);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the dimensions or the columns differ, or an id is given twice or there already and not replaced;
    /// [`Io`](crate::ErrorKind::Io) for a full disk, or where another process is writing to the index.
    pub fn add(&mut self, engine: &Engine, x: &dyn Vectors, ids: Ids<'_>, mut how: Add<'_>) -> Result<Added> {
        let (mut writer, manifest) = Writer::open(&self.folder)?;
        let now = Self::of(&self.folder, manifest)?;
        let mut manifest = now.manifest.clone();
        if x.dim() != now.dim() {
            return Err(Error::input(format!(
                "the vectors have {} dimensions, the index {}",
                x.dim(),
                now.dim()
            )));
        }
        let first_source = Sources::rows(&manifest.sources);
        if now.model.has_sources() {
            manifest.sources.push(record(how.source.as_deref(), x)?);
        }
        let resolved = ids.resolve(x.len(), &now.segments, manifest.next_id, how.replace)?;
        let columns = kept::in_order(how.keep, &now.model.columns, x.len())?;
        let (first_id, left_out) = (resolved.first, &resolved.superseded[..]);
        let incoming = Incoming { x, ids, first_id, left_out, first_source, columns };
        let coding = Coding::new(&now.model, engine)?;
        let new = take_in(&coding, &mut writer, &incoming, how.memory, &mut how.watch)?;
        manifest.segments = without(&mut writer, &now, &resolved.deleted)?;
        manifest.segments.extend(new);
        mark_changed(&mut manifest);
        manifest.next_id = resolved.next;
        let manifest = writer.commit(manifest)?;
        *self = Self::of(&self.folder, manifest)?;
        Ok(Added { added: x.len() - resolved.superseded.len(), replaced: resolved.replaced })
    }

    /// Removes the vectors with these ids: all of them, or none where this fails. Tells how many there were.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming it, for an id that no vector has; [`Io`](crate::ErrorKind::Io) as
    /// [`add`](Self::add).
    pub fn remove(&mut self, ids: &[u64]) -> Result<usize> {
        self.remove_known(ids, false)
    }

    /// Removes the vectors with these ids, as far as there are any, and tells how many there were.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) as [`add`](Self::add).
    pub fn remove_any(&mut self, ids: &[u64]) -> Result<usize> {
        self.remove_known(ids, true)
    }

    /// Removes vectors; unless ids that there are not are to be passed over, only if there are all.
    fn remove_known(&mut self, ids: &[u64], pass_over: bool) -> Result<usize> {
        let (mut writer, manifest) = Writer::open(&self.folder)?;
        *self = Self::of(&self.folder, manifest)?;
        let mut deleted: Vec<RowBits> = self.segments.iter().map(|segment| segment.deleted.clone()).collect();
        let mut removed = 0;
        for &id in ids {
            let mut is_known = false;
            for (segment, deleted) in self.segments.iter().zip(&mut deleted) {
                if let Some(row) = segment.find(id)? {
                    removed += usize::from(deleted.insert(segment.place(row)));
                    is_known = true;
                }
            }
            if !is_known && !pass_over {
                return Err(Error::input(format!("no vector has the id {id}; nothing was removed")));
            }
        }
        let mut manifest = self.manifest.clone();
        manifest.segments = without(&mut writer, self, &deleted)?;
        mark_changed(&mut manifest);
        let manifest = writer.commit(manifest)?;
        *self = Self::of(&self.folder, manifest)?;
        Ok(removed)
    }
}

/// The segments of an index without the deleted rows; those that have no others are gone.
fn without(writer: &mut Writer, index: &Index, deleted: &[RowBits]) -> Result<Vec<SegmentRecord>> {
    let mut records = Vec::new();
    for ((record, segment), deleted) in index.manifest.segments.iter().zip(&index.segments).zip(deleted) {
        if deleted.count() == segment.rows() {
            continue;
        }
        let mut record = record.clone();
        if *deleted != segment.deleted {
            let file = writer.write(FileKind::Deleted, &deleted.to_bytes())?;
            record.deleted = Some(DeletedRecord { file, rows: deleted.count() });
        }
        records.push(record);
    }
    Ok(records)
}

impl Segment {
    /// The rows that are not deleted.
    pub(super) fn live(&self) -> RowBits {
        self.deleted.complement(self.rows())
    }
}
