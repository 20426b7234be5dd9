//! Kept columns beside the neighbours that were found.

use std::ops::Range;

use serde_json::{Map, Value, json};
use wgvq::columns::{Column, ColumnSchema};
use wgvq::index::{Found, Index};
use wgvq::{Error, Result};

use crate::words;

/// A row for each neighbour of all queries, query after query.
pub struct Shown(Vec<Column>);

impl Shown {
    /// Fails if the index keeps no columns of these names.
    pub fn check(index: &Index, names: &[String]) -> Result<()> {
        for (at, name) in names.iter().enumerate() {
            index.column(name, &[])?;
            if names[..at].contains(name) {
                return Err(Error::input(format!("--show {name} is given twice")));
            }
        }
        Ok(())
    }

    /// The columns of these names.
    pub fn read(index: &Index, names: &[String], found: &Found) -> Result<Self> {
        let ids: Vec<u64> = (0..found.queries()).flat_map(|query| found.of(query).0).copied().collect();
        names.iter().map(|name| index.column(name, &ids)).collect::<Result<_>>().map(Self)
    }

    /// The names, each behind a tab.
    pub fn header(&self) -> String {
        self.0.iter().map(|column| format!("\t{}", words::one_line(column.name()))).collect()
    }

    /// The values of a neighbour, each behind a tab; nothing for null.
    pub fn line(&self, neighbour: usize) -> String {
        let cell = |column: &Column| column.get(neighbour).map_or(String::new(), |value| value.to_string());
        self.0.iter().map(|column| format!("\t{}", words::one_line(&cell(column)))).collect()
    }

    /// For a document: the values of some neighbours by the columns' names.
    pub fn document(&self, neighbours: Range<usize>) -> Map<String, Value> {
        let values = |column: &Column| neighbours.clone().map(|at| json!(column.get(at))).collect::<Vec<_>>();
        self.0.iter().map(|column| (column.name().to_string(), json!(values(column)))).collect()
    }

    /// What the columns are.
    pub fn schema(&self) -> Vec<ColumnSchema> {
        self.0.iter().map(Column::schema).collect()
    }

    /// The columns of some neighbours.
    pub fn of(&self, neighbours: Range<usize>) -> Vec<Column> {
        self.0.iter().map(|column| column.slice(neighbours.clone())).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
