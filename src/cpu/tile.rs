//! The register-tiled core of everything of the form rows × codewords.
//!
//! For every row `x` and codeword `c` it forms `start(c) + Σ_i term(x_i, c_i)`, where the [`Term`] says what a
//! dimension adds (`x_i·c_i`, `(x_i − c_i)²`, …), and hands the sums to an [`Epilogue`], which keeps the least,
//! the least few, or all of them. The (n, k) matrix of sums exists only if the epilogue stores it.
//!
//! A tile of rows × codewords has all its sums in registers: 12 × 32 with AVX-512, 6 × 16 with AVX2, or half as wide where there
//! are no more codewords. They lie in panels as wide as a tile, `[dimension][codeword]`: a step over one dimension reads the tile's
//! vectors of codewords and broadcasts one element of each row. A panel serves a whole group of rows while it is in the
//! first-level cache.
//!
//! A sum is accumulated over the dimensions in order, in a lane of its own. So its bits depend on its row and
//! codeword alone: not on the batch, the place in it, or the threads; and, where the CPU fuses multiply and add
//! (all but x86 before AVX2), not on the vector width.

use std::hint::black_box;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::distance::power;
use super::prefetch::prefetch;
use super::widest::widest;

/// What one dimension adds to a sum.
pub(crate) trait Term: Copy + Send + Sync {
    /// `sum + term(x, c)`, lane by lane.
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s;
}

/// `x·c`
#[derive(Clone, Copy)]
pub(crate) struct Product;

impl Term for Product {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(x, c, sum)
    }
}

/// `(x − c)²`
#[derive(Clone, Copy)]
pub(crate) struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        let difference = simd.sub_f32s(x, c);
        simd.mul_add_e_f32s(difference, difference, sum)
    }
}

/// `|x − c|`
#[derive(Clone, Copy)]
pub(crate) struct AbsoluteDifference;

impl Term for AbsoluteDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        simd.add_f32s(simd.abs_f32s(simd.sub_f32s(x, c)), sum)
    }
}

/// `|x − c|^m`
#[derive(Clone, Copy)]
pub(crate) struct PowerDifference(pub u32);

impl Term for PowerDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        simd.add_f32s(power(simd, simd.abs_f32s(simd.sub_f32s(x, c)), self.0), sum)
    }
}

/// What the terms shall see in place of a row.
pub(crate) trait Prepare: Copy {
    /// Writes to `out` what stands for `x`, up to sixteen elements of row `row` of the group from dimension `i` on.
    fn elements(self, row: usize, i: usize, x: &[f32], out: &mut [f32]);
}

/// Writes `f(i)` to every element of `out`, eight or sixteen at a time: what is computed before it is written goes by vectors.
#[inline(always)]
fn write(out: &mut [f32], f: impl Fn(usize) -> f32) {
    if let Ok(out) = <&mut [f32; 16]>::try_from(&mut *out) {
        *out = std::array::from_fn(f);
        return;
    }
    let (eights, rest) = out.as_chunks_mut::<8>();
    let done = 8 * eights.len();
    for (at, out) in eights.iter_mut().enumerate() {
        *out = std::array::from_fn(|i| f(8 * at + i));
    }
    rest.iter_mut().enumerate().for_each(|(i, out)| *out = f(done + i));
}

/// The row itself.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

impl Prepare for AsIs {
    #[inline(always)]
    fn elements(self, _: usize, _: usize, x: &[f32], out: &mut [f32]) {
        let x = &x[..out.len()];
        write(out, |i| x[i]);
    }
}

/// `−x`: so that products count down.
#[derive(Clone, Copy)]
pub(crate) struct Negated;

impl Prepare for Negated {
    #[inline(always)]
    fn elements(self, _: usize, _: usize, x: &[f32], out: &mut [f32]) {
        let x = &x[..out.len()];
        write(out, |i| -x[i]);
    }
}

/// `mean − x`: centred, and negated so that products count down.
#[derive(Clone, Copy)]
pub(crate) struct NegatedAbout<'a>(pub &'a [f32]);

impl Prepare for NegatedAbout<'_> {
    #[inline(always)]
    fn elements(self, _: usize, i: usize, x: &[f32], out: &mut [f32]) {
        let (x, mean) = (&x[..out.len()], &self.0[i..][..out.len()]);
        write(out, |i| mean[i] - x[i]);
    }
}

/// A factor per row.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<'a>(pub &'a [f64]);

impl Prepare for Scaled<'_> {
    #[inline(always)]
    fn elements(self, row: usize, _: usize, x: &[f32], out: &mut [f32]) {
        let x = &x[..out.len()];
        write(out, |i| (f64::from(x[i]) * self.0[row]) as f32);
    }
}

/// A group of rows that are some columns of a wider matrix.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Whole rows of `stride` elements.
    pub values: &'a [f32],
    /// Elements from one row to the next.
    pub stride: usize,
    /// The first column.
    pub first: usize,
    /// Columns.
    pub d: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `d` that are whole.
    pub(crate) fn whole(values: &'a [f32], d: usize) -> Self {
        Self { values, stride: d, first: 0, d }
    }

    pub(crate) fn len(self) -> usize {
        self.values.len() / self.stride
    }

    #[inline(always)]
    pub(crate) fn row(self, number: usize) -> &'a [f32] {
        &self.values[number * self.stride + self.first..][..self.d]
    }

    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks_exact(self.stride).map(move |row| &row[self.first..][..self.d])
    }
}

/// What becomes of the sums of one group of rows.
pub(crate) trait Epilogue {
    /// Whether [`tile`](Self::tile) takes each sum by numbers that are known when it is compiled, so that sums stay in registers.
    /// Where it goes through them in a loop they are written to memory, and must not be before they are complete.
    const UNROLLED: bool = false;

    /// Takes the sums of `R` rows, from row `row` of the group on, with `V` vectors of codewords, from `codeword`
    /// on. The tiles of a row come in ascending order of codewords. Rows past the end of the group and codewords
    /// past the end of the codebook are padding.
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    );

    /// Called once, after the last tile.
    fn finish<S: Simd>(&mut self, simd: S);
}

/// Rows of a group, at most: a multiple of every tile's height, few enough that they and the state of their
/// epilogue stay in the second-level cache.
pub(crate) const GROUP: usize = 96;

/// Rows of a list that are on their way from memory while one is packed.
const AHEAD: usize = 4;

/// Sixteen numbers on a cache line of their own, so that no vector of them straddles two lines.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(crate) struct CacheLine([f32; 16]);

impl CacheLine {
    #[inline(always)]
    pub(crate) const fn splat(value: f32) -> Self {
        Self([value; 16])
    }

    /// The numbers of a vector, and zeros behind them.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(_: S, vector: S::f32s) -> Self {
        let mut line = Self::splat(0.0);
        S::as_mut_simd_f32s(line.floats()).0[0] = vector;
        line
    }

    #[inline(always)]
    pub(crate) fn floats(&mut self) -> &mut [f32; 16] {
        &mut self.0
    }

    #[inline(always)]
    pub(crate) fn values(&self) -> &[f32; 16] {
        &self.0
    }

    /// The same sixteen words as integers.
    #[inline(always)]
    pub(crate) fn integers(&mut self) -> &mut [u32; 16] {
        bytemuck::cast_mut(&mut self.0)
    }
}

/// Codewords as the tiles read them.
pub(crate) struct Panels {
    arch: Arch,
    d: usize,
    /// Codewords of a panel.
    width: usize,
    /// Number of panels in use; the buffers may hold more.
    count: usize,
    /// `[panel][dimension][codeword of the panel]`
    codewords: Vec<CacheLine>,
    /// `[panel][codeword of the panel]`
    starts: Vec<CacheLine>,
}

impl Panels {
    /// Packs k codewords of d dimensions: `codeword(j, c)` writes codeword j to `c`, and returns where the sums with it
    /// begin. The last panel is filled up with zero codewords whose sums begin at infinity: they are nearest to nothing.
    pub(crate) fn new(
        arch: Arch,
        k: usize,
        d: usize,
        codeword: impl Fn(usize, &mut [f32]) -> f32 + Sync,
    ) -> Self {
        let width = arch.dispatch(PanelWidth { k });
        let count = k.div_ceil(width);
        let codewords = vec![CacheLine::splat(0.0); (count * width * d).div_ceil(16)];
        let starts = vec![CacheLine::splat(f32::INFINITY); (count * width).div_ceil(16)];
        let mut panels = Self { arch, d, width, count, codewords, starts };
        panels.pack(k, codeword);
        panels
    }

    /// Packs other codewords in place of the old ones, of which there were as many.
    pub(crate) fn pack(&mut self, k: usize, codeword: impl Fn(usize, &mut [f32]) -> f32 + Sync) {
        let Self { arch, d, width, .. } = *self;
        let panels = bytemuck::cast_slice_mut::<_, f32>(&mut self.codewords).par_chunks_exact_mut(width * d);
        let starts = bytemuck::cast_slice_mut::<_, f32>(&mut self.starts).par_chunks_exact_mut(width);
        panels.zip(starts).take(self.count).enumerate().for_each_init(
            || vec![0.0; width * d],
            |rows, (p, (panel, starts))| {
                let own = (k - p * width).min(width);
                for (j, (row, start)) in rows.chunks_exact_mut(d).zip(starts).take(own).enumerate() {
                    *start = codeword(p * width + j, row);
                }
                rows[own * d..].fill(0.0);
                widest(
                    arch,
                    #[inline(always)]
                    || transpose(rows, d, panel),
                );
            },
        );
    }

    pub(crate) fn arch(&self) -> Arch {
        self.arch
    }

    /// Dimensions of a codeword.
    pub(crate) fn d(&self) -> usize {
        self.d
    }

    /// Numbers of a vector register.
    pub(crate) fn lanes(&self) -> usize {
        self.arch.dispatch(Lanes)
    }

    /// Where the sums begin: one number for each codeword, padding included.
    pub(crate) fn starts(&self) -> &[CacheLine] {
        &self.starts
    }

    /// Codewords of a panel.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Runs the tiles of `rows`, at most [`GROUP`] of them, with sums that begin at the `starts`: [those that were
    /// packed](Self::starts), or others.
    ///
    /// `prepare` says what the terms shall see in place of a row. `scratch` is for this function alone; giving it again saves an
    /// allocation.
    pub(crate) fn run<T, P, E>(
        &self,
        starts: &[CacheLine],
        term: T,
        rows: Rows<'_>,
        prepare: P,
        scratch: &mut Vec<CacheLine>,
        epilogue: &mut E,
    ) where
        T: Term,
        P: Prepare,
        E: Epilogue,
    {
        let (some, list) = (0..self.count, None);
        self.arch.dispatch(Run { panels: self, some, starts, term, rows, list, prepare, scratch, epilogue });
    }

    /// Scores by [`Product`] the codewords of `some` panels for those of the `rows` that are in the `list`, as [`run`](Self::run):
    /// row 0 of the epilogue is the first of the list.
    pub(crate) fn run_listed<P: Prepare, E: Epilogue>(
        &self,
        some: Range<usize>,
        (rows, list): (Rows<'_>, &[usize]),
        prepare: P,
        scratch: &mut Vec<CacheLine>,
        epilogue: &mut E,
    ) {
        let (starts, term, list) = (self.starts(), Product, Some(list));
        self.arch.dispatch(Run { panels: self, some, starts, term, rows, list, prepare, scratch, epilogue });
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Codewords per panel of a codebook of `k`, by SIMD width as in [`Run`].
struct PanelWidth {
    k: usize,
}

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        match S::F32_LANES {
            lanes @ (16 | 8) if self.k <= lanes => lanes,
            16 => 32,
            8 | 4 => 16,
            lanes => 4 * lanes,
        }
    }
}

/// Writes the `rows` of `d` elements to `panel` column by column.
#[inline(always)]
fn transpose(rows: &[f32], d: usize, panel: &mut [f32]) {
    let width = rows.len() / d;
    for (i, column) in panel.chunks_exact_mut(width).enumerate() {
        for (slot, row) in column.iter_mut().zip(rows.chunks_exact(d)) {
            *slot = row[i];
        }
    }
}

struct Run<'a, T, P, E> {
    panels: &'a Panels,
    some: Range<usize>,
    starts: &'a [CacheLine],
    term: T,
    rows: Rows<'a>,
    /// The numbers of the rows, if not of all.
    list: Option<&'a [usize]>,
    prepare: P,
    scratch: &'a mut Vec<CacheLine>,
    epilogue: &'a mut E,
}

impl<T: Term, P: Prepare, E: Epilogue> WithSimd for Run<'_, T, P, E> {
    type Output = ();

    /// Rows × vectors of codewords: as many sums as leave registers for the codewords and an element of a row.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            lanes @ (16 | 8) if self.panels.width == lanes => self.tiles::<S, 12, 1>(simd),
            16 => self.tiles::<S, 12, 2>(simd),
            8 => self.tiles::<S, 6, 2>(simd),
            4 => self.tiles::<S, 6, 4>(simd),
            _ => self.tiles::<S, 4, 4>(simd),
        }
    }
}

impl<T: Term, P: Prepare, E: Epilogue> Run<'_, T, P, E> {
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const V: usize>(mut self, simd: S) {
        let Panels { d, width, codewords, .. } = self.panels;
        let chunks = d.div_ceil(16);
        self.pack::<R>(chunks);
        let panels = bytemuck::cast_slice::<_, f32>(codewords).chunks_exact(width * d);
        let starts = bytemuck::cast_slice::<_, f32>(self.starts).chunks_exact(*width);
        let Range { start: first, end } = self.some;
        for (p, (panel, start)) in panels.zip(starts).enumerate().take(end).skip(first) {
            let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
            let start = S::as_simd_f32s(start).0.as_chunks::<V>().0;
            for (b, rows) in self.scratch.chunks_exact(chunks * R).enumerate() {
                let sums = tile(simd, self.term, rows.as_chunks::<R>().0, panel, &start[0]);
                let sums = if E::UNROLLED { sums } else { black_box(sums) };
                self.epilogue.tile(simd, b * R, p * width, &sums);
            }
        }
        self.epilogue.finish(simd);
    }

    /// Packs R rows together as `[dimension / 16][row][dimension % 16]`: rows are copied sixteen elements at a time, and
    /// a tile finds the R elements of a dimension at fixed distances.
    #[inline(always)]
    fn pack<const R: usize>(&mut self, chunks: usize) {
        let count = self.list.map_or(self.rows.len(), <[usize]>::len);
        // What is behind the last row or dimension is never read, or padding.
        self.scratch.resize(count.div_ceil(R) * chunks * R, CacheLine::splat(0.0));
        for row in 0..count {
            let elements = self.rows.row(self.list.map_or(row, |list| list[row]));
            if let Some(&next) = self.list.and_then(|list| list.get(row + AHEAD)) {
                prefetch(self.rows.row(next));
            }
            let block = &mut self.scratch[row / R * chunks * R..][..chunks * R];
            let blocks = block.as_chunks_mut::<R>().0;
            let (whole, rest) = elements.as_chunks::<16>();
            for (chunk, (x, block)) in whole.iter().zip(&mut *blocks).enumerate() {
                self.prepare.elements(row, chunk * 16, x, block[row % R].floats());
            }
            if let (false, Some(block)) = (rest.is_empty(), blocks.last_mut()) {
                let out = &mut block[row % R].floats()[..rest.len()];
                self.prepare.elements(row, whole.len() * 16, rest, out);
            }
        }
    }
}

#[inline(always)]
fn tile<S: Simd, T: Term, const R: usize, const V: usize>(
    simd: S,
    term: T,
    rows: &[[CacheLine; R]],
    panel: &[[S::f32s; V]],
    start: &[S::f32s; V],
) -> [[S::f32s; V]; R] {
    let mut sums = [*start; R];
    for (rows, panel) in rows.iter().zip(panel.chunks(16)) {
        for (i, codewords) in panel.iter().enumerate() {
            // By numbers: zip is inlined only where code is optimised across units, which builds for development are not.
            for r in 0..R {
                // i < 16; the remainder spares the bounds check.
                let x = simd.splat_f32s(rows[r].0[i % 16]);
                for v in 0..V {
                    sums[r][v] = term.add(simd, x, codewords[v], sums[r][v]);
                }
            }
        }
    }
    sums
}
