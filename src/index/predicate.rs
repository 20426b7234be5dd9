//! Predicates on the columns that an index keeps: what is asked, and what that is of each column.
//!
//! ```text
//! predicate  := both ("or" both)*
//! both       := part ("and" part)*
//! part       := "not" part | "(" predicate ")" | test
//! test       := column ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") literal
//!             | column ["not"] "in" "(" literal ("," literal)* ")"
//!             | column "is" ["not"] "null"
//! column     := letters, digits, _ and ., of which the first is no digit | "any name between double quotes"
//! literal    := 12 | -1.5e3 | 'text' | true | false
//! ```

mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::columns::{ColumnSchema, ColumnType, listed};
use crate::error::{Error, Result, did_you_mean};

/// What is asked of the columns that an index [keeps](super::Build::keep), as in SQL: comparisons of a column with a number, a `'text'`
/// or `true` and `false`, `in` and `is null`, put together by `and`, `or`, `not` and brackets.
///
/// A comparison with null is neither true nor false, and so is its negation: only `is null` finds those. Texts are ordered by their bytes.
/// A quote inside quotes is written twice; a name with other characters than letters, digits, `_` and `.` stands between double quotes.
///
/// ```
/// use wgvq::index::Predicate;
/// let predicate: Predicate = "year >= 2020 and (lang in ('de', 'en') or not \"is new\" = true)".parse()?;
/// let why = "year >= ".parse::<Predicate>().unwrap_err().to_string();
/// assert!(why.starts_with("at character 9: a number, a 'text' between single quotes, true or false is expected"));
/// # drop(predicate);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predicate {
    text: String,
    tree: Tree,
}

impl FromStr for Predicate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self { text: text.into(), tree: parse::parse(text)? })
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A predicate: tests of the kind `T`, put together.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<T = Test, C = String> {
    And(Vec<Tree<T, C>>),
    Or(Vec<Tree<T, C>>),
    Not(Box<Tree<T, C>>),
    Test { column: C, test: T },
}

/// What is to hold of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Is(Comparison, Literal),
    In(Vec<Literal>),
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Int(i64),
    Float(f64),
    String(String),
    Bool(bool),
}

impl Comparison {
    /// Whether it holds of what compares so.
    pub fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::String(value) => write!(f, "'{value}'"),
        }
    }
}

/// What is to hold of the values of a column of a known type.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    Null,
    Int(RangeInclusive<i64>),
    /// In ascending order.
    IntIn(Vec<i64>),
    Float(RangeInclusive<f64>),
    /// In ascending order.
    FloatIn(Vec<f64>),
    /// Whether false and whether true will do.
    Bool([bool; 2]),
    String(Comparison, String),
    /// In ascending order.
    StringIn(Vec<String>),
}

impl Predicate {
    /// What it asks of these columns, by their numbers.
    ///
    /// # Errors
    /// A column that there is not; a literal of another type than the column's.
    pub(super) fn of(&self, columns: &[ColumnSchema]) -> Result<Tree<Check, usize>> {
        bind(&self.tree, columns).map_err(|error| error.context(format_args!("{:?}", self.text)))
    }
}

fn bind(tree: &Tree, columns: &[ColumnSchema]) -> Result<Tree<Check, usize>> {
    let all = |parts: &[Tree]| parts.iter().map(|part| bind(part, columns)).collect::<Result<Vec<_>>>();
    Ok(match tree {
        Tree::And(parts) => Tree::And(all(parts)?),
        Tree::Or(parts) => Tree::Or(all(parts)?),
        Tree::Not(part) => Tree::Not(Box::new(bind(part, columns)?)),
        Tree::Test { column, test } => {
            let number = find(column, columns)?;
            Tree::Test { column: number, test: check(&columns[number], test)? }
        }
    })
}

/// The number of the column of that name.
///
/// # Errors
/// None, naming those that there are.
pub(super) fn find(name: &str, columns: &[ColumnSchema]) -> Result<usize> {
    columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let meant = did_you_mean(name, columns.iter().map(|column| column.name.clone()));
        Error::input(format!("the index keeps no column {name}{meant} (there is: {})", listed(columns)))
    })
}

fn check(column: &ColumnSchema, test: &Test) -> Result<Check> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    let unlike = |literal: &Literal| {
        let of = match column.kind {
            ColumnType::Int => "whole numbers",
            ColumnType::Float => "numbers",
            ColumnType::Bool => "true and false",
            ColumnType::String => "texts",
        };
        Error::input(format!(
            "the column {} is {}: {literal} cannot be compared with {of}",
            column.name, column.kind
        ))
    };
    let int = |literal: &Literal| match literal {
        Literal::Int(value) => Ok(*value),
        other => Err(unlike(other)),
    };
    let float = |literal: &Literal| match literal {
        Literal::Int(value) => Ok(*value as f64),
        Literal::Float(value) => Ok(*value),
        other => Err(unlike(other)),
    };
    let bool = |literal: &Literal| match literal {
        Literal::Bool(value) => Ok(*value),
        other => Err(unlike(other)),
    };
    let string = |literal: &Literal| match literal {
        Literal::String(value) => Ok(value.clone()),
        other => Err(unlike(other)),
    };
    // An interval that holds nothing.
    #[expect(clippy::reversed_empty_ranges, reason = "less than the least is nothing")]
    let nothing = 1..=0;
    Ok(match (test, column.kind) {
        (Test::Null, _) => Check::Null,
        (Test::Is(comparison, literal), ColumnType::Int) => {
            let value = int(literal)?;
            Check::Int(match comparison {
                Equal => value..=value,
                Less => value.checked_sub(1).map_or(nothing, |below| i64::MIN..=below),
                AtMost => i64::MIN..=value,
                Greater => value.checked_add(1).map_or(nothing, |above| above..=i64::MAX),
                AtLeast => value..=i64::MAX,
            })
        }
        // Literals are finite, so there is a next number on either side.
        (Test::Is(comparison, literal), ColumnType::Float) => {
            let value = float(literal)?;
            Check::Float(match comparison {
                Equal => value..=value,
                Less => f64::NEG_INFINITY..=value.next_down(),
                AtMost => f64::NEG_INFINITY..=value,
                Greater => value.next_up()..=f64::INFINITY,
                AtLeast => value..=f64::INFINITY,
            })
        }
        (Test::Is(Equal, literal), ColumnType::Bool) => {
            let value = bool(literal)?;
            Check::Bool([!value, value])
        }
        (Test::Is(..), ColumnType::Bool) => {
            return Err(Error::input(format!(
                "the column {} is bool, which has no order; compare it by = or !=",
                column.name
            )));
        }
        (Test::Is(comparison, literal), ColumnType::String) => Check::String(*comparison, string(literal)?),
        (Test::In(literals), ColumnType::Int) => {
            let mut values = literals.iter().map(int).collect::<Result<Vec<_>>>()?;
            values.sort_unstable();
            Check::IntIn(values)
        }
        (Test::In(literals), ColumnType::Float) => {
            // Both zeros are one.
            let mut values =
                literals.iter().map(|value| Ok(float(value)? + 0.0)).collect::<Result<Vec<_>>>()?;
            values.sort_unstable_by(f64::total_cmp);
            Check::FloatIn(values)
        }
        (Test::In(literals), ColumnType::Bool) => {
            let values = literals.iter().map(bool).collect::<Result<Vec<_>>>()?;
            Check::Bool([values.contains(&false), values.contains(&true)])
        }
        (Test::In(literals), ColumnType::String) => {
            let mut values = literals.iter().map(string).collect::<Result<Vec<_>>>()?;
            values.sort_unstable();
            Check::StringIn(values)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;

    fn columns() -> Vec<ColumnSchema> {
        let all = [
            ("year", ColumnType::Int),
            ("price", ColumnType::Float),
            ("new", ColumnType::Bool),
            ("lang", ColumnType::String),
        ];
        all.map(|(name, kind)| ColumnSchema { name: name.into(), kind }).into()
    }

    #[test]
    fn comparisons_are_ranges_of_the_type() {
        let check = |text: &str| match text.parse::<Predicate>().unwrap().of(&columns()).unwrap() {
            Tree::Test { test, .. } => test,
            other => panic!("{other:?}"),
        };
        assert_eq!(check("year < 3"), Check::Int(i64::MIN..=2));
        assert_eq!(check("year >= 3"), Check::Int(3..=i64::MAX));
        let Check::Int(none) = check("year < -9223372036854775808") else { panic!() };
        assert!(none.is_empty());
        let Check::Int(none) = check("year > 9223372036854775807") else { panic!() };
        assert!(none.is_empty());
        let Check::Float(range) = check("price < 0") else { panic!() };
        assert!(range.contains(&-5e-324) && !range.contains(&0.0) && !range.contains(&-0.0));
        let Check::Float(range) = check("price > 1.5") else { panic!() };
        assert!(
            range.contains(&f64::INFINITY)
                && range.contains(&1.500_000_000_000_000_2)
                && !range.contains(&1.5)
        );
        assert_eq!(check("price in (2, -0.0)"), Check::FloatIn(vec![0.0, 2.0]));
        assert_eq!(check("new = false"), Check::Bool([true, false]));
        assert_eq!(check("new in (true, false)"), Check::Bool([true, true]));
        assert_eq!(check("lang in ('b', 'a')"), Check::StringIn(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_does_not_go_with_a_column_is_named() {
        let why = |text: &str| refused(text.parse::<Predicate>().unwrap().of(&columns()));
        let there = "(there is: year int, price float, new bool, lang string)";
        let missing = why("yaer = 3");
        assert!(missing.starts_with("\"yaer = 3\": the index keeps no column yaer"), "{missing}");
        assert!(missing.contains("year") && missing.ends_with(there), "{missing}");
        assert!(
            why("year = 2019.5")
                .ends_with("the column year is int: 2019.5 cannot be compared with whole numbers")
        );
        assert!(
            why("year = 1 or price in (1, 'x')")
                .ends_with("price is float: 'x' cannot be compared with numbers")
        );
        assert!(why("not lang = 3").ends_with("lang is string: 3 cannot be compared with texts"));
        assert!(why("lang in (true)").ends_with("true cannot be compared with texts"));
        assert!(why("new = 1").ends_with("1 cannot be compared with true and false"));
        assert!(
            why("new < true").ends_with("the column new is bool, which has no order; compare it by = or !=")
        );
    }
}
