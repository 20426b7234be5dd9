//! How much memory a training takes.

/// What a training has in memory when it has most, beside the program itself: of n vectors of d dimensions
/// `4·n·(copies·d + beside) + 4·squares·d² + fixed` bytes, a sixth of that for memory that was given back and is kept for the
/// next use, and a MiB for what threads take.
///
/// The numbers are measured on the CPU backend and rounded up; device memory of a GPU is not host memory.
///
/// ```
/// use wgvq::train::KMeans;
/// let holds = KMeans::new(256).holds(128);
/// let needed = holds.bytes(65_536, 128);
/// // The vectors as read and as uploaded.
/// assert!(needed > 2 * 65_536 * 128 * 4 && needed < 3 * 65_536 * 128 * 4);
/// assert!(holds.vectors_within(needed, 128) >= 65_536);
/// assert!(holds.vectors_within(needed / 2, 128) < 65_536);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Holds {
    /// Copies of the vectors that are trained on, in f32.
    pub copies: f64,
    /// Numbers beside each vector, of four bytes: codes, distances, an order.
    pub beside: f64,
    /// Matrices of d × d numbers, of four bytes.
    pub squares: f64,
    /// Bytes that the quantizer takes, however many vectors there are.
    pub fixed: f64,
}

/// What is in memory for each byte in use: the allocator and the engine keep some of what was given back.
const KEPT: f64 = 7.0 / 6.0;

/// Bytes that the allocator holds for threads, however little they do.
const THREADS: f64 = (1 << 20) as f64;

impl Holds {
    /// Bytes for `n` vectors of `d` dimensions.
    pub fn bytes(&self, n: usize, d: usize) -> u64 {
        (KEPT * (n as f64 * self.row(d) + self.without_vectors(d))).ceil() as u64
    }

    /// The most vectors of `d` dimensions for which `bytes` are enough.
    pub fn vectors_within(&self, bytes: u64, d: usize) -> usize {
        ((bytes as f64 / KEPT - self.without_vectors(d)) / self.row(d)).max(0.0) as usize
    }

    fn row(&self, d: usize) -> f64 {
        4.0 * (self.copies * d as f64 + self.beside)
    }

    fn without_vectors(&self, d: usize) -> f64 {
        4.0 * self.squares * (d as f64).powi(2) + self.fixed + THREADS
    }
}
