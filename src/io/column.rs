//! A column of values, one for each row of a table or each line of a text.

use std::io::Read;
use std::path::Path;

use super::locate::{Format, Place, locate};
use super::open_file;
use crate::columns::{Column, ColumnType, Value};
use crate::error::{Context, Error, Result};

/// The extension of a file of text with a value in each line.
const TEXT: &str = "txt";

/// Types that a column can have, in words.
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(super) const KEPT: &str = "whole numbers, floats, booleans and strings can be kept";

/// Reads a column: `table.parquet:year` or `table.arrow:year` of whole numbers, floats, booleans or strings, or the lines of a `.txt`, each of
/// which is a string, under the name of the file. Nulls stay nulls. A folder, or a pattern as in `parts/*.parquet:year`, is its files one after
/// the other.
///
/// ```
/// use wgvq::columns::Value;
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("titles.txt");
/// std::fs::write(&path, "first\nsecond\n").unwrap();
/// let titles = wgvq::io::read_column(&path)?;
/// assert_eq!((titles.name(), titles.len(), titles.get(1)), ("titles", 2, Some(Value::String("second"))));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A file that is missing, damaged or of another format; a column that is not there or holds something else; a number over what 64 bits hold
/// with a sign, named by row.
pub fn read_column(spec: impl AsRef<Path>) -> Result<Column> {
    let spec = spec.as_ref();
    if spec.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(TEXT)) {
        return lines(spec);
    }
    let mut all: Option<Column> = None;
    for place in locate(spec)? {
        let column = of_file(&place)?;
        match &mut all {
            Some(all) => all.append(&column).context(|| place.path.display())?,
            None => all = Some(column),
        }
    }
    all.ok_or_else(|| Error::input(format!("{}: has no files", spec.display())))
}

fn of_file(Place { path, format, name }: &Place) -> Result<Column> {
    let shown = path.display();
    format.check_feature(path)?;
    match (format, name) {
        #[cfg(feature = "parquet")]
        (Format::Parquet, Some(name)) => super::parquet::values(path, name),
        #[cfg(feature = "arrow")]
        (Format::Arrow | Format::Feather, Some(name)) => super::arrow::values(path, name),
        (Format::Parquet | Format::Arrow | Format::Feather, _) => {
            Err(Error::input(format!("{shown}: is a table; name a column of it, as in {shown}:year")))
        }
        _ => Err(Error::input(format!(
            "{shown}: columns are read from .parquet, .arrow and .feather files, and strings from .{TEXT}"
        ))),
    }
}

fn lines(path: &Path) -> Result<Column> {
    let mut text = String::new();
    open_file(path)?.read_to_string(&mut text).context(|| path.display())?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut column = Column::new(name, ColumnType::String);
    text.lines().try_for_each(|line| column.push(Some(Value::String(line))))?;
    Ok(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn lines_are_strings() {
        let folder = Folder::new();
        let column = read_column(folder.file("Titles.TXT", "a\r\n\nä b\n".as_bytes())).unwrap();
        let found: Vec<_> = (0..column.len()).map(|row| column.get(row)).collect();
        assert_eq!(found, ["a", "", "ä b"].map(|text| Some(Value::String(text))));
        assert_eq!((column.name(), column.kind()), ("Titles", ColumnType::String));
    }

    #[test]
    fn what_is_no_column_is_named() {
        let folder = Folder::new();
        let why = |name: &str| refused(read_column(folder.file(name, b"x")));
        assert!(why("a.npy").ends_with(
            "a.npy: columns are read from .parquet, .arrow and .feather files, and strings from .txt"
        ));
        #[cfg(feature = "arrow")]
        assert!(why("a.arrow").contains("a.arrow: is a table; name a column of it"));
        assert!(refused(read_column(folder.file("b.txt", b"a\n\xff\n"))).contains("b.txt"));
        assert!(refused(read_column(folder.path("gone.txt"))).contains("gone.txt"));
    }
}
