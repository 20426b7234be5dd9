//! Ids: the numbers by which a user knows vectors, one for each row.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::dataset::zeros;
use super::locate::{Format, Place, locate};
use super::npz::Archive;
use super::stored::StoredMatrix;
use super::{npy, open_file};
use crate::error::{Context, Error, Result};

/// The extension of a file of text with a number in each line.
const TEXT: &str = "txt";

/// Reads ids, 0 to 2⁶⁴ − 1, one for each row: from `.npy` or `.npz[:array]` of whole numbers of shape (n,) or (n, 1), from a column of a
/// `.parquet[:column]` without nulls, or from `.txt`, a number in each line. A folder, or a pattern as in `parts/*.parquet:id`, is its files
/// one after the other.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("ids.txt");
/// std::fs::write(&path, "1000\n18446744073709551615\n7\n").unwrap();
/// assert_eq!(wgvq::io::read_ids(&path)?, [1000, u64::MAX, 7]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A file that is missing, damaged, of another format or of other numbers; a number below 0, a null, or a line that is
/// no number, named by row.
pub fn read_ids(spec: impl AsRef<Path>) -> Result<Vec<u64>> {
    let spec = spec.as_ref();
    if spec.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(TEXT)) {
        return parse_ids(open_file(spec)?).context(|| spec.display());
    }
    let mut ids = Vec::new();
    for place in locate(spec)? {
        ids.extend(of_file(&place)?);
    }
    Ok(ids)
}

fn of_file(Place { path, format, name }: &Place) -> Result<Vec<u64>> {
    let name = name.as_deref();
    match format {
        Format::Npy => numbers(&npy::open_as(path, npy::column)?),
        Format::Npz => numbers(&Archive::open(path)?.array(name, npy::column)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::whole_numbers(path, name),
        _ => Err(Error::input(format!(
            "{}: ids are read from .npy, .npz, .parquet and .{TEXT} files",
            path.display()
        ))),
    }
}

fn numbers(matrix: &StoredMatrix) -> Result<Vec<u64>> {
    let mut ids = zeros(matrix.rows(), 1)?;
    matrix.read_indices(0..matrix.rows(), &mut ids)?;
    Ok(ids)
}

/// Reads ids from text, a number in each line.
///
/// # Errors
/// A line that is no number from 0 to 2⁶⁴ − 1, by its number from 1; those of the `text`.
pub fn parse_ids(text: impl Read) -> Result<Vec<u64>> {
    let lines = BufReader::new(text).lines().enumerate();
    let id = |(at, line): (usize, std::io::Result<String>)| {
        let line = line.context(|| format!("line {}", at + 1))?;
        line.trim().parse().map_err(|_| {
            let found: String = line.chars().take(40).collect();
            Error::input(format!("line {} is {found:?}; an id is 0 to 2^64 − 1, one in each line", at + 1))
        })
    };
    lines.map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, npy, npz, refused};

    #[test]
    fn ids_of_every_format_are_read() {
        let folder = Folder::new();
        let big = u64::MAX - 6;
        let mut array = npy("<u8", false, (2, 1), &[big.to_le_bytes(), 5_u64.to_le_bytes()].concat());
        assert_eq!(read_ids(folder.file("a.npy", &array)).unwrap(), [big, 5]);
        let npz = folder.file("a.npz", &npz(&[("ids", &array), ("more", &array)], true));
        assert_eq!(read_ids(format!("{}:ids", npz.display())).unwrap(), [big, 5]);
        let at = array.windows(6).position(|part| part == b"(2, 1)").unwrap();
        array[at..at + 6].copy_from_slice(b"(2,  )");
        assert_eq!(read_ids(folder.file("flat.npy", &array)).unwrap(), [big, 5]);
        let signed = npy(">i4", false, (2, 1), &[0, 0, 1, 0, 0, 0, 0, 9]);
        assert_eq!(read_ids(folder.file("i.npy", &signed)).unwrap(), [256, 9]);
        let text = format!("{big}\r\n 5 \n");
        assert_eq!(read_ids(folder.file("a.TXT", text.as_bytes())).unwrap(), [big, 5]);
        folder.file("s/a.npy", &npy("|u1", false, (1, 1), &[1]));
        folder.file("s/b.npy", &npy("<u8", false, (1, 1), &big.to_le_bytes()));
        assert_eq!(read_ids(folder.path("s")).unwrap(), [1, big]);
    }

    #[test]
    fn what_is_no_id_is_named() {
        let folder = Folder::new();
        let why = |name: &str, bytes: &[u8]| refused(read_ids(folder.file(name, bytes)));
        assert!(why("a.npy", &npy("<i4", false, (1, 1), &[0xff; 4])).contains("row 0, column 0 is -1"));
        assert!(why("b.npy", &npy("<f4", false, (1, 1), &[0; 4])).contains("type f32, not codes or ids"));
        assert!(why("c.npy", &npy("|u1", false, (1, 2), &[0; 2])).contains("one number per row"));
        assert!(why("a.txt", b"7\n-1\n").contains("a.txt: line 2 is \"-1\"; an id is 0"));
        assert!(why("b.txt", b"7\n\n8\n").contains("line 2 is \"\""));
        assert!(why("c.txt", b"18446744073709551616\n").contains("line 1"));
        assert!(why("d.txt", b"7\n\xff\n").contains("line 2"));
        assert!(why("a.fvecs", b"x").contains("ids are read from .npy, .npz, .parquet and .txt"));
        assert!(refused(read_ids(folder.path("gone.txt"))).contains("gone.txt"));
    }
}
