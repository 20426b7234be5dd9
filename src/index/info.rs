//! What an index says of itself.

use serde::Serialize;

use super::Index;
use super::segment::Segment;
use crate::error::Result;

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
        }
    }

    /// Reads every byte and holds it against its checksum. `watch` is told how many segments of how many are done; its error ends
    /// the work.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming file and place, for the first byte that is not as it was written.
    pub fn verify(&self, mut watch: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        // Opening reads the small files whole.
        let again = Self::of(&self.folder, self.manifest.clone())?;
        for (number, segment) in again.segments.iter().enumerate() {
            segment.verify()?;
            watch(number + 1, again.segments.len())?;
        }
        Ok(())
    }
}
