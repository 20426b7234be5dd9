//! The unfinished file of an output that can be resumed: `NAME.partial`, and beside it `NAME.partial.job`, a note of what it
//! is to become. Both names may be taken by somebody else's files, which are left alone.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::open_file;
use super::identity::Identity;
use super::job::Job;
use super::output::{rename, write_file};
use crate::error::{Context, Error, ErrorKind, Result};

/// How often another run may finish the file that we are about to open.
const ATTEMPTS: usize = 10;

/// The most bytes of a note: it names files.
const MOST_NOTE: u64 = 1 << 24;

/// What a note says it is.
const MARK: &str = "unfinished output";

#[derive(Serialize, Deserialize)]
struct Note {
    wgvq: String,
    job: Job,
}

/// The names of an unfinished file and of its note. Whoever has it holds the lock of the file.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    note: PathBuf,
}

impl Partial {
    /// Both names for `target`.
    pub fn of(target: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut path = target.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        Self { path: beside(".partial"), note: beside(".partial.job") }
    }

    pub fn names(self) -> [PathBuf; 2] {
        [self.path, self.note]
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of `target`, whatever it holds, or an empty one. Nobody else writes to it from now on.
    pub fn open(target: &Path) -> Result<(File, Self)> {
        let own = Self::of(target);
        let noted = own.read_note()?.is_some();
        for _ in 0..ATTEMPTS {
            let Some(file) = own.open_or_create(noted)? else { continue };
            match file.try_lock() {
                // A file system without locks is no reason to refuse.
                Ok(()) | Err(TryLockError::Error(_)) => {}
                Err(TryLockError::WouldBlock) => return Err(own.busy()),
            }
            // Whoever had the lock before may have finished the file, and it has another name now.
            if own.is_still(&file).context(|| own.path.display())? {
                return Ok((file, own));
            }
        }
        Err(own.busy())
    }

    /// `None` if the name is to be looked at again.
    fn open_or_create(&self, noted: bool) -> Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
        let found = match fs::symlink_metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match options.create_new(true).open(&self.path) {
                    Ok(file) => Ok(Some(file)),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
                    Err(error) => Err(Error::from(error).context(self.path.display())),
                };
            }
            Err(error) => return Err(Error::from(error).context(self.path.display())),
        };
        // A run that was killed before it wrote its note leaves an empty file.
        if !found.is_file() || found.len() > 0 && !noted {
            return Err(foreign(&self.path));
        }
        if links(&found) > 1 {
            // The other name's owner keeps the contents.
            if !noted {
                return Err(foreign(&self.path));
            }
            fs::remove_file(&self.path).context(|| self.path.display())?;
            return Ok(None);
        }
        match options.open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error).context(self.path.display())),
        }
    }

    /// Whether the name is that of `file`.
    fn is_still(&self, file: &File) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let own = file.metadata()?;
            match Identity::of(&self.path)? {
                Identity::Numbers(device, number) => Ok((device, number) == (own.dev(), own.ino())),
                Identity::New(..) => Ok(false),
            }
        }
        #[cfg(not(unix))]
        {
            let _ = file;
            Ok(!matches!(Identity::of(&self.path)?, Identity::New(..)))
        }
    }

    /// The job in the note, if there is one.
    fn read_note(&self) -> Result<Option<Job>> {
        match fs::symlink_metadata(&self.note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::from(error).context(self.note.display())),
            Ok(found) if !found.is_file() || found.len() > MOST_NOTE => return Err(foreign(&self.note)),
            Ok(_) => {}
        }
        let mut text = Vec::new();
        open_file(&self.note)?.take(MOST_NOTE).read_to_end(&mut text).context(|| self.note.display())?;
        match serde_json::from_slice::<Note>(&text) {
            Ok(note) if note.wgvq == MARK => Ok(Some(note.job)),
            _ => Err(foreign(&self.note)),
        }
    }

    /// Notes that the file is of `job`.
    pub fn write_note(&self, job: &Job) -> Result<()> {
        let note = Note { wgvq: MARK.into(), job: job.clone() };
        let text = serde_json::to_string_pretty(&note).map_err(|error| Error::input(error.to_string()))?;
        write_file(&self.note, text.as_bytes(), true)
    }

    /// Fails if the file is of another job.
    pub fn check_job(&self, job: &Job) -> Result<()> {
        let why = match self.read_note()? {
            None => Some(format!("its note {} is gone", self.note.display())),
            Some(begun) => job.difference(&begun),
        };
        match why {
            None => Ok(()),
            Some(why) => Err(Error::input(format!(
                "{}: cannot be resumed, {why}; start over without --resume",
                self.path.display()
            ))),
        }
    }

    /// Gives the file its name for good.
    pub fn finish(self, target: &Path, force: bool) -> Result<()> {
        rename(&self.path, target, force)?;
        // A note without its file means nothing, and the result is there.
        let _ = fs::remove_file(self.note);
        Ok(())
    }

    /// Takes the file and the note away.
    pub fn discard(&self) {
        // What is left if this fails is what a killed run leaves: harmless, and named for what it is.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.note);
    }

    fn busy(&self) -> Error {
        let path = self.path.display();
        Error::new(ErrorKind::Io, format!("{path}: another process is writing it; wait for its end"))
    }
}

fn foreign(path: &Path) -> Error {
    Error::input(format!(
        "{}: is no unfinished output of this program, which needs that name; move it away",
        path.display()
    ))
}

/// Names that the file has.
fn links(found: &Metadata) -> u64 {
    #[cfg(unix)]
    {
        std::os::unix::fs::MetadataExt::nlink(found)
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        1
    }
}
