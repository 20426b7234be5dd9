//! Which file a path means, whatever it is called.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Two paths of one identity are one file: by a link, by another spelling, or by another case where that is the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Identity {
    /// A file that is there, by the numbers of its device and of itself.
    #[cfg(unix)]
    Numbers(u64, u64),
    /// A file that is there, by its only path without links.
    #[cfg(not(unix))]
    Path(PathBuf),
    /// A file that is not there yet, by its folder and its name without case.
    New(PathBuf, String),
}

impl Identity {
    /// The identity of what is at `path`, at the end of all links, or is to be there.
    pub fn of(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(found) => Self::there(path, &found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = match path.parent() {
                    Some(folder) if !folder.as_os_str().is_empty() => folder,
                    _ => Path::new("."),
                };
                let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
                Ok(Self::New(folder.canonicalize()?, name))
            }
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    fn there(_: &Path, found: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(Self::Numbers(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn there(path: &Path, _: &Metadata) -> io::Result<Self> {
        path.canonicalize().map(Self::Path)
    }
}
