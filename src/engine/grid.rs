//! The arithmetic of dispatch grids and row windows.

use std::ops::Range;

use crate::error::{Error, Result};

/// Folds a linear count of workgroups into a grid whose sides stay within `side` (65,535 by default).
///
/// The shader unfolds it with `linear_workgroup` (`shaders/shared/grid.wgsl`); up to a row of surplus
/// workgroups may run, and each kernel makes them return.
pub(crate) fn fold(workgroups: u64, side: u32) -> Result<[u32; 3]> {
    let side = u64::from(side);
    if workgroups <= side {
        return Ok([workgroups as u32, 1, 1]);
    }
    let y = workgroups.div_ceil(side);
    if y > side {
        return Err(Error::shape(format!(
            "{workgroups} workgroups are more than one dispatch can hold on this device ({})",
            side * side
        )));
    }
    // As square as possible in x, so that the surplus stays below one row.
    Ok([workgroups.div_ceil(y) as u32, y as u32, 1])
}

/// Rows per shard so that a shard of rows of `row_bytes` fits in `limit` bytes: all `rows` if they do.
///
/// Otherwise a multiple of 256 rows: then any shard boundary is a valid binding offset (256 bytes) in every other
/// matrix of four-byte elements, and a boundary between the 256-row blocks that reductions add up in.
pub(crate) fn rows_per_shard(rows: usize, row_bytes: u64, limit: u64) -> Result<usize> {
    if (rows as u64).saturating_mul(row_bytes) <= limit {
        return Ok(rows.max(1));
    }
    let rows = limit / row_bytes.max(1) / 256 * 256;
    if rows == 0 {
        return Err(Error::shape(format!(
            "256 rows of {row_bytes} bytes are over this device's binding limit of {limit} bytes"
        )));
    }
    Ok(usize::try_from(rows).unwrap_or(usize::MAX / 256 * 256))
}

/// Cuts `0..rows` wherever a matrix with one of the given shard heights starts a new shard, so that inside
/// each window every matrix is one contiguous binding.
pub(crate) fn row_windows(rows: usize, shard_rows: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut cuts = vec![0, rows];
    for height in shard_rows {
        cuts.extend((height..rows).step_by(height.max(1)));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_grids_cover_the_count_with_less_than_a_row_to_spare() {
        for workgroups in [0, 1, 65_535, 65_536, 65_537, 1 << 20, 4_294_836_225] {
            let [x, y, z] = fold(workgroups, 65_535).unwrap();
            let total = u64::from(x) * u64::from(y);
            assert!(x <= 65_535 && y <= 65_535 && z == 1);
            assert!(total >= workgroups && total - workgroups < u64::from(y).max(1), "{workgroups}");
        }
        assert!(fold(4_294_836_226, 65_535).is_err());
    }

    #[test]
    fn windows_tile_the_rows_and_never_cross_a_shard() {
        assert_eq!(row_windows(10, [4, 10]), vec![0..4, 4..8, 8..10]);
        assert_eq!(row_windows(256, [128, 192]), vec![0..128, 128..192, 192..256]);
        assert!(row_windows(0, [4]).is_empty());
    }

    #[test]
    fn shards_fit_the_limit() {
        assert_eq!(rows_per_shard(1 << 20, 512, 128 << 20).unwrap(), 262_144);
        assert_eq!(rows_per_shard(3, 1 << 20, 128 << 20).unwrap(), 3);
        assert!(rows_per_shard(300, 128 << 20, 128 << 20).is_err());
    }
}
