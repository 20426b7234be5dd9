//! NumPy's `.npz`: a zip archive of npy files, each named after its array.
//!
//! A stored array is read where it lies. A compressed one is unpacked into a temporary file without a name when it is opened,
//! so that it can be read by position like any other.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::describe::ArrayDescription;
use super::file::DataFile;
use super::npy::{self, Header, Shaping};
use super::stored::StoredMatrix;
use crate::error::{Context, Error, Result};

/// What names of entries end in, and names of arrays do not.
const EXTENSION: &str = ".npy";

/// The most bytes that a byte of deflated data stands for.
const MOST_DEFLATED: u64 = 1032;

/// An open archive with its directory understood.
pub(super) struct Archive {
    file: DataFile,
    entries: ZipArchive<BufReader<File>>,
}

impl Archive {
    pub fn open(path: &Path) -> Result<Self> {
        let file = DataFile::open(path)?;
        let reader = BufReader::new(super::open_file(path)?);
        let entries = ZipArchive::new(reader).map_err(|error| damaged(&file, &error))?;
        Ok(Self { file, entries })
    }

    /// The array `name`, or without a name the only one, as the matrix that `shaping` makes of it.
    pub fn array(mut self, name: Option<&str>, shaping: Shaping) -> Result<StoredMatrix> {
        let (index, name) = self.choose(name)?;
        let own_path = PathBuf::from(format!("{}:{name}", self.file.path().display()));
        let mut entry = self.entries.by_index(index).map_err(|error| damaged(&self.file, &error))?;
        let size = entry.size();
        if entry.compression() == CompressionMethod::Stored {
            let start = entry.data_start().unwrap_or(0);
            let end = start.checked_add(size).filter(|&end| end <= self.file.len());
            let end = end.ok_or_else(|| {
                self.file.invalid(format!("array '{name}' reaches beyond the file's end: it was cut short"))
            })?;
            drop(entry);
            return npy::within(self.file.known_as(own_path), start..end, shaping);
        }
        if size > entry.compressed_size().saturating_mul(MOST_DEFLATED) {
            return Err(self
                .file
                .invalid(format!("array '{name}' promises {size} bytes, more than it can hold")));
        }
        let unpacking = || format!("{}: unpacking into a temporary file", own_path.display());
        let unpacked = tempfile::tempfile().context(unpacking)?;
        let mut out = BufWriter::new(&unpacked);
        let unpacked_bytes = std::io::copy(&mut entry.by_ref().take(size.saturating_add(1)), &mut out);
        let unpacked_bytes = unpacked_bytes.context(unpacking)?;
        out.into_inner().map_err(|error| error.into_error()).context(unpacking)?;
        if unpacked_bytes != size {
            return Err(self.file.invalid(format!("array '{name}' has {unpacked_bytes} bytes, not {size}")));
        }
        let file = DataFile::unnamed(unpacked, own_path)?;
        npy::within(file, 0..size, shaping)
    }

    /// What the arrays are.
    pub fn describe(&mut self) -> Result<Vec<ArrayDescription>> {
        self.names()?.into_iter().map(|(index, name)| self.describe_one(index, name)).collect()
    }

    fn describe_one(&mut self, index: usize, name: String) -> Result<ArrayDescription> {
        let mut entry = self.entries.by_index(index).map_err(|error| damaged(&self.file, &error))?;
        let (header, _) =
            Header::read(&mut entry).map_err(|why| self.file.invalid(format!("array '{name}': {why}")))?;
        let dtype = header.number_type().map_or(header.descr, |(dtype, _)| dtype.to_string());
        Ok(ArrayDescription {
            name: Some(name),
            dtype,
            shape: header.shape,
            fortran_order: header.fortran_order,
        })
    }

    /// The arrays' places in the archive and their names.
    fn names(&self) -> Result<Vec<(usize, String)>> {
        let mut names = Vec::new();
        for index in 0..self.entries.len() {
            let Some(name) = self.entries.name_for_index(index) else { continue };
            let name = name.map_err(|error| damaged(&self.file, &error))?;
            names.extend(name.strip_suffix(EXTENSION).map(|name| (index, name.to_owned())));
        }
        Ok(names)
    }

    fn choose(&mut self, wanted: Option<&str>) -> Result<(usize, String)> {
        let all = self.names()?;
        let fits = |(_, name): &&(usize, String)| wanted.is_none_or(|wanted| wanted == name);
        let mut candidates = all.iter().filter(fits);
        let problem = match (candidates.next(), candidates.next(), wanted) {
            (Some(one), None, _) => return Ok(one.clone()),
            (None, _, Some(wanted)) => format!("has no array '{wanted}'"),
            (None, _, None) => "holds no arrays".into(),
            (Some(_), Some(_), Some(wanted)) => format!("has several arrays '{wanted}'"),
            (Some(_), Some(_), None) => {
                format!("has several arrays; name one as in {}:NAME", self.file.path().display())
            }
        };
        let listed: Vec<_> = all
            .into_iter()
            .map(|(index, name)| match self.describe_one(index, name.clone()) {
                Ok(array) => format!("{name} {} {:?}", array.dtype, array.shape),
                Err(_) => name,
            })
            .collect();
        Err(self.file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
    }
}

fn damaged(file: &DataFile, error: &ZipError) -> Error {
    file.invalid(format!("the npz file cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::io::testing::{Folder, bytes, npy, npz, refused};
    use ndarray::array;

    #[test]
    fn arrays_are_found_by_name_stored_and_compressed() {
        let folder = Folder::new();
        let x = npy("<f4", false, (2, 3), &bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let y = npy("|u1", true, (2, 2), &[1, 2, 3, 4]);
        for compressed in [false, true] {
            let two = folder.file("two.npz", &npz(&[("x", &x), ("y", &y)], compressed));
            let read = |name: &str| {
                let spec = format!("{}:{name}", two.display());
                crate::io::open(spec).and_then(|x| x.to_array())
            };
            assert_eq!(read("x").unwrap(), array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
            assert_eq!(read("y").unwrap(), array![[1.0, 3.0], [2.0, 4.0]]);
            assert!(refused(read("z")).contains("has no array 'z' (there is: x f32 [2, 3], y u8 [2, 2])"));
            assert!(refused(crate::io::open(&two)).contains("several arrays; name one as in"));
            let one = folder.file("one.npz", &npz(&[("arr_0", &x)], compressed));
            assert_eq!(crate::io::open(&one).unwrap().rows(), 2);
            let about = crate::io::describe(&two).unwrap();
            assert_eq!(about.files[0].arrays[1].name.as_deref(), Some("y"));
            assert!(about.files[0].arrays[1].fortran_order);
        }
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let why = |file: &[u8]| refused(crate::io::open(folder.file("x.npz", file)));
        let x = npy("<f4", false, (2, 1), &[0; 8]);
        let whole = npz(&[("x", &x)], false);
        assert!(why(b"").contains("is empty"));
        assert!(why(&whole[..whole.len() - 30]).contains("x.npz: the npz file cannot be read"));
        assert!(why(&npz(&[], false)).contains("holds no arrays"));
        assert!(why(&npz(&[("x", b"PK")], true)).contains("x.npz:x: its npy header has no end"));
        assert!(why(&npz(&[("x", &x[..x.len() - 1])], false)).contains("1 bytes more than there are"));
        assert!(why(&npz(&[("x", &[&x[..], b"y"].concat())], true)).contains("1 bytes follow the 2 x 1"));
        let nan = npy("<f4", false, (1, 2), &bytes(&[0.0, f32::NAN]));
        let why = refused(
            crate::io::open(folder.file("nan.npz", &npz(&[("v", &nan)], true))).and_then(|x| x.to_array()),
        );
        assert!(why.ends_with("nan.npz:v: row 0, column 1 is NaN"), "{why}");
    }
}
