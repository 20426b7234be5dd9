//! Columns from files, to be kept beside the vectors.

use std::path::{Path, PathBuf};

use wgvq::columns::{Column, ColumnSchema};
use wgvq::{Context, Error, Result, io};

use super::ids::{column_of, is_column};

/// What is kept of vectors that come, and the memory that is left beside it.
pub struct Kept {
    pub columns: Vec<Column>,
    pub memory: u64,
}

impl Kept {
    /// Those that are `given`, as columns of the files of the vectors, or of other files.
    pub fn read(given: &[String], data: &[PathBuf], memory: u64) -> Result<Self> {
        let mut kept = Self { columns: Vec::new(), memory };
        for given in given {
            let (name, from) = named(given);
            let column = of(from, data).context(|| format!("--keep {given}"))?;
            kept.take(match name {
                Some(name) => column.renamed(name),
                None => column,
            })?;
        }
        Ok(kept)
    }

    /// Those that are given, and of the files of the vectors what else an index keeps.
    pub fn read_all(
        given: &[String],
        wanted: &[ColumnSchema],
        data: &[PathBuf],
        memory: u64,
    ) -> Result<Self> {
        let mut kept = Self::read(given, data, memory)?;
        for ColumnSchema { name, .. } in wanted {
            if kept.columns.iter().any(|column| column.name() == name) {
                continue;
            }
            let advice =
                || format!("the index keeps a column {name}; say where it is, as in --keep {name}=FILE");
            kept.take(column_of(name, data, io::read_column).and_then(joined).context(advice)?)?;
        }
        Ok(kept)
    }

    fn take(&mut self, column: Column) -> Result<()> {
        let (name, bytes) = (column.name(), column.bytes());
        self.memory = self.memory.checked_sub(bytes).ok_or_else(|| {
            let left = self.memory;
            Error::input(format!(
                "the column {name} takes {bytes} bytes, and --memory leaves {left}; give more, or take fewer vectors at a time"
            ))
        })?;
        self.columns.push(column);
        Ok(())
    }
}

/// The name that is given to a column, and where it is: `name=from`, or `from` alone.
fn named(given: &str) -> (Option<&str>, &str) {
    match given.split_once('=') {
        Some((name, from)) if !name.is_empty() && !Path::new(given).exists() => (Some(name), from),
        _ => (None, given),
    }
}

fn of(from: &str, data: &[PathBuf]) -> Result<Column> {
    if is_column(from) { joined(column_of(from, data, io::read_column)?) } else { io::read_column(from) }
}

/// The columns of several files as one.
fn joined(columns: Vec<Column>) -> Result<Column> {
    let mut columns = columns.into_iter();
    let first = columns.next().ok_or_else(|| Error::input("there are no files"))?;
    columns.try_fold(first, |mut all, column| {
        all.append(&column)?;
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_name_stands_before_the_place() {
        assert_eq!(named("year"), (None, "year"));
        assert_eq!(named("meta.parquet:year"), (None, "meta.parquet:year"));
        assert_eq!(named("label=names.txt"), (Some("label"), "names.txt"));
        assert_eq!(named("a=b=c.parquet:x"), (Some("a"), "b=c.parquet:x"));
        assert_eq!(named("=x.txt"), (None, "=x.txt"));
    }
}
