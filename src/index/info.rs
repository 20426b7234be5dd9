//! What an index says of itself.

use serde::Serialize;

use super::Index;
use super::compact::Next;
use super::curve::Curve;
use super::segment::Segment;
use super::store::checked::read_whole;
use crate::columns::ColumnSchema;
use crate::error::{Error, Result};

/// What an index is and how large.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// Lists and quantizer.
    pub spec: String,
    /// Dimensions of a vector.
    pub dim: usize,
    /// What "near" means.
    pub metric: String,
    /// What is kept of each vector beside its code.
    pub refine: String,
    /// Whether codes are of what a vector's list leaves of it.
    pub residual: bool,
    /// Vectors that there are.
    pub vectors: usize,
    /// Vectors that are deleted and whose room [`Index::compact`] gives back.
    pub deleted: usize,
    /// Segments, which [`Index::compact`] merges.
    pub segments: usize,
    /// Bytes of all files, without the hashes behind them.
    pub bytes: u64,
    /// Vectors of the shortest list.
    pub least_in_list: usize,
    /// Vectors of the longest list.
    pub most_in_list: usize,
    /// The id that the next vector gets that is added without one.
    pub next_id: Option<u64>,
    /// The version of the format.
    pub format: u64,
    /// What is kept beside the vectors.
    pub columns: Vec<ColumnSchema>,
    /// What is expected of searches, if that was measured.
    pub recall: Option<Curve>,
}

impl Index {
    /// What it is and how large.
    pub fn info(&self) -> Info {
        let manifest = &self.manifest;
        let deleted = |segment: &Segment| segment.deleted.count();
        let in_list =
            |list| self.segments.iter().map(|segment| segment.live_rows(list).count()).sum::<usize>();
        let (least, most) = (0..self.model.list_count())
            .map(in_list)
            .fold((usize::MAX, 0), |(least, most), rows| (least.min(rows), most.max(rows)));
        Info {
            spec: manifest.spec.clone(),
            dim: manifest.dim,
            metric: manifest.metric.clone(),
            refine: manifest.refine.clone(),
            residual: manifest.residual,
            vectors: self.len(),
            deleted: self.segments.iter().map(deleted).sum(),
            segments: self.segments.len(),
            bytes: manifest.files().map(|record| record.bytes).sum(),
            least_in_list: least,
            most_in_list: most,
            next_id: manifest.next_id,
            format: manifest.format,
            columns: manifest.columns.clone(),
            recall: manifest.recall.clone(),
        }
    }

    /// Reads every byte and holds it against its checksum, and looks whether an id is there twice. `watch` is told how many segments of how many are done; its error ends
    /// the work.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming file and place, for the first byte that is not as it was written; naming the id and
    /// both files for one that is there twice.
    pub fn verify(&self, mut watch: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        // Opening reads the small files whole.
        let again = Self::of(&self.folder, self.manifest.clone())?;
        self.manifest.queries.iter().try_for_each(|queries| read_whole(&self.folder, queries).map(drop))?;
        for (number, segment) in again.segments.iter().enumerate() {
            segment.verify()?;
            watch(number + 1, again.segments.len())?;
        }
        let mut before: Option<(u64, usize)> = None;
        again.in_order_of_ids(|Next { id, segment, .. }| {
            let file = |segment: usize| &self.manifest.segments[segment].file.file;
            match before.replace((id, segment)) {
                Some((same, other)) if same == id => Err(Error::input(format!(
                    "{}: the id {id} is there twice, in {} and in {}; add its vector again, with replace",
                    self.folder.display(),
                    file(other),
                    file(segment)
                ))),
                _ => Ok(()),
            }
        })
    }
}
