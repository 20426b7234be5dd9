//! Files that come into being whole or not at all.
//!
//! An [`Output`] grows under another name beside its target and takes the target's place when it is finished.
//! Work that takes long keeps that other file, so that it can be resumed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::job::Job;
use super::partial::Partial;
use super::unfinished::Unfinished;
use crate::error::{Context, Error, Result};

/// A file that is being written.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let target = folder.path().join("report.txt");
/// let mut output = wgvq::io::Output::create(&target, false)?;
/// output.append(b"all is well\n")?;
/// assert!(!target.exists());
/// output.finish()?;
/// assert!(target.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Output {
    file: File,
    growing: Growing,
    target: PathBuf,
    force: bool,
}

/// The file that is written to until it is finished.
#[derive(Debug)]
enum Growing {
    /// Removed when it is dropped unfinished.
    Temporary(Unfinished),
    /// Kept for whoever resumes.
    Partial(Partial),
}

impl Output {
    /// Begins a file that becomes `target`. Unfinished, it leaves nothing behind.
    ///
    /// # Errors
    /// A target that exists (unless `force`) or is no regular file; a folder that is missing or not writable.
    pub fn create(target: impl AsRef<Path>, force: bool) -> Result<Self> {
        let target = target.as_ref();
        let (folder, name) = check_target(target, force)?;
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        // As any other new file, not for the owner alone as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, path) = Unfinished::create(&builder, folder).context(|| target.display())?;
        Ok(Self { file, growing: Growing::Temporary(path), target: target.to_owned(), force })
    }

    /// Begins a file that becomes `target`, over an unfinished one of ours if there is one; unfinished, it stays as
    /// `target` + `.partial` and [`Output::resume`] goes on with it.
    ///
    /// # Errors
    /// As [`Output::create`]; another process that is writing it right now; a file of somebody else's under one of
    /// [the names](Output::unfinished_names) that this takes.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// use wgvq::io::{Job, Output};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let target = folder.path().join("report.txt");
    /// let job = Job::new().with("of", "today");
    /// Output::create_resumable(&target, false, &job)?.append(b"all is ")?;
    /// let mut output = Output::resume(&target, false, &job)?;
    /// output.append(b"well")?;
    /// output.finish()?;
    /// assert_eq!(std::fs::read(&target).unwrap(), b"all is well");
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_resumable(target: impl AsRef<Path>, force: bool, job: &Job) -> Result<Self> {
        let target = target.as_ref();
        let mut output = Self::open_partial(target, force)?;
        output.truncate(0)?;
        Partial::of(target).write_note(job)?;
        Ok(output)
    }

    /// Goes on with what [`Output::create_resumable`] left, or begins where it left nothing. Whoever calls
    /// looks at [`Output::written`] and cuts off what is torn.
    ///
    /// # Errors
    /// As [`Output::create_resumable`]; an unfinished file of another job, saying what differs.
    pub fn resume(target: impl AsRef<Path>, force: bool, job: &Job) -> Result<Self> {
        let target = target.as_ref();
        let output = Self::open_partial(target, force)?;
        let partial = Partial::of(target);
        if output.written()? == 0 { partial.write_note(job) } else { partial.check_job(job) }?;
        Ok(output)
    }

    /// The names that [`Output::create_resumable`] takes beside `target` until the file is finished.
    pub fn unfinished_names(target: impl AsRef<Path>) -> [PathBuf; 2] {
        Partial::of(target.as_ref()).names()
    }

    /// Appends `bytes`; once this returns they survive the end of this process.
    ///
    /// # Errors
    /// A full disk or another failure to write.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).context(|| format!("{}: writing", self.target.display()))
    }

    /// Bytes in the file so far.
    ///
    /// # Errors
    /// The file system's.
    pub fn written(&self) -> Result<u64> {
        Ok(self.file.metadata().context(|| self.target.display())?.len())
    }

    /// The first `length` bytes, or all there are, of what has been written.
    pub(super) fn read_start(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut start = Vec::new();
        let mut read = || {
            self.file.seek(SeekFrom::Start(0))?;
            (&self.file).take(length as u64).read_to_end(&mut start)?;
            self.file.seek(SeekFrom::End(0))
        };
        read().context(|| self.target.display())?;
        Ok(start)
    }

    /// Cuts off everything behind the first `length` bytes.
    pub(super) fn truncate(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length).context(|| self.target.display())?;
        self.file.seek(SeekFrom::End(0)).context(|| self.target.display())?;
        Ok(())
    }

    /// Waits until the disk has what was written: it tells here at the latest that there is no room. So several files that belong together
    /// can be made sure of before the first is [finished](Output::finish), as [`finish_together`](super::finish_together) does.
    ///
    /// # Errors
    /// A disk that turns out to be full.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().context(|| format!("{}: writing", self.target.display()))
    }

    /// Puts the file in its target's place.
    ///
    /// # Errors
    /// A disk that turns out to be full; a target that has come to exist meanwhile (unless `force`).
    pub fn finish(self) -> Result<()> {
        self.sync()?;
        let Self { file, growing, target, force } = self;
        let (folder, _) = check_target(&target, force)?;
        match growing {
            Growing::Temporary(path) => named(path.persist(&target, force), &target)?,
            Growing::Partial(partial) => partial.finish(&target, force)?,
        }
        // The lock goes with the name, not before it.
        drop(file);
        sync_folder(folder);
        Ok(())
    }

    /// What it becomes.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Fails as it could not be put in its target's place now.
    pub(super) fn check(&self) -> Result<()> {
        check_output(&self.target, self.force)
    }

    /// Takes the unfinished file away, one that could be resumed too.
    pub fn discard(self) {
        if let Growing::Partial(partial) = &self.growing {
            partial.discard();
        }
    }

    fn open_partial(target: &Path, force: bool) -> Result<Self> {
        check_target(target, force)?;
        let (mut file, partial) = Partial::open(target)?;
        file.seek(SeekFrom::End(0)).context(|| partial.path().display())?;
        Ok(Self { file, growing: Growing::Partial(partial), target: target.to_owned(), force })
    }
}

/// Gives `from` the name `target`, in place of another file only with `force`. Without success it keeps its own.
pub(super) fn rename(from: &Path, target: &Path, force: bool) -> Result<()> {
    let renamed = if force {
        fs::rename(from, target)
    } else {
        TempPath::try_from_path(from).and_then(|path| {
            path.persist_noclobber(target).map_err(|failed| {
                // It is no temporary file that would go when it is dropped.
                let _ = failed.path.keep();
                failed.error
            })
        })
    };
    named(renamed, target)
}

/// The outcome of a rename, in words where another file came first.
fn named(renamed: io::Result<()>, target: &Path) -> Result<()> {
    match renamed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(target)),
        renamed => renamed.context(|| target.display()),
    }
}

/// Removes a file for good.
pub(super) fn remove(path: &Path) -> Result<()> {
    let (folder, _) = check_target(path, true)?;
    fs::remove_file(path).context(|| path.display())?;
    sync_folder(folder);
    Ok(())
}

/// Makes a new name in `folder`, or that there is none any more, outlive a loss of power, where the system can do so.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        // Not every file system knows of this; the file and its name are there either way.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Writes a whole file at once, or nothing.
///
/// # Errors
/// As [`Output::create`] and [`Output::append`].
pub fn write_file(target: impl AsRef<Path>, bytes: &[u8], force: bool) -> Result<()> {
    let mut output = Output::create(target, force)?;
    output.append(bytes)?;
    output.finish()
}

/// Fails as [`Output::create`] would, so that a command can refuse before it starts to work.
///
/// # Errors
/// A target that exists (unless `force`) or is no regular file; a folder that is missing.
pub fn check_output(target: impl AsRef<Path>, force: bool) -> Result<()> {
    check_target(target.as_ref(), force).map(drop)
}

/// The folder and the name of a target that may be written.
fn check_target(target: &Path, force: bool) -> Result<(&Path, &OsStr)> {
    let shown = target.display();
    let name =
        target.file_name().ok_or_else(|| Error::input(format!("'{shown}' is not the name of a file")))?;
    let folder = match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(Error::input(format!("{shown}: there is no folder {}; make it first", folder.display())));
    }
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => Err(Error::input(format!("{shown}: is a folder, not a file"))),
        Ok(found) if !found.is_file() => Err(Error::input(format!(
            "{shown}: is not a regular file; outputs are written beside their target and renamed"
        ))),
        Ok(_) if !force => Err(exists(target)),
        Ok(_) => Ok((folder, name)),
        // A link to nowhere has the name too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match target.symlink_metadata() {
            Ok(_) if !force => Err(exists(target)),
            _ => Ok((folder, name)),
        },
        Err(error) => Err(Error::from(error).context(shown)),
    }
}

fn exists(target: &Path) -> Error {
    Error::input(format!("{}: exists; pass --force to overwrite", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn the_target_appears_whole_or_not_at_all() {
        let folder = Folder::new();
        let target = folder.path("a.txt");
        let mut output = Output::create(&target, false).unwrap();
        output.append(b"half").unwrap();
        assert!(!target.exists());
        drop(output);
        assert_eq!(folder.names(), [""; 0]);

        write_file(&target, b"whole", false).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(folder.names(), ["a.txt"]);
    }

    #[test]
    fn an_existing_target_is_kept_without_force() {
        let folder = Folder::new();
        let target = folder.file("a.txt", b"old");
        assert!(
            refused(Output::create(&target, false)).ends_with("a.txt: exists; pass --force to overwrite")
        );
        assert!(refused(Output::create_resumable(&target, false, &Job::new())).contains("exists"));
        assert_eq!(folder.names(), ["a.txt"]);
        // One that comes while the output is written is kept as well.
        let late = folder.path("late.txt");
        let output = Output::create(&late, false).unwrap();
        fs::write(&late, b"old").unwrap();
        assert!(refused(output.finish()).contains("exists"));
        assert_eq!(fs::read(&late).unwrap(), b"old");
        write_file(&late, b"new", true).unwrap();
        assert_eq!(fs::read(&late).unwrap(), b"new");
        assert_eq!(folder.names(), ["a.txt", "late.txt"]);
    }

    #[test]
    fn a_target_that_cannot_be_is_named() {
        let folder = Folder::new();
        assert!(refused(Output::create(folder.path("no/where.npy"), false)).contains("there is no folder"));
        assert!(refused(Output::create(folder.path(""), true)).contains("is a folder"));
        assert!(refused(Output::create("..", true)).contains("not the name of a file"));
        #[cfg(unix)]
        assert!(refused(Output::create("/dev/null", true)).contains("not a regular file"));
    }

    #[cfg(unix)]
    #[test]
    fn outputs_have_the_permissions_of_ordinary_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let ordinary = folder.file("ordinary", b"");
        write_file(folder.path("ours"), b"", false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&folder.path("ours")), mode(&ordinary));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file_and_leaves_nothing() {
        let folder = Folder::new();
        let mut output = Output::create(folder.path("a.npy"), false).unwrap();
        output.file = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = output.append(b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("a.npy: writing: No space left"), "{error}");
        drop(output);
        assert_eq!(folder.names(), [""; 0]);
    }

    fn job(number: usize) -> Job {
        Job::new().with("number", number)
    }

    #[test]
    fn a_partial_file_is_resumed_by_its_own_job_alone() {
        let folder = Folder::new();
        let target = folder.path("a.npy");
        let mut output = Output::create_resumable(&target, false, &job(1)).unwrap();
        output.append(b"one ").unwrap();
        let busy = Output::resume(&target, false, &job(1));
        assert!(refused(busy).contains("another process is writing it"));
        drop(output);
        assert_eq!(folder.names(), ["a.npy.partial", "a.npy.partial.job"]);

        let why = refused(Output::resume(&target, false, &job(2)));
        assert!(why.contains("number was 1 when it began and is 2 now"), "{why}");
        let mut output = Output::resume(&target, false, &job(1)).unwrap();
        assert_eq!(output.written().unwrap(), 4);
        assert_eq!(output.read_start(2).unwrap(), b"on");
        output.append(b"two").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one two");
        assert_eq!(folder.names(), ["a.npy"]);
    }

    #[test]
    fn without_resume_a_partial_file_is_started_over() {
        let folder = Folder::new();
        let target = folder.path("a.npy");
        Output::create_resumable(&target, false, &job(1)).unwrap().append(b"one").unwrap();
        let mut output = Output::create_resumable(&target, false, &job(2)).unwrap();
        output.append(b"2").unwrap();
        drop(output);
        let output = Output::resume(&target, false, &job(2)).unwrap();
        assert_eq!(output.written().unwrap(), 1);
    }

    #[test]
    fn a_partial_file_takes_no_target_that_has_come_meanwhile_and_can_still_be_resumed() {
        let folder = Folder::new();
        let target = folder.path("a.npy");
        let mut output = Output::create_resumable(&target, false, &job(1)).unwrap();
        output.append(b"one").unwrap();
        fs::write(&target, b"late").unwrap();
        assert!(refused(output.finish()).contains("exists"));
        assert!(refused(rename(&folder.path("a.npy.partial"), &target, false)).contains("exists"));
        assert_eq!(fs::read(&target).unwrap(), b"late");
        fs::remove_file(&target).unwrap();
        Output::resume(&target, false, &job(1)).unwrap().finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one");
    }

    #[test]
    fn what_is_not_ours_under_the_names_of_a_partial_file_is_left_alone() {
        for name in ["a.npy.partial", "a.npy.partial.job"] {
            let folder = Folder::new();
            let (target, theirs) = (folder.path("a.npy"), folder.file(name, b"mine"));
            for output in
                [Output::create_resumable(&target, true, &job(1)), Output::resume(&target, true, &job(1))]
            {
                assert!(refused(output).contains("is no unfinished output of this program"));
            }
            assert_eq!(fs::read(&theirs).unwrap(), b"mine");
            assert_eq!(folder.names(), [name]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_under_the_names_of_a_partial_file_are_not_followed() {
        for name in ["a.npy.partial", "a.npy.partial.job"] {
            let folder = Folder::new();
            let (target, theirs) = (folder.path("a.npy"), folder.file("theirs", b""));
            std::os::unix::fs::symlink(&theirs, folder.path(name)).unwrap();
            assert!(refused(Output::create_resumable(&target, true, &job(1))).contains("no unfinished"));
            // A second name of a file of ours is another's file: the name is ours, the contents are not.
            fs::remove_file(folder.path(name)).unwrap();
            drop(Output::create_resumable(&target, true, &job(1)).unwrap());
            fs::remove_file(folder.path("a.npy.partial")).unwrap();
            fs::write(&theirs, b"mine").unwrap();
            fs::hard_link(&theirs, folder.path("a.npy.partial")).unwrap();
            let mut output = Output::create_resumable(&target, true, &job(1)).unwrap();
            output.append(b"ours").unwrap();
            output.finish().unwrap();
            assert_eq!(fs::read(&theirs).unwrap(), b"mine");
            assert_eq!(fs::read(&target).unwrap(), b"ours");
            assert_eq!(folder.names(), ["a.npy", "theirs"]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_kept_without_force() {
        let folder = Folder::new();
        let target = folder.path("a.npy");
        std::os::unix::fs::symlink(folder.path("nowhere"), &target).unwrap();
        assert!(refused(Output::create(&target, false)).contains("exists"));
        write_file(&target, b"new", true).unwrap();
        assert_eq!(folder.names(), ["a.npy"]);
    }
}
