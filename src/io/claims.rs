//! The files of a command, which have to be different ones.

use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::locate::files;
use super::output::check_output;
use crate::error::{Context, Error, Result};

/// The files that a command reads and those that it writes. What it writes is never what it reads, nor another of its
/// outputs, under whatever name: through a link, a folder, a pattern, or as `FILE:tensor`.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = |name: &str| folder.path().join(name);
/// std::fs::write(path("x.npy"), b"vectors").unwrap();
/// let mut claims = wgvq::io::Claims::new(true);
/// claims.reads(&path("*.npy"))?;
/// let why = claims.writes(&path("x.npy")).unwrap_err().to_string();
/// assert!(why.ends_with("x.npy: is an input of this command too; name another file"), "{why}");
/// claims.writes(&path("codes.npy"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Claims {
    force: bool,
    inputs: Vec<Identity>,
    outputs: Vec<(PathBuf, Identity)>,
}

impl Claims {
    /// No files yet; with `force`, an output may be there already.
    pub fn new(force: bool) -> Self {
        Self { force, inputs: Vec::new(), outputs: Vec::new() }
    }

    /// Adds the files that `spec` stands for, as in [`open`](super::open), to the inputs. What is not there is left to whoever
    /// opens it. Inputs come before outputs.
    ///
    /// # Errors
    /// The file system's.
    pub fn reads(&mut self, spec: &Path) -> Result<()> {
        for path in files(spec).unwrap_or_default() {
            self.inputs.push(Identity::of(&path).context(|| path.display())?);
        }
        Ok(())
    }

    /// Adds an output, which has to be a file that may be written.
    ///
    /// # Errors
    /// As [`check_output`]; an input; another output.
    pub fn writes(&mut self, path: &Path) -> Result<()> {
        check_output(path, self.force)?;
        self.keeps(path)
    }

    /// Adds a file that the command keeps for itself, such as a checkpoint; it may be there already.
    ///
    /// # Errors
    /// An input; another output.
    pub fn keeps(&mut self, path: &Path) -> Result<()> {
        let shown = path.display();
        let identity = Identity::of(path).context(|| &shown)?;
        if self.inputs.contains(&identity) {
            return Err(Error::input(format!("{shown}: is an input of this command too; name another file")));
        }
        if let Some((other, _)) = self.outputs.iter().find(|(_, other)| *other == identity) {
            let other = other.display();
            return Err(Error::input(format!(
                "{shown}: this command writes {other} there too; name another file"
            )));
        }
        self.outputs.push((path.to_owned(), identity));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused, safetensors};

    #[test]
    fn an_input_is_no_output_under_any_of_its_names() {
        let folder = Folder::new();
        let data = folder.file("s/x.npy", b"x");
        folder.file("t.safetensors", &safetensors(&[("a", "F32", &[1], &[0; 4])]));
        let mut aliases = vec![data.clone(), folder.path("s/../s/x.npy")];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&data, folder.path("link.npy")).unwrap();
            std::os::unix::fs::symlink(folder.path("s"), folder.path("other")).unwrap();
            aliases.extend([folder.path("link.npy"), folder.path("other/x.npy")]);
        }
        std::fs::hard_link(&data, folder.path("hard.npy")).unwrap();
        aliases.push(folder.path("hard.npy"));
        for spec in ["s/x.npy", "s", "s/*.npy", "hard.npy"] {
            let mut claims = Claims::new(true);
            claims.reads(&folder.path(spec)).unwrap();
            for alias in &aliases {
                assert!(refused(claims.writes(alias)).contains("is an input"), "{spec} {}", alias.display());
                assert!(refused(claims.keeps(alias)).contains("is an input"), "{spec} {}", alias.display());
            }
            claims.writes(&folder.path("s/y.npy")).unwrap();
        }
        let mut claims = Claims::new(true);
        claims.reads(&folder.path("t.safetensors:a")).unwrap();
        assert!(refused(claims.writes(&folder.path("t.safetensors"))).contains("is an input"));
    }

    #[test]
    fn no_two_outputs_are_one_file() {
        let folder = Folder::new();
        folder.file("s/there.npy", b"x");
        let mut claims = Claims::new(false);
        claims.reads(&folder.path("gone.npy")).unwrap();
        claims.writes(&folder.path("a.npy")).unwrap();
        for name in ["a.npy", "s/../a.npy", "A.NPY"] {
            let why = refused(claims.writes(&folder.path(name)));
            assert!(why.contains("this command writes") && why.contains("a.npy there too"), "{why}");
        }
        assert!(refused(claims.writes(&folder.path("s/there.npy"))).contains("pass --force"));
        claims.keeps(&folder.path("s/there.npy")).unwrap();
        assert!(refused(claims.keeps(&folder.path("s/there.npy"))).contains("there too"));
    }
}
