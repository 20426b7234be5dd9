//! The neighbours of queries in files.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::locate::Format;
use super::output::Output;
use super::together::finish_together;
use super::writer::RowWriter;
use crate::columns::{Column, ColumnSchema, listed};
use crate::error::{Error, Result};

/// The extension of JSON lines.
const LINES: &str = "jsonl";

/// Writes the neighbours of queries, the nearest first, in the format that the name of the file says.
///
/// | name | what it has |
/// | --- | --- |
/// | `.ivecs`, `.npy` | ids, (queries, k): i32; in `.npy` u64 where one is larger |
/// | `.jsonl` | a line for each query: `{"query":0,"ids":[7,4],"distances":[0.5,0.75]}` |
/// | `.parquet` | a row for each query and rank: `query` (i64, from 0), `rank` (i32, from 1), `id` (u64), `distance` (f32) |
///
/// Beside ids alone a second file, `.fvecs` or `.npy`, may have the distances, (queries, k), f32. Files take their targets' places when
/// all are finished and not before.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("found.jsonl");
/// let mut found = wgvq::io::NeighbourWriter::create(&path, None, (1, 2), 9, false)?;
/// found.append(&[7, 4], &[0.5, 0.75])?;
/// found.finish()?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"query\":0,\"ids\":[7,4],\"distances\":[0.5,0.75]}\n");
/// # Ok(())
/// # }
/// ```
pub struct NeighbourWriter {
    file: File,
    /// Neighbours of each query, unless their number varies.
    k: Option<usize>,
    columns: Vec<ColumnSchema>,
    queries: usize,
    written: usize,
}

enum File {
    Rows {
        ids: Ids,
        distances: Option<RowWriter<f32>>,
    },
    /// Of `.ivecs` and `.fvecs` every row has its own length.
    Records {
        ids: Output,
        distances: Option<Output>,
    },
    Lines(Output),
    #[cfg(feature = "parquet")]
    Table(super::parquet::NeighbourTable),
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    query: usize,
    ids: &'a [u64],
    distances: &'a [f32],
    #[serde(skip_serializing_if = "Map::is_empty")]
    columns: Map<String, Value>,
}

enum Ids {
    Narrow(RowWriter<i32>),
    Wide(RowWriter<u64>),
}

impl NeighbourWriter {
    /// Begins the file `target` of (queries, k) neighbours whose ids are at most `largest`, and another for the distances if `target` has
    /// ids alone.
    ///
    /// # Errors
    /// No neighbours; a name that ends in none of these; a file of distances beside one that has them; ids that `.ivecs` cannot hold; otherwise as
    /// [`Output::create`].
    pub fn create(
        target: impl AsRef<Path>,
        distances: Option<&Path>,
        (queries, k): (usize, usize),
        largest: u64,
        force: bool,
    ) -> Result<Self> {
        let target = target.as_ref();
        let shown = target.display();
        let format = Format::of(target);
        let lines = is_lines(target);
        let narrow = i32::try_from(largest).is_ok();
        if k == 0 {
            return Err(Error::shape(format!("{shown}: 0 neighbours of each query cannot be written")));
        }
        if let (Some(path), false) = (distances, matches!(format, Some(Format::Ivecs | Format::Npy))) {
            return Err(Error::input(format!(
                "{}: {shown} is no .ivecs or .npy, and only those are without distances; leave the second file out",
                path.display()
            )));
        }
        if format == Some(Format::Ivecs) {
            check_narrow(target, largest)?;
        }
        let file = match format {
            _ if lines => File::Lines(Output::create(target, force)?),
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => File::Table(super::parquet::NeighbourTable::create(target, &[], force)?),
            Some(Format::Ivecs | Format::Npy) => {
                let ids = match narrow {
                    true => Ids::Narrow(RowWriter::create(target, queries, k, force)?),
                    false => Ids::Wide(RowWriter::create(target, queries, k, force)?),
                };
                let distances =
                    distances.map(|path| RowWriter::create(path, queries, k, force)).transpose()?;
                File::Rows { ids, distances }
            }
            _ => {
                return Err(Error::input(format!(
                    "{shown}: neighbours are written as .ivecs or .npy (ids), .{LINES} or .parquet (ids and distances)"
                )));
            }
        };
        Ok(Self { file, k: Some(k), columns: Vec::new(), queries, written: 0 })
    }

    /// Begins the file `target` of the neighbours of some queries, of which each has another number: `.jsonl`, `.parquet` or `.ivecs`.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("found.jsonl");
    /// let mut found = wgvq::io::NeighbourWriter::create_varying(&path, None, 2, 9, false)?;
    /// found.append_varying(&[7, 4, 9], &[0.5, 0.75, 0.25], &[2, 3])?;
    /// found.finish()?;
    /// assert!(std::fs::read_to_string(&path).unwrap().ends_with("{\"query\":1,\"ids\":[9],\"distances\":[0.25]}\n"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A name of a format whose rows are of one length; otherwise as [`create`](Self::create).
    pub fn create_varying(
        target: impl AsRef<Path>,
        distances: Option<&Path>,
        queries: usize,
        largest: u64,
        force: bool,
    ) -> Result<Self> {
        let target = target.as_ref();
        let even = [Some(target), distances]
            .into_iter()
            .flatten()
            .find(|path| Format::of(path) == Some(Format::Npy));
        if let Some(path) = even {
            return Err(Error::input(format!(
                "{}: rows of .npy are of one length, and queries have different numbers of neighbours; write .{LINES}, .parquet \
                 or .ivecs, with .fvecs for the distances",
                path.display()
            )));
        }
        if Format::of(target) != Some(Format::Ivecs) {
            // These have the length of each row.
            let even = Self::create(target, distances, (queries, 1), largest, force)?;
            return Ok(Self { k: None, ..even });
        }
        check_narrow(target, largest)?;
        if let Some(path) = distances.filter(|path| Format::of(path) != Some(Format::Fvecs)) {
            let shown = path.display();
            return Err(Error::input(format!("{shown}: distances beside .ivecs are written as .fvecs")));
        }
        let ids = Output::create(target, force)?;
        let distances = distances.map(|path| Output::create(path, force)).transpose()?;
        let file = File::Records { ids, distances };
        Ok(Self { file, k: None, columns: Vec::new(), queries, written: 0 })
    }

    /// Begins the file `target`, `.jsonl` or `.parquet`, of the neighbours of some queries, of which each has its own number, with columns
    /// of what else is known of each neighbour: in lines under `columns`, as in `"columns":{"year":[2024,null]}`.
    ///
    /// # Errors
    /// A name that ends in none of these; a column of a table that is called as one of its own; otherwise as [`Output::create`].
    pub fn create_with_columns(
        target: impl AsRef<Path>,
        queries: usize,
        columns: &[ColumnSchema],
        force: bool,
    ) -> Result<Self> {
        let target = target.as_ref();
        let file = match Format::of(target) {
            _ if is_lines(target) => File::Lines(Output::create(target, force)?),
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => {
                File::Table(super::parquet::NeighbourTable::create(target, columns, force)?)
            }
            _ => {
                return Err(Error::input(format!(
                    "{}: columns beside neighbours are written to .{LINES} and .parquet",
                    target.display()
                )));
            }
        };
        Ok(Self { file, k: None, columns: columns.to_vec(), queries, written: 0 })
    }

    /// Appends the neighbours of the next queries, row-major: k ids and k distances for each.
    ///
    /// # Errors
    /// A part of a row; a distance over what f32 holds where it is written, naming the query; a full disk.
    pub fn append(&mut self, ids: &[u64], distances: &[f64]) -> Result<()> {
        let k = self.k.unwrap_or(1);
        if ids.len() != distances.len() || !ids.len().is_multiple_of(k) {
            let (ids, distances) = (ids.len(), distances.len());
            return Err(Error::shape(format!(
                "{ids} ids and {distances} distances in rows of {k} neighbours"
            )));
        }
        let ends: Vec<usize> = (1..=ids.len() / k).map(|query| query * k).collect();
        self.append_varying(ids, distances, &ends)
    }

    /// Appends the neighbours of the next queries, of which each one's end at a place of `ends`.
    ///
    /// # Errors
    /// Ends that do not ascend to the number of ids; rows of another length where all have one; otherwise as
    /// [`append`](Self::append).
    pub fn append_varying(&mut self, ids: &[u64], distances: &[f64], ends: &[usize]) -> Result<()> {
        self.append_with_columns(ids, distances, ends, &[])
    }

    /// Appends the neighbours of the next queries, as [`append_varying`](Self::append_varying), and a row of each of the columns for each
    /// neighbour.
    ///
    /// # Errors
    /// Other columns than were announced, or another number of rows; otherwise as [`append_varying`](Self::append_varying).
    pub fn append_with_columns(
        &mut self,
        ids: &[u64],
        distances: &[f64],
        ends: &[usize],
        columns: &[Column],
    ) -> Result<()> {
        let fits = |(column, announced): (&Column, &ColumnSchema)| {
            column.schema() == *announced && column.len() == ids.len()
        };
        if columns.len() != self.columns.len() || !columns.iter().zip(&self.columns).all(fits) {
            return Err(Error::shape(format!(
                "columns beside {} neighbours are not those announced: {}",
                ids.len(),
                listed(&self.columns)
            )));
        }
        let first = self.written;
        let starts = [0].into_iter().chain(ends.iter().copied());
        let rows = || starts.clone().zip(ends).map(|(start, &end)| start..end);
        let fits = |row: Range<usize>| row.start <= row.end && self.k.is_none_or(|k| row.len() == k);
        let last = ends.last().copied().unwrap_or(0);
        if last != ids.len() || distances.len() != ids.len() || !rows().all(fits) {
            return Err(Error::shape(format!(
                "{} ids and {} distances in rows that end at {last}",
                ids.len(),
                distances.len()
            )));
        }
        let query = |at: usize| first + ends.partition_point(|&end| end <= at);
        match &mut self.file {
            File::Rows { ids: file, distances: beside } => {
                if let Some(beside) = beside {
                    beside.append(&to_f32(distances, query)?)?;
                }
                match file {
                    Ids::Narrow(file) => file.append(&to_i32(ids)?)?,
                    Ids::Wide(file) => file.append(ids)?,
                }
            }
            File::Records { ids: file, distances: beside } => {
                let mut bytes = Vec::new();
                if let Some(beside) = beside {
                    let distances = to_f32(distances, query)?;
                    rows().for_each(|row| record(&distances[row], &mut bytes, |x| x.to_le_bytes()));
                    beside.append(&bytes)?;
                    bytes.clear();
                }
                let ids = to_i32(ids)?;
                rows().for_each(|row| record(&ids[row], &mut bytes, |id| id.to_le_bytes()));
                file.append(&bytes)?;
            }
            File::Lines(file) => {
                let distances = to_f32(distances, query)?;
                let mut text = Vec::new();
                for (query, row) in (first..).zip(rows()) {
                    let values =
                        |column: &Column| row.clone().map(|at| json!(column.get(at))).collect::<Value>();
                    let columns =
                        columns.iter().map(|column| (column.name().to_string(), values(column))).collect();
                    let (ids, distances) = (&ids[row.clone()], &distances[row.clone()]);
                    let line = Line { query, ids, distances, columns };
                    serde_json::to_writer(&mut text, &line)
                        .map_err(|error| Error::shape(error.to_string()))?;
                    text.push(b'\n');
                }
                file.append(&text)?;
            }
            #[cfg(feature = "parquet")]
            File::Table(file) => file.append(ids, &to_f32(distances, query)?, ends, columns)?,
        }
        self.written += ends.len();
        Ok(())
    }

    /// Puts the files in their places.
    ///
    /// # Errors
    /// Fewer queries than were announced; otherwise as [`Output::finish`].
    pub fn finish(self) -> Result<()> {
        if self.written != self.queries {
            return Err(Error::shape(format!(
                "finished after the neighbours of {} of {} queries",
                self.written, self.queries
            )));
        }
        match self.file {
            File::Rows { ids, distances } => {
                let ids = match ids {
                    Ids::Narrow(file) => file.complete()?,
                    Ids::Wide(file) => file.complete()?,
                };
                let distances = distances.map(RowWriter::complete).transpose()?;
                finish_together([ids].into_iter().chain(distances))
            }
            File::Records { ids, distances } => finish_together([ids].into_iter().chain(distances)),
            File::Lines(file) => file.finish(),
            #[cfg(feature = "parquet")]
            File::Table(file) => file.finish(),
        }
    }
}

/// Whether a file is one of JSON lines.
fn is_lines(target: &Path) -> bool {
    target.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(LINES))
}

/// # Errors
/// An id that `.ivecs` cannot hold.
fn check_narrow(target: &Path, largest: u64) -> Result<()> {
    if i32::try_from(largest).is_ok() {
        return Ok(());
    }
    Err(Error::input(format!(
        "{}: an id is {largest}, and .ivecs holds those up to {}; write .npy, .jsonl or .parquet",
        target.display(),
        i32::MAX
    )))
}

/// A row of a `.ivecs` or `.fvecs` file.
fn record<T: bytemuck::Pod>(numbers: &[T], out: &mut Vec<u8>, bytes: impl Fn(&T) -> [u8; 4]) {
    out.extend((numbers.len() as u32).to_le_bytes());
    out.extend(numbers.iter().flat_map(bytes));
}

/// Distances as files have them; `query` tells whose one is.
fn to_f32(distances: &[f64], query: impl Fn(usize) -> usize) -> Result<Vec<f32>> {
    let f32 = |(at, &distance): (usize, &f64)| match distance as f32 {
        rounded if rounded.is_finite() => Ok(rounded),
        _ => Err(Error::input(format!(
            "a distance of query {} is {distance:e}, over what f32 holds; leave the distances out, or scale the vectors down",
            query(at)
        ))),
    };
    distances.iter().enumerate().map(f32).collect()
}

fn to_i32(ids: &[u64]) -> Result<Vec<i32>> {
    let i32 = |&id| {
        i32::try_from(id).map_err(|_| Error::shape(format!("the id {id} is above the largest announced")))
    };
    ids.iter().map(i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::IndexFile;
    use crate::io::testing::{Folder, refused};
    use ndarray::array;

    const DISTANCES: [f64; 4] = [0.1, 0.25, -3.0, 1e30];

    fn write(folder: &Folder, name: &str, beside: Option<&str>, ids: [u64; 4]) -> Result<()> {
        let beside = beside.map(|name| folder.path(name));
        let largest = ids.into_iter().max().unwrap();
        let mut writer =
            NeighbourWriter::create(folder.path(name), beside.as_deref(), (2, 2), largest, false)?;
        writer.append(&ids[..2], &DISTANCES[..2])?;
        writer.append(&ids[2..], &DISTANCES[2..])?;
        writer.finish()
    }

    #[test]
    fn ids_are_narrow_where_they_fit() {
        let folder = Folder::new();
        write(&folder, "a.ivecs", Some("a.fvecs"), [7, 0, 3, 9]).unwrap();
        write(&folder, "a.npy", Some("b.npy"), [7, 0, 3, 9]).unwrap();
        for (ids, distances) in [("a.ivecs", "a.fvecs"), ("a.npy", "b.npy")] {
            let ids = IndexFile::open(folder.path(ids)).unwrap().to_array().unwrap();
            assert_eq!(ids, array![[7, 0], [3, 9]]);
            let distances = crate::io::open(folder.path(distances)).unwrap().to_array().unwrap();
            assert_eq!(distances, array![[0.1, 0.25], [-3.0, 1e30]]);
        }
        let large = [7, 0, 1 << 31, u64::MAX];
        write(&folder, "large.npy", None, large).unwrap();
        let bytes = std::fs::read(folder.path("large.npy")).unwrap();
        assert_eq!(
            bytes[bytes.len() - 32..]
                .chunks(8)
                .map(|id| u64::from_le_bytes(id.try_into().unwrap()))
                .collect::<Vec<_>>(),
            large
        );
        let why = refused(write(&folder, "large.ivecs", None, large));
        assert!(
            why.contains("an id is 18446744073709551615, and .ivecs holds those up to 2147483647"),
            "{why}"
        );
    }

    #[test]
    fn queries_may_have_different_numbers_of_neighbours() {
        let folder = Folder::new();
        let write = |name: &str, beside: Option<&str>| -> Result<()> {
            let beside = beside.map(|name| folder.path(name));
            let mut writer =
                NeighbourWriter::create_varying(folder.path(name), beside.as_deref(), 4, 9, false)?;
            writer.append_varying(&[7, 4, 9], &[0.5, 0.75, -1.0], &[0, 2, 3])?;
            writer.append_varying(&[], &[], &[0])?;
            assert!(refused(writer.append_varying(&[1, 2], &[0.0; 2], &[1])).contains("rows that end at 1"));
            assert!(refused(writer.append_varying(&[1, 2], &[0.0; 2], &[2, 1, 2])).contains("end at 2"));
            writer.finish()
        };
        write("a.jsonl", None).unwrap();
        let text = std::fs::read_to_string(folder.path("a.jsonl")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "{\"query\":0,\"ids\":[],\"distances\":[]}");
        assert_eq!(lines[1], "{\"query\":1,\"ids\":[7,4],\"distances\":[0.5,0.75]}");
        assert_eq!(lines[2], "{\"query\":2,\"ids\":[9],\"distances\":[-1.0]}");
        assert_eq!((lines[3], lines.len()), ("{\"query\":3,\"ids\":[],\"distances\":[]}", 4));

        write("a.ivecs", Some("a.fvecs")).unwrap();
        let words = |name: &str| -> Vec<u32> {
            let bytes = std::fs::read(folder.path(name)).unwrap();
            bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
        };
        assert_eq!(words("a.ivecs"), [0, 2, 7, 4, 1, 9, 0]);
        let [half, more, less] = [0.5_f32, 0.75, -1.0].map(f32::to_bits);
        assert_eq!(words("a.fvecs"), [0, 2, half, more, 1, less, 0]);

        #[cfg(feature = "parquet")]
        {
            write("a.parquet", None).unwrap();
            let column = |name: &str| {
                crate::io::read_ids(format!("{}:{name}", folder.path("a.parquet").display())).unwrap()
            };
            assert_eq!((column("query"), column("rank")), (vec![1, 1, 2], vec![1, 2, 1]));
            assert_eq!(column("id"), [7, 4, 9]);
        }
        for (name, beside) in [("b.npy", None), ("b.ivecs", Some("b.npy"))] {
            assert!(refused(write(name, beside)).contains("b.npy: rows of .npy are of one length"), "{name}");
        }
        assert!(refused(write("b.ivecs", Some("b.ivecs2"))).contains("are written as .fvecs"));
        assert!(refused(write("b.jsonl", Some("b.fvecs"))).contains("leave the second file out"));
        assert!(!folder.names().iter().any(|name| name.starts_with('b')));
    }

    #[test]
    fn columns_stand_beside_neighbours() {
        use crate::columns::ColumnType;
        let folder = Folder::new();
        let mut years = Column::new("year", ColumnType::Int);
        let mut names = Column::new("a name", ColumnType::String);
        let mut prices = Column::new("price", ColumnType::Float);
        let mut news = Column::new("new", ColumnType::Bool);
        for (year, name) in [(Some(2024), "b"), (None, "ä\"\n"), (Some(-1), "")] {
            years.push(year.map(crate::columns::Value::Int)).unwrap();
            names.push(Some(crate::columns::Value::String(name))).unwrap();
            prices.push(year.map(|year| crate::columns::Value::Float(f64::from(year as i32) / 2.0))).unwrap();
            news.push(year.map(|year| crate::columns::Value::Bool(year > 0))).unwrap();
        }
        let all = [years, names, prices, news];
        let schema: Vec<ColumnSchema> = all.iter().map(Column::schema).collect();
        let write = |name: &str| -> Result<()> {
            let mut writer = NeighbourWriter::create_with_columns(folder.path(name), 2, &schema, false)?;
            let some =
                |rows: Range<usize>| all.iter().map(|column| column.slice(rows.clone())).collect::<Vec<_>>();
            assert!(
                refused(writer.append_varying(&[7], &[0.5], &[1])).contains("not those announced: year int")
            );
            let short = writer.append_with_columns(&[7], &[0.5], &[1], &some(0..2));
            assert!(refused(short).contains("columns beside 1 neighbours"));
            writer.append_with_columns(&[7, 4], &[0.5, 0.75], &[2], &some(0..2))?;
            writer.append_with_columns(&[9], &[0.5], &[1], &some(2..3))?;
            writer.finish()
        };
        write("a.jsonl").unwrap();
        let text = std::fs::read_to_string(folder.path("a.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let want = json!({
            "query": 0, "ids": [7, 4], "distances": [0.5, 0.75],
            "columns": { "year": [2024, null], "a name": ["b", "ä\"\n"], "price": [1012.0, null], "new": [true, null] }
        });
        assert_eq!(lines[0], want);
        assert_eq!(lines[1]["columns"]["year"], json!([-1]));
        #[cfg(feature = "parquet")]
        {
            write("a.parquet").unwrap();
            for column in &all {
                let path = format!("{}:{}", folder.path("a.parquet").display(), column.name());
                assert_eq!(crate::io::read_column(path).unwrap(), *column);
            }
            let path = format!("{}:rank", folder.path("a.parquet").display());
            assert_eq!(crate::io::read_ids(path).unwrap(), [1, 2, 1]);
            let own = [ColumnSchema { name: "rank".into(), kind: ColumnType::Int }];
            let own = NeighbourWriter::create_with_columns(folder.path("b.parquet"), 1, &own, false);
            assert!(refused(own).contains("b.parquet: has a column rank of its own"));
        }
        for name in ["b.npy", "b.ivecs"] {
            assert!(
                refused(write(name)).contains("columns beside neighbours are written to .jsonl and .parquet")
            );
        }
        assert!(!folder.names().iter().any(|name| name.starts_with('b')));
    }

    #[test]
    fn a_line_of_json_is_a_query() {
        let folder = Folder::new();
        write(&folder, "a.jsonl", None, [7, 0, u64::MAX, 9]).unwrap();
        let text = std::fs::read_to_string(folder.path("a.jsonl")).unwrap();
        assert_eq!(
            text,
            "{\"query\":0,\"ids\":[7,0],\"distances\":[0.1,0.25]}\n\
             {\"query\":1,\"ids\":[18446744073709551615,9],\"distances\":[-3.0,1e+30]}\n"
        );
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn a_row_of_a_table_is_a_query_and_a_rank() {
        use crate::io::read_ids;
        let folder = Folder::new();
        write(&folder, "a.parquet", None, [7, 0, u64::MAX, 9]).unwrap();
        let column = |name: &str| read_ids(format!("{}:{name}", folder.path("a.parquet").display()));
        assert_eq!(column("query").unwrap(), [0, 0, 1, 1]);
        assert_eq!(column("rank").unwrap(), [1, 2, 1, 2]);
        assert_eq!(column("id").unwrap(), [7, 0, u64::MAX, 9]);
        let why = refused(column("distance"));
        assert!(why.contains("column 'distance' holds no whole numbers (there is: query i64, rank i32, id u64, distance f32)"), "{why}");
        assert!(refused(column("x")).contains("has no column 'x'"));
        assert!(
            refused(read_ids(folder.path("a.parquet")))
                .contains("several columns of whole numbers; name one")
        );
    }

    #[test]
    fn what_cannot_be_written_is_refused_and_leaves_nothing() {
        let folder = Folder::new();
        let create = |name: &str, beside: Option<&str>| {
            let beside = beside.map(|name| folder.path(name));
            NeighbourWriter::create(folder.path(name), beside.as_deref(), (1, 1), 0, false)
        };
        assert!(
            refused(create("a.txt", None)).contains("written as .ivecs or .npy (ids), .jsonl or .parquet")
        );
        assert!(refused(create("a.jsonl", Some("a.fvecs"))).contains("leave the second file out"));
        assert!(refused(create("a.npy", Some("a.ivecs"))).contains("a.ivecs"));
        for name in ["a.npy", "a.jsonl"] {
            let none = NeighbourWriter::create(folder.path(name), None, (1, 0), 0, false);
            assert!(refused(none).contains("0 neighbours of each query"), "{name}");
        }
        for (name, beside) in [("a.jsonl", None), ("a.npy", Some("b.npy"))] {
            let mut writer = create(name, beside).unwrap();
            assert!(refused(writer.append(&[0], &[1e39])).contains("a distance of query 0 is 1e39"));
            assert!(refused(writer.finish()).contains("0 of 1 queries"));
        }
        // Without distances nothing is too large.
        let mut writer = create("a.npy", None).unwrap();
        writer.append(&[0], &[1e39]).unwrap();
        assert!(refused(writer.append(&[0, 0], &[0.0])).contains("2 ids and 1 distances"));
        drop(writer);
        assert_eq!(folder.names(), [""; 0]);
    }
}
