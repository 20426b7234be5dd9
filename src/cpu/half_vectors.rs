//! Products of 16-bit floats by instructions on vectors that some x86 processors have (AVX512-BF16).
//!
//! One adds, for each of 16 codewords, the products of a pair of dimensions to a sum in f32.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_storeu_ps,
};
use std::sync::OnceLock;

use super::half_unit::{BLOCK, PANEL_STEP, STEP, Sums};

/// Rows of a tile: with 32 codewords their sums are 16 vectors, as many as the latency of the instruction asks for.
const ROWS: usize = 8;

/// That the processor has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfVectors {
    are_faster: bool,
}

impl HalfVectors {
    /// The instructions, if the processor has them.
    pub fn get() -> Option<Self> {
        static FOUND: OnceLock<Option<HalfVectors>> = OnceLock::new();
        let has = || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16");
        *FOUND.get_or_init(|| has().then(|| HalfVectors { are_faster: is_by_amd() }))
    }

    /// Whether they do more multiply-adds a cycle than those in f32: in AMD's processors twice as many, in Intel's no more.
    pub fn are_faster(self) -> bool {
        self.are_faster
    }

    /// [`Ready::multiply`](super::half_unit::Ready::multiply), which says what the lengths are.
    #[inline(always)]
    pub fn multiply(self, rows: &[u16], panel: &[u16], starts: &[f32; BLOCK], sums: &mut Sums) {
        // SAFETY: that there is a `HalfVectors` says that the processor has the instructions.
        unsafe { multiply(rows, panel, starts, sums) }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply(rows: &[u16], panel: &[u16], starts: &[f32; BLOCK], sums: &mut Sums) {
    let d = rows.len() / BLOCK;
    let (starts, _) = starts.as_chunks::<16>();
    let starts = [load_floats(&starts[0]), load_floats(&starts[1])];
    for (block, rows) in rows.chunks_exact(ROWS * d).enumerate() {
        let mut found = [starts; ROWS];
        for (step, panel) in panel.chunks_exact(PANEL_STEP).enumerate() {
            let pairs: [&[[u16; 2]; STEP / 2]; ROWS] = std::array::from_fn(|row| {
                let pairs = rows[row * d + step * STEP..].as_chunks::<2>().0;
                pairs.first_chunk().expect("rows have whole steps")
            });
            let (left, right) = panel.split_at(PANEL_STEP / 2);
            let (left, right) = (left.as_chunks::<32>().0, right.as_chunks::<32>().0);
            for (pair, (left, right)) in left.iter().zip(right).enumerate() {
                let (left, right) = (load(left), load(right));
                for (row, found) in pairs.iter().zip(&mut found) {
                    // There are as many pairs as the remainder says; it spares the bounds check.
                    let [low, high] = row[pair % (STEP / 2)].map(u32::from);
                    let both = halves(_mm512_set1_epi32((low | high << 16) as i32));
                    found[0] = _mm512_dpbf16_ps(found[0], left, both);
                    found[1] = _mm512_dpbf16_ps(found[1], right, both);
                }
            }
        }
        for (row, found) in found.into_iter().enumerate() {
            let row = block * ROWS + row;
            for (half, found) in found.into_iter().enumerate() {
                store(&mut sums.0[row / 16 * 2 + half][row % 16], found);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn load(pairs: &[u16; 32]) -> __m512bh {
    // SAFETY: it reads 64 bytes, which the array has.
    halves(unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) })
}

#[inline]
fn halves(bits: __m512i) -> __m512bh {
    // SAFETY: both are 64 bytes, and any bits are 32 numbers.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_floats(values: &[f32; 16]) -> __m512 {
    // SAFETY: it reads 64 bytes, which the array has.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(values: &mut [f32; 16], vector: __m512) {
    // SAFETY: it writes 64 bytes, which the array has.
    unsafe { _mm512_storeu_ps(values.as_mut_ptr(), vector) }
}

#[allow(unused_unsafe)] // newer compilers ask for no unsafe here, the oldest that is supported does
fn is_by_amd() -> bool {
    // SAFETY: every processor of this architecture has the instruction, which tells of the processor alone.
    let told = unsafe { std::arch::x86_64::__cpuid(0) };
    [told.ebx, told.edx, told.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}
