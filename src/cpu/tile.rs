//! The register-tiled core of everything of the form rows × codewords.
//!
//! For every row `x` and codeword `c` it forms `start(c) + Σ_i term(x_i, c_i)`, where the [`Term`] says what a
//! dimension adds (`x_i·c_i`, `(x_i − c_i)²`, …), and hands the sums to an [`Epilogue`], which keeps the least,
//! the least few, or all of them. The n × k matrix of sums exists only if the epilogue stores it.
//!
//! A tile of rows × codewords has all its sums in registers: 12 × 32 with AVX-512, 6 × 16 with AVX2. Codewords
//! lie in panels as wide as a tile, `[dimension][codeword]`, so that a step over one dimension reads two
//! vectors of codewords and broadcasts one element of each row. A panel is used for a whole group of rows while
//! it is in the first-level cache.
//!
//! Every sum is accumulated over the dimensions in order, in its own lane, with fused multiply-adds. So its bits
//! depend on its row and codeword alone: not on the batch, the position in it, the threads or the vector width.

use pulp::{Arch, Simd, WithSimd};

/// What one dimension adds to a sum.
pub trait Term: Copy + Send + Sync {
    /// `sum + term(x, c)`, lane by lane.
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s;
}

/// `x·c`
#[derive(Clone, Copy)]
pub struct Product;

impl Term for Product {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(x, c, sum)
    }
}

/// `(x − c)²`
#[derive(Clone, Copy)]
pub struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        let difference = simd.sub_f32s(x, c);
        simd.mul_add_e_f32s(difference, difference, sum)
    }
}

/// `|x − c|`
#[derive(Clone, Copy)]
pub struct AbsoluteDifference;

impl Term for AbsoluteDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        simd.add_f32s(simd.abs_f32s(simd.sub_f32s(x, c)), sum)
    }
}

/// `|x − c|^m`
#[derive(Clone, Copy)]
pub struct PowerDifference(pub u32);

impl Term for PowerDifference {
    #[inline(always)]
    fn add<S: Simd>(self, simd: S, x: S::f32s, c: S::f32s, sum: S::f32s) -> S::f32s {
        let difference = simd.abs_f32s(simd.sub_f32s(x, c));
        let mut power = difference;
        for _ in 1..self.0 {
            power = simd.mul_f32s(power, difference);
        }
        simd.add_f32s(power, sum)
    }
}

/// Takes the sums of one group of rows, tile by tile.
pub trait Epilogue: Send {
    /// The sums of `R` rows, from row `row` of the group on, with the `V` vectors of codewords from `codeword` on.
    /// Tiles of one row come in ascending order of codewords. Rows past the end of the group are padding.
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    );

    /// Called once per group, after its last tile, compiled for the same instruction set.
    fn finish(&mut self);
}

/// Rows of a group: a multiple of every tile's height. The group's rows and the state of its epilogue stay in the
/// second-level cache.
pub const GROUP: usize = 96;

/// Codewords in panels, as the tiles read them.
pub struct Panels {
    arch: Arch,
    d: usize,
    width: usize,
    panels: Vec<CacheLine>,
    starts: Vec<CacheLine>,
}

/// Sixteen numbers on a cache line of their own, so that no vector straddles two.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct CacheLine([f32; 16]);

impl CacheLine {
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self([value; 16])
    }

    #[inline(always)]
    pub fn floats(&mut self) -> &mut [f32; 16] {
        &mut self.0
    }

    #[inline(always)]
    pub fn indices(&mut self) -> &mut [u32; 16] {
        bytemuck::cast_mut(&mut self.0)
    }
}

fn lines(floats: usize, fill: f32) -> Vec<CacheLine> {
    vec![CacheLine([fill; 16]); floats.div_ceil(16)]
}

impl Panels {
    /// Packs the row-major (k, d) `codewords`; the sum of codeword `j` begins at `starts[j]`.
    /// The last panel is filled up with codewords of zeros whose sums begin at infinity: they never win.
    pub fn new(arch: Arch, codewords: &[f32], d: usize, starts: &[f32]) -> Self {
        let width = arch.dispatch(TileWidth);
        let count = starts.len().div_ceil(width);
        let mut packed = lines(count * width * d, 0.0);
        let floats: &mut [f32] = bytemuck::cast_slice_mut(&mut packed);
        for (j, codeword) in codewords.chunks_exact(d).enumerate() {
            let panel = &mut floats[j / width * width * d..][..width * d];
            for (slot, &value) in panel[j % width..].iter_mut().step_by(width).zip(codeword) {
                *slot = value;
            }
        }
        let mut padded = lines(count * width, f32::INFINITY);
        bytemuck::cast_slice_mut::<_, f32>(&mut padded)[..starts.len()].copy_from_slice(starts);
        Self { arch, d, width, panels: packed, starts: padded }
    }

    /// Runs the tiles of a group of at most [`GROUP`] rows. `prepare(row, i, element)` is what the terms see of
    /// element `i` of a row.
    pub fn run<T: Term, E: Epilogue>(
        &self,
        term: T,
        rows: &[f32],
        prepare: impl Fn(usize, usize, f32) -> f32,
        packed: &mut Vec<f32>,
        epilogue: E,
    ) {
        self.arch.dispatch(Group { panels: self, term, rows, prepare, packed, epilogue });
    }
}

struct TileWidth;

impl WithSimd for TileWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        match S::F32_LANES {
            16 => 32,
            8 => 16,
            4 => 16,
            lanes => 4 * lanes,
        }
    }
}

struct Group<'a, T, P, E> {
    panels: &'a Panels,
    term: T,
    rows: &'a [f32],
    prepare: P,
    packed: &'a mut Vec<f32>,
    epilogue: E,
}

impl<T: Term, P: Fn(usize, usize, f32) -> f32, E: Epilogue> WithSimd for Group<'_, T, P, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Rows × vectors of codewords: as many sums as leave registers for the codewords and one row's element.
        match S::F32_LANES {
            16 => self.tiles::<S, 12, 2>(simd),
            8 => self.tiles::<S, 6, 2>(simd),
            4 => self.tiles::<S, 6, 4>(simd),
            _ => self.tiles::<S, 4, 4>(simd),
        }
    }
}

impl<T: Term, P: Fn(usize, usize, f32) -> f32, E: Epilogue> Group<'_, T, P, E> {
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const V: usize>(mut self, simd: S) {
        let Panels { d, width, panels, starts, .. } = self.panels;
        let blocks = self.rows.len().div_ceil(*d * R);
        self.packed.clear();
        self.packed.resize(blocks * d * R, 0.0);
        for (row, elements) in self.rows.chunks_exact(*d).enumerate() {
            let block = &mut self.packed[row / R * d * R..][..d * R];
            for (i, (slot, &x)) in block[row % R..].iter_mut().step_by(R).zip(elements).enumerate() {
                *slot = (self.prepare)(row, i, x);
            }
        }
        let panels = bytemuck::cast_slice::<_, f32>(panels).chunks_exact(width * d);
        let starts = bytemuck::cast_slice::<_, f32>(starts).chunks_exact(*width);
        for (p, (panel, start)) in panels.zip(starts).enumerate() {
            let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
            let start = S::as_simd_f32s(start).0.as_chunks::<V>().0;
            for (b, block) in self.packed.chunks_exact(d * R).enumerate() {
                let sums = tile::<S, T, R, V>(simd, self.term, block.as_chunks::<R>().0, panel, &start[0]);
                self.epilogue.tile(simd, b * R, p * width, &sums);
            }
        }
        self.epilogue.finish();
    }
}

#[inline(always)]
fn tile<S: Simd, T: Term, const R: usize, const V: usize>(
    simd: S,
    term: T,
    rows: &[[f32; R]],
    panel: &[[S::f32s; V]],
    start: &[S::f32s; V],
) -> [[S::f32s; V]; R] {
    let mut sums = [*start; R];
    for (x, c) in rows.iter().zip(panel) {
        for r in 0..R {
            let x = simd.splat_f32s(x[r]);
            for v in 0..V {
                sums[r][v] = term.add(simd, x, c[v], sums[r][v]);
            }
        }
    }
    sums
}
