//! Columns of values beside vectors: what a user's table says of each of them.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers from −2⁶³ to 2⁶³ − 1.
    Int,
    /// Numbers of 64 bits.
    Float,
    /// True or false.
    Bool,
    /// Text in UTF-8.
    String,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::String => "string",
        })
    }
}

/// A column's name and what its values are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// The name, which no other column beside it has.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

impl fmt::Display for ColumnSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)
    }
}

/// Some columns in words.
pub(crate) fn listed(columns: &[ColumnSchema]) -> String {
    match columns {
        [] => "none".into(),
        _ => columns.iter().map(ColumnSchema::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Of [`ColumnType::Int`].
    Int(i64),
    /// Of [`ColumnType::Float`].
    Float(f64),
    /// Of [`ColumnType::Bool`].
    Bool(bool),
    /// Of [`ColumnType::String`].
    String(&'a str),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::String(value) => f.write_str(value),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Int(value) => to.serialize_i64(value),
            Self::Float(value) => to.serialize_f64(value),
            Self::Bool(value) => to.serialize_bool(value),
            Self::String(value) => to.serialize_str(value),
        }
    }
}

impl Value<'_> {
    fn kind(&self) -> ColumnType {
        match self {
            Self::Int(_) => ColumnType::Int,
            Self::Float(_) => ColumnType::Float,
            Self::Bool(_) => ColumnType::Bool,
            Self::String(_) => ColumnType::String,
        }
    }
}

/// A value for each vector, or null where there is none.
///
/// ```
/// use wgvq::columns::{Column, ColumnType, Value};
/// let mut years = Column::new("year", ColumnType::Int);
/// years.push(Some(Value::Int(2024)))?;
/// years.push(None)?;
/// assert_eq!((years.get(0), years.get(1), years.len()), (Some(Value::Int(2024)), None, 2));
/// assert!(years.push(Some(Value::Float(0.5))).is_err());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    name: String,
    values: Values,
    /// Which rows are not null.
    there: Vec<bool>,
}

/// A value for each row; nulls have one that means nothing.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    /// The text of all rows, and where that of each ends.
    String {
        text: String,
        ends: Vec<usize>,
    },
}

impl Column {
    /// A column without rows.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        let values = match kind {
            ColumnType::Int => Values::Int(Vec::new()),
            ColumnType::Float => Values::Float(Vec::new()),
            ColumnType::Bool => Values::Bool(Vec::new()),
            ColumnType::String => Values::String { text: String::new(), ends: Vec::new() },
        };
        Self { name: name.into(), values, there: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same values under another name.
    pub fn renamed(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// What its values are.
    pub fn kind(&self) -> ColumnType {
        match self.values {
            Values::Int(_) => ColumnType::Int,
            Values::Float(_) => ColumnType::Float,
            Values::Bool(_) => ColumnType::Bool,
            Values::String { .. } => ColumnType::String,
        }
    }

    /// Its name and what its values are.
    pub fn schema(&self) -> ColumnSchema {
        ColumnSchema { name: self.name.clone(), kind: self.kind() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.there.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// Bytes of memory that it takes, about.
    pub fn bytes(&self) -> u64 {
        let values = match &self.values {
            Values::Int(_) | Values::Float(_) => 8 * self.len(),
            Values::Bool(_) => self.len(),
            Values::String { text, ends } => text.len() + 8 * ends.len(),
        };
        (values + self.len()) as u64
    }

    /// The value of a row, or null.
    ///
    /// # Panics
    /// A row that is not there.
    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        self.there[row].then(|| match &self.values {
            Values::Int(values) => Value::Int(values[row]),
            Values::Float(values) => Value::Float(values[row]),
            Values::Bool(values) => Value::Bool(values[row]),
            Values::String { text, ends } => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                Value::String(&text[start..ends[row]])
            }
        })
    }

    /// Appends a row; NaN counts as null.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the value is of another type.
    pub fn push(&mut self, value: Option<Value<'_>>) -> Result<()> {
        let value = value.filter(|value| !matches!(value, Value::Float(number) if number.is_nan()));
        if let Some(other) = value.filter(|value| value.kind() != self.kind()) {
            return Err(Error::input(format!(
                "the column {} is {}, and the value of row {} is {}",
                self.name,
                self.kind(),
                self.len(),
                other.kind()
            )));
        }
        self.there.push(value.is_some());
        match (&mut self.values, value) {
            (Values::Int(values), Some(Value::Int(value))) => values.push(value),
            (Values::Int(values), _) => values.push(0),
            (Values::Float(values), Some(Value::Float(value))) => values.push(value),
            (Values::Float(values), _) => values.push(0.0),
            (Values::Bool(values), value) => values.push(value == Some(Value::Bool(true))),
            (Values::String { text, ends }, value) => {
                if let Some(Value::String(value)) = value {
                    text.push_str(value);
                }
                ends.push(text.len());
            }
        }
        Ok(())
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// Rows that are not there.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let mut slice = Self::new(self.name.clone(), self.kind());
        rows.for_each(|row| slice.push(self.get(row)).expect("of its own type"));
        slice
    }

    /// Appends the rows of another one.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if its values are of another type.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        if other.kind() != self.kind() {
            let (own, kind) = (self.kind(), other.kind());
            return Err(Error::input(format!("the column {} is {kind}, and {own} before", self.name)));
        }
        (0..other.len()).try_for_each(|row| self.push(other.get(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_come_back() {
        let rows: [(ColumnType, Vec<Option<Value<'_>>>); 4] = [
            (ColumnType::Int, vec![Some(Value::Int(i64::MIN)), None, Some(Value::Int(7))]),
            (ColumnType::Float, vec![None, Some(Value::Float(-0.5)), Some(Value::Float(f64::INFINITY))]),
            (ColumnType::Bool, vec![Some(Value::Bool(true)), Some(Value::Bool(false)), None]),
            (ColumnType::String, vec![Some(Value::String("é")), None, Some(Value::String(""))]),
        ];
        for (kind, values) in rows {
            let mut column = Column::new("a", kind);
            values.iter().for_each(|value| column.push(*value).unwrap());
            let copy = column.clone().renamed("b");
            column.append(&copy).unwrap();
            assert_eq!((column.name(), copy.name(), column.len()), ("a", "b", 6));
            let found: Vec<_> = (0..6).map(|row| column.get(row)).collect();
            assert_eq!(found, [&values[..], &values[..]].concat());
            assert!(column.bytes() >= 6);
            assert_eq!(column.slice(3..6), copy.renamed("a"));
        }
        let mut floats = Column::new("a", ColumnType::Float);
        floats.push(Some(Value::Float(f64::NAN))).unwrap();
        assert_eq!(floats.get(0), None);
        let why = floats.push(Some(Value::Bool(true))).unwrap_err().to_string();
        assert_eq!(why, "the column a is float, and the value of row 1 is bool");
        let why = floats.append(&Column::new("a", ColumnType::Int)).unwrap_err().to_string();
        assert_eq!(why, "the column a is int, and float before");
        assert_eq!(
            listed(&[floats.schema(), Column::new("b", ColumnType::String).schema()]),
            "a float, b string"
        );
    }
}
