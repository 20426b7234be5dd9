//! A list of rows that one kernel leaves to the next, on a GPU.

use super::gpu::{Gpu, Slab};
use crate::error::Result;

/// Words in front of the rows: three for the grid of the dispatch that takes the rows, and their count.
pub(super) const HEAD: usize = 4;

/// Rows of a matrix, in any order, and how many workgroups take them: kernels write both (`shaders/shared/left_rows.wgsl`) and
/// read them (`shaders/shared/listed_rows.wgsl`), so that the host waits for neither.
pub(crate) struct RowList(Slab);

impl RowList {
    /// Room for `rows` rows; what it holds is not defined.
    pub(super) fn allocate(gpu: &Gpu, rows: usize) -> Result<Self> {
        Ok(Self(gpu.allocate_list(((HEAD + rows) * size_of::<u32>()) as u64)?))
    }

    /// The most rows that a list can have on this device, where it is one binding; a height for
    /// [`row_windows`](super::grid::row_windows), as a window of so many rows ends at a valid offset in every matrix.
    pub fn most_rows(gpu: &Gpu) -> usize {
        (gpu.max_binding() as usize / size_of::<u32>() - HEAD) / 256 * 256
    }

    /// The list, ready to bind.
    pub fn slab(&self) -> Slab {
        self.0.clone()
    }
}
