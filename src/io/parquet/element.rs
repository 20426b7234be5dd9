//! What the numbers of a column are: the type that a file declares, beyond the bits that it stores.

use half::f16;
use parquet::basic::{ConvertedType, IntType, LogicalType, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;

use crate::io::columns::{Element, power_of_ten, whole_number};
use crate::io::dtype::{Convert, Unusable};

/// The numbers of `column`, or what it holds instead.
pub(super) fn of(column: &ColumnDescriptor) -> Result<Element, &'static str> {
    use PhysicalType::{BOOLEAN, BYTE_ARRAY, DOUBLE, FIXED_LEN_BYTE_ARRAY, FLOAT, INT32, INT64, INT96};
    let physical = column.physical_type();
    match (column.logical_type_ref(), physical) {
        (Some(LogicalType::Float16), FIXED_LEN_BYTE_ARRAY) => return Ok(Element::F16),
        (Some(LogicalType::Integer(IntType { bit_width, is_signed })), INT32 | INT64) => {
            let bits = bit_width.unsigned_abs();
            return Ok(if *is_signed { Element::Signed(bits) } else { Element::Unsigned(bits) });
        }
        (Some(LogicalType::Decimal(decimal)), _) => return Element::decimal(decimal.scale),
        (Some(LogicalType::Date), _) => return Err("date"),
        (Some(LogicalType::Time(_)), _) => return Err("time"),
        (Some(LogicalType::Timestamp(_)), _) => return Err("timestamp"),
        (Some(LogicalType::Uuid), _) => return Err("uuid"),
        (Some(LogicalType::Unknown), _) => return Err("null"),
        _ => {}
    }
    // What older writers say instead.
    match (column.converted_type(), physical) {
        (ConvertedType::UINT_8, INT32) => Ok(Element::Unsigned(8)),
        (ConvertedType::UINT_16, INT32) => Ok(Element::Unsigned(16)),
        (ConvertedType::UINT_32, INT32) => Ok(Element::Unsigned(32)),
        (ConvertedType::UINT_64, INT64) => Ok(Element::Unsigned(64)),
        (ConvertedType::INT_8, INT32) => Ok(Element::Signed(8)),
        (ConvertedType::INT_16, INT32) => Ok(Element::Signed(16)),
        (ConvertedType::NONE | ConvertedType::INT_32, INT32) => Ok(Element::Signed(32)),
        (ConvertedType::NONE | ConvertedType::INT_64, INT64) => Ok(Element::Signed(64)),
        (ConvertedType::NONE, FLOAT) => Ok(Element::F32),
        (ConvertedType::NONE, DOUBLE) => Ok(Element::F64),
        (ConvertedType::DECIMAL, _) => Element::decimal(column.type_scale()),
        (ConvertedType::DATE, _) => Err("date"),
        (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => Err("time"),
        (ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _) | (_, INT96) => {
            Err("timestamp")
        }
        (ConvertedType::INTERVAL, _) => Err("interval"),
        (ConvertedType::UTF8 | ConvertedType::ENUM, _) => Err("string"),
        (ConvertedType::JSON, _) => Err("json"),
        (ConvertedType::BSON, _) => Err("bson"),
        (_, BOOLEAN) => Err("bool"),
        (_, BYTE_ARRAY | FIXED_LEN_BYTE_ARRAY) => Err("bytes"),
        (_, INT32 | INT64 | FLOAT | DOUBLE) => Err("numbers of an unknown kind"),
    }
}

/// Some rows as the format stores them: their numbers end to end, and levels that tell where lists begin (repetition 0) and
/// where something is null or empty (a definition below that of a number).
pub(super) struct Batch {
    pub values: Vec<f32>,
    pub unusable: Option<Unusable>,
    pub repetitions: Vec<i16>,
    pub definitions: Vec<i16>,
}

impl Batch {
    /// Decodes up to `n` rows.
    pub fn decode(pages: &mut ColumnReader, element: Element, n: usize) -> Result<Self, ParquetError> {
        use ColumnReader as Pages;
        match (element, pages) {
            (Element::F32, Pages::FloatColumnReader(pages)) => Self::decode_as(pages, n, f32::convert),
            (Element::F64, Pages::DoubleColumnReader(pages)) => Self::decode_as(pages, n, f64::convert),
            (Element::Signed(_), Pages::Int32ColumnReader(pages)) => Self::decode_as(pages, n, i32::convert),
            (Element::Signed(_), Pages::Int64ColumnReader(pages)) => Self::decode_as(pages, n, i64::convert),
            (Element::Unsigned(_), Pages::Int32ColumnReader(pages)) => {
                Self::decode_by(pages, n, |&stored| f64::from(stored.cast_unsigned()))
            }
            (Element::Unsigned(_), Pages::Int64ColumnReader(pages)) => {
                Self::decode_as(pages, n, |stored: &[i64], values| {
                    stored.iter().zip(values).for_each(|(v, value)| *value = v.cast_unsigned() as f32);
                    Ok(())
                })
            }
            (Element::F16, Pages::FixedLenByteArrayColumnReader(pages)) => Self::decode_by(pages, n, half),
            (Element::Decimal { scale }, Pages::Int32ColumnReader(pages)) => {
                Self::decode_by(pages, n, |&stored| f64::from(stored) / power_of_ten(scale))
            }
            (Element::Decimal { scale }, Pages::Int64ColumnReader(pages)) => {
                Self::decode_by(pages, n, |&stored| stored as f64 / power_of_ten(scale))
            }
            (Element::Decimal { scale }, Pages::FixedLenByteArrayColumnReader(pages)) => {
                Self::decode_by(pages, n, |stored: &FixedLenByteArray| {
                    whole_number(stored.data()) / power_of_ten(scale)
                })
            }
            (Element::Decimal { scale }, Pages::ByteArrayColumnReader(pages)) => {
                Self::decode_by(pages, n, |stored: &ByteArray| {
                    whole_number(stored.data()) / power_of_ten(scale)
                })
            }
            _ => Err(ParquetError::General("the column holds no numbers".into())),
        }
    }

    /// As [`decode_as`](Self::decode_as), by way of f64, which holds every number of the type closely enough.
    fn decode_by<T: DataType>(
        pages: &mut ColumnReaderImpl<T>,
        n: usize,
        number: impl Fn(&T::T) -> f64,
    ) -> Result<Self, ParquetError> {
        Self::decode_as(pages, n, |stored, values| {
            f64::convert(&stored.iter().map(&number).collect::<Vec<_>>(), values)
        })
    }

    fn decode_as<T: DataType>(
        pages: &mut ColumnReaderImpl<T>,
        n: usize,
        convert: impl Fn(&[T::T], &mut [f32]) -> Result<(), Unusable>,
    ) -> Result<Self, ParquetError> {
        let (mut stored, mut repetitions, mut definitions) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = 0;
        while rows < n {
            let (more, ..) =
                pages.read_records(n - rows, Some(&mut definitions), Some(&mut repetitions), &mut stored)?;
            if more == 0 {
                break;
            }
            rows += more;
        }
        let mut values = vec![0.0; stored.len()];
        let unusable = convert(&stored, &mut values).err();
        Ok(Self { values, unusable, repetitions, definitions })
    }
}

/// Decodes and drops up to `n` rows.
pub(super) fn skip(pages: &mut ColumnReader, n: usize) -> Result<usize, ParquetError> {
    match pages {
        ColumnReader::FloatColumnReader(pages) => pages.skip_records(n),
        ColumnReader::DoubleColumnReader(pages) => pages.skip_records(n),
        ColumnReader::Int32ColumnReader(pages) => pages.skip_records(n),
        ColumnReader::Int64ColumnReader(pages) => pages.skip_records(n),
        ColumnReader::FixedLenByteArrayColumnReader(pages) => pages.skip_records(n),
        ColumnReader::ByteArrayColumnReader(pages) => pages.skip_records(n),
        _ => Err(ParquetError::General("the column holds no numbers".into())),
    }
}

pub(super) fn half(stored: &FixedLenByteArray) -> f64 {
    match stored.data() {
        &[low, high] => f16::from_le_bytes([low, high]).to_f64(),
        _ => f64::NAN,
    }
}
