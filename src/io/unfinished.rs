//! Temporary files of outputs that are under way, so that a program that is told to stop leaves none behind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use tempfile::TempPath;

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A temporary file, removed when it is dropped without being [persisted](Unfinished::persist).
#[derive(Debug)]
pub(super) struct Unfinished(Option<TempPath>);

impl Unfinished {
    /// Begins one in `folder`, named as `builder` says.
    pub fn create(builder: &tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<(File, Self)> {
        let mut listed = unfinished();
        let (file, path) = builder.tempfile_in(folder)?.into_parts();
        listed.insert(path.to_path_buf());
        Ok((file, Self(Some(path))))
    }

    /// Gives the file its name for good, in place of another file only with `force`.
    pub fn persist(mut self, target: &Path, force: bool) -> io::Result<()> {
        let path = self.0.take().expect("it is taken here and in `drop` alone");
        let mut listed = unfinished();
        listed.remove::<Path>(&path);
        let persisted = if force { path.persist(target) } else { path.persist_noclobber(target) };
        persisted.map_err(|error| error.error)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            unfinished().remove::<Path>(&path);
        }
    }
}

/// Removes the temporary files of all outputs that are under way, for a program that ends right after: from then on every
/// [`Output`](super::Output) that is begun, finished or dropped waits for that end.
pub fn remove_unfinished() {
    let listed = unfinished();
    for path in &*listed {
        // What cannot be removed stays, as it would after a crash.
        let _ = fs::remove_file(path);
    }
    std::mem::forget(listed);
}
