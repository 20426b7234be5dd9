//! Host side of `segment_mean`: the mean, or the sum, of the rows of each code.

use std::ops::Range;

use super::segments;
use crate::cpu;
pub(crate) use crate::cpu::segment_mean::Taken;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::ops::Form;

pub(crate) static SHADER: Shader = Shader {
    stem: "segment_mean",
    source: &[super::GRID, segments::SOURCE, include_str!("../../shaders/segment_mean.wgsl")],
    reads: &["x", "weights", "order", "offsets"],
    writes: &["partials", "partial_mass", "means", "mass"],
    params: Params::FIELDS,
    variants: || vec![SUM, SUM_WEIGHTED, COMBINE, COMBINE_TO_SUMS],
};

const SUM: Variant = Variant::overriding(&[("PASS", 0.0), ("WEIGHTED", 0.0)]);
const SUM_WEIGHTED: Variant = Variant::overriding(&[("PASS", 0.0), ("WEIGHTED", 1.0)]);
const COMBINE: Variant = Variant::overriding(&[("PASS", 1.0), ("WEIGHTED", 0.0)]);
const COMBINE_TO_SUMS: Variant = Variant::overriding(&[("PASS", 1.0), ("WEIGHTED", 0.0), ("SUMS", 1.0)]);

shader_params!(Params {
    n: u32,
    d: u32,
    k: u32,
    column: u32,
    width: u32,
    first_row: u32,
    rows: u32,
    first_place: u32,
    places: u32,
    first_code: u32,
    codes: u32,
});

/// Rows, by code.
#[derive(Clone, Copy)]
struct Segments<'a> {
    x: &'a Matrix<f32>,
    order: &'a Matrix<u32>,
    offsets: &'a Matrix<u32>,
    weights: Option<&'a Matrix<f32>>,
}

impl Recorder<'_> {
    /// The mean of the rows of each code: `means[c] = Σ w[r] x[r] / Σ w[r]` over the rows r of code c, and
    /// `mass[c] = Σ w[r]`. Without weights every w is 1, and the mass is the number of rows.
    ///
    /// Shapes: `x` (n, d), `order` (n, 1) and `offsets` (k + 1, 1) as [`counting_sort`](Self::counting_sort)
    /// makes them, `weights` (n, 1), none negative, `means` (k, d), `mass` (k, 1). A code that has no rows, or
    /// only rows of weight 0, leaves its mean as it is and gets mass 0.
    ///
    /// Sums are blocked, in an order that nothing but `order` and `offsets` decides: 256 rows, then 256 such
    /// sums, then those. The rounding error of a sum of m terms is at most about (512 + m/65536) u Σ|w x|
    /// (Higham, *Accuracy and Stability of Numerical Algorithms*, section 4.2), with u = 2⁻²⁴.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32], [9.0], [3.0]].view())?;
    /// let order = engine.upload(array![[0_u32], [2], [1]].view())?;
    /// let offsets = engine.upload(array![[0_u32], [2], [3]].view())?;
    /// let mut means = engine.zeros::<f32>(2, 1)?;
    /// let mut mass = engine.zeros::<f32>(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.segment_mean(&x, &order, &offsets, None, &mut means, &mut mass)?;
    /// recorder.submit()?;
    /// assert_eq!(means.download()?, array![[2.0], [9.0]]);
    /// assert_eq!(mass.download()?, array![[2.0], [1.0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, if the vectors have no dimensions, or if
    /// `offsets`, or one column of n / 256 + k partial sums, is over the device's binding limit;
    /// [`Input`](crate::ErrorKind::Input) if there are 2³² rows or more; [`Device`](crate::ErrorKind::Device)
    /// if the device has no room for the partial sums.
    pub fn segment_mean(
        &mut self,
        x: &Matrix<f32>,
        order: &Matrix<u32>,
        offsets: &Matrix<u32>,
        weights: Option<&Matrix<f32>>,
        means: &mut Matrix<f32>,
        mass: &mut Matrix<f32>,
    ) -> Result<()> {
        self.segments(Form::Mean, Segments { x, order, offsets, weights }, means, mass, None)
    }

    /// [`segment_mean`](Self::segment_mean), where `means` and `mass` are of the rows that were `taken` the last time, of the same
    /// `x` and weights. What it finds is the same; on the CPU codes that have the same rows as then cost nothing.
    ///
    /// # Errors
    /// As [`segment_mean`](Self::segment_mean).
    #[expect(clippy::too_many_arguments)]
    pub(crate) fn segment_mean_again(
        &mut self,
        x: &Matrix<f32>,
        order: &Matrix<u32>,
        offsets: &Matrix<u32>,
        weights: Option<&Matrix<f32>>,
        means: &mut Matrix<f32>,
        mass: &mut Matrix<f32>,
        taken: &mut Taken,
    ) -> Result<()> {
        let segments = Segments { x, order, offsets, weights };
        self.segments(Form::Mean, segments, means, mass, Some(taken))
    }

    /// The sum of the rows of each code: `sums[c] = Σ w[r] x[r]` over the rows r of code c, and `mass[c] = Σ w[r]`. A code
    /// that has no rows has the sum 0. What scatters the gradients of rows to their codewords.
    ///
    /// Shapes, order of additions and errors are those of [`segment_mean`](Self::segment_mean).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32], [9.0], [3.0]].view())?;
    /// let order = engine.upload(array![[0_u32], [2], [1]].view())?;
    /// let offsets = engine.upload(array![[0_u32], [2], [3], [3]].view())?;
    /// let mut sums = engine.uninitialized::<f32>(3, 1)?;
    /// let mut mass = engine.uninitialized::<f32>(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.segment_sum(&x, &order, &offsets, None, &mut sums, &mut mass)?;
    /// recorder.submit()?;
    /// assert_eq!(sums.download()?, array![[4.0], [9.0], [0.0]]);
    /// assert_eq!(mass.download()?, array![[2.0], [1.0], [0.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`segment_mean`](Self::segment_mean).
    pub fn segment_sum(
        &mut self,
        x: &Matrix<f32>,
        order: &Matrix<u32>,
        offsets: &Matrix<u32>,
        weights: Option<&Matrix<f32>>,
        sums: &mut Matrix<f32>,
        mass: &mut Matrix<f32>,
    ) -> Result<()> {
        self.segments(Form::Sum, Segments { x, order, offsets, weights }, sums, mass, None)
    }

    fn segments(
        &mut self,
        form: Form,
        segments: Segments<'_>,
        means: &mut Matrix<f32>,
        mass: &mut Matrix<f32>,
        taken: Option<&mut Taken>,
    ) -> Result<()> {
        let Segments { x, order, offsets, weights } = segments;
        let method = match form {
            Form::Mean => "segment_mean",
            Form::Sum => "segment_sum",
        };
        let (n, d) = x.shape();
        let k = means.rows();
        let engines = [x.engine(), order.engine(), offsets.engine(), means.engine(), mass.engine()];
        self.same_engine(method, &engines)?;
        expect_shape(method, "order", order.shape(), (n, 1))?;
        expect_shape(method, "offsets", offsets.shape(), (k + 1, 1))?;
        expect_shape(method, "the result", means.shape(), (k, d))?;
        expect_shape(method, "mass", mass.shape(), (k, 1))?;
        if let Some(weights) = weights {
            self.same_engine(method, &[weights.engine()])?;
            expect_shape(method, "weights", weights.shape(), (n, 1))?;
        }
        if d == 0 {
            return Err(Error::shape(format!(
                "{method}: the vectors have 0 dimensions; at least 1 is needed"
            )));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::input(format!("{method}: {n} rows; row numbers have 32 bits")));
        }
        if k == 0 {
            return Ok(());
        }
        let Some(gpu) = self.gpu() else {
            let rows = cpu::segment_mean::Rows { x: x.host(), d, weights: weights.map(Matrix::host) };
            let (order, offsets) = (order.host(), offsets.host());
            let changed = taken.map(|taken| taken.change(order, offsets));
            let is_changed = |code| changed.as_ref().is_none_or(|changed| changed[code]);
            let (means, mass) = (means.host_mut(), mass.host_mut());
            cpu::segment_mean::segment_mean(is_changed, form, rows, order, offsets, means, mass);
            return Ok(());
        };

        let partials = segments::partial_sums(self.engine(), gpu.max_binding(), n, k, d)?;
        let (slots, width) = partials.shape();
        let partials = partials.whole("segment_mean: partial sums")?;
        let partial_mass =
            self.engine().uninitialized::<f32>(slots, 1)?.whole("segment_mean: partial mass")?;
        let offsets = offsets.whole("segment_mean: offsets")?;

        let weight_height = weights.map_or(n.max(1), Matrix::shard_rows);
        let row_windows = grid::row_windows(n, [x.shard_rows(), weight_height]);
        let place_windows = grid::row_windows(n, [order.shard_rows()]);
        let code_windows = grid::row_windows(k, [means.shard_rows(), mass.shard_rows()]);
        let sum = if weights.is_some() { SUM_WEIGHTED } else { SUM };
        let combine = match form {
            Form::Mean => COMBINE,
            Form::Sum => COMBINE_TO_SUMS,
        };
        // Bound where a pass has no use for the matrix.
        let nothing = 0..0;

        for column in (0..d).step_by(width) {
            let width = width.min(d - column);
            let params = |rows: &Range<usize>, places: &Range<usize>, codes: &Range<usize>| Params {
                n: n as u32,
                d: d as u32,
                k: k as u32,
                column: column as u32,
                width: width as u32,
                first_row: rows.start as u32,
                rows: rows.len() as u32,
                first_place: places.start as u32,
                places: places.len() as u32,
                first_code: codes.start as u32,
                codes: codes.len() as u32,
            };
            let bindings = |rows: &Range<usize>, places: &Range<usize>, codes: &Range<usize>| {
                [
                    x.slice(rows.clone()),
                    weights.unwrap_or(x).slice(rows.clone()),
                    order.slice(places.clone()),
                    offsets.clone(),
                    partials.clone(),
                    partial_mass.clone(),
                    means.slice(codes.clone()),
                    mass.slice(codes.clone()),
                ]
            };
            // Ascending, so that every partial sum goes on with the rows that follow.
            for places in &place_windows {
                for rows in &row_windows {
                    let workgroups = (slots as u64 * width as u64).div_ceil(super::WORKGROUP);
                    let params = params(rows, places, &nothing);
                    self.dispatch(&SHADER, &sum, &params, &bindings(rows, places, &nothing), workgroups)?;
                }
            }
            for codes in &code_windows {
                let workgroups = (codes.len() as u64 * width as u64).div_ceil(super::WORKGROUP);
                let params = params(&nothing, &nothing, codes);
                self.dispatch(&SHADER, &combine, &params, &bindings(&nothing, &nothing, codes), workgroups)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use crate::engine::Engine;
    use crate::rng::Rng;

    /// The bits of means and masses of seeded random rows.
    fn bits(engine: &Engine) -> Vec<u32> {
        // Over a chunk group of 65,536 rows in code 0, over a chunk in code 1; codes 3 and on have few or none.
        let (n, d, k) = (80_000, 5, 3000);
        let mut rng = Rng::new(11, 0);
        let x = Array2::from_shape_simple_fn((n, d), || rng.normal());
        let weights = Array2::from_shape_simple_fn((n, 1), || rng.uniform());
        let codes = Array2::from_shape_simple_fn((n, 1), || match rng.below(100) {
            0..90 => 0,
            90..97 => 1,
            _ => rng.below(k) as u32,
        });
        let (x, weights) = (engine.upload(x.view()).unwrap(), engine.upload(weights.view()).unwrap());
        let codes = engine.upload(codes.view()).unwrap();
        let mut order = engine.uninitialized(n, 1).unwrap();
        let mut offsets = engine.uninitialized(k + 1, 1).unwrap();
        let mut means = engine.zeros(k, d).unwrap();
        let mut mass = engine.uninitialized(k, 1).unwrap();
        let mut recorder = engine.recorder();
        recorder.counting_sort(&codes, k, &mut order, &mut offsets).unwrap();
        recorder.segment_mean(&x, &order, &offsets, Some(&weights), &mut means, &mut mass).unwrap();
        recorder.submit().unwrap();
        let (means, mass) = (means.download().unwrap(), mass.download().unwrap());
        means.iter().chain(&mass).map(|value| value.to_bits()).collect()
    }

    #[test]
    fn shards_change_no_bit() {
        let Some(engine) = crate::test_gpu() else { return };
        let whole = bits(&engine);
        // The second cuts x, order, means and the columns, the first some of them.
        for limit in [1 << 20, 40 << 10] {
            let builder = Engine::builder().device("gpu").checked(true).max_binding(limit);
            assert!(bits(&builder.build().unwrap()) == whole, "bindings of {limit} bytes");
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&Engine::cpu()))
        };
        assert!(run(1) == run(3));
    }
}
