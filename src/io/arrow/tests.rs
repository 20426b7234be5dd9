//! Reading columns of lists, and refusing what are none.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder, StringViewBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::*;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field};
use half::f16;

use super::*;
use crate::io::testing::{Folder, arrow, arrow_batches, refused};

const PACKINGS: [Option<CompressionType>; 3] =
    [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];

fn vectors(n: usize, dim: usize) -> Vec<Option<Vec<f32>>> {
    (0..n).map(|row| Some((0..dim).map(|column| (row * dim + column) as f32).collect())).collect()
}

fn flat(rows: &[Option<Vec<f32>>]) -> Vec<f32> {
    rows.iter().flatten().flatten().copied().collect()
}

/// A file of one batch with these columns.
fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    arrow_batches(&[RecordBatch::try_from_iter(columns).unwrap()], None)
}

/// Lists of `dim` numbers each.
fn fixed(values: ArrayRef, dim: i32) -> ArrayRef {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    Arc::new(FixedSizeListArray::new(field, dim, values, None))
}

fn fixed_of<T: ArrowPrimitiveType>(values: Vec<T::Native>, dim: i32) -> ArrayRef {
    fixed(Arc::new(PrimitiveArray::<T>::from_iter_values(values)), dim)
}

fn all(column: &Column) -> Vec<f32> {
    let mut out = vec![f32::NAN; column.rows() * column.dim()];
    column.read(0..column.rows(), &mut out).unwrap();
    out
}

#[test]
fn any_range_is_read_in_any_order() {
    let folder = Folder::new();
    let rows = vectors(1000, 3);
    let numbers = flat(&rows);
    for packing in PACKINGS {
        let path = folder.file("x.arrow", &arrow(&rows, 70, packing));
        let column = Column::open(&path, None).unwrap();
        assert_eq!((column.rows(), column.dim()), (1000, 3));
        for range in [0..1000, 5..6, 3..5, 69..71, 500..900, 100..140, 140..1000, 999..1000, 0..0] {
            let mut out = vec![f32::NAN; range.len() * 3];
            column.read(range.clone(), &mut out).unwrap();
            assert_eq!(out, numbers[range.start * 3..range.end * 3], "{packing:?} {range:?}");
        }
        let dataset = crate::io::open(&path).unwrap();
        let some = [999, 0, 70, 0, 69, 400, 401];
        let gathered = dataset.gather(&some).unwrap();
        for (row, values) in some.iter().zip(gathered.rows()) {
            assert_eq!(values.to_vec(), numbers[row * 3..row * 3 + 3], "{packing:?}");
        }
    }
}

#[test]
fn vectors_longer_than_what_is_converted_at_a_time_are_read() {
    let folder = Folder::new();
    let rows = vectors(3, BATCH + 5);
    for packing in PACKINGS {
        let column = Column::open(&folder.file("x.feather", &arrow(&rows, 2, packing)), None).unwrap();
        assert_eq!(all(&column), flat(&rows), "{packing:?}");
    }
}

#[test]
fn every_number_type_and_spelling_of_a_list_is_read() {
    let folder = Folder::new();
    let read = |column: ArrayRef| {
        all(&Column::open(&folder.file("x.arrow", &file(vec![("x", column)])), None).unwrap())
    };
    assert_eq!(read(fixed_of::<Float32Type>(vec![1.5, -2.0, 0.0, 65504.0], 2)), [1.5, -2.0, 0.0, 65504.0]);
    assert_eq!(read(fixed_of::<Float64Type>(vec![1.5, 1e-300], 2)), [1.5, 0.0]);
    assert_eq!(read(fixed_of::<Float16Type>(vec![f16::from_f32(1.5), f16::MIN], 1)), [1.5, -65504.0]);
    assert_eq!(read(fixed_of::<Int8Type>(vec![-128, 127], 2)), [-128.0, 127.0]);
    assert_eq!(read(fixed_of::<UInt8Type>(vec![0, 255], 2)), [0.0, 255.0]);
    assert_eq!(read(fixed_of::<Int16Type>(vec![-300, i16::MIN], 2)), [-300.0, -32768.0]);
    assert_eq!(read(fixed_of::<UInt16Type>(vec![300, u16::MAX], 2)), [300.0, 65535.0]);
    assert_eq!(read(fixed_of::<Int32Type>(vec![-300, i32::MIN], 2)), [-300.0, i32::MIN as f32]);
    assert_eq!(read(fixed_of::<UInt32Type>(vec![300, u32::MAX], 2)), [300.0, u32::MAX as f32]);
    assert_eq!(
        read(fixed_of::<Int64Type>(vec![i64::MIN, 1 << 60], 2)),
        [i64::MIN as f32, (1u64 << 60) as f32]
    );
    assert_eq!(read(fixed_of::<UInt64Type>(vec![u64::MAX, 3], 2)), [u64::MAX as f32, 3.0]);
    let decimals = Decimal128Array::from(vec![-12345, 5]).with_precision_and_scale(20, 2).unwrap();
    assert_eq!(read(fixed(Arc::new(decimals), 2)), [-123.45, 0.05]);
    let decimals = PrimitiveArray::<Decimal32Type>::from(vec![-7, 5]).with_precision_and_scale(5, 0).unwrap();
    assert_eq!(read(fixed(Arc::new(decimals), 2)), [-7.0, 5.0]);
    let decimals =
        PrimitiveArray::<Decimal64Type>::from(vec![-75, 5]).with_precision_and_scale(9, 1).unwrap();
    assert_eq!(read(fixed(Arc::new(decimals), 2)), [-7.5, 0.5]);
    let lists = [Some(vec![Some(1.0), Some(2.0)]), Some(vec![Some(3.0), Some(4.0)])];
    let wide = LargeListArray::from_iter_primitive::<Float32Type, _, _>(lists.clone());
    assert_eq!(read(Arc::new(wide)), [1.0, 2.0, 3.0, 4.0]);
    let slice = ListArray::from_iter_primitive::<Float32Type, _, _>(lists).slice(1, 1);
    assert_eq!(read(Arc::new(slice)), [3.0, 4.0]);
}

#[test]
fn lists_may_begin_behind_the_first_number() {
    let folder = Folder::new();
    let mut bytes = arrow(&vectors(2, 2), 10, None);
    let offsets = |numbers: [i32; 3]| numbers.map(i32::to_le_bytes).concat();
    let at = bytes.windows(12).position(|window| window == offsets([0, 2, 4])).unwrap();
    bytes[at..at + 12].copy_from_slice(&offsets([1, 2, 3]));
    let column = Column::open(&folder.file("x.arrow", &bytes), None).unwrap();
    assert_eq!((column.dim(), all(&column)), (1, vec![1.0, 2.0]));
    for wrong in [[1, 3, 5], [2, 1, 0], [-3, -2, -1]] {
        bytes[at..at + 12].copy_from_slice(&offsets(wrong));
        let why = refused(Column::open(&folder.file("x.arrow", &bytes), None));
        assert!(why.contains("x.arrow: the Arrow file cannot be read: "), "{why}");
    }
}

#[test]
fn a_column_is_found_among_all_others() {
    let folder = Folder::new();
    let mut views = StringViewBuilder::new();
    ["longer than what lies in the view itself", "short", "and another that is longer"]
        .iter()
        .for_each(|text| views.append_value(text));
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    (0..3).for_each(|_| map.append(true).unwrap());
    let mut texts = ListBuilder::new(StringBuilder::new());
    (0..3).for_each(|_| texts.append(true));
    let keys: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
    let runs: RunArray<Int32Type> = ["a", "a", "b"].into_iter().collect();
    let x = || fixed_of::<Float32Type>(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2);
    let inside = StructArray::from(vec![
        (
            Arc::new(Field::new("n", DataType::Int64, false)),
            Arc::new(Int64Array::from(vec![7, 8, 9])) as ArrayRef,
        ),
        (Arc::new(Field::new("x", x().data_type().clone(), false)), x()),
    ]);
    let path = folder.file(
        "x.arrow",
        &file(vec![
            ("view", Arc::new(views.finish())),
            ("null", Arc::new(NullArray::new(3))),
            ("map", Arc::new(map.finish())),
            ("texts", Arc::new(texts.finish())),
            ("key", Arc::new(keys)),
            ("run", Arc::new(runs)),
            ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("s", Arc::new(inside)),
            ("y", fixed_of::<Float32Type>(vec![7.0, 8.0, 9.0], 1)),
        ]),
    );
    assert_eq!(all(&Column::open(&path, Some("s.x")).unwrap()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(all(&Column::open(&path, Some("y")).unwrap()), [7.0, 8.0, 9.0]);
    let there = "(there is: view string, null null, map map, texts list<string>, key dictionary, run values of another kind, \
                 truth bool, s.n i64, s.x list<f32>, y list<f32>)";
    for (name, problem) in [
        (None, "has several columns of vectors; name one as in "),
        (Some("z"), "has no column 'z'"),
        (Some("texts"), "column 'texts' is list<string>, no list of numbers"),
        (Some("s.n"), "column 's.n' is i64, no list of numbers"),
    ] {
        let why = refused(Column::open(&path, name));
        assert!(why.contains(problem) && why.ends_with(there), "{why}");
    }
}

#[test]
fn rows_that_are_no_vectors_are_refused_with_the_reason() {
    let folder = Folder::new();
    for packing in PACKINGS {
        let why = |rows: &[Option<Vec<f32>>]| {
            let path = folder.file("x.arrow", &arrow(rows, 3, packing));
            refused(crate::io::open(path).and_then(|x| x.to_array()))
        };
        assert!(why(&[None, Some(vec![1.0])]).contains("x.arrow: row 0 is empty or null"));
        assert!(why(&[Some(vec![]), Some(vec![1.0])]).contains("row 0 is empty or null"));
        assert!(why(&[Some(vec![1.0]), None]).contains("row 1 is null; a vector has at least one number"));
        let short = why(&[Some(vec![1.0, 2.0]), Some(vec![3.0])]);
        assert!(short.contains("row 1 has 1 numbers, the first row has 2; all rows share"), "{short}");
        assert!(why(&[Some(vec![1.0]), Some(vec![])]).contains("row 1 has 0 numbers, the first row has 1"));
        assert!(why(&[Some(vec![1.0]), Some(vec![f32::NAN])]).contains("row 1 column 0 is NaN"));
        // In a batch behind the first, and behind the first byte of its bits.
        let mut rows = vectors(5000, 2);
        rows[4321] = Some(vec![0.0, 1.0, 2.0]);
        let path = folder.file("far.arrow", &arrow(&rows, 2000, packing));
        assert!(refused(Column::open(&path, None)).contains("row 4321 has 3 numbers, the first row has 2"));
        rows[4320] = None;
        let path = folder.file("far.arrow", &arrow(&rows, 2000, packing));
        assert!(refused(Column::open(&path, None)).contains("row 4320 is null"));
    }
}

#[test]
fn nulls_of_numbers_and_of_structures_are_named() {
    let folder = Folder::new();
    let why = |column: ArrayRef, name| {
        refused(Column::open(&folder.file("x.arrow", &file(vec![("x", column)])), name))
    };
    let values: Float32Array = (0..60).map(|at| (at != 45).then_some(at as f32)).collect();
    assert!(why(fixed(Arc::new(values.clone()), 4), None).contains("row 11 has a null at column 1"));
    let x = fixed_of::<Float32Type>((0..30).map(|at| at as f32).collect(), 2);
    let there: Vec<bool> = (0..15).map(|row| row != 12).collect();
    let field = Field::new("v", x.data_type().clone(), true);
    let inside = StructArray::new(vec![field].into(), vec![x], Some(there.into()));
    assert!(why(Arc::new(inside), Some("x.v")).contains("row 12 is null"));
    let empty = fixed_of::<Float32Type>(vec![], 2);
    assert!(why(empty, None).contains("x.arrow: the table has no rows"));
}

#[test]
fn streams_are_read_and_what_is_neither_is_refused() {
    let folder = Folder::new();
    let column = |numbers: Vec<f32>| vec![("x", fixed_of::<Float32Type>(numbers, 2))];
    let batches = [vec![1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0]]
        .map(|numbers| RecordBatch::try_from_iter(column(numbers)).unwrap());
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    let stream = writer.into_inner().unwrap();
    let path = folder.file("x.arrow", &stream);
    assert_eq!(all(&Column::open(&path, None).unwrap()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let why = |bytes: &[u8]| refused(Column::open(&folder.file("x.arrow", bytes), None));
    assert!(why(b"FEA1 and so on").contains("a Feather file of version 1; write it anew in version 2"));
    assert!(
        why(b"what is this")
            .contains("x.arrow: the Arrow file cannot be read: there is no message at byte 0")
    );
    assert!(why(b"AR").contains("it is cut short"));
    assert!(why(b"ARROW1\0\0").contains("it is cut short"));
}

#[test]
fn a_file_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let folder = Folder::new();
    for packing in PACKINGS {
        let whole = arrow(&vectors(40, 3), 16, packing);
        for length in (0..whole.len()).step_by(5) {
            let why = refused(Column::open(&folder.file("cut.feather", &whole[..length]), None));
            assert!(why.contains("cut.feather: "), "{why}");
        }
    }
}
