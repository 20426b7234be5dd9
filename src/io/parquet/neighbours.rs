//! Neighbours as a table that other programs join with their own: a row for each query and rank.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;

use super::failed;
use crate::columns::{Column, ColumnSchema, ColumnType, Value};
use crate::error::{Error, Result};
use crate::io::Output;
use crate::io::sink::Sink;

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
    /// Begins a file that has these columns besides.
    pub fn create(target: &Path, columns: &[ColumnSchema], overwrite: bool) -> Result<Self> {
        let shown = target.display().to_string();
        let own = parse_message_type(SCHEMA).map_err(|error| failed(&shown, &error))?;
        if let Some(column) =
            columns.iter().find(|column| own.get_fields().iter().any(|own| own.name() == column.name))
        {
            return Err(Error::input(format!(
                "{shown}: has a column {} of its own; keep the other one under another name",
                column.name
            )));
        }
        let output = Output::create(target, overwrite)?;
        let writer = with_columns(&own, columns).and_then(|schema| {
            let properties = WriterProperties::builder().build();
            SerializedFileWriter::new(Sink(output), Arc::new(schema), Arc::new(properties))
        });
        Ok(Self { writer: writer.map_err(|error| failed(&shown, &error))?, target: shown, queries: 0 })
    }

    /// Appends the neighbours of the next queries, the nearest first, of which each one's end at a place of `ends`.
    pub fn append(
        &mut self,
        ids: &[u64],
        distances: &[f32],
        ends: &[usize],
        columns: &[Column],
    ) -> Result<()> {
        let starts = [0].into_iter().chain(ends.iter().copied());
        let rows = (self.queries..).zip(starts.zip(ends)).flat_map(|(query, (start, &end))| {
            (start..end).map(move |at| (query as i64, (at - start + 1) as i32))
        });
        let (queries, ranks): (Vec<i64>, Vec<i32>) = rows.unzip();
        let groups = queries.chunks(GROUP_ROWS).zip(ranks.chunks(GROUP_ROWS));
        let groups = groups.zip(ids.chunks(GROUP_ROWS).zip(distances.chunks(GROUP_ROWS)));
        for (number, ((queries, ranks), (ids, distances))) in groups.enumerate() {
            let first = number * GROUP_ROWS;
            self.write_group((queries, ranks), (ids, distances), (first, columns))
                .map_err(|error| failed(&self.target, &error))?;
        }
        self.queries += ends.len();
        Ok(())
    }

    fn write_group(
        &mut self,
        (queries, ranks): (&[i64], &[i32]),
        (ids, distances): (&[u64], &[f32]),
        (first, columns): (usize, &[Column]),
    ) -> Result<(), ParquetError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.cast_signed()).collect();
        let mut group = self.writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, queries)?;
        write_column::<Int32Type>(&mut group, ranks)?;
        write_column::<Int64Type>(&mut group, &ids)?;
        write_column::<FloatType>(&mut group, distances)?;
        for column in columns {
            write_kept(&mut group, column, first..first + queries.len())?;
        }
        group.close().map(drop)
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<()> {
        let sink = self.writer.into_inner().map_err(|error| failed(&self.target, &error))?;
        sink.0.finish()
    }
}

/// A schema with columns besides, of values or nulls.
fn with_columns(own: &Type, columns: &[ColumnSchema]) -> Result<Type, ParquetError> {
    let mut fields = own.get_fields().to_vec();
    for ColumnSchema { name, kind } in columns {
        let (physical, logical) = match kind {
            ColumnType::Int => (PhysicalType::INT64, None),
            ColumnType::Float => (PhysicalType::DOUBLE, None),
            ColumnType::Bool => (PhysicalType::BOOLEAN, None),
            ColumnType::String => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        fields.push(Arc::new(field.with_logical_type(logical).build()?));
    }
    Type::group_type_builder(own.name()).with_fields(fields).build()
}

/// Writes the rows of a column as the next one of a row group.
fn write_kept(
    group: &mut SerializedRowGroupWriter<'_, Sink>,
    column: &Column,
    rows: Range<usize>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = rows.clone().map(|row| column.get(row).is_some().into()).collect();
    let values = rows.filter_map(|row| column.get(row));
    match column.kind() {
        ColumnType::Int => write_values::<Int64Type>(group, &levels, values, |value| match value {
            Value::Int(value) => Some(value),
            _ => None,
        }),
        ColumnType::Float => write_values::<DoubleType>(group, &levels, values, |value| match value {
            Value::Float(value) => Some(value),
            _ => None,
        }),
        ColumnType::Bool => write_values::<BoolType>(group, &levels, values, |value| match value {
            Value::Bool(value) => Some(value),
            _ => None,
        }),
        ColumnType::String => write_values::<ByteArrayType>(group, &levels, values, |value| match value {
            Value::String(value) => Some(value.into()),
            _ => None,
        }),
    }
}

fn write_values<'a, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Sink>,
    levels: &[i16],
    values: impl Iterator<Item = Value<'a>>,
    stored: impl Fn(Value<'a>) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = values.filter_map(stored).collect();
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("the schema has no such column".into()))?;
    column.typed::<T>().write_batch(&values, Some(levels), None)?;
    column.close()
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
