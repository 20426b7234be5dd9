//! Files that belong together, such as a model and its codes, come into being so that no new one is ever beside an old one.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::output::{Output, remove};
use crate::error::Result;

/// Puts several outputs in their targets' places, which belong together.
///
/// When that is cut off, by a kill or a loss of power, there are the old files, or the new ones, or the first few of one of the two
/// without the rest: something is missing then, and nothing is of others. So the first is the one that means something alone.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// use wgvq::io::{Output, finish_together};
/// # let folder = tempfile::tempdir().unwrap();
/// let path = |name: &str| folder.path().join(name);
/// let mut outputs = [Output::create(path("model"), false)?, Output::create(path("codes"), false)?];
/// outputs.iter_mut().try_for_each(|output| output.append(b"all is well\n"))?;
/// finish_together(outputs)?;
/// assert!(path("model").exists() && path("codes").exists());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A disk that turns out to be full, or a target that has come to exist meanwhile (unless the output may take its place): then nothing
/// has been changed. Otherwise as [`Output::finish`].
pub fn finish_together(outputs: impl IntoIterator<Item = Output>) -> Result<()> {
    let mut together = Together::new(outputs)?;
    while together.step()? {}
    Ok(())
}

/// What is still to be done, in this order.
struct Together {
    /// Old files behind the first, which are removed from the last on.
    old: Vec<PathBuf>,
    /// New files, which get their names from the first on.
    new: VecDeque<Output>,
}

impl Together {
    /// Makes sure that all can be done before anything is.
    fn new(outputs: impl IntoIterator<Item = Output>) -> Result<Self> {
        let new: VecDeque<Output> = outputs.into_iter().collect();
        for output in &new {
            output.sync()?;
            output.check()?;
        }
        let behind = new.iter().skip(1).map(|output| output.target().to_owned());
        let old = behind.filter(|path| path.symlink_metadata().is_ok()).collect();
        Ok(Self { old, new })
    }

    /// Does the next thing, which outlives a loss of power then; says whether there was any.
    fn step(&mut self) -> Result<bool> {
        if let Some(path) = self.old.pop() {
            return remove(&path).map(|()| true);
        }
        match self.new.pop_front() {
            Some(output) => output.finish().map(|()| true),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::io::testing::{Folder, refused};

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn begun(folder: &Folder, force: bool) -> Vec<Output> {
        let begin = |name: &&str| {
            let mut output = Output::create(folder.path(name), force).unwrap();
            output.append(b"new").unwrap();
            output
        };
        NAMES.iter().map(begin).collect()
    }

    /// What is under the names.
    fn found(folder: &Folder) -> Vec<String> {
        let there = NAMES.iter().filter_map(|name| fs::read_to_string(folder.path(name)).ok());
        there.collect()
    }

    #[test]
    fn cut_off_after_whichever_step_no_new_file_is_beside_an_old_one() {
        for force in [false, true] {
            let mut seen = Vec::new();
            for steps in 0.. {
                let folder = Folder::new();
                if force {
                    NAMES.iter().for_each(|name| drop(folder.file(name, b"old")));
                }
                let mut together = Together::new(begun(&folder, force)).unwrap();
                let done = (0..steps).all(|_| together.step().unwrap());
                // As a kill leaves it: what is not done stays undone, and unfinished files lie about.
                std::mem::forget(together);
                if !done {
                    break;
                }
                seen.push(found(&folder).join(" "));
                // What is there are the first of the names.
                let count = found(&folder).len();
                assert!(NAMES[..count].iter().all(|name| folder.path(name).exists()), "{seen:?}");
            }
            let wanted: &[&str] = match force {
                false => &["", "new", "new new", "new new new"],
                true => &["old old old", "old old", "old", "new", "new new", "new new new"],
            };
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn what_cannot_be_done_in_full_is_not_begun() {
        let folder = Folder::new();
        let outputs = begun(&folder, false);
        folder.file("c", b"old");
        assert!(refused(finish_together(outputs)).contains("exists; pass --force"));
        assert_eq!((found(&folder).join(" ").as_str(), folder.names().len()), ("old", 1));
        let outputs = begun(&folder, true);
        fs::remove_file(folder.path("c")).unwrap();
        folder.file("c/d", b"somebody's");
        assert!(refused(finish_together(outputs)).contains("is a folder"));
        assert_eq!(folder.names(), ["c"]);
        fs::remove_dir_all(folder.path("c")).unwrap();
        finish_together(begun(&folder, true).into_iter().take(2)).unwrap();
        assert_eq!(found(&folder).join(" "), "new new");
    }
}
