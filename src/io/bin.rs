//! The `.fbin`, `.u8bin`, `.i8bin` and `.ibin` formats: the number of vectors and their dimension, each a little-endian u32,
//! then all numbers.
//!
//! Format: <https://big-ann-benchmarks.com/neurips21.html>.

use std::path::Path;

use super::dtype::Dtype;
use super::file::DataFile;
use super::stored::{Layout, Order, StoredMatrix};
use crate::error::Result;

/// Bytes before the numbers.
const HEADER: u64 = 8;

/// Opens a file whose numbers are of `dtype`: f32 (`fbin`), u8 (`u8bin`), i8 (`i8bin`) or i32 (`ibin`).
pub(super) fn open(path: &Path, dtype: Dtype) -> Result<StoredMatrix> {
    let file = DataFile::open(path)?;
    let count =
        |at| -> Result<usize> { Ok(u32::from_le_bytes(file.read_array(at, "two lengths")?) as usize) };
    let (rows, dim) = (count(0)?, count(4)?);
    let layout = Layout { start: HEADER, rows, dim, dtype, order: Order::Rows, big_endian: false };
    StoredMatrix::filling(file, layout, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, bin, bytes, refused};

    #[test]
    fn numbers_of_every_type_are_read() {
        let folder = Folder::new();
        let read = |name: &str, shape: (u32, u32), data: &[u8]| {
            let x = crate::io::open(folder.file(name, &bin(shape, data))).unwrap();
            assert_eq!((x.rows(), x.dim()), (shape.0 as usize, shape.1 as usize));
            x.to_array().unwrap().into_raw_vec_and_offset().0
        };
        let floats = [1.5, -2.0, 0.0, 3.0, 4.0, 5.0];
        assert_eq!(read("x.fbin", (2, 3), &bytes(&floats)), floats);
        assert_eq!(read("x.u8bin", (3, 1), &[0, 128, 255]), [0.0, 128.0, 255.0]);
        assert_eq!(read("x.i8bin", (1, 3), &[0, 128, 255]), [0.0, -128.0, -1.0]);
        assert_eq!(read("x.ibin", (1, 1), &[7, 1, 0, 0]), [263.0]);
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let why = |file: &[u8]| refused(open(&folder.file("x.fbin", file), Dtype::F32));
        assert!(why(b"").contains("is empty"));
        assert!(why(b"\x01\0\0\0\x01").contains("5 bytes are too few to hold two lengths"));
        assert!(why(&bin((1, 0), &[])).contains("dimension 0"));
        assert!(why(&bin((2, 1), &[0; 7])).contains("promises 2 x 1 numbers of type f32, more than"));
        assert!(why(&bin((2, 1), &[0; 9])).contains("1 bytes follow the 2 x 1 numbers"));
        assert!(why(&bin((u32::MAX, u32::MAX), &[0; 8])).contains("promises 4294967295 x 4294967295"));
    }
}
