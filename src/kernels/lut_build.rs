//! Host side of `lut_build`: look-up tables of queries.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape};
use crate::error::{Error, Result};
use crate::ops::{LANES, Term};

pub(crate) static SHADER: Shader = Shader {
    stem: "lut_build",
    source: &[super::GRID, include_str!("../../shaders/lut_build.wgsl")],
    reads: &["queries", "codewords"],
    writes: &["tables"],
    params: Params::FIELDS,
    variants: || vec![SQUARED_DIFFERENCE, PRODUCT],
};

shader_params!(Params { n: u32, d: u32, column: u32, width: u32, k: u32, first: u32, entries: u32 });

const SQUARED_DIFFERENCE: Variant = Variant::overriding(&[("TERM", 0.0)]);
const PRODUCT: Variant = Variant::overriding(&[("TERM", 1.0)]);

/// Where a codebook belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first dimension it is of.
    pub column: usize,
    /// The entry of its first codeword in a table.
    pub first: usize,
}

impl Recorder<'_> {
    /// Writes the part of one codebook, which belongs at `place`, in the look-up tables of all queries.
    ///
    /// Shapes: `queries` (n, d); `codewords` (k, width), of the dimensions from `place.column` on; `tables`
    /// (⌈n/16⌉·entries, 16), in which the entry e of query i is at row (i / 16)·entries + e, column i mod 16. The
    /// entries of queries past the last are 0. Errors of rounding are those of a sum of `width` terms.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn lut_build(
        &mut self,
        queries: &Matrix<f32>,
        codewords: &Matrix<f32>,
        term: Term,
        place: Place,
        tables: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = queries.shape();
        let (k, width) = codewords.shape();
        self.same_engine("lut_build", &[queries.engine(), codewords.engine(), tables.engine()])?;
        let groups = n.div_ceil(LANES);
        let entries = tables.rows().checked_div(groups).unwrap_or(0);
        expect_shape("lut_build", "tables", tables.shape(), (groups * entries, LANES))?;
        if n == 0 || k == 0 {
            return Ok(());
        }
        if place.column + width > d || place.first + k > entries {
            return Err(Error::shape(format!(
                "lut_build: a codebook of {k} × {width} at {place:?} of {d} dimensions and {entries} entries"
            )));
        }
        let column = place.column;
        if self.gpu().is_none() {
            let group = cpu::lut_build::Group { d, column, width, first: place.first, entries };
            cpu::lut_build::lut_build(queries.host(), codewords.host(), term, group, tables.host_mut());
            return Ok(());
        }
        let params = Params {
            n: n as u32,
            d: d as u32,
            column: column as u32,
            width: width as u32,
            k: k as u32,
            first: place.first as u32,
            entries: entries as u32,
        };
        let bindings =
            [queries.whole("the queries")?, codewords.whole("a codebook")?, tables.whole("the tables")?];
        let variant = match term {
            Term::SquaredDifference => SQUARED_DIFFERENCE,
            Term::Product => PRODUCT,
        };
        let workgroups = ((groups * k * LANES) as u64).div_ceil(super::WORKGROUP);
        self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)
    }
}
