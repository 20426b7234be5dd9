//! Paths that match a pattern such as `base-*.npy`. Names need not be text: those that are not match byte by byte.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{Pattern, PatternError};

use crate::error::{Context, Error, Result};

/// Whether `path` has characters that stand for others.
pub(super) fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Everything that `pattern` stands for: `*` and `?` for any characters of a name, `[a-z]` for one of some, `**` for
/// folders at any depth.
pub(super) fn matches(pattern: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = match component {
            Component::Normal(name) if is_pattern(Path::new(name)) => name,
            literal => {
                found.iter_mut().for_each(|path| path.push(literal));
                continue;
            }
        };
        let wanted = Name::new(name)
            .map_err(|error| Error::input(format!("{}: is no pattern: {error}", pattern.display())))?;
        let mut deeper = Vec::new();
        for folder in found {
            if name == "**" {
                folders_below(folder, &mut deeper)?;
            } else {
                let entries = entries(&folder)?.into_iter();
                deeper
                    .extend(entries.filter(|path| path.file_name().is_some_and(|name| wanted.matches(name))));
            }
        }
        found = deeper;
    }
    Ok(found)
}

/// A pattern of a name, as text and as bytes.
struct Name {
    text: Option<Pattern>,
    bytes: Pattern,
}

impl Name {
    fn new(name: &OsStr) -> Result<Self, PatternError> {
        let text = name.to_str().map(Pattern::new).transpose()?;
        Ok(Self { text, bytes: Pattern::new(&bytes_as_text(name))? })
    }

    fn matches(&self, name: &OsStr) -> bool {
        match (&self.text, name.to_str()) {
            (Some(pattern), Some(name)) => pattern.matches(name),
            _ => self.bytes.matches(&bytes_as_text(name)),
        }
    }
}

/// A character for each byte.
fn bytes_as_text(name: &OsStr) -> String {
    name.as_encoded_bytes().iter().map(|&byte| char::from(byte)).collect()
}

/// What is in `folder`; nothing in what is not there or no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let read = match here.read_dir() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        read => read.context(|| here.display())?,
    };
    read.map(|entry| Ok(folder.join(entry?.file_name())))
        .collect::<std::io::Result<_>>()
        .context(|| here.display())
}

/// `folder` and all folders in it; links are not followed, as they may lead back.
fn folders_below(folder: PathBuf, all: &mut Vec<PathBuf>) -> Result<()> {
    let inner = entries(&folder)?;
    all.push(folder);
    for path in inner {
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            folders_below(path, all)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::Folder;

    fn names(folder: &Folder, pattern: &str) -> Vec<String> {
        let root = folder.path("");
        let name = |path: PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<_> = matches(&folder.path(pattern)).unwrap().into_iter().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn patterns_match_names_folders_and_depths() {
        let folder = Folder::new();
        for name in ["a1.npy", "a2.npy", "b.npy", "x/a1.npy", "x/y/a1.npy", "é.npy"] {
            folder.file(name, b"x");
        }
        assert_eq!(names(&folder, "a?.npy"), ["a1.npy", "a2.npy"]);
        assert_eq!(names(&folder, "?.npy"), ["b.npy", "é.npy"]);
        assert_eq!(names(&folder, "[!a]*.npy"), ["b.npy", "é.npy"]);
        assert_eq!(names(&folder, "?/a1.npy"), ["x/a1.npy"]);
        assert_eq!(names(&folder, "**/a1.npy"), ["a1.npy", "x/a1.npy", "x/y/a1.npy"]);
        assert_eq!(names(&folder, "gone/*.npy"), [""; 0]);
        assert_eq!(names(&folder, "a1.npy/*.npy"), [""; 0]);
        assert!(matches(&folder.path("[")).is_err());
    }
}
