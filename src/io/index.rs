//! Codes and neighbour ids in a file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use ndarray::Array2;

use super::dataset::{array, check_read, zeros};
use super::dtype::Dtype;
use super::locate::Format;
use super::npz::Archive;
use super::stored::StoredMatrix;
use super::{bin, npy, vecs};
use crate::error::{Error, Result};

/// A matrix of whole numbers in a file: codes of shape (n, m), or the ids of each query's neighbours.
///
/// The file is `.npy` or `.npz` of one array (u8, u16, u32, u64, i32 or i64), `.ivecs` or `.ibin`; it is read a range of rows at a time, also from
/// several threads at once.
///
/// ```no_run
/// # fn main() -> wgvq::Result<()> {
/// let codes = wgvq::io::IndexFile::open("codes.npy")?;
/// let mut first = vec![0; codes.columns()];
/// codes.read(0..1, &mut first)?;
/// # Ok(())
/// # }
/// ```
pub struct IndexFile {
    matrix: StoredMatrix,
}

impl IndexFile {
    /// Opens one file.
    ///
    /// # Errors
    /// A file that is missing, empty, cut short, damaged, of another format or of another number type.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_as(path.as_ref(), npy::matrix)
    }

    /// Opens a file of one number per row, such as labels; an array of shape (n,) will do as well as one of (n, 1).
    ///
    /// # Errors
    /// As [`open`](Self::open); more than one number per row.
    pub fn open_column(path: impl AsRef<Path>) -> Result<Self> {
        let file = Self::open_as(path.as_ref(), npy::column)?;
        if file.columns() != 1 {
            let why = format!("holds {} numbers per row; one is wanted", file.columns());
            return Err(file.matrix.file().invalid(why));
        }
        Ok(file)
    }

    fn open_as(path: &Path, shaping: npy::Shaping) -> Result<Self> {
        let matrix = match Format::of(path) {
            Some(Format::Npy) => npy::open_as(path, shaping)?,
            Some(Format::Npz) => Archive::open(path)?.array(None, shaping)?,
            Some(Format::Ivecs) => vecs::open(path, Dtype::I32)?,
            Some(Format::Ibin) => bin::open(path, Dtype::I32)?,
            _ => {
                let path = path.display();
                return Err(Error::input(format!(
                    "{path}: codes and ids are read from .npy, .npz, .ivecs and .ibin files"
                )));
            }
        };
        if !matrix.dtype().holds_indices() {
            return Err(matrix.file().invalid(format!(
                "holds numbers of type {}; u8, u16, u32, u64, i32 and i64 hold codes and ids",
                matrix.dtype()
            )));
        }
        Ok(Self { matrix })
    }

    /// The number of rows `n`.
    pub fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// Numbers per row: codes per vector `m`, or neighbours per query.
    pub fn columns(&self) -> usize {
        self.matrix.dim()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.matrix.file().path()
    }

    /// Reads `rows` into `out`, row-major, `rows.len() * columns()` long.
    ///
    /// # Errors
    /// A range past the end or an `out` of another length; a file that cannot be read; a number below 0 or
    /// beyond u32, named by row and column.
    pub fn read(&self, rows: Range<usize>, out: &mut [u32]) -> Result<()> {
        check_read(&rows, self.rows(), self.columns(), out.len())
            .map_err(|e| e.context(self.path().display()))?;
        self.matrix.read_indices(rows, out)
    }

    /// All rows at once.
    ///
    /// # Errors
    /// As [`IndexFile::read`].
    pub fn to_array(&self) -> Result<Array2<u32>> {
        let mut all = zeros(self.rows(), self.columns())?;
        self.read(0..self.rows(), &mut all)?;
        array(all, self.rows(), self.columns())
    }
}

impl fmt::Debug for IndexFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexFile({} x {} in {})", self.rows(), self.columns(), self.path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::io::testing::{Folder, bin, npy, npz, refused, shared};
    use ndarray::array;

    #[test]
    fn codes_of_every_type_are_read() {
        let folder = Folder::new();
        let open = |dtype: &str, data: &[u8]| {
            IndexFile::open(folder.file("codes.npy", &npy(dtype, false, (2, 1), data)))
                .unwrap()
                .to_array()
                .unwrap()
        };
        assert_eq!(open("|u1", &[255, 1]), array![[255], [1]]);
        assert_eq!(open("<u2", &[1, 2, 0, 0]), array![[0x0201], [0]]);
        assert_eq!(open(">u2", &[1, 2, 0, 0]), array![[0x0102], [0]]);
        assert_eq!(open("<u4", &[0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0]), array![[u32::MAX], [4]]);
        assert_eq!(open("<i8", &[9, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]), array![[9], [8]]);
        let ivecs = folder.file("ids.ivecs", b"\x02\0\0\0\x05\0\0\0\x06\0\0\0");
        assert_eq!(IndexFile::open(ivecs).unwrap().to_array().unwrap(), array![[5, 6]]);
        let ibin = folder.file("ids.ibin", &bin((1, 2), b"\x05\0\0\0\x06\0\0\0"));
        assert_eq!(IndexFile::open(ibin).unwrap().to_array().unwrap(), array![[5, 6]]);
        let array = npy("|u1", false, (1, 2), &[5, 6]);
        let npz = folder.file("codes.npz", &npz(&[("codes", &array)], false));
        assert_eq!(IndexFile::open(npz).unwrap().to_array().unwrap(), array![[5, 6]]);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let folder = Folder::new();
        let floats = folder.file("x.npy", &npy("<f4", false, (1, 1), &[0; 4]));
        assert!(refused(IndexFile::open(floats)).contains("type f32; u8, u16"));
        assert!(
            refused(IndexFile::open(folder.path("codes.txt"))).contains("from .npy, .npz, .ivecs and .ibin")
        );
        let negative =
            folder.file("ids.npy", &npy("<i4", false, (1, 2), &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]));
        let negative = IndexFile::open(negative).unwrap();
        assert!(refused(negative.to_array()).contains("row 0, column 1 is -1"));
        let error = negative.read(1..2, &mut [0; 2]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shape);
        assert_eq!(negative.read(0..1, &mut [0; 3]).unwrap_err().kind(), ErrorKind::Shape);
    }

    #[test]
    fn a_column_has_one_number_per_row() {
        let folder = Folder::new();
        let mut flat = npy("|u1", false, (2, 1), &[7, 9]);
        let at = flat.windows(6).position(|part| part == b"(2, 1)").unwrap();
        flat[at..at + 6].copy_from_slice(b"(2,  )");
        let flat = folder.file("flat.npy", &flat);
        let matrix = folder.file("matrix.npy", &npy("|u1", false, (2, 1), &[7, 9]));
        for path in [&flat, &matrix] {
            assert_eq!(IndexFile::open_column(path).unwrap().to_array().unwrap(), array![[7], [9]]);
        }
        assert!(refused(IndexFile::open(flat)).contains("one-dimensional"));
        let wide = folder.file("wide.npy", &npy("|u1", false, (1, 2), &[7, 9]));
        assert!(refused(IndexFile::open_column(wide)).contains("[1, 2]; one number per row"));
        let ivecs = folder.file("ids.ivecs", b"\x02\0\0\0\x05\0\0\0\x06\0\0\0");
        assert!(refused(IndexFile::open_column(ivecs)).contains("2 numbers per row"));
    }

    #[test]
    fn real_neighbours_are_read() {
        let Some(path) = shared("sift/groundtruth.ivecs") else { return };
        let truth = IndexFile::open(path).unwrap();
        assert_eq!((truth.rows(), truth.columns()), (1000, 100));
        assert!(truth.to_array().unwrap().iter().all(|&id| id < 100_000));
    }
}
