//! Who writes into the folder of an index, and how what was written comes to count.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::checked::FileRecord;
use super::manifest::{MANIFEST, Manifest};
use crate::error::{Context, Error, ErrorKind, Result};
use crate::io::{open_file, write_file};

/// The file whose lock a writer holds. It is never removed: a lock goes with its file.
const LOCK: &str = "lock";

/// What files of an index are called: this, a number, and an ending.
const KINDS: [(&str, &str); 6] = [
    ("lists-", ".safetensors"),
    ("model-", ".safetensors"),
    ("ranges-", ".safetensors"),
    ("segment-", ""),
    ("deleted-", ""),
    ("queries-", ""),
];

/// The number in the name of a file of an index.
fn number(name: &str) -> Option<u64> {
    KINDS.iter().find_map(|(start, end)| {
        let digits = name.strip_prefix(start)?.strip_suffix(end)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        digits.parse().ok().filter(|_| plain)
    })
}

/// Whether files of an index are called so.
pub fn is_own_name(name: &str) -> bool {
    number(name).is_some()
}

/// Whether a file that has been begun and not finished is called so.
fn is_temporary(name: &str) -> bool {
    let begun = |start: &str| name.strip_prefix('.').is_some_and(|name| name.starts_with(start));
    KINDS.iter().any(|(start, _)| begun(start)) || begun(MANIFEST)
}

/// The manifest's bytes.
///
/// # Errors
/// A folder that is no index, or only the beginning of one.
pub fn read_manifest(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(MANIFEST);
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(match folder.exists() {
            true => Error::input(format!(
                "{shown}: is a file; an index is a folder, as `wgvq index build` makes it"
            )),
            false => Error::from(io::Error::new(io::ErrorKind::NotFound, "No such index")).context(shown),
        });
    }
    if !path.exists() {
        return Err(Error::input(format!(
            "{}: has no manifest: it is no index, or its build was not finished; build it again",
            folder.display()
        )));
    }
    let mut bytes = Vec::new();
    open_file(&path)?.read_to_end(&mut bytes).context(|| path.display())?;
    Ok(bytes)
}

/// The one writer of an index. What it has written counts once it [commits](Self::commit), and is gone if it does not.
pub struct Writer {
    folder: PathBuf,
    /// Holds the lock.
    _lock: File,
    next_file: u64,
    written: Vec<PathBuf>,
    made_folder: bool,
}

impl Writer {
    /// Becomes the writer of an index that is there, and reads its manifest.
    ///
    /// # Errors
    /// No index; one that another process is writing to.
    pub fn open(folder: &Path) -> Result<(Self, Manifest)> {
        read_manifest(folder)?;
        let mut writer = Self::lock(folder)?;
        let manifest = Manifest::parse(&read_manifest(folder)?, &folder.join(MANIFEST))?;
        writer.next_file = manifest.next_file;
        writer.remove_all_but(&manifest)?;
        Ok((writer, manifest))
    }

    /// Becomes the writer of a new index, in place of another only with `force`.
    ///
    /// # Errors
    /// An index that is there, unless `force`; a folder with files of somebody else's; a folder above that is missing.
    pub fn create(folder: &Path, force: bool) -> Result<Self> {
        let shown = folder.display();
        let made_folder = match fs::create_dir(folder) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(Error::from(error).context(shown)),
        };
        if !folder.is_dir() {
            return Err(Error::input(format!("{shown}: is a file; an index is a folder")));
        }
        if let Some(foreign) = names(folder)?.into_iter().find(|name| !belongs(name)) {
            return Err(Error::input(format!(
                "{shown}: has a file {foreign:?}, so it is no index; name another folder"
            )));
        }
        let mut writer = Self::lock(folder)?;
        writer.made_folder = made_folder;
        if folder.join(MANIFEST).exists() && !force {
            let exists = io::Error::new(io::ErrorKind::AlreadyExists, "exists; pass --force to overwrite");
            return Err(Error::from(exists).context(shown));
        }
        let numbers = names(folder)?;
        writer.next_file = numbers.iter().filter_map(|name| number(name)).max().unwrap_or(0) + 1;
        if let Ok(old) = read_manifest(folder).and_then(|text| Manifest::parse(&text, folder)) {
            writer.next_file = writer.next_file.max(old.next_file);
        }
        Ok(writer)
    }

    fn lock(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.context(|| path.display())?;
        match lock.try_lock() {
            // A file system without locks is no reason to refuse.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                let why = format!("{}: another process is writing to it; wait for its end", folder.display());
                return Err(Error::new(ErrorKind::Io, why));
            }
        }
        Ok(Self { folder: folder.into(), _lock: lock, next_file: 1, written: Vec::new(), made_folder: false })
    }

    /// A name that no file of this index has had, and its place.
    pub fn next(&mut self, kind: FileKind) -> (String, PathBuf) {
        let (start, end) = KINDS[kind as usize];
        let name = format!("{start}{}{end}", self.next_file);
        self.next_file += 1;
        let path = self.folder.join(&name);
        self.written.push(path.clone());
        (name, path)
    }

    /// Writes a small file at once.
    pub fn write(&mut self, kind: FileKind, bytes: &[u8]) -> Result<FileRecord> {
        let (name, path) = self.next(kind);
        write_file(path, bytes, false)?;
        Ok(FileRecord { file: name, bytes: bytes.len() as u64, xxh3: super::checked::hash_of(bytes) })
    }

    /// Makes the index what `manifest` says: all of it or, where this fails or is cut off, nothing.
    ///
    /// # Errors
    /// A full disk.
    pub fn commit(mut self, mut manifest: Manifest) -> Result<Manifest> {
        manifest.next_file = self.next_file;
        write_file(self.folder.join(MANIFEST), manifest.to_text()?.as_bytes(), true)?;
        self.written.clear();
        if self.made_folder && cfg!(unix) {
            // As for files, not every file system knows of this.
            let _ = File::open(self.folder.join("..")).and_then(|above| above.sync_all());
        }
        self.made_folder = false;
        // It counts now, and what no longer does goes; what cannot be removed yet, the next writer removes.
        let _ = self.remove_all_but(&manifest);
        Ok(manifest)
    }

    /// Removes what a writer that was killed has left, and what no manifest names any more.
    fn remove_all_but(&self, manifest: &Manifest) -> Result<()> {
        for name in names(&self.folder)? {
            let counts = manifest.files().any(|record| record.file == name);
            if is_temporary(&name) || is_own_name(&name) && !counts {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for path in &self.written {
            let _ = fs::remove_file(path);
        }
        if self.made_folder {
            let _ = fs::remove_file(self.folder.join(LOCK));
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// What a file of an index holds.
#[derive(Clone, Copy, Debug)]
pub enum FileKind {
    /// The centroids of the lists.
    Lists,
    /// The quantizer.
    Model,
    /// The ranges of refining bytes.
    Ranges,
    /// Vectors.
    Segment,
    /// Which vectors of a segment are deleted.
    Deleted,
    /// What the recall was measured by.
    Queries,
}

fn belongs(name: &str) -> bool {
    name == LOCK || name == MANIFEST || is_own_name(name) || is_temporary(name)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).context(|| folder.display())?;
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().context(|| folder.display())
}
