//! What the numbers of a column are, and how they lie in a file: each in as many bytes as its type has, lowest first.

use arrow_schema::DataType;
use half::f16;

use crate::io::columns::{Element, power_of_ten, whole_number};
use crate::io::dtype::{Convert, Unusable};

/// The numbers of a column of lists, or what it holds instead, as in `list<string>`.
pub(super) fn element(column: &DataType) -> Result<Element, String> {
    let number = list_of(column).and_then(|inner| number(inner).ok());
    number.ok_or_else(|| kind(column))
}

/// Bytes of a number of a column of lists.
pub(super) fn width(column: &DataType) -> usize {
    list_of(column).and_then(DataType::primitive_width).unwrap_or(0)
}

/// What the lists of a column hold, if it has lists.
fn list_of(column: &DataType) -> Option<&DataType> {
    match column {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            Some(inner.data_type())
        }
        _ => None,
    }
}

fn number(data_type: &DataType) -> Result<Element, &'static str> {
    Ok(match data_type {
        DataType::Float16 => Element::F16,
        DataType::Float32 => Element::F32,
        DataType::Float64 => Element::F64,
        DataType::Int8 => Element::Signed(8),
        DataType::Int16 => Element::Signed(16),
        DataType::Int32 => Element::Signed(32),
        DataType::Int64 => Element::Signed(64),
        DataType::UInt8 => Element::Unsigned(8),
        DataType::UInt16 => Element::Unsigned(16),
        DataType::UInt32 => Element::Unsigned(32),
        DataType::UInt64 => Element::Unsigned(64),
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Element::decimal((*scale).into())?,
        DataType::Boolean => return Err("bool"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => return Err("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return Err("bytes");
        }
        DataType::Date32 | DataType::Date64 => return Err("date"),
        DataType::Time32(_) | DataType::Time64(_) => return Err("time"),
        DataType::Timestamp(..) => return Err("timestamp"),
        DataType::Duration(_) => return Err("duration"),
        DataType::Interval(_) => return Err("interval"),
        DataType::Null => return Err("null"),
        DataType::Map(..) => return Err("map"),
        DataType::Struct(_) => return Err("struct"),
        DataType::Dictionary(..) => return Err("dictionary"),
        DataType::ListView(_) | DataType::LargeListView(_) => return Err("list view"),
        _ => return Err("values of another kind"),
    })
}

/// A type in words.
fn kind(data_type: &DataType) -> String {
    match (list_of(data_type), number(data_type)) {
        (Some(inner), _) => format!("list<{}>", kind(inner)),
        (None, Ok(element)) => element.to_string(),
        (None, Err(kind)) => kind.into(),
    }
}

/// Turns the bytes of numbers into f32, one into each of `out`.
pub(super) fn convert(element: Element, bytes: &[u8], out: &mut [f32]) -> Result<(), Unusable> {
    match (element, bytes.len() / out.len()) {
        (Element::F32, _) => each(bytes, f32::from_le_bytes, out),
        (Element::F64, _) => each(bytes, f64::from_le_bytes, out),
        (Element::F16, _) => each(bytes, f16::from_le_bytes, out),
        (Element::Signed(8), _) => each(bytes, i8::from_le_bytes, out),
        (Element::Unsigned(8), _) => each(bytes, u8::from_le_bytes, out),
        (Element::Signed(32), _) => each(bytes, i32::from_le_bytes, out),
        (Element::Signed(64), _) => each(bytes, i64::from_le_bytes, out),
        (Element::Unsigned(64), _) => {
            let numbers = bytes.as_chunks().0.iter().map(|&number| u64::from_le_bytes(number));
            out.iter_mut().zip(numbers).for_each(|(out, number)| *out = number as f32);
            Ok(())
        }
        (Element::Signed(_), width) => by(bytes, width, |number| whole_number(number.iter().rev()), out),
        (Element::Unsigned(_), width) => {
            by(bytes, width, |number| whole_number([&0].into_iter().chain(number.iter().rev())), out)
        }
        (Element::Decimal { scale }, width) => {
            by(bytes, width, |number| whole_number(number.iter().rev()) / power_of_ten(scale), out)
        }
    }
}

fn each<T: Convert<f32>, const N: usize>(
    bytes: &[u8],
    number: impl Fn([u8; N]) -> T,
    out: &mut [f32],
) -> Result<(), Unusable> {
    let numbers: Vec<T> = bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect();
    T::convert(&numbers, out)
}

/// By way of f64, which holds every number of the type closely enough.
fn by(bytes: &[u8], width: usize, number: impl Fn(&[u8]) -> f64, out: &mut [f32]) -> Result<(), Unusable> {
    let numbers: Vec<f64> = bytes.chunks_exact(width).map(number).collect();
    f64::convert(&numbers, out)
}
