//! The `.fvecs`, `.bvecs` and `.ivecs` formats: each vector behind its dimension as a little-endian i32.
//!
//! Format: <http://corpus-texmex.irisa.fr>. Only the first and the last record are looked at when a file is
//! opened; every other one is checked when it is read.

use std::path::Path;

use super::dtype::Dtype;
use super::file::DataFile;
use super::stored::{Layout, Order, StoredMatrix};
use crate::error::Result;

/// Opens a file whose vectors are of `dtype`: f32 (`fvecs`), u8 (`bvecs`) or i32 (`ivecs`).
pub(super) fn open(path: &Path, dtype: Dtype) -> Result<StoredMatrix> {
    let file = DataFile::open(path)?;
    let first = i32::from_le_bytes(file.read_array(0, "a record's dimension")?);
    if first <= 0 {
        return Err(file.invalid(format!("record 0 has dimension {first}; at least 1 is needed")));
    }
    let record_bytes = 4 + first as u64 * dtype.size() as u64;
    let (rows, rest) = (file.len() / record_bytes, file.len() % record_bytes);
    if rest != 0 {
        return Err(file.invalid(format!(
            "record 0 has dimension {first} ({record_bytes} bytes), but the file's {} bytes are {rows} such records \
             and {rest} bytes: it was cut short, or its records differ in dimension",
            file.len()
        )));
    }
    let last = i32::from_le_bytes(file.read_array(file.len() - record_bytes, "a record's dimension")?);
    if last != first {
        return Err(file.invalid(format!(
            "record {} has dimension {last}, the first has {first}; all records of a file share one dimension",
            rows - 1
        )));
    }
    let (rows, dim) = (rows as usize, first as usize);
    StoredMatrix::new(file, Layout { start: 0, rows, dim, dtype, order: Order::Records, big_endian: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, fvecs, refused};

    #[test]
    fn records_are_read_in_every_type() {
        let folder = Folder::new();
        let floats = open(&folder.file("a.fvecs", &fvecs(&[&[1.5, -2.0], &[0.0, 3.0]])), Dtype::F32).unwrap();
        let mut out = [0.0; 4];
        floats.read_f32(0..2, &mut out).unwrap();
        assert_eq!(out, [1.5, -2.0, 0.0, 3.0]);
        let bytes = open(&folder.file("a.bvecs", b"\x03\0\0\0\x01\x02\xff\x03\0\0\0\x04\x05\x06"), Dtype::U8)
            .unwrap();
        let mut out = [0.0; 3];
        bytes.read_f32(0..1, &mut out).unwrap();
        assert_eq!(out, [1.0, 2.0, 255.0]);
        bytes.read_f32(1..2, &mut out).unwrap();
        assert_eq!(out, [4.0, 5.0, 6.0]);
        let ids =
            open(&folder.file("a.ivecs", b"\x01\0\0\0\x09\0\0\0\x01\0\0\0\xff\xff\xff\xff"), Dtype::I32)
                .unwrap();
        let mut out = [0];
        ids.read_indices::<u32>(0..1, &mut out).unwrap();
        assert_eq!(out, [9]);
        assert!(refused(ids.read_indices::<u32>(1..2, &mut out)).contains("row 1, column 0 is -1"));
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let why = |bytes: &[u8]| refused(open(&folder.file("a.fvecs", bytes), Dtype::F32));
        assert!(why(b"").contains("is empty"));
        assert!(why(b"\x01\0").contains("too few"));
        assert!(why(b"\0\0\0\0").contains("dimension 0"));
        assert!(why(b"\xff\xff\xff\xff\0\0\0\0").contains("dimension -1"));
        assert!(why(b"\xff\xff\xff\x7f\0\0\0\0").contains("dimension 2147483647"));
        assert!(why(&fvecs(&[&[1.0, 2.0], &[3.0, 4.0]])[..23]).contains("1 such records and 11 bytes"));
        assert!(why(&fvecs(&[&[1.0, 2.0, 3.0], &[4.0]])).contains("differ in dimension"));
    }

    #[test]
    fn a_record_of_another_dimension_in_the_middle_is_found_on_reading() {
        let folder = Folder::new();
        // 1 + 3 and 2 + 2 numbers take the same room, so only the records themselves tell.
        let mixed = fvecs(&[&[1.0, 1.0], &[2.0], &[3.0, 3.0, 3.0], &[4.0, 4.0]]);
        let matrix = open(&folder.file("a.fvecs", &mixed), Dtype::F32).unwrap();
        let mut out = [0.0; 8];
        assert!(
            refused(matrix.read_f32(0..4, &mut out)).contains("record 1 has dimension 1, the first has 2")
        );
        assert!(matrix.read_f32(0..1, &mut out[..2]).is_ok());
        let last = fvecs(&[&[1.0, 1.0], &[2.0, 2.0, 2.0], &[4.0]]);
        assert!(refused(open(&folder.file("b.fvecs", &last), Dtype::F32)).contains("record 2 has dimension"));
    }
}
