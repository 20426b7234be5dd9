//! Host side of `counting_sort`: which rows have which code.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "counting_sort",
    source: &[super::GRID, include_str!("../../shaders/counting_sort.wgsl")],
    reads: &["keys", "rows", "bases"],
    writes: &["digit_counts", "sorted_keys", "sorted_rows"],
    params: Params::FIELDS,
    variants: || vec![COUNT, SCATTER_FIRST, SCATTER],
};

const COUNT: Variant = Variant::overriding(&[("PASS", 0.0)]);
const SCATTER_FIRST: Variant = Variant::overriding(&[("PASS", 1.0)]);
const SCATTER: Variant = Variant::overriding(&[("PASS", 2.0)]);

/// Keys per workgroup: `BLOCK` in the shader.
const BLOCK: usize = 2048;

/// Bits of a digit at most: the shader has 2⁸ bins.
const DIGIT_BITS: u32 = 8;

/// Codes beyond this would need a fourth digit.
const MAX_K: usize = 1 << 24;

shader_params!(Params {
    n: u32,
    first: u32,
    first_block: u32,
    blocks: u32,
    last_code: u32,
    shift: u32,
    radix: u32,
    first_target: u32,
    targets: u32,
});

/// The part of the codes that one pass sorts by: `(code >> shift) % radix`.
#[derive(Clone, Copy)]
struct Digit {
    shift: u32,
    radix: u32,
    last_code: u32,
}

/// Row numbers in the order of the digits sorted by so far, each with its code.
struct Sorted {
    keys: Matrix<u32>,
    rows: Matrix<u32>,
}

impl Recorder<'_> {
    /// Sorts row numbers by code: `order[offsets[c]..offsets[c + 1]]` are the rows whose code is c, ascending.
    ///
    /// Shapes: `codes` (n, 1), every one below `k`; `order` (n, 1); `offsets` (k + 1, 1). Codes that are not
    /// below `k` sort as `k − 1` would and are not counted in `offsets`.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let codes = engine.upload(array![[1_u32], [0], [1]].view())?;
    /// let mut order = engine.zeros::<u32>(3, 1)?;
    /// let mut offsets = engine.zeros::<u32>(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.counting_sort(&codes, 2, &mut order, &mut offsets)?;
    /// recorder.submit()?;
    /// assert_eq!(order.download()?, array![[1], [0], [2]]);
    /// assert_eq!(offsets.download()?, array![[0], [1], [3]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Input`](crate::ErrorKind::Input) if `k`
    /// is above 2²⁴, if it is 0 and there are rows, or if there are 2³² rows or more;
    /// [`Device`](crate::ErrorKind::Device) if the device has no room for the orders between the passes.
    pub fn counting_sort(
        &mut self,
        codes: &Matrix<u32>,
        k: usize,
        order: &mut Matrix<u32>,
        offsets: &mut Matrix<u32>,
    ) -> Result<()> {
        let n = codes.rows();
        self.same_engine("counting_sort", &[codes.engine(), order.engine(), offsets.engine()])?;
        expect_shape("counting_sort", "codes", codes.shape(), (n, 1))?;
        expect_shape("counting_sort", "order", order.shape(), (n, 1))?;
        if k > MAX_K || (k == 0 && n > 0) {
            return Err(Error::input(format!(
                "counting_sort: k is {k} for {n} rows; it has to be 1 to {MAX_K}"
            )));
        }
        expect_shape("counting_sort", "offsets", offsets.shape(), (k + 1, 1))?;
        if u32::try_from(n).is_err() {
            return Err(Error::input(format!("counting_sort: {n} rows; row numbers have 32 bits")));
        }
        if self.gpu().is_none() {
            cpu::counting_sort::counting_sort(codes.host(), k, order.host_mut(), offsets.host_mut());
            return Ok(());
        }
        let mut counts = self.engine().uninitialized(k, 1)?;
        self.histogram(codes, &mut counts)?;
        self.scan(&counts, offsets)?;
        if n == 0 {
            return Ok(());
        }

        let bits = k.ilog2() + u32::from(!k.is_power_of_two());
        let passes = bits.div_ceil(DIGIT_BITS).max(1);
        // Digits of equal width: the counts per block are fewest then.
        let width = bits.div_ceil(passes);
        let mut so_far: Option<Sorted> = None;
        for pass in 0..passes {
            let digit = Digit { shift: pass * width, radix: 1 << width, last_code: k as u32 - 1 };
            let last = pass + 1 == passes;
            let (keys, rows) =
                so_far.as_ref().map_or((codes, None), |sorted| (&sorted.keys, Some(&sorted.rows)));
            let mut sorted = Sorted {
                keys: self.engine().uninitialized(n, 1)?,
                rows: self.engine().uninitialized(if last { 0 } else { n }, 1)?,
            };
            let sorted_rows = if last { &mut *order } else { &mut sorted.rows };
            self.sort_by_digit(digit, keys, rows, &mut sorted.keys, sorted_rows)?;
            so_far = Some(sorted);
        }
        Ok(())
    }

    /// One stable pass. Without `rows` the keys are in their first order, in which row i is number i.
    fn sort_by_digit(
        &mut self,
        digit: Digit,
        keys: &Matrix<u32>,
        rows: Option<&Matrix<u32>>,
        sorted_keys: &mut Matrix<u32>,
        sorted_rows: &mut Matrix<u32>,
    ) -> Result<()> {
        let n = keys.rows();
        let scatter = if rows.is_some() { SCATTER } else { SCATTER_FIRST };
        // The shader reads no rows in the first pass; keys only fill the binding.
        let rows = rows.unwrap_or(keys);
        let windows = grid::row_windows(n, [keys.shard_rows(), rows.shard_rows()]);
        let targets = grid::row_windows(n, [sorted_keys.shard_rows(), sorted_rows.shard_rows()]);
        let blocks: usize = windows.iter().map(|window| window.len().div_ceil(BLOCK)).sum();
        let bins = blocks * digit.radix as usize;
        let digit_counts = self.engine().uninitialized::<u32>(bins, 1)?;
        let mut bases = self.engine().uninitialized::<u32>(bins + 1, 1)?;

        let no_target = 0..0;
        for pass in [COUNT, scatter] {
            let mut first_block = 0;
            for window in &windows {
                let window_blocks = window.len().div_ceil(BLOCK);
                for target in if pass == COUNT { std::slice::from_ref(&no_target) } else { &targets[..] } {
                    let params = Params {
                        n: window.len() as u32,
                        first: window.start as u32,
                        first_block: first_block as u32,
                        blocks: blocks as u32,
                        last_code: digit.last_code,
                        shift: digit.shift,
                        radix: digit.radix,
                        first_target: target.start as u32,
                        targets: target.len() as u32,
                    };
                    let bindings = [
                        keys.slice(window.clone()),
                        rows.slice(window.clone()),
                        bases.whole("counting_sort: places of blocks")?,
                        digit_counts.whole("counting_sort: counts of blocks")?,
                        sorted_keys.slice(target.clone()),
                        sorted_rows.slice(target.clone()),
                    ];
                    self.dispatch(&SHADER, &pass, &params, &bindings, window_blocks as u64)?;
                }
                first_block += window_blocks;
            }
            if pass == COUNT {
                self.scan(&digit_counts, &mut bases)?;
            }
        }
        Ok(())
    }
}
