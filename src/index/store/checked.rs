//! Files whose every byte is under a checksum, written once and read by mapping.
//!
//! A file is its data, and behind that the hash of each piece of 64 KiB of it. The length of the data and the hash of these hashes
//! stand in the manifest. So a file is opened without its data being read, and a piece is checked when it is first touched.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::error::{Context, Error, Result};
use crate::io::{Output, open_file};

/// Bytes of data under one hash.
const PIECE: usize = 64 << 10;

/// Bytes of a hash.
const HASH: usize = 16;

/// What sections begin at a multiple of: a line of the cache, and whatever the widest register is aligned to.
pub const ALIGN: u64 = 64;

/// What the manifest has to say of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name in the folder.
    pub file: String,
    /// Bytes of its data.
    pub bytes: u64,
    /// The XXH3-128 of what follows the data, or of the data where nothing does, in hexadecimal.
    pub xxh3: String,
}

/// The XXH3-128 of `bytes` in hexadecimal.
pub fn hash_of(bytes: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(bytes))
}

/// Writes a file of data and hashes.
pub struct CheckedWriter {
    output: Output,
    /// The piece that is under way.
    piece: Vec<u8>,
    hashes: Vec<u8>,
    written: u64,
}

impl CheckedWriter {
    /// Begins a file that comes to be when it is finished.
    pub fn create(path: &Path) -> Result<Self> {
        let output = Output::create(path, false)?;
        Ok(Self { output, piece: Vec::with_capacity(PIECE), hashes: Vec::new(), written: 0 })
    }

    /// Bytes of data so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Appends data.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            self.written += now.len() as u64;
            bytes = later;
            if self.piece.len() == PIECE {
                self.end_piece()?;
            }
        }
        Ok(())
    }

    /// Appends zeros up to a multiple of [`ALIGN`].
    pub fn align(&mut self) -> Result<()> {
        let missing = self.written.next_multiple_of(ALIGN) - self.written;
        self.append(&[0; ALIGN as usize][..missing as usize])
    }

    fn end_piece(&mut self) -> Result<()> {
        self.output.append(&self.piece)?;
        self.hashes.extend(XxHash3_128::oneshot(&self.piece).to_le_bytes());
        self.piece.clear();
        Ok(())
    }

    /// Gives the file, which is on the disk then, its name.
    pub fn finish(mut self, name: &str) -> Result<FileRecord> {
        if !self.piece.is_empty() {
            self.end_piece()?;
        }
        self.output.append(&self.hashes)?;
        self.output.finish()?;
        Ok(FileRecord { file: name.to_string(), bytes: self.written, xxh3: hash_of(&self.hashes) })
    }
}

/// A mapped file of data and hashes.
#[derive(Debug)]
pub struct CheckedFile {
    path: PathBuf,
    map: Mmap,
    /// Bytes of data.
    data: usize,
    /// A bit per piece that has been checked.
    checked: Vec<AtomicU64>,
}

impl CheckedFile {
    /// Maps the file of `folder` that the record tells of, and checks its hashes.
    ///
    /// # Errors
    /// A file that is missing, of another length, or whose hashes are not those that were recorded.
    pub fn open(folder: &Path, record: &FileRecord) -> Result<Self> {
        let path = folder.join(&record.file);
        let file = open_file(&path)?;
        let length = file.metadata().context(|| path.display())?.len();
        let pieces = record.bytes.div_ceil(PIECE as u64);
        let whole = pieces.checked_mul(HASH as u64).and_then(|hashes| hashes.checked_add(record.bytes));
        if whole != Some(length) {
            return Err(damaged(
                &path,
                format_args!("it has {length} bytes, and not those of its data and hashes"),
            ));
        }
        let map = map(&file).context(|| path.display())?;
        let data = record.bytes as usize;
        if hash_of(&map[data..]) != record.xxh3 {
            return Err(damaged(
                &path,
                format_args!("its hashes are not those that the manifest vouches for"),
            ));
        }
        let checked = (0..pieces.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { path, map, data, checked })
    }

    /// The data in `range`, of which each piece is checked when it is first touched.
    ///
    /// # Errors
    /// A range past the end; a piece that is not as it was written.
    #[inline]
    pub fn get(&self, range: Range<usize>) -> Result<&[u8]> {
        if range.start > range.end || range.end > self.data {
            return Err(damaged(&self.path, format_args!("bytes {range:?} of {} are asked for", self.data)));
        }
        for piece in range.start / PIECE..range.end.div_ceil(PIECE) {
            if self.checked[piece / 64].load(Relaxed) >> (piece % 64) & 1 == 0 {
                self.check(piece)?;
                self.checked[piece / 64].fetch_or(1 << (piece % 64), Relaxed);
            }
        }
        Ok(&self.map[range])
    }

    /// The data in `range`, which lies in the file, as they are: whoever reads them [touches](Self::get) them first.
    pub fn unchecked(&self, range: Range<usize>) -> &[u8] {
        &self.map[..self.data][range]
    }

    /// Checks all pieces anew, whatever was checked before, and names the first that is damaged by its place.
    pub fn verify(&self) -> Result<()> {
        (0..self.data.div_ceil(PIECE)).try_for_each(|piece| self.check(piece))
    }

    #[cold]
    fn check(&self, piece: usize) -> Result<()> {
        let bytes = piece * PIECE..((piece + 1) * PIECE).min(self.data);
        let hash = &self.map[self.data + piece * HASH..][..HASH];
        if XxHash3_128::oneshot(&self.map[bytes.clone()]).to_le_bytes() == *hash {
            return Ok(());
        }
        Err(damaged(
            &self.path,
            format_args!("bytes {} to {} are not as they were written", bytes.start, bytes.end),
        ))
    }
}

fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the files of an index are written under another name and never changed once they have their own; a writer
    // removes them, which leaves a mapping whole. Whoever else writes into the folder breaks that promise, as with any mapped file.
    unsafe { Mmap::map(file) }
}

/// The error over a file that is not what was written.
pub fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::input(format!(
        "{}: is damaged: {why}; restore the index from a copy or build it again",
        path.display()
    ))
}

/// Reads a whole file that the record tells of, whose hash is of all its bytes.
///
/// # Errors
/// A file that is missing or not as it was written.
pub fn read_whole(folder: &Path, record: &FileRecord) -> Result<Vec<u8>> {
    use std::io::Read;
    let path = folder.join(&record.file);
    let mut file = open_file(&path)?;
    let length = file.metadata().context(|| path.display())?.len();
    if length != record.bytes {
        return Err(damaged(
            &path,
            format_args!("it has {length} bytes, and was written with {}", record.bytes),
        ));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).context(|| path.display())?;
    if hash_of(&bytes) != record.xxh3 {
        return Err(damaged(&path, format_args!("its bytes are not those that were written")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    fn written(folder: &Folder, bytes: &[u8]) -> FileRecord {
        let mut writer = CheckedWriter::create(&folder.path("a")).unwrap();
        bytes.chunks(1000).for_each(|part| writer.append(part).unwrap());
        writer.finish("a").unwrap()
    }

    #[test]
    fn any_flipped_or_missing_byte_is_found() {
        let folder = Folder::new();
        let root = folder.path("");
        let bytes: Vec<u8> = (0..2 * PIECE + 100).map(|at| (at % 251) as u8).collect();
        let record = written(&folder, &bytes);
        let whole = std::fs::read(folder.path("a")).unwrap();
        assert_eq!(whole.len(), bytes.len() + 3 * HASH);
        let file = CheckedFile::open(&root, &record).unwrap();
        assert_eq!(file.get(5..bytes.len()).unwrap(), &bytes[5..]);
        for at in [0, 7, PIECE - 1, PIECE, 2 * PIECE + 99] {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::remove_file(folder.path("a")).unwrap();
            folder.file("a", &torn);
            let file = CheckedFile::open(&root, &record).unwrap();
            assert!(refused(file.verify()).contains("are not as they were written"), "{at}");
            assert!(refused(file.get(at..at + 1)).contains("is damaged"), "{at}");
            // The other pieces can be read.
            let other = if at < PIECE { PIECE } else { 0 };
            assert_eq!(file.get(other..other + 9).unwrap(), &bytes[other..other + 9]);
        }
        for at in bytes.len()..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            folder.file("a", &torn);
            assert!(refused(CheckedFile::open(&root, &record)).contains("its hashes"), "{at}");
        }
        for length in [0, 1, bytes.len(), whole.len() - 1] {
            folder.file("a", &whole[..length]);
            assert!(refused(CheckedFile::open(&root, &record)).contains("bytes"), "{length}");
        }
        folder.file("a", &[&whole[..], b"x"].concat());
        assert!(CheckedFile::open(&root, &record).is_err());
    }

    #[test]
    fn sections_are_aligned_and_nothing_is_there_before_the_end() {
        let folder = Folder::new();
        let mut writer = CheckedWriter::create(&folder.path("a")).unwrap();
        writer.append(b"x").unwrap();
        writer.align().unwrap();
        assert_eq!(writer.written(), 64);
        writer.align().unwrap();
        assert_eq!(writer.written(), 64);
        assert!(!folder.path("a").exists());
        drop(writer);
        assert_eq!(folder.names(), [""; 0]);
        let record = written(&folder, b"");
        let file = CheckedFile::open(&folder.path(""), &record).unwrap();
        assert_eq!(file.get(0..0).unwrap(), b"");
        assert!(file.get(0..1).is_err());
    }
}
