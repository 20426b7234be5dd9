//! Neighbours as a table that other programs join with their own: a row for each query and rank.

use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{DataType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::sink::{Sink, failed};
use crate::error::Result;
use crate::io::Output;

/// `query` and `rank` count from 0 and 1; without nulls.
const SCHEMA: &str = "message neighbours {
    required int64 query (INTEGER(64, true));
    required int32 rank (INTEGER(32, true));
    required int64 id (INTEGER(64, false));
    required float distance;
}";

/// Rows that make a row group.
const GROUP_ROWS: usize = 1 << 20;

/// Writes a file of neighbours; it takes its target's place when it is finished.
pub(in crate::io) struct NeighbourTable {
    writer: SerializedFileWriter<Sink>,
    target: String,
    queries: usize,
}

impl NeighbourTable {
    /// Begins a file.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self> {
        let shown = target.display().to_string();
        let output = Output::create(target, overwrite)?;
        let writer = parse_message_type(SCHEMA).and_then(|schema| {
            let properties = WriterProperties::builder().build();
            SerializedFileWriter::new(Sink(output), Arc::new(schema), Arc::new(properties))
        });
        Ok(Self { writer: writer.map_err(|error| failed(&shown, &error))?, target: shown, queries: 0 })
    }

    /// Appends the neighbours of the next queries, the nearest first, of which each one's end at a place of `ends`.
    pub fn append(&mut self, ids: &[u64], distances: &[f32], ends: &[usize]) -> Result<()> {
        let starts = [0].into_iter().chain(ends.iter().copied());
        let rows = (self.queries..).zip(starts.zip(ends)).flat_map(|(query, (start, &end))| {
            (start..end).map(move |at| (query as i64, (at - start + 1) as i32))
        });
        let (queries, ranks): (Vec<i64>, Vec<i32>) = rows.unzip();
        let groups = queries.chunks(GROUP_ROWS).zip(ranks.chunks(GROUP_ROWS));
        let groups = groups.zip(ids.chunks(GROUP_ROWS).zip(distances.chunks(GROUP_ROWS)));
        for ((queries, ranks), (ids, distances)) in groups {
            self.write_group(queries, ranks, ids, distances).map_err(|error| failed(&self.target, &error))?;
        }
        self.queries += ends.len();
        Ok(())
    }

    fn write_group(
        &mut self,
        queries: &[i64],
        ranks: &[i32],
        ids: &[u64],
        distances: &[f32],
    ) -> Result<(), ParquetError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.cast_signed()).collect();
        let mut group = self.writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, queries)?;
        write_column::<Int32Type>(&mut group, ranks)?;
        write_column::<Int64Type>(&mut group, &ids)?;
        write_column::<FloatType>(&mut group, distances)?;
        group.close().map(drop)
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<()> {
        let sink = self.writer.into_inner().map_err(|error| failed(&self.target, &error))?;
        sink.0.finish()
    }
}

/// Writes the next column of a row group.
fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Sink>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("the schema has no such column".into()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}
