//! A data file that is read by position: no shared cursor, so several threads may read it at once.
//!
//! Files are read rather than memory-mapped: touched mapped pages count as resident memory, and a file that
//! shrinks under a mapping kills the process instead of returning an error.

use std::borrow::Borrow;
use std::fs::{File, FileType};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// An open file with its length at the time of opening.
#[derive(Debug)]
pub(crate) struct DataFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl DataFile {
    /// Opens a regular file that holds at least one byte.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_file(path)?;
        let len = file.metadata().context(|| path.display())?.len();
        let data = Self { path: path.to_owned(), file, len };
        if data.len == 0 {
            return Err(data.invalid("the file is empty"));
        }
        Ok(data)
    }

    /// A file without a name on the disk, which is to be called `path` in errors.
    pub fn unnamed(file: File, path: PathBuf) -> Result<Self> {
        let len = file.metadata().context(|| path.display())?.len();
        Ok(Self { path, file, len })
    }

    /// The same file, called `path` in errors.
    pub fn known_as(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buffer` from the bytes at `offset`.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, offset, buffer)
            .context(|| format!("{}: reading {} bytes at {offset}", self.path.display(), buffer.len()))
    }

    /// The whole file, as long as it was when it was opened.
    pub fn read_all(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let room = usize::try_from(self.len).is_ok_and(|len| bytes.try_reserve_exact(len).is_ok());
        if !room {
            return Err(self.invalid(format!("its {} bytes do not fit in memory", self.len)));
        }
        bytes.resize(self.len as usize, 0);
        self.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The first `N` bytes at `offset`, or an error that calls them `what`.
    pub fn read_array<const N: usize>(&self, offset: u64, what: &str) -> Result<[u8; N]> {
        if offset.checked_add(N as u64).is_none_or(|end| end > self.len) {
            return Err(self.invalid(format!("{} bytes are too few to hold {what}", self.len)));
        }
        let mut bytes = [0; N];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// An error about this file's contents.
    pub fn invalid(&self, message: impl std::fmt::Display) -> Error {
        // Names inside a file may hold anything; an error is one line.
        let message = message.to_string().replace(char::is_control, " ");
        Error::input(format!("{}: {message}", self.path.display()))
    }
}

/// Reads some bytes of a file from beginning to end.
pub(super) struct Sequential<F> {
    file: F,
    bytes: Range<u64>,
}

impl<F: Borrow<DataFile>> Sequential<F> {
    pub fn new(file: F, bytes: Range<u64>) -> Self {
        Self { file, bytes }
    }
}

impl<F: Borrow<DataFile>> Read for Sequential<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.bytes.end.saturating_sub(self.bytes.start);
        let n = left.min(buffer.len() as u64) as usize;
        self.file.borrow().read_at(self.bytes.start, &mut buffer[..n]).map_err(std::io::Error::other)?;
        self.bytes.start += n as u64;
        Ok(n)
    }
}

/// Opens a file for reading that lies on a disk.
///
/// What is no regular file is refused before it is opened: opening a pipe waits for somebody to write to it.
///
/// # Errors
/// Nothing there; a folder, pipe, socket or device, named as what it is; no permission.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// let folder = tempfile::tempdir().unwrap();
/// let why = wgvq::io::open_file(folder.path()).unwrap_err().to_string();
/// assert!(why.ends_with("is a folder; a regular file is wanted"), "{why}");
/// # Ok(())
/// # }
/// ```
pub fn open_file(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    let kind = std::fs::metadata(path).context(|| path.display())?.file_type();
    if !kind.is_file() {
        let (path, kind) = (path.display(), kind_name(kind));
        return Err(Error::input(format!("{path}: is {kind}; a regular file is wanted")));
    }
    File::open(path).context(|| path.display())
}

/// What is at a path where no regular file is.
fn kind_name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "no file" }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> std::io::Result<()> {
    use std::io::ErrorKind;
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn what_is_no_regular_file_is_named_and_not_waited_for() {
        let folder = Folder::new();
        let pipe = folder.path("pipe.npy");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let socket = folder.path("socket.npy");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path("link.npy");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for (path, kind) in [
            (&*pipe, "a pipe"),
            (&link, "a pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let why = refused(DataFile::open(path));
            assert!(why.ends_with(&format!("is {kind}; a regular file is wanted")), "{why}");
            assert_eq!(why, refused(open_file(path)));
        }
        assert!(refused(crate::io::open(&pipe)).contains("is a pipe"));
        assert!(refused(crate::io::read_model(&pipe)).contains("is a pipe"));
    }
}
