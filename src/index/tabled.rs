//! Codes that are products of codebooks of 16 or of 256 codewords, searched by tables where they lie.

use ndarray::{Array1, Array2, Axis, s};

use super::bits::RowBits;
use super::model::Model;
use super::segment::Segment;
use crate::error::Result;
use crate::lists::{self, Ask, Candidates, Codes, Found, Lists, MOST_PARTS, Queries, Selected};

/// Lists as [`Lists`] have them.
///
/// A rotation R about a point o is no part of these: what decodes to Rᵀ·ŷ + o is nearest to q where ŷ + R·o is to R·q. So queries
/// and centroids are rotated, and codewords have their share of R·o.
pub struct Tabled {
    lists: Lists,
    /// Rᵀ
    turn: Option<Array2<f64>>,
}

impl Tabled {
    /// `None` if codes are of another kind.
    pub fn of(model: &Model) -> Result<Option<Self>> {
        let layout = model.quantizer.layout();
        let (sizes, d) = (&layout.codebook_sizes, model.dim);
        let parts = layout.codebooks.len();
        let ends = layout.columns.iter().try_fold(0, |end, part| (part.start == end).then_some(part.end));
        let codes = match sizes.first() {
            Some(16) if parts <= MOST_PARTS => Codes::Four { parts },
            Some(256) => Codes::Eight { parts },
            _ => return Ok(None),
        };
        let is_product =
            parts == sizes.len() && ends == Some(d) && sizes.iter().all(|size| size == &sizes[0]);
        // Sums of tables are f32, so vectors have to be of moderate units; and sections are little-endian.
        if !is_product || !model.quantizer.scale().is_one() || cfg!(target_endian = "big") {
            return Ok(None);
        }
        let turn = layout.rotation.map(|rotation| rotation.t().mapv(f64::from));
        let offset = match layout.offset {
            Some(offset) => turned(offset, turn.as_ref()).row(0).to_owned(),
            None => Array1::zeros(d),
        };
        let mut codebooks = Vec::new();
        for (codebook, columns) in layout.codebooks.iter().zip(&layout.columns) {
            let codewords = *codebook + &offset.slice(s![columns.clone()]);
            codebooks.extend(codewords);
        }
        let centroids = match model.centroids() {
            Some(centroids) => turned(centroids, turn.as_ref()),
            None => Array2::zeros((1, d)),
        };
        let lists = Lists::new(lists::Model {
            metric: model.compared_by().0,
            d,
            centroids: centroids.as_slice().expect("results are in standard layout"),
            codes,
            codebooks: &codebooks,
            columns: &layout.columns,
            residual: model.residual,
            refine: model.refine.clone(),
        })?;
        Ok(Some(Self { lists, turn }))
    }

    /// The `k` nearest rows to each of the queries `x` (q, d), in the nearest `probes` lists, of which `depth` are compared once more.
    pub fn search(
        &self,
        segments: &[Segment],
        selected: Option<&[RowBits]>,
        x: &Array2<f32>,
        (k, probes, depth): (usize, usize, usize),
    ) -> Result<Found> {
        let selected = selected.map(|rows| Selected {
            sets: rows.iter().map(|rows| rows.words().to_vec()).collect(),
            count: rows.iter().map(RowBits::count).sum(),
        });
        let ask = Ask { k, probes, depth, selected: selected.as_ref() };
        self.lend(segments, x, |lent, queries| self.lists.search(lent, queries, ask))
    }

    /// What such a search among the `allowed` rows compares once more.
    pub fn candidates(
        &self,
        segments: &[Segment],
        allowed: &[RowBits],
        x: &Array2<f32>,
        ask: (usize, usize, usize),
    ) -> Result<Vec<Candidates>> {
        let removed: Vec<Vec<u32>> =
            allowed.iter().map(|rows| rows.words().iter().map(|word| !word).collect()).collect();
        self.lend(segments, x, |lent, queries| {
            let lent = lent.iter().zip(&removed).map(|(lent, removed)| lists::Segment { removed, ..*lent });
            self.lists.candidates(&lent.collect::<Vec<_>>(), queries, ask)
        })
    }

    /// What looking into a list costs beside comparing a row once more.
    pub fn list_cost(&self, rows: usize) -> f64 {
        self.lists.list_cost(rows)
    }

    /// Lends the segments, and the queries as centroids and codes have them.
    fn lend<T>(
        &self,
        segments: &[Segment],
        x: &Array2<f32>,
        search: impl FnOnce(&[lists::Segment], Queries) -> Result<T>,
    ) -> Result<T> {
        let touches: Vec<_> = segments.iter().map(|segment| move |list: usize| segment.touch(list)).collect();
        let lent: Vec<_> =
            segments.iter().zip(&touches).map(|(segment, touch)| segment.lend(touch)).collect();
        let coded = self.turn.as_ref().map(|turn| turned(x, Some(turn)));
        let original = x.as_slice().expect("queries are read row by row");
        let coded = coded.as_ref().map_or(original, |coded| coded.as_slice().expect("as results are"));
        search(&lent, Queries { coded, original })
    }
}

/// The rows of `x` (n, d) rotated, in f64, rounded once.
fn turned(x: &Array2<f32>, turn: Option<&Array2<f64>>) -> Array2<f32> {
    let Some(turn) = turn else { return x.clone() };
    let mut turned = Array2::zeros(x.raw_dim());
    for (row, mut out) in x.axis_iter(Axis(0)).zip(turned.axis_iter_mut(Axis(0))) {
        out.assign(&row.mapv(f64::from).dot(turn).mapv(|value| value as f32));
    }
    turned
}
