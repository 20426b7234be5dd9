//! A file that is kept between runs, and that a run can do without.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file is taken for something else if it has more bytes than this: pipelines take a few megabytes.
const LARGEST: u64 = 256 << 20;

/// `text` with a dash for whatever a file's name had better not have.
pub(super) fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The file, and how much was in it at last.
pub(super) struct CacheFile {
    path: PathBuf,
    bytes: usize,
}

impl CacheFile {
    /// The file at `path`, taken to be empty.
    pub fn new(path: PathBuf) -> Self {
        Self { path, bytes: 0 }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; nothing if it is no regular file of a sensible size. (To open a pipe would wait for its writer.)
    pub fn read(&self) -> Option<Vec<u8>> {
        let known = std::fs::metadata(&self.path).ok()?;
        if !known.is_file() || known.len() > LARGEST {
            return None;
        }
        let mut data = Vec::new();
        std::fs::File::open(&self.path).ok()?.take(LARGEST).read_to_end(&mut data).ok()?;
        Some(data)
    }

    /// Takes it that the file holds `bytes` bytes worth keeping.
    pub fn holds(&mut self, bytes: usize) {
        self.bytes = bytes;
    }

    /// Puts `data` in its place if that is more than it holds; whoever reads it meanwhile sees the old or the new one.
    pub fn grow(&mut self, data: &[u8]) -> io::Result<()> {
        if data.len() <= self.bytes {
            return Ok(());
        }
        let folder = self.path.parent().expect("joined to a folder");
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(data)?;
        file.persist(&self.path)?;
        self.bytes = data.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_when_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        let mut file = CacheFile::new(path.clone());
        assert!(file.read().is_none());
        file.grow(b"two").unwrap();
        assert_eq!(file.read().unwrap(), b"two");
        file.grow(b"TWO").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two", "no more than before");
        file.grow(b"three").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        file.holds(9);
        file.grow(b"seventh").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn what_cannot_be_it_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(CacheFile::new(folder.path().into()).read().is_none());
        let path = folder.path().join("large");
        std::fs::File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(CacheFile::new(path).read().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        if std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
            assert!(CacheFile::new(path).read().is_none());
        }
    }
}
