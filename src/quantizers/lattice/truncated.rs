//! A lattice truncated to the points that carry the data.

use ndarray::{Array2, ArrayViewD, Axis, concatenate};

use super::kept::{Blocks, Kept};
use super::spec;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use crate::quantizers::extent::Extent;
use crate::quantizers::model::Parts;
use crate::quantizers::{Coder, Layout, Product, Quantizer, Spec, Vq, joint, sealed};
use crate::rng::Rng;
use crate::scale::round_number;
use crate::settings::Settings;
use crate::vectors::Vectors;

/// Each block of `lattice.dim()` dimensions becomes the nearest of 2^b points of a scaled lattice: those that carry the
/// training vectors. The other points are truncated (Section 2.6).
///
/// Kept are the points that the most blocks of the training vectors are nearest to, whatever shape they have together: at
/// equal rate they lose half as much of vectors that are not normal as the points nearest to the mean do (SIFT at
/// 1.5 bits per dimension), and no more of those that are. All blocks have the same points, each about its own mean, so the
/// model is small: a table of 2^b points. A code is the number of a point, the one that occurs most first; every
/// vector, however far out, gets the nearest of them. A block is one code of b bits, and codes decode and are searched
/// as those of a [`Product`].
///
/// A model file has the tensors `offset`, (1, d), and `points`, (2^b, `lattice.dim()`).
///
/// ```
/// use wgvq::{Lattice, Quantizer, TruncatedLattice};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((300, 4), |(row, column)| ((row * (column + 2)) % 16) as f32);
/// let a2 = TruncatedLattice::builder(Lattice::A(2)).bits(4).fit(&engine, &x)?;
/// assert_eq!(a2.points().dim(), (16, 2));
/// assert_eq!(a2.bits_per_vector(), 8.0);
/// let codes = a2.encode(&engine, &x)?;
/// assert_eq!(codes.view().dim(), (300, 2));
/// # Ok::<(), wgvq::Error>(())
/// ```
pub struct TruncatedLattice {
    lattice: Lattice,
    scale: f32,
    offset: Array2<f32>,
    points: Array2<f32>,
    /// The points about the offset of each block.
    product: Product,
}

impl TruncatedLattice {
    /// A quantizer to `offset + point` in each block: `offset` (1, d), d a multiple of the lattice's dimension, and
    /// `points` (2^b, `lattice.dim()`) of the lattice times `scale`, in the vectors' own units.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the shapes are others, the points are not 2^b, b from 1 to 16, the scale is not
    /// in 1e-30 to 1e30, or a value is not finite or a codebook that [`Vq::new`] refuses.
    pub fn new(lattice: Lattice, scale: f32, offset: Array2<f32>, points: Array2<f32>) -> Result<Self> {
        let (dim, d, k) = (lattice.dim(), offset.ncols(), points.nrows());
        if offset.nrows() != 1 || points.ncols() != dim {
            return Err(Error::input(format!(
                "offset has shape {:?} and points {:?}; (1, d) and (2^b, {dim}) are needed",
                offset.dim(),
                points.dim()
            )));
        }
        if !k.is_power_of_two() || !(1..=16).contains(&k.ilog2()) {
            return Err(Error::input(format!(
                "{k} points of {lattice}; must be a power of two from 2 to 65536"
            )));
        }
        if !(1e-30..=1e30).contains(&scale) {
            return Err(Error::input(format!(
                "the scale of {lattice} is {scale}; it has to lie in 1e-30 to 1e30"
            )));
        }
        check_dim(lattice, k.ilog2(), d)?;
        let about = |offset| Ok(Box::new(Vq::new(&points + &offset)?) as Box<dyn Quantizer>);
        let parts = offset.axis_chunks_iter(Axis(1), dim).map(about).collect::<Result<_>>()?;
        let product = Product::side_by_side(parts, spec::of_points(lattice, k.ilog2(), scale));
        Ok(Self { lattice, scale, offset, points, product })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, lattice: Lattice, bits: u32, scale: f32) -> Result<Self> {
        let (offset, points) = (parts.tensor("offset")?, parts.tensor("points")?);
        if points.nrows() != 1 << bits {
            return Err(Error::input(format!("it has {} points; its spec has 2^{bits}", points.nrows())));
        }
        Self::new(lattice, scale, offset, points)
    }

    /// Says how to train one.
    pub fn builder(lattice: Lattice) -> TruncatedLatticeBuilder {
        TruncatedLatticeBuilder { lattice, bits: 8, scale: None, seed: 0 }
    }

    /// The lattice.
    pub fn lattice(&self) -> Lattice {
        self.lattice
    }

    /// The distance that 1 becomes.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The points that are kept, (2^b, `lattice.dim()`), by how many of the training vectors are nearest to them.
    pub fn points(&self) -> &Array2<f32> {
        &self.points
    }
}

/// Fails unless vectors of `d` dimensions are whole blocks of `lattice`.
fn check_dim(lattice: Lattice, bits: u32, d: usize) -> Result<()> {
    let dim = lattice.dim();
    if d > 0 && d.is_multiple_of(dim) {
        return Ok(());
    }
    Err(Error::input(format!(
        "{lattice}x{bits} of {d} dimensions; must be a multiple of {dim}, such as {}, or a lattice that divides them, as Zx2 does",
        d.max(1).next_multiple_of(dim)
    )))
}

/// How to train a [`TruncatedLattice`].
#[derive(Clone, Debug)]
pub struct TruncatedLatticeBuilder {
    lattice: Lattice,
    bits: u32,
    scale: Option<f32>,
    seed: u64,
}

impl TruncatedLatticeBuilder {
    /// Bits of a block, 1 to 16: 2^bits points are kept; 8 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// The distance that 1 becomes; that of the least error if not said.
    pub fn scale(mut self, scale: f32) -> Self {
        self.scale = Some(scale);
        self
    }

    /// The seed of the sample; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), of at least 2^bits blocks, or on a random sample of 2²² of its values. A scale that
    /// is not given, rounded to 8 bits, and whether a point of the lattice or the middle between two neighbours is at the
    /// mean are those of the least error: of every fourth vector, with the points that the others would keep. What is kept
    /// in the end are the points of all of them.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if bits are not 1 to 16, d is no multiple of the lattice's dimension, there are fewer
    /// blocks than points, or the vectors' squared distances are no `f32`; as [`TruncatedLattice::new`]; what reading `x`
    /// fails with; [`Device`](crate::ErrorKind::Device).
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<TruncatedLattice> {
        let (lattice, bits) = (self.lattice, self.bits);
        let k = joint::sizes(&[bits])?[0];
        let (n, d, dim) = (x.len(), x.dim(), lattice.dim());
        check_dim(lattice, bits, d)?;
        let blocks = n * (d / dim);
        if blocks < k {
            return Err(Error::input(format!(
                "{lattice}x{bits} keeps {k} points and there are {blocks} blocks of {dim} dimensions in {n} vectors; take \
                 as many at least, or fewer bits, such as {lattice}x{}",
                blocks.max(2).ilog2()
            )));
        }
        let rows = super::kept::sample_rows(n, d);
        let sample = match n {
            n if n == rows => x.read_rows(0..n)?,
            _ => x.read_each(&Rng::new(self.seed, 0).distinct(rows, n))?,
        };
        let Extent { low, high, mean } = Extent::of(&sample)?;
        let width = |j: usize| f64::from(high[j]) - f64::from(low[j]);
        let mean = mean.into_iter().enumerate().map(|(j, mean)| round_number(mean, width(j)) as f32);
        let mean = Array2::from_shape_vec((1, d), mean.collect()).expect("a row");
        let blocks = Blocks::new(engine, lattice, k, sample - &mean);
        let Kept { scale, centre, points } = match self.scale {
            Some(scale) => blocks.keep(scale)?,
            None => blocks.find()?,
        };
        let centres = vec![centre.view(); d / dim];
        let offset = mean + concatenate(Axis(1), &centres).expect("rows");
        TruncatedLattice::new(lattice, scale, offset, points)
    }
}

impl sealed::Sealed for TruncatedLattice {}

impl Quantizer for TruncatedLattice {
    fn spec(&self) -> Spec {
        self.product.spec()
    }

    fn layout(&self) -> Layout<'_> {
        self.product.layout()
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        [("offset", &self.offset), ("points", &self.points)]
            .map(|(name, values)| (name.into(), values.view().into_dyn()))
            .into()
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        self.product.prepare_with(engine, settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn normals(n: usize, d: usize) -> Array2<f32> {
        let mut rng = Rng::new(12, 0);
        Array2::from_shape_fn((n, d), |(_, j)| rng.normal() * 2.0 + 10.0 * j as f32)
    }

    fn engines() -> impl Iterator<Item = Engine> {
        std::iter::once(Engine::cpu()).chain(crate::test_gpu())
    }

    /// The squared distance of `x` to the point of row `row`, both of one block.
    fn distance(x: &[f32], offset: &[f32], points: &Array2<f32>, row: usize) -> f64 {
        let codeword = points.row(row).into_iter().zip(offset).map(|(&point, &offset)| point + offset);
        x.iter().zip(codeword).map(|(&x, c)| (f64::from(x) - f64::from(c)).powi(2)).sum()
    }

    /// The points of A2 about the origin, by enumeration of i·(1, 0) + j·(1/2, √3/2).
    fn hexagonal(scale: f64, reach: i32) -> Vec<[f64; 2]> {
        let point = |i: i32, j: i32| [f64::from(2 * i + j) / 2.0, f64::from(j) * 0.75_f64.sqrt()];
        let all = (-reach..=reach).flat_map(|i| (-reach..=reach).map(move |j| point(i, j)));
        all.map(|point| point.map(|value| value * scale)).collect()
    }

    /// Counts in float64 which points of all about the data most blocks are nearest to.
    #[test]
    fn the_points_that_are_kept_are_those_of_a_plain_enumeration() {
        const SCALE: f64 = 0.75;
        let x = normals(600, 4);
        for engine in engines() {
            let lattice = TruncatedLattice::builder(Lattice::A(2)).bits(4).scale(SCALE as f32);
            let found = lattice.fit(&engine, &x).unwrap();
            let all = hexagonal(SCALE, 40);
            let mut counts = BTreeMap::new();
            for row in x.rows() {
                for block in 0..2 {
                    let at = |i: usize| {
                        f64::from(row[2 * block + i]) - f64::from(found.offset[[0, 2 * block + i]])
                    };
                    let distance = |point: &[f64; 2]| (at(0) - point[0]).hypot(at(1) - point[1]);
                    let nearest = all.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
                    *counts.entry(nearest.map(|value| (value * 1e4).round() as i64)).or_insert(0) += 1;
                }
            }
            let kept: Vec<[i64; 2]> = found
                .points()
                .rows()
                .into_iter()
                .map(|point| [0, 1].map(|i| (f64::from(point[i]) * 1e4).round() as i64))
                .collect();
            let of = |point: &[i64; 2]| counts.get(point).copied().unwrap_or(0);
            let least = kept.iter().map(of).min().unwrap();
            assert!(kept.is_sorted_by_key(|point| std::cmp::Reverse(of(point))), "{kept:?}");
            for (point, &count) in &counts {
                assert!(count <= least || kept.contains(point), "{point:?} has {count}, {least} are enough");
            }
            let mut distinct = kept.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), 16);
        }
    }

    #[test]
    fn every_vector_gets_the_nearest_point_however_far_out() {
        let x = normals(900, 24);
        let mut rng = Rng::new(13, 0);
        // Up to 100 times as far out as the training data.
        let far = Array2::from_shape_simple_fn((200, 24), || 200.0 * rng.normal() * rng.uniform().powi(4));
        for (lattice, bits) in [
            (Lattice::Z, 3),
            (Lattice::A(2), 1),
            (Lattice::A(2), 5),
            (Lattice::A(4), 6),
            (Lattice::D(3), 6),
            (Lattice::E8, 7),
            (Lattice::Leech24, 9),
        ] {
            for engine in engines() {
                let found = TruncatedLattice::builder(lattice).bits(bits).fit(&engine, &x).unwrap();
                let dim = lattice.dim();
                assert_eq!(found.codebook_sizes(), vec![1 << bits; 24 / dim]);
                assert_eq!(found.bits_per_vector(), f64::from(bits) * (24 / dim) as f64);
                let offset: Vec<f32> = found.offset.iter().copied().collect();
                let codes = found.encode(&engine, &far).unwrap();
                for ((row, block), &code) in codes.view().indexed_iter() {
                    let x: Vec<f32> = far.row(row).iter().skip(block * dim).take(dim).copied().collect();
                    let offset = &offset[block * dim..][..dim];
                    let of = |point| distance(&x, offset, found.points(), point);
                    let least = (0..1 << bits).map(of).fold(f64::INFINITY, f64::min);
                    // Scores are sums of dim products of numbers about as large as the distance, in f32.
                    let slack = 4.0 * (dim + 4) as f64 * f64::from(f32::EPSILON) * least;
                    assert!(
                        of(code as usize) <= least + slack,
                        "{lattice}x{bits}: {} {least}",
                        of(code as usize)
                    );
                }
            }
        }
    }

    /// At fixed rate, of vectors that were not trained on: what it is for.
    #[test]
    fn the_scale_that_is_found_loses_no_more_than_others_and_less_than_scalars() {
        let engine = Engine::cpu();
        let (x, other) = (normals(4000, 8), normals(8000, 8).slice_move(ndarray::s![4000.., ..]));
        let loss = |quantizer: &dyn Quantizer| {
            let back = quantizer.decode(&engine, &quantizer.encode(&engine, &other).unwrap()).unwrap();
            crate::metrics::mse(other.view(), back.view()).unwrap()
        };
        let builder = || TruncatedLattice::builder(Lattice::E8).bits(8);
        let found = builder().fit(&engine, &x).unwrap();
        for factor in [0.5, 0.7, 1.4, 2.0] {
            let moved = builder().scale(found.scale() * factor).fit(&engine, &x).unwrap();
            assert!(loss(&found) < loss(&moved), "{factor}: {} {}", loss(&found), loss(&moved));
        }
        // The least error of one bit per dimension of normals, by scalars: 1 − 2/π (Max 1960). A squared error has a
        // standard deviation of about its mean, so that of 32,000 values is known to 3 % at five standard errors.
        let scalar = 8.0 * 4.0 * (1.0 - 2.0 / std::f64::consts::PI);
        assert!(loss(&found) < 0.97 * scalar, "{} {scalar}", loss(&found));
        let one = TruncatedLattice::builder(Lattice::Z).bits(1).fit(&engine, &x).unwrap();
        assert!((loss(&one) / scalar - 1.0).abs() < 0.03, "{} {scalar}", loss(&one));
    }

    #[test]
    fn few_different_vectors_and_none_that_differ_are_no_trouble() {
        let engine = Engine::cpu();
        for x in
            [Array2::from_elem((40, 4), 3.0), Array2::from_shape_fn((40, 4), |(row, _)| (row % 2) as f32)]
        {
            let found = TruncatedLattice::builder(Lattice::A(2)).bits(5).fit(&engine, &x).unwrap();
            let back = found.decode(&engine, &found.encode(&engine, &x).unwrap()).unwrap();
            assert!(crate::metrics::mse(x.view(), back.view()).unwrap() < 0.1);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let engine = Engine::cpu();
        let x = normals(50, 8);
        let why = |lattice, bits, x: &Array2<f32>| {
            let refused = TruncatedLattice::builder(lattice).bits(bits).fit(&engine, x);
            refused.err().expect("is refused").to_string()
        };
        for bits in [0, 17, 64] {
            assert!(why(Lattice::E8, bits, &x).contains("must be 1 to 16"));
        }
        assert!(why(Lattice::D(3), 4, &x).contains("must be a multiple of 3, such as 9"));
        assert!(why(Lattice::E8, 4, &normals(50, 0)).contains("must be a multiple of 8, such as 8"));
        let error = why(Lattice::E8, 6, &x);
        assert!(error.contains("64 points") && error.contains("such as E8x5"), "{error}");
        assert!(TruncatedLattice::builder(Lattice::E8).bits(4).scale(-1.0).fit(&engine, &x).is_err());
        let row = |d: usize| Array2::<f32>::zeros((1, d));
        let table = |k: usize| Array2::<f32>::zeros((k, 2));
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(4), table(4)).is_ok());
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(4), table(3)).is_err());
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(4), table(1)).is_err());
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(3), table(4)).is_err());
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(0), table(4)).is_err());
        assert!(TruncatedLattice::new(Lattice::A(2), f32::NAN, row(4), table(4)).is_err());
        assert!(TruncatedLattice::new(Lattice::E8, 1.0, row(8), table(4)).is_err());
        assert!(TruncatedLattice::new(Lattice::A(2), 1.0, row(4), table(4) / 0.0).is_err());
        for (spec, says) in [
            ("E8x0", "must be 1 to 16"),
            ("E8x17", "must be 1 to 16"),
            ("E8x", "an example is"),
            ("E8x4x4", "an example is"),
            ("E8:1x4", "an example is"),
        ] {
            let error = spec.parse::<Spec>().unwrap_err().to_string();
            assert!(error.contains(says), "{spec}: {error}");
        }
    }
}
