//! Lists and codes as they are: out of an index, and into a new one.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use serde_json::Value;

use super::Index;
use super::codes::CodeLayout;
use super::ids::Ids;
use super::intake::Pending;
use super::model::Model;
use super::refine::Refinement;
use super::segment::Section;
use super::spec::IndexSpec;
use super::store::folder::Writer;
use crate::error::Result;
use crate::lists::Refine;
use crate::metrics::Metric;
use crate::quantizers::Quantizer;

/// Vectors that have been dealt out to lists and coded elsewhere.
pub(crate) struct Coded<'a> {
    pub metric: Metric,
    /// Whether codes are of what the centroid of its list leaves of a vector.
    pub residual: bool,
    /// The centroids, as a quantizer of one codebook.
    pub lists: Box<dyn Quantizer>,
    pub quantizer: Box<dyn Quantizer>,
    /// What the quantizer's model says of its training.
    pub training: Value,
    /// The ids of all vectors, list after list.
    pub ids: &'a [u64],
    /// How many vectors each list has.
    pub sizes: &'a [usize],
    /// The codes, (some, m), of some of the vectors of a list.
    pub codes: &'a dyn Fn(usize, Range<usize>) -> Result<Array2<u32>>,
}

/// Bytes of codes that are read at a time, at most.
const BATCH: u64 = 4 << 20;

impl Coded<'_> {
    /// Writes the index to `folder`, in place of one that is there only with `force`. Beside the codes of as many vectors as `memory`
    /// holds, 8 bytes are taken for each vector. `watch` is told how many vectors of how many are written; its error ends the work.
    ///
    /// # Errors
    /// An id that is given twice; otherwise as [`Build::run`](super::Build::run).
    pub fn write(
        self,
        folder: &Path,
        memory: u64,
        force: bool,
        watch: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Index> {
        let Self { metric, residual, lists, quantizer, training, ids, sizes, codes } = self;
        let spec: IndexSpec = format!("IVF{},{}", sizes.len(), quantizer.spec()).parse()?;
        let mut writer = Writer::create(folder, force)?;
        let next_id = Ids::Given(ids).resolve(ids.len(), &[], Some(0), false)?.next;
        let layout = CodeLayout::of(&quantizer.codebook_sizes());
        let model = Model {
            spec,
            metric,
            residual,
            lists: Some(lists),
            turned_back: None,
            dim: quantizer.dim(),
            quantizer,
            training,
            refinement: Refinement::None,
            refine: Refine::None,
            codes: layout,
            columns: Vec::new(),
        };
        let mut manifest = model.save(&mut writer)?;
        let code = 4 * layout.codes().max(1);
        let batch = ((memory / 16).min(BATCH) as usize / code).max(1);
        let most = Pending::most(&model, memory, batch);
        let mut pending = Pending::default();
        let mut done = 0;
        for (list, &size) in sizes.iter().enumerate() {
            for start in (0..size).step_by(batch) {
                let rows = start..(start + batch).min(size);
                let n = rows.len();
                pending.codes.extend(codes(list, rows)?);
                pending.lists.extend(std::iter::repeat_n(list as u32, n));
                pending.ids.extend(&ids[done..done + n]);
                done += n;
                if pending.ids.len() >= most {
                    manifest.segments.push(std::mem::take(&mut pending).write(&model, &[], &mut writer)?);
                }
                watch(done, ids.len())?;
            }
        }
        if !pending.ids.is_empty() {
            manifest.segments.push(pending.write(&model, &[], &mut writer)?);
        }
        manifest.next_id = next_id;
        writer.commit(manifest)?;
        Index::open(folder)
    }
}

/// Rows of a list whose codes are passed on at a time.
const PASSED: usize = 4096;

impl Index {
    /// The centroids, as a quantizer of one codebook, if there is more than one list.
    pub(crate) fn lists(&self) -> Option<&dyn Quantizer> {
        self.model.lists.as_deref()
    }

    /// What codes are of.
    pub(crate) fn quantizer(&self) -> &dyn Quantizer {
        &*self.model.quantizer
    }

    /// Whether codes are of what the centroid of its list leaves of a vector.
    pub(crate) fn residual(&self) -> bool {
        self.model.residual
    }

    /// What the quantizer's model says of its training.
    pub(crate) fn training(&self) -> &Value {
        &self.model.training
    }

    /// How many vectors a list has.
    pub(crate) fn len_of_list(&self, list: usize) -> usize {
        self.segments.iter().map(|segment| segment.live_rows(list).count()).sum()
    }

    /// Passes the codes, (some, m), of the vectors of a list to `each`, in their order.
    ///
    /// # Errors
    /// Those of `each`; bytes that are not as they were written.
    pub(crate) fn codes_of_list(
        &self,
        list: usize,
        mut each: impl FnMut(ArrayView2<u32>) -> Result<()>,
    ) -> Result<()> {
        for segment in &self.segments {
            let first = segment.list(list).start;
            let rows: Vec<usize> = segment.live_rows(list).map(|row| row - first).collect();
            let packed = segment.codes(list)?;
            rows.chunks(PASSED).try_for_each(|rows| each(self.model.codes.unpack(packed, rows).view()))?;
        }
        Ok(())
    }

    /// The ids of the vectors of a list, in the same order.
    ///
    /// # Errors
    /// Bytes that are not as they were written.
    pub(crate) fn ids_of_list(&self, list: usize) -> Result<Vec<u64>> {
        let mut ids = Vec::new();
        for segment in &self.segments {
            let (all, first) = (segment.get(Section::Ids, segment.list(list))?, segment.list(list).start);
            let all = all.as_chunks::<8>().0;
            ids.extend(segment.live_rows(list).map(|row| u64::from_le_bytes(all[row - first])));
        }
        Ok(ids)
    }
}
