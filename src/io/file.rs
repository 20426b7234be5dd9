//! A data file that is read by position: no shared cursor, so several threads may read it at once.
//!
//! Files are read rather than memory-mapped: touched mapped pages count as resident memory, and a file that
//! shrinks under a mapping kills the process instead of returning an error.

use std::fs::File;
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
        let file = File::open(path).context(|| path.display())?;
        let metadata = file.metadata().context(|| path.display())?;
        let data = Self { path: path.to_owned(), file, len: metadata.len() };
        if !metadata.is_file() {
            return Err(
                data.invalid("not a regular file; wgvq reads files by position, not pipes or devices")
            );
        }
        if data.len == 0 {
            return Err(data.invalid("the file is empty"));
        }
        Ok(data)
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
