//! All neighbours within a radius.

use ndarray::Array2;

use super::Index;
use super::scan::Near;
use super::search::{Found, Look, Searcher};
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// What is near: by squared distances and the cosine what is no farther than the radius, by inner products what has one no smaller.
pub fn farthest(metric: Metric, radius: f64) -> Result<f64> {
    match metric {
        _ if !radius.is_finite() => Err(Error::input(format!(
            "a radius of {radius}; it is a number, which is compared with distances"
        ))),
        Metric::InnerProduct => Ok(-radius),
        _ if radius < 0.0 => {
            Err(Error::input(format!("a radius of {radius}; no distance by {metric} is below 0")))
        }
        _ => Ok(radius),
    }
}

impl Searcher<'_> {
    /// Finds all rows of the lists that are looked into whose distances to the queries `x` (q, d) are at most `farthest`: to what is kept
    /// of them beside their codes, or without that to what these decode to.
    pub(super) fn within(
        &self,
        x: &Array2<f32>,
        look: Look<'_>,
        farthest: f64,
        found: &mut Found,
    ) -> Result<()> {
        let Index { model, segments, .. } = self.index;
        let unit = model.compared_by().1;
        let vectors = |segment: &Segment, list: usize, rows: &[usize]| {
            if !model.reranks() {
                return self.coding.decode(segment.codes(list)?, rows, list);
            }
            let first = segment.list(list).start;
            let mut vectors = Array2::zeros((rows.len(), model.dim));
            for (mut vector, row) in vectors.outer_iter_mut().zip(rows) {
                vector.assign(&self.kept(segment, first + row)?);
            }
            Ok(vectors)
        };
        let meet = |near: &mut Vec<Near>, met: Near| {
            if met.distance * unit <= farthest {
                near.push(met);
            }
        };
        let mut within = vec![Vec::new(); x.nrows()];
        let probes = self.probes(x, look.effort.probes)?;
        self.scan(&look.allowed(segments)).run(x, &probes, &mut within, vectors, meet)?;
        for mut near in within {
            near.sort_unstable();
            found.push(near.into_iter().map(|near| (near.id, near.distance * unit)));
        }
        Ok(())
    }
}
