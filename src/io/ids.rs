//! Ids in files: a whole number for each row.

use std::path::Path;

use super::index::IndexFile;
use super::locate::{Format, Place, locate};
use crate::error::Result;

/// The whole numbers of a file or of a set of files, one per row: `.npy`, `.npz`, `.ivecs`, `.ibin`, or a column of `.parquet`, as in
/// `parts/*.parquet:id`.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("ids.npy");
/// let mut ids = wgvq::io::RowWriter::<u64>::create(&path, 2, 1, false)?;
/// ids.append(&[u64::MAX, 7])?;
/// ids.finish()?;
/// assert_eq!(wgvq::io::read_ids(&path)?, [u64::MAX, 7]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A file that is missing, damaged or of another kind; a number below 0 or a null, named by its row.
pub fn read_ids(spec: impl AsRef<Path>) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for place in locate(spec.as_ref())? {
        ids.extend(of_file(place)?);
    }
    Ok(ids)
}

fn of_file(place: Place) -> Result<Vec<u64>> {
    match place.format {
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::read_ids(&place.path, place.name.as_deref()),
        _ => IndexFile::open_column(&place.path)?.to_ids(),
    }
}
