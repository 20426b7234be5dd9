//! Host side of `extend_codes`: codes that grow until they are near enough.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "extend_codes",
    source: &[super::GRID, include_str!("../../shaders/extend_codes.wgsl")],
    reads: &["longer", "errors", "stops"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, m: u32, columns: u32, count: u32, limit: f32 });

/// Codes that end where they are near enough.
pub(crate) struct Ragged<'a> {
    /// (n, m)
    pub codes: &'a mut Matrix<u32>,
    /// Each row's distance to what its codes decode to, (n, 1).
    pub distances: &'a mut Matrix<f32>,
}

impl Recorder<'_> {
    /// Replaces the codes of rows whose distance is over `limit` by the first `count` codes of `longer`, followed by
    /// `stops`, and their distance by that in `errors`.
    ///
    /// Shapes: `longer` (n, a) with `count` ≤ a and ≤ m, `errors` (n, 1), `stops` (m, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn extend_codes(
        &mut self,
        longer: &Matrix<u32>,
        count: usize,
        errors: &Matrix<f32>,
        stops: &Matrix<u32>,
        limit: f32,
        ragged: &mut Ragged<'_>,
    ) -> Result<()> {
        let (n, m) = ragged.codes.shape();
        let columns = longer.cols();
        self.same_engine("extend_codes", &[longer.engine(), errors.engine(), ragged.codes.engine()])?;
        expect_shape("extend_codes", "longer", longer.shape(), (n, columns))?;
        expect_shape("extend_codes", "errors", errors.shape(), (n, 1))?;
        expect_shape("extend_codes", "stops", stops.shape(), (m, 1))?;
        expect_shape("extend_codes", "distances", ragged.distances.shape(), (n, 1))?;
        if count > columns.min(m) {
            return Err(Error::shape(format!(
                "extend_codes: {count} codes of {columns} for rows of {m}; there are not so many"
            )));
        }
        if self.gpu().is_none() {
            cpu::extend_codes::extend_codes(
                (longer.host(), columns),
                count,
                errors.host(),
                stops.host(),
                limit,
                ragged.codes.host_mut(),
                ragged.distances.host_mut(),
            );
            return Ok(());
        }
        let (codes, distances) = (&*ragged.codes, &*ragged.distances);
        let shards = [longer.shard_rows(), errors.shard_rows(), codes.shard_rows(), distances.shard_rows()];
        for window in grid::row_windows(n, shards) {
            let params = Params {
                n: window.len() as u32,
                m: m as u32,
                columns: columns as u32,
                count: count as u32,
                limit,
            };
            let bindings = [
                longer.slice(window.clone()),
                errors.slice(window.clone()),
                stops.whole("the stops")?,
                codes.slice(window.clone()),
                distances.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
