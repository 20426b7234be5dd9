//! Standard input, where `-` stands in place of a file.

use std::io::{IsTerminal, stdin};
use std::path::Path;

use wgvq::io::{self, Dataset};
use wgvq::{Context, Error, Result};

/// What errors call it.
const NAME: &str = "standard input";

/// Whether `path` stands for standard input, or for standard output where a file is written.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Vectors: those of a file, or an `.npy` from standard input.
pub fn vectors(path: &Path) -> Result<Dataset> {
    if !is_dash(path) {
        return io::open(path);
    }
    io::open_stream(piped("an .npy file")?, NAME)
}

/// Ids: those of a file, or a number in each line of standard input.
pub fn ids(path: &Path) -> Result<Vec<u64>> {
    if !is_dash(path) {
        return io::read_ids(path);
    }
    io::parse_ids(piped("a number in each line")?).context(|| NAME)
}

/// Standard input, unless somebody would have to type it.
fn piped(what: &str) -> Result<std::io::StdinLock<'static>> {
    let input = stdin().lock();
    if input.is_terminal() {
        return Err(Error::input(format!("{NAME} is a terminal; pipe {what} into it, or name a file")));
    }
    Ok(input)
}
