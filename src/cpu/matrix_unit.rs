//! Products of 16-bit floats by the matrix unit that some x86 processors have (AMX).
//!
//! Its registers are tiles of 16 rows of 64 bytes: 16 × 16 f32 sums, 16 rows of 32 numbers in bf16, or 32 dimensions of 16
//! codewords in pairs. One instruction adds 16 × 32 × 16 products to sums, in f32; a processor core does 512 multiply-adds a
//! cycle in it, where its vector registers do 32 in f32.

use std::arch::asm;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::half_unit::{BLOCK, PANEL_STEP, STEP, Sums};

/// Bytes of a tile.
const TILE: usize = 1024;

/// That the processor has a matrix unit, and the system lets this process use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixUnit(());

/// How the tiles are shaped, as the processor reads it.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// Eight tiles of 16 rows of 64 bytes.
static SHAPES: Shapes = Shapes {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl MatrixUnit {
    /// The matrix unit, if there is one.
    pub fn get() -> Option<Self> {
        static FOUND: OnceLock<Option<MatrixUnit>> = OnceLock::new();
        *FOUND.get_or_init(|| (has_instructions() && allowed()).then_some(MatrixUnit(())))
    }

    /// Gives this thread's tiles their shapes, for as long as the result lives.
    pub fn tiles(self) -> Tiles {
        // SAFETY: the processor has the instruction and the system allows it, as `self` says; it reads 64 bytes.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(readonly, nostack, preserves_flags))
        }
        Tiles(PhantomData)
    }
}

/// That the tiles of this thread have their shapes.
pub(crate) struct Tiles(PhantomData<*const ()>);

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the processor has the instruction; it forgets what tiles hold, which nobody reads any more.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }
}

impl Tiles {
    /// [`Ready::multiply`](super::half_unit::Ready::multiply), which says what the lengths are.
    #[inline(always)]
    pub fn multiply(&self, rows: &[u16], panel: &[u16], starts: &[f32; BLOCK], sums: &mut Sums) {
        const { assert!(BLOCK == 32 && size_of::<Sums>() == 4 * TILE && 2 * PANEL_STEP == 2 * TILE) }
        let dimensions = rows.len() / BLOCK;
        let steps = dimensions / STEP;
        assert!(steps > 0 && panel.len() == steps * PANEL_STEP);
        // SAFETY: that there are `Tiles` says that the processor has the instructions, that they are allowed, and that tiles have
        // 16 rows of 64 bytes. The loads read, from `rows`, `steps` times 64 bytes of 2 × 16 rows that are 2·dimensions bytes
        // apart; from `panel` 2 tiles for each step; from `starts` 16 times the same 2 × 64 bytes; all of which the assertion
        // says is there. The stores write the four tiles of `sums`.
        unsafe {
            asm!(
                "tileloadd tmm0, [{starts} + {zero}]",
                "tileloadd tmm1, [{starts} + {zero} + 64]",
                "tileloadd tmm2, [{starts} + {zero}]",
                "tileloadd tmm3, [{starts} + {zero} + 64]",
                "2:",
                "tileloadd tmm4, [{upper} + {stride}]",
                "tileloadd tmm6, [{panel} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{panel} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{lower} + {stride}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {panel}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums} + {line} + 1024], tmm1",
                "tilestored [{sums} + {line} + 2048], tmm2",
                "tilestored [{sums} + {line} + 3072], tmm3",
                starts = in(reg) starts.as_ptr(),
                zero = in(reg) 0_usize,
                upper = inout(reg) rows.as_ptr() => _,
                lower = inout(reg) rows[rows.len() / 2..].as_ptr() => _,
                stride = in(reg) 2 * dimensions,
                panel = inout(reg) panel.as_ptr() => _,
                line = in(reg) 64_usize,
                steps = inout(reg) steps => _,
                sums = in(reg) sums.0.as_mut_ptr(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

/// Whether the processor has tiles and their products in bf16.
#[allow(unused_unsafe)] // newer compilers ask for no unsafe here, the oldest that is supported does
fn has_instructions() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const BF16: u32 = 1 << 22;
    const TILES: u32 = 1 << 24;
    // SAFETY: every processor of this architecture has the instruction, which tells of the processor alone.
    let (highest, features) = unsafe { (__cpuid(0).eax, __cpuid_count(7, 0).edx) };
    highest >= 7 && features & (BF16 | TILES) == BF16 | TILES
}

/// Asks the system for leave to use the tiles, for all threads.
fn allowed() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours; a system that does not know it says so.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}
