//! From what a person writes (a file, a folder, a pattern, `file:name`) to the files that are meant.

use std::borrow::Cow;
#[cfg(unix)]
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::dtype::Dtype;
use super::pattern::{is_pattern, matches};
use super::stored::StoredMatrix;
use super::{bin, npy, vecs};
use crate::error::{Context, Error, Result, did_you_mean};

/// A file format, told by the extension of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// NumPy's array file.
    Npy,
    /// f32 vectors, each behind its dimension.
    Fvecs,
    /// u8 vectors, each behind its dimension.
    Bvecs,
    /// i32 vectors, each behind its dimension.
    Ivecs,
    /// f32 vectors behind their number and dimension.
    Fbin,
    /// u8 vectors behind their number and dimension.
    U8bin,
    /// i8 vectors behind their number and dimension.
    I8bin,
    /// i32 vectors behind their number and dimension.
    Ibin,
    /// NumPy's archive of arrays with names.
    Npz,
    /// Named tensors behind a JSON header.
    Safetensors,
    /// A columnar table.
    Parquet,
    /// Columns as they lie in memory: Arrow's IPC format, a file or a stream.
    Arrow,
    /// The same by its other name.
    Feather,
}

impl Format {
    const ALL: [Self; 13] = [
        Self::Npy,
        Self::Npz,
        Self::Fvecs,
        Self::Bvecs,
        Self::Ivecs,
        Self::Fbin,
        Self::U8bin,
        Self::I8bin,
        Self::Ibin,
        Self::Safetensors,
        Self::Parquet,
        Self::Arrow,
        Self::Feather,
    ];

    fn extension(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Fvecs => "fvecs",
            Self::Bvecs => "bvecs",
            Self::Ivecs => "ivecs",
            Self::Fbin => "fbin",
            Self::U8bin => "u8bin",
            Self::I8bin => "i8bin",
            Self::Ibin => "ibin",
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Feather => "feather",
        }
    }

    /// The format that the extension of `path` stands for, in lower or upper case.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        Self::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
    }

    /// [`Format::of`], or an error that lists the formats there are.
    pub(super) fn require(path: &Path) -> Result<Self> {
        Self::of(path).ok_or_else(|| {
            let known = Self::ALL.map(|format| format!(".{format}")).join(", ");
            let found = path.extension().map_or("no extension".into(), |e| format!("'.{}'", e.display()));
            Error::input(format!("{}: the name ends in {known}, not {found}", path.display()))
        })
    }

    /// Opens a file of this format if it is one that holds a single matrix without a name.
    pub(super) fn open_matrix(self, path: &Path) -> Option<Result<StoredMatrix>> {
        Some(match self {
            Self::Npy => npy::open(path),
            Self::Fvecs => vecs::open(path, Dtype::F32),
            Self::Bvecs => vecs::open(path, Dtype::U8),
            Self::Ivecs => vecs::open(path, Dtype::I32),
            Self::Fbin => bin::open(path, Dtype::F32),
            Self::U8bin => bin::open(path, Dtype::U8),
            Self::I8bin => bin::open(path, Dtype::I8),
            Self::Ibin => bin::open(path, Dtype::I32),
            Self::Npz | Self::Safetensors | Self::Parquet | Self::Arrow | Self::Feather => return None,
        })
    }

    /// Fails where the feature that reads this format is missing.
    pub(super) fn check_feature(self, path: &Path) -> Result<()> {
        let feature = match self {
            Self::Parquet if !cfg!(feature = "parquet") => "parquet",
            Self::Arrow | Self::Feather if !cfg!(feature = "arrow") => "arrow",
            _ => return Ok(()),
        };
        Err(Error::input(format!("{}: built without the feature '{feature}'", path.display())))
    }

    /// Whether a file of this format holds arrays with names.
    fn has_names(self) -> bool {
        matches!(self, Self::Npz | Self::Safetensors | Self::Parquet | Self::Arrow | Self::Feather)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// One file and, where the format has names, which array in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub path: PathBuf,
    pub format: Format,
    pub name: Option<String>,
}

/// The files that `spec` stands for, at least one.
///
/// A path that exists means itself, whatever characters it has; then comes `path:name`, then a pattern.
pub(super) fn locate(spec: &Path) -> Result<Vec<Place>> {
    if spec.exists() {
        return place_all(data_files(spec)?, None);
    }
    for (path, name) in splits(spec) {
        if path.is_dir() || Format::of(path).is_some_and(Format::has_names) {
            if name.is_empty() {
                return Err(Error::input(format!("{}: the name after the ':' is missing", spec.display())));
            }
            return place_all(data_files(path)?, Some(&name));
        }
    }
    place_all(data_files(spec)?, None)
}

/// What is before and behind each colon of `spec`: a path, and a name, which is text where the path need not be.
#[cfg(unix)]
fn splits(spec: &Path) -> Vec<(&Path, Cow<'_, str>)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = spec.as_os_str().as_bytes();
    let colons = (0..bytes.len()).filter(|&at| bytes[at] == b':');
    let split = |at| (Path::new(OsStr::from_bytes(&bytes[..at])), String::from_utf8_lossy(&bytes[at + 1..]));
    colons.map(split).collect()
}

#[cfg(not(unix))]
fn splits(spec: &Path) -> Vec<(&Path, Cow<'_, str>)> {
    let text = spec.to_str().unwrap_or_default();
    text.match_indices(':').map(|(at, _)| (Path::new(&text[..at]), text[at + 1..].into())).collect()
}

/// The files that `spec` stands for, as in [`open`](super::open), in their order; a file of any kind stands for itself.
///
/// # Errors
/// Nothing there, or nothing that holds data.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// for name in ["b.npy", "a.npy", "notes.txt"] {
///     std::fs::write(folder.path().join(name), b"x").unwrap();
/// }
/// assert_eq!(wgvq::io::files(folder.path())?, ["a.npy", "b.npy"].map(|name| folder.path().join(name)));
/// # Ok(())
/// # }
/// ```
pub fn files(spec: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let spec = spec.as_ref();
    if spec.is_file() {
        return Ok(vec![spec.to_owned()]);
    }
    Ok(locate(spec)?.into_iter().map(|place| place.path).collect())
}

/// The file itself, or the data files of a folder or pattern, sorted by path. A folder that has none stands for its folder `data`,
/// where Hugging Face datasets have theirs.
fn data_files(spec: &Path) -> Result<Vec<PathBuf>> {
    let is_pattern = is_pattern(spec);
    let files = if spec.is_dir() {
        let inside = spec.join(DATA);
        match only_data(entries(spec)?) {
            own if own.is_empty() && inside.is_dir() => only_data(entries(&inside)?),
            own => own,
        }
    } else if spec.exists() {
        return Ok(vec![spec.to_owned()]);
    } else if is_pattern {
        only_data(matches(spec)?)
    } else {
        return Err(missing(spec));
    };
    if files.is_empty() {
        let what = if is_pattern { "no data file matches" } else { "no data files in this folder" };
        let known = Format::ALL.map(|format| format!(".{format}")).join(", ");
        return Err(Error::input(format!("{}: {what} ({known})", spec.display())));
    }
    Ok(files)
}

/// The folder of a dataset's files.
const DATA: &str = "data";

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).context(|| folder.display())?;
    entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().context(|| folder.display())
}

/// Those of the paths that are data files, sorted.
fn only_data(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_data = |path: &PathBuf| Format::of(path).is_some() && path.is_file();
    let mut files: Vec<_> = paths.into_iter().filter(is_data).collect();
    files.sort();
    files
}

fn place_all(paths: Vec<PathBuf>, name: Option<&str>) -> Result<Vec<Place>> {
    let place = |path: PathBuf| {
        let format = Format::require(&path)?;
        if name.is_some() && !format.has_names() {
            return Err(Error::input(format!("{}: arrays in {format} files have no names", path.display())));
        }
        Ok(Place { path, format, name: name.map(str::to_owned) })
    };
    paths.into_iter().map(place).collect()
}

/// The error for a file that is not there, with the name beside it that is most like its own.
fn missing(path: &Path) -> Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        Format::of(Path::new(&name)).map(|_| name)
    });
    let meant = path.file_name().and_then(|name| name.to_str()).map(|name| did_you_mean(name, beside));
    let missing = format!("no such file or folder{}", meant.unwrap_or_default());
    Error::from(io::Error::new(io::ErrorKind::NotFound, missing)).context(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    fn names(places: Result<Vec<Place>>) -> Vec<String> {
        let name = |place: Place| place.path.file_name().unwrap().to_str().unwrap().to_owned();
        places.unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn folders_and_patterns_mean_their_data_files_in_order() {
        let folder = Folder::new();
        for name in
            ["s/b.npy", "s/a.NPY", "s/c.fvecs", "s/notes.txt", "s/d.npy.partial", "s/e.npy/inside.txt"]
        {
            folder.file(name, b"x");
        }
        assert_eq!(names(locate(&folder.path("s"))), ["a.NPY", "b.npy", "c.fvecs"]);
        assert_eq!(names(locate(&folder.path("s/*.npy"))), ["b.npy"]);
        assert_eq!(names(locate(&folder.path("s/[a-b].*"))), ["a.NPY", "b.npy"]);
        assert!(
            refused(locate(&folder.path("s/*.txt"))).contains("no data file matches (.npy, .npz, .fvecs")
        );
        assert!(refused(locate(&folder.path("s/e.npy"))).contains("no data files in this folder"));
        assert!(refused(locate(&folder.path("s/[.npy"))).contains("s/[.npy"));
    }

    #[test]
    fn a_folder_without_data_of_its_own_stands_for_its_folder_data() {
        let folder = Folder::new();
        for name in ["hf/README.md", "hf/data/train-0.parquet", "hf/data/test-0.parquet", "hf/data/notes.txt"]
        {
            folder.file(name, b"x");
        }
        assert_eq!(names(locate(&folder.path("hf"))), ["test-0.parquet", "train-0.parquet"]);
        let columns = locate(&folder.path("hf:embedding")).unwrap();
        assert!(columns.iter().all(|place| place.name.as_deref() == Some("embedding")));
        assert_eq!(columns.len(), 2);
        folder.file("hf/own.npy", b"x");
        assert_eq!(names(locate(&folder.path("hf"))), ["own.npy"]);
        folder.file("empty/data/notes.txt", b"x");
        assert!(refused(locate(&folder.path("empty"))).contains("no data files in this folder"));
    }

    #[test]
    fn a_colon_separates_the_name_unless_the_path_exists() {
        let folder = Folder::new();
        for name in ["a.safetensors", "shards/a.parquet", "shards/b.parquet", "a.npy"] {
            folder.file(name, b"x");
        }
        let name = |spec: &str| locate(&folder.path(spec)).unwrap().pop().unwrap().name;
        assert_eq!(name("a.safetensors:layer:0"), Some("layer:0".into()));
        assert_eq!(name("shards:embedding"), Some("embedding".into()));
        assert_eq!(names(locate(&folder.path("shards/*.parquet:embedding"))), ["a.parquet", "b.parquet"]);
        assert!(refused(locate(&folder.path("a.safetensors:"))).contains("name after the ':' is missing"));
        assert!(refused(locate(&folder.path("b.safetensors:x"))).contains("b.safetensors: no such file"));
        assert!(refused(locate(&folder.path("a.npy:x"))).contains("no such file"));
        folder.file("shards/c.npy", b"x");
        assert!(refused(locate(&folder.path("shards:x"))).contains("npy files have no names"));
        if cfg!(unix) {
            folder.file("odd:name.npy", b"x");
            assert_eq!(name("odd:name.npy"), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8_are_names() {
        use std::os::unix::ffi::OsStrExt;
        let folder = Folder::new();
        let odd = |bytes: &[u8]| folder.path("").join(OsStr::from_bytes(bytes));
        for name in [&b"caf\xe9/a\xff.npy"[..], b"caf\xe9/t\xe9.safetensors", b"caf\xe9/b.npy"] {
            let path = odd(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        let found = |spec: &[u8]| -> Vec<PathBuf> {
            locate(&odd(spec)).unwrap().into_iter().map(|place| place.path).collect()
        };
        assert_eq!(found(b"caf\xe9/a\xff.npy"), [odd(b"caf\xe9/a\xff.npy")]);
        assert_eq!(found(b"caf\xe9/*.npy"), [odd(b"caf\xe9/a\xff.npy"), odd(b"caf\xe9/b.npy")]);
        assert_eq!(found(b"caf?/a?.npy"), [odd(b"caf\xe9/a\xff.npy")]);
        assert_eq!(found(b"caf\xe9").len(), 3);
        let tensor = locate(&odd(b"caf\xe9/t\xe9.safetensors:x")).unwrap();
        assert_eq!(tensor[0].path, odd(b"caf\xe9/t\xe9.safetensors"));
        assert_eq!(tensor[0].name.as_deref(), Some("x"));
        assert!(refused(locate(&odd(b"gone\xff.npy"))).contains("no such file"));
    }

    #[test]
    fn unknown_extensions_and_missing_files_are_named() {
        let folder = Folder::new();
        let why = |name: &str| refused(locate(&folder.file(name, b"x")));
        assert!(why("a.csv").contains(".i8bin, .ibin, .safetensors, .parquet, .arrow, .feather, not '.csv'"));
        assert!(why("data").contains("not no extension") || why("data").contains("no extension"));
        assert!(refused(locate(&folder.path("gone.npy"))).contains("gone.npy: no such file or folder"));
    }
}
