//! Products of blocks of 16-bit floats, by what the processor has for them: a matrix unit, or instructions on its vectors.
//!
//! Where it has neither, or where they are no faster than products in f32, there is no unit.

#[cfg(target_arch = "x86_64")]
use super::half_vectors::HalfVectors;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::matrix_unit::{MatrixUnit, Tiles};

/// Rows and codewords of a block of sums.
pub(super) const BLOCK: usize = 32;

/// Dimensions of a step.
pub(super) const STEP: usize = 32;

/// Numbers of a step of a panel of [`BLOCK`] codewords: the pairs of dimensions of its first 16 codewords, then those of the
/// others, `[pair][codeword][of the pair]`.
pub(super) const PANEL_STEP: usize = BLOCK * STEP;

/// A step of a row, or a pair of dimensions of half a panel: on a cache line of its own, as a matrix unit reads it in half the
/// time then.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(super) struct HalfLine([u16; STEP]);

impl HalfLine {
    pub const ZERO: Self = Self([0; STEP]);
}

/// Where the sums of a panel begin.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Starts(pub [f32; BLOCK]);

/// The sums of a block: `[quarter: upper left, upper right, lower left, lower right][row][codeword]`.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Sums(pub [[[f32; 16]; 16]; 4]);

impl Sums {
    pub fn zeros() -> Box<Self> {
        Box::new(Self([[[0.0; 16]; 16]; 4]))
    }
}

/// What multiplies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HalfUnit {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Matrix(MatrixUnit),
    #[cfg(target_arch = "x86_64")]
    Vectors(HalfVectors),
}

impl HalfUnit {
    /// All that this processor has, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        let all: [Option<Self>; 2] = [
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            MatrixUnit::get().map(Self::Matrix),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
            None,
            #[cfg(target_arch = "x86_64")]
            HalfVectors::get().map(Self::Vectors),
            #[cfg(not(target_arch = "x86_64"))]
            None,
        ];
        all.into_iter().flatten()
    }

    /// The fastest that this processor has, if it is faster than products in f32.
    pub fn fastest() -> Option<Self> {
        Self::all().find(|unit| match *unit {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Matrix(_) => true,
            #[cfg(target_arch = "x86_64")]
            Self::Vectors(vectors) => vectors.are_faster(),
        })
    }

    /// Makes this thread ready to multiply, for as long as the result lives.
    pub fn ready(self) -> Ready {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Matrix(unit) => Ready::Matrix(unit.tiles()),
            #[cfg(target_arch = "x86_64")]
            Self::Vectors(vectors) => Ready::Vectors(vectors),
        }
    }
}

/// That this thread can multiply.
pub(crate) enum Ready {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Matrix(Tiles),
    #[cfg(target_arch = "x86_64")]
    Vectors(HalfVectors),
}

impl Ready {
    /// Writes `starts[j] + Σ_i rows[r][i]·panel[j][i]` for [`BLOCK`] rows and codewords to `sums`: `rows` are in bf16, of a
    /// whole number of [`STEP`]s, and `panel` has a [`PANEL_STEP`] for each. What is no normal number counts as zero, and the
    /// order of the additions is not defined.
    #[inline(always)]
    pub fn multiply(&self, rows: &[u16], panel: &[u16], starts: &[f32; BLOCK], sums: &mut Sums) {
        let steps = rows.len() / BLOCK / STEP;
        assert!(steps > 0 && rows.len() == BLOCK * steps * STEP && panel.len() == steps * PANEL_STEP);
        match *self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Matrix(ref tiles) => tiles.multiply(rows, panel, starts, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Vectors(vectors) => vectors.multiply(rows, panel, starts, sums),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_products_is_that_of_the_definition() {
        let bf16 = |value: i32| ((value as f32).to_bits() >> 16) as u16;
        for (unit, steps) in HalfUnit::all().flat_map(|unit| [1, 3].map(|steps| (unit, steps))) {
            let d = steps * STEP;
            let x = |row: usize, i: usize| (row * 7 + i * 3) as i32 % 17 - 8;
            let c = |j: usize, i: usize| (j * 5 + i * 11) as i32 % 13 - 6;
            let rows: Vec<u16> = (0..BLOCK * d).map(|at| bf16(x(at / d, at % d))).collect();
            let mut panel = vec![0; steps * PANEL_STEP];
            for (at, slot) in panel.iter_mut().enumerate() {
                let (step, at) = (at / PANEL_STEP, at % PANEL_STEP);
                let (half, pair, j, of_pair) = (at / 512, at % 512 / 32, at % 32 / 2, at % 2);
                *slot = bf16(c(16 * half + j, step * STEP + 2 * pair + of_pair));
            }
            let starts: [f32; BLOCK] = std::array::from_fn(|j| j as f32 / 2.0);
            let mut sums = Sums::zeros();
            unit.ready().multiply(&rows, &panel, &starts, &mut sums);
            for row in 0..BLOCK {
                for (j, start) in starts.iter().enumerate() {
                    let products: i32 = (0..d).map(|i| x(row, i) * c(j, i)).sum();
                    let found = sums.0[row / 16 * 2 + j / 16][row % 16][j % 16];
                    assert_eq!(found, start + products as f32, "{unit:?}: row {row}, codeword {j}");
                }
            }
        }
    }
}
