//! Host side of `segment_center`: the centre of the rows of each code by another power of the error than the square.

use std::ops::Range;

use super::segments;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::ops::Bisection;

pub(crate) static SHADER: Shader = Shader {
    stem: "segment_center",
    source: &[super::GRID, segments::SOURCE, include_str!("../../shaders/segment_center.wgsl")],
    reads: &["x", "weights", "order", "offsets", "mass"],
    writes: &["partials", "centers"],
    params: Params::FIELDS,
    variants: || vec![SLOPE, SLOPE_WEIGHTED, MOVE, BELOW, SNAP],
};

const SLOPE: Variant = Variant::overriding(&[("PASS", 0.0), ("WEIGHTED", 0.0)]);
const SLOPE_WEIGHTED: Variant = Variant::overriding(&[("PASS", 0.0), ("WEIGHTED", 1.0)]);
const MOVE: Variant = Variant::overriding(&[("PASS", 1.0), ("WEIGHTED", 0.0)]);
const BELOW: Variant = Variant::overriding(&[("PASS", 2.0), ("WEIGHTED", 0.0)]);
const SNAP: Variant = Variant::overriding(&[("PASS", 3.0), ("WEIGHTED", 0.0)]);

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
    power: u32,
    first: u32,
    step: f32,
});

impl Recorder<'_> {
    /// The centre of the rows of each code, column by column: `centers[c, j]` makes `Σ w[r] |x[r, j] − centers[c, j]|^power`
    /// least over the rows r of code c. With a power of 1 it is the median (of an even number of rows the lower of the
    /// two middle values), with 2 the mean, which [`segment_mean`](Self::segment_mean) finds much faster, and with large ones it
    /// goes to the middle between the least and the largest value. Without weights every w is 1.
    ///
    /// Shapes: `x` (n, d), no value beyond ±`reach`; `order` (n, 1) and `offsets` (k + 1, 1) as
    /// [`counting_sort`](Self::counting_sort) makes them, `weights` (n, 1), none negative; `mass` (k, 1) as `segment_mean` makes
    /// it: a code of none keeps its centre; `centers` (k, d).
    ///
    /// The sum is convex, and the sign of its slope is searched by bisection in 40 rounds: a centre is within `reach` · 2⁻³⁸ and
    /// the rounding of its value of where the slope changes its sign. A median is one of the values; two that are closer to
    /// each other than that count as one.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32], [9.0], [3.0], [100.0]].view())?;
    /// let order = engine.upload(array![[0_u32], [2], [3], [1]].view())?;
    /// let offsets = engine.upload(array![[0_u32], [3], [4]].view())?;
    /// let mass = engine.upload(array![[3.0_f32], [1.0]].view())?;
    /// let mut centers = engine.zeros::<f32>(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.segment_center(&x, &order, &offsets, None, &mass, 1, 100.0, &mut centers)?;
    /// recorder.submit()?;
    /// // The medians of 1, 3, 100 and of 9.
    /// assert_eq!(centers.download()?, array![[3.0], [9.0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, if the vectors have no dimensions, or if `offsets`, or one
    /// column of n / 256 + k partial sums, is over the device's binding limit; [`Input`](crate::ErrorKind::Input) if the power is
    /// not 1 to [`Metric::MOST_POWER`](crate::metrics::Metric::MOST_POWER), `reach` is no finite number of 0 or more, or there are 2³² rows or more;
    /// [`Device`](crate::ErrorKind::Device) if the device has no room for the partial sums.
    #[expect(clippy::too_many_arguments, reason = "the operands of a kernel")]
    pub fn segment_center(
        &mut self,
        x: &Matrix<f32>,
        order: &Matrix<u32>,
        offsets: &Matrix<u32>,
        weights: Option<&Matrix<f32>>,
        mass: &Matrix<f32>,
        power: u32,
        reach: f32,
        centers: &mut Matrix<f32>,
    ) -> Result<()> {
        const NAME: &str = "segment_center";
        let (n, d) = x.shape();
        let k = centers.rows();
        let engines = [x.engine(), order.engine(), offsets.engine(), mass.engine(), centers.engine()];
        self.same_engine(NAME, &engines)?;
        expect_shape(NAME, "order", order.shape(), (n, 1))?;
        expect_shape(NAME, "offsets", offsets.shape(), (k + 1, 1))?;
        expect_shape(NAME, "mass", mass.shape(), (k, 1))?;
        expect_shape(NAME, "centers", centers.shape(), (k, d))?;
        if let Some(weights) = weights {
            self.same_engine(NAME, &[weights.engine()])?;
            expect_shape(NAME, "weights", weights.shape(), (n, 1))?;
        }
        if d == 0 {
            return Err(Error::shape(format!("{NAME}: the vectors have 0 dimensions; at least 1 is needed")));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::input(format!("{NAME}: {n} rows; row numbers have 32 bits")));
        }
        let bisection = Bisection::new(power, reach)?;
        if k == 0 {
            return Ok(());
        }
        let Some(gpu) = self.gpu() else {
            let rows = cpu::segment_mean::Rows { x: x.host(), d, weights: weights.map(Matrix::host) };
            let segments = cpu::segment_mean::Segments { n, offsets: offsets.host() };
            cpu::segment_center::segment_center(
                rows,
                order.host(),
                segments,
                mass.host(),
                bisection,
                centers.host_mut(),
            );
            return Ok(());
        };

        let partials = segments::partial_sums(self.engine(), gpu.max_binding(), n, k, d)?;
        let (slots, width) = partials.shape();
        let partials = partials.whole("segment_center: partial sums")?;
        let offsets = offsets.whole("segment_center: offsets")?;

        let weight_height = weights.map_or(n.max(1), Matrix::shard_rows);
        let row_windows = grid::row_windows(n, [x.shard_rows(), weight_height]);
        let place_windows = grid::row_windows(n, [order.shard_rows()]);
        let code_windows = grid::row_windows(k, [centers.shard_rows(), mass.shard_rows()]);
        let search = [if weights.is_some() { SLOPE_WEIGHTED } else { SLOPE }, MOVE];
        let snap = [BELOW, SNAP];
        // Bound where a pass has no use for the matrix.
        let nothing = 0..0;

        for column in (0..d).step_by(width) {
            let width = width.min(d - column);
            let rounds = bisection.steps().enumerate().map(|(round, step)| (round, step, &search));
            let snap = bisection.snaps().into_iter().map(|step| (1, step, &snap));
            for (round, step, [chunks, combine]) in rounds.chain(snap) {
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
                    power,
                    first: u32::from(round == 0),
                    step,
                };
                let bindings = |rows: &Range<usize>, places: &Range<usize>, codes: &Range<usize>| {
                    [
                        x.slice(rows.clone()),
                        weights.unwrap_or(x).slice(rows.clone()),
                        order.slice(places.clone()),
                        offsets.clone(),
                        mass.slice(codes.clone()),
                        partials.clone(),
                        centers.slice(codes.clone()),
                    ]
                };
                // Ascending, so that every partial sum goes on with the rows that follow.
                for codes in &code_windows {
                    for places in &place_windows {
                        for rows in &row_windows {
                            let workgroups = (slots as u64 * width as u64).div_ceil(super::WORKGROUP);
                            let params = params(rows, places, codes);
                            let bindings = bindings(rows, places, codes);
                            self.dispatch(&SHADER, chunks, &params, &bindings, workgroups)?;
                        }
                    }
                }
                for codes in &code_windows {
                    let workgroups = (codes.len() as u64 * width as u64).div_ceil(super::WORKGROUP);
                    let params = params(&nothing, &nothing, codes);
                    let bindings = bindings(&nothing, &nothing, codes);
                    self.dispatch(&SHADER, combine, &params, &bindings, workgroups)?;
                }
            }
        }
        Ok(())
    }
}
