//! NumPy's `.npy`: a magic, a version, a header that is a Python dictionary, then the numbers.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, versions 1.0 to 3.0.

mod header;

use std::ops::Range;
use std::path::Path;

pub(super) use self::header::{Header, header};
use super::file::{DataFile, Sequential};
use super::stored::{Layout, Order, StoredMatrix};
use crate::error::Result;

/// What becomes of the shape of an array: the rows and columns of a matrix, or why it is none.
pub(super) type Shaping = fn(&[usize]) -> Result<(usize, usize), String>;

/// Opens the two-dimensional array in `path`.
pub(super) fn open(path: &Path) -> Result<StoredMatrix> {
    open_as(path, matrix)
}

/// Opens the array in `path` as the matrix that `shaping` makes of it.
pub(super) fn open_as(path: &Path, shaping: Shaping) -> Result<StoredMatrix> {
    let file = DataFile::open(path)?;
    let all = 0..file.len();
    within(file, all, shaping)
}

/// An array of two dimensions is a matrix.
pub(super) fn matrix(shape: &[usize]) -> Result<(usize, usize), String> {
    match shape {
        [rows, dim] => Ok((*rows, *dim)),
        [n] => Err(format!(
            "a one-dimensional array of {n}; store {n} vectors of dimension 1 as shape ({n}, 1), one vector as (1, {n})"
        )),
        _ => Err(format!("an array of shape {shape:?}; vectors are the rows of a two-dimensional one")),
    }
}

/// An array of one number per row is a column: of shape (n,) or (n, 1).
pub(super) fn column(shape: &[usize]) -> Result<(usize, usize), String> {
    match shape {
        [n] | [n, 1] => Ok((*n, 1)),
        _ => Err(format!("an array of shape {shape:?}; one number per row has shape (n,) or (n, 1)")),
    }
}

/// The array that lies in these bytes of a file.
pub(super) fn within(file: DataFile, bytes: Range<u64>, shaping: Shaping) -> Result<StoredMatrix> {
    let mut reader = Sequential::new(&file, bytes.clone());
    let (header, length) = Header::read(&mut reader).map_err(|why| file.invalid(why))?;
    let (dtype, big_endian) = header.number_type().map_err(|why| file.invalid(why))?;
    let (rows, dim) = shaping(&header.shape).map_err(|why| file.invalid(why))?;
    let order = if header.fortran_order { Order::Columns } else { Order::Rows };
    let layout = Layout { start: bytes.start + length, rows, dim, dtype, order, big_endian };
    StoredMatrix::filling(file, layout, Some(bytes.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::dtype::Dtype;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn what_header_writes_is_what_open_reads() {
        let folder = Folder::new();
        for (rows, columns) in [(0, 1), (1, 1), (7, 3), (123_456, 2)] {
            let mut bytes = header("<u2", rows, columns);
            assert_eq!(bytes.len() % 64, 0);
            bytes.resize(bytes.len() + rows * columns * 2, 7);
            let matrix = open(&folder.file("a.npy", &bytes)).unwrap();
            assert_eq!((matrix.rows(), matrix.dim(), matrix.dtype()), (rows, columns, Dtype::U16));
        }
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let whole = |shape: &str, bytes: usize| {
            let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut file = b"\x93NUMPY\x01\x00".to_vec();
            file.extend((dictionary.len() as u16).to_le_bytes());
            file.extend(dictionary.bytes());
            file.resize(file.len() + bytes, 0);
            file
        };
        let why = |bytes: &[u8]| refused(open(&folder.file("a.npy", bytes)));
        assert!(open(&folder.file("a.npy", &whole("(2, 3)", 24))).is_ok());
        assert!(why(b"").contains("is empty"));
        assert!(why(b"\x93NUMPY").contains("cut short"));
        assert!(why(b"PK\x03\x04 is a zip").contains("not an npy file"));
        assert!(why(b"\x93NUMPY\x09\x00\x00\x00").contains("version 9"));
        assert!(why(&whole("(2, 3)", 24)[..40]).contains("cut short"));
        assert!(why(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}").contains("4294967295 bytes"));
        assert!(why(&whole("(2, 3)", 23)).contains("promises 2 x 3"));
        assert!(why(&whole("(2, 3)", 25)).contains("1 bytes follow the 2 x 3"));
        assert!(why(&whole("(9223372036854775807, 9223372036854775807)", 24)).contains("promises"));
        assert!(why(&whole("(2, 0)", 0)).contains("dimension 0"));
        assert!(why(&whole("(6,)", 24)).contains("as shape (6, 1), one vector as (1, 6)"));
        assert!(why(&whole("(1, 2, 3)", 24)).contains("[1, 2, 3]"));
    }
}
