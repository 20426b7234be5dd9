//! Which columns a schema has, and which pieces of a batch are those of a column.

use std::convert::Infallible;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Fields};

use super::buffer::Buffer;
use super::element::element;
use super::messages::Batch;
use super::{KIND, damaged};
use crate::error::{Error, Result};
use crate::io::columns::{Element, guarded};
use crate::io::file::DataFile;

/// A column that is no structure.
pub(super) struct Leaf {
    /// Its name behind those of the structures that it lies in, as in `a.b`.
    pub name: String,
    /// Its numbers, or what it holds instead.
    pub element: Result<Element, String>,
    pub data_type: DataType,
    /// The numbers of the fields on the way to it.
    path: Vec<usize>,
}

/// The columns of a schema, those of structures in the place of the structures.
pub(super) fn leaves(fields: &Fields) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        match field.data_type() {
            DataType::Struct(inner) => leaves.extend(self::leaves(inner).into_iter().map(|leaf| Leaf {
                name: format!("{}.{}", field.name(), leaf.name),
                path: [vec![at], leaf.path].concat(),
                ..leaf
            })),
            data_type => leaves.push(Leaf {
                name: field.name().clone(),
                element: element(data_type),
                data_type: data_type.clone(),
                path: vec![at],
            }),
        }
    }
    leaves
}

/// The pieces of a column of lists of numbers in one batch.
pub(super) struct Pieces {
    /// The structures that the column lies in and the column itself, a value for each row.
    pub outer: Vec<Array>,
    pub lists: Lists,
    pub inner: Array,
    pub numbers: Buffer,
}

/// Which numbers are those of which row.
pub(super) enum Lists {
    /// All rows have so many.
    Each(usize),
    /// The numbers that lists begin with, and the end of the last; of 64 bits if they are wide, of 32 otherwise.
    Offsets { numbers: Buffer, wide: bool },
}

/// What every array has.
pub(super) struct Array {
    pub length: u64,
    nulls: u64,
    /// A bit for each value that is there, if any is not.
    there: Buffer,
}

impl Array {
    /// The place of the first null among `count` values from `from` on, counted from there.
    pub fn first_null(&self, file: &Arc<DataFile>, from: u64, count: usize) -> Result<Option<usize>> {
        if self.nulls == 0 { Ok(None) } else { self.there.first_zero_bit(file, from, count) }
    }
}

impl Pieces {
    /// Those of the column `leaf` of a table of `fields`.
    pub fn of(file: &DataFile, fields: &Fields, leaf: &Leaf, batch: &Batch) -> Result<Self> {
        let mut walk = Walk::new(file, batch);
        let outer = walk.enter(fields, leaf)?;
        let lists = match &leaf.data_type {
            DataType::FixedSizeList(_, length) => {
                let length = usize::try_from(*length);
                Lists::Each(length.map_err(|_| damaged(file, "its lists have a negative length"))?)
            }
            data_type => {
                let wide = matches!(data_type, DataType::LargeList(_));
                Lists::Offsets { numbers: walk.buffer()?, wide }
            }
        };
        Ok(Self { outer, lists, inner: walk.array()?, numbers: walk.buffer()? })
    }
}

/// The pieces of a column of byte strings of one length in one batch.
pub(super) struct Strings {
    /// As of [`Pieces`].
    pub outer: Vec<Array>,
    pub values: Buffer,
}

impl Strings {
    /// Those of the column `leaf` of a table of `fields`.
    pub fn of(file: &DataFile, fields: &Fields, leaf: &Leaf, batch: &Batch) -> Result<Self> {
        let mut walk = Walk::new(file, batch);
        Ok(Self { outer: walk.enter(fields, leaf)?, values: walk.buffer()? })
    }
}

/// A walk through the pieces of a batch, in the order in which columns have them.
struct Walk<'a> {
    file: &'a DataFile,
    batch: &'a Batch,
    node: usize,
    buffer: usize,
    views: usize,
}

impl<'a> Walk<'a> {
    fn new(file: &'a DataFile, batch: &'a Batch) -> Self {
        Self { file, batch, node: 0, buffer: 0, views: 0 }
    }

    /// Goes to the column `leaf`: the structures that it lies in and itself, a value for each row.
    fn enter(&mut self, mut fields: &Fields, leaf: &Leaf) -> Result<Vec<Array>> {
        let mut outer = Vec::new();
        for &at in &leaf.path {
            fields[..at].iter().try_for_each(|field| self.pass(field.data_type()))?;
            outer.push(self.array()?);
            if let DataType::Struct(inner) = fields[at].data_type() {
                fields = inner;
            }
        }
        if outer.iter().any(|array| array.length != self.batch.rows as u64) {
            return Err(damaged(self.file, "a column has another number of rows than its batch"));
        }
        Ok(outer)
    }

    fn array(&mut self) -> Result<Array> {
        let node = self.batch.nodes.get(self.node).copied();
        let (length, nulls) = node.ok_or_else(|| self.missing())?;
        self.node += 1;
        Ok(Array { length, nulls, there: self.buffer()? })
    }

    fn buffer(&mut self) -> Result<Buffer> {
        let place = self.batch.buffers.get(self.buffer).cloned().ok_or_else(|| self.missing())?;
        self.buffer += 1;
        Buffer::new(self.file, place, self.batch.packing)
    }

    /// Goes past the pieces of a column.
    fn pass(&mut self, data_type: &DataType) -> Result<()> {
        let layout = guarded(self.file, KIND, || Ok::<_, Infallible>(arrow_data::layout(data_type)))?;
        self.node += 1;
        self.buffer += usize::from(layout.can_contain_null_mask) + layout.buffers.len();
        if layout.variadic {
            let more = self.batch.views.get(self.views).copied().ok_or_else(|| self.missing())?;
            self.buffer = self.buffer.saturating_add(more);
            self.views += 1;
        }
        children(data_type).into_iter().try_for_each(|child| self.pass(child.data_type()))
    }

    fn missing(&self) -> Error {
        damaged(self.file, "a batch lacks pieces of its columns")
    }
}

/// The fields whose arrays lie behind those of a column.
fn children(data_type: &DataType) -> Vec<&FieldRef> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field],
        DataType::Struct(fields) => fields.iter().collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field).collect(),
        DataType::RunEndEncoded(ends, values) => vec![ends, values],
        _ => Vec::new(),
    }
}
