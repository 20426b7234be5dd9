//! Reading columns of lists, and refusing what are none.

use super::*;
use crate::io::testing::{Folder, parquet, parquet_packed, refused};
use half::f16;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type,
};

const LIST: &str = "optional group x (LIST) { repeated group list { optional float element; } }";

fn lists(n: usize, dim: usize) -> Vec<Option<Vec<f32>>> {
    (0..n).map(|row| Some((0..dim).map(|column| (row * dim + column) as f32).collect())).collect()
}

fn flat(rows: &[Option<Vec<f32>>]) -> Vec<f32> {
    rows.iter().flatten().flatten().copied().collect()
}

#[test]
fn any_range_is_read_in_any_order() {
    let folder = Folder::new();
    let rows = lists(1000, 3);
    // Row groups of 70 rows, pages of few rows.
    let path = folder.file("x.parquet", &parquet::<FloatType>(LIST, &rows, 70, |v| v));
    let column = Column::open(&path, None).unwrap();
    assert_eq!((column.rows(), column.dim()), (1000, 3));
    let all = flat(&rows);
    for range in [0..1000, 5..6, 3..5, 69..71, 500..900, 100..140, 140..1000, 999..1000, 0..0] {
        let mut out = vec![f32::NAN; range.len() * 3];
        column.read(range.clone(), &mut out).unwrap();
        assert_eq!(out, all[range.start * 3..range.end * 3], "{range:?}");
    }
    let dataset = crate::io::open(&path).unwrap();
    let some = [999, 0, 70, 0, 69, 400, 401];
    let gathered = dataset.gather(&some).unwrap();
    for (row, values) in some.iter().zip(gathered.rows()) {
        assert_eq!(values.to_vec(), all[row * 3..row * 3 + 3]);
    }
}

#[test]
fn every_number_type_and_spelling_of_a_list_is_read() {
    let folder = Folder::new();
    let rows = [Some(vec![1.5, -2.0]), Some(vec![0.0, 65504.0])];
    let read = |bytes: Vec<u8>| {
        let array = crate::io::open(folder.file("x.parquet", &bytes)).unwrap().to_array().unwrap();
        array.into_raw_vec_and_offset().0
    };
    assert_eq!(read(parquet::<FloatType>(LIST, &rows, 10, |v| v)), flat(&rows));
    assert_eq!(read(parquet::<FloatType>("repeated float x;", &rows, 10, |v| v)), flat(&rows));
    let required = "required group x (LIST) { repeated group list { required double element; } }";
    assert_eq!(read(parquet::<DoubleType>(required, &rows, 1, f64::from)), flat(&rows));
    let half = LIST.replace("float element", "fixed_len_byte_array(2) element (FLOAT16)");
    let to_half = |v| FixedLenByteArray::from(f16::from_f32(v).to_le_bytes().to_vec());
    assert_eq!(read(parquet::<FixedLenByteArrayType>(&half, &rows, 10, to_half)), flat(&rows));
    let whole = LIST.replace("float", "int32");
    assert_eq!(read(parquet::<Int32Type>(&whole, &rows, 10, |v| v as i32)), [1.0, -2.0, 0.0, 65504.0]);
}

#[test]
fn a_column_is_found_by_name_or_because_it_is_the_only_one() {
    let folder = Folder::new();
    let rows = lists(2, 2);
    let path = folder.file("x.parquet", &parquet::<FloatType>(LIST, &rows, 10, |v| v));
    assert!(Column::open(&path, Some("x")).is_ok());
    let why = refused(Column::open(&path, Some("y")));
    assert!(why.contains("has no column 'y' (there is: x list<f32>)"), "{why}");
    let plain =
        folder.file("plain.parquet", &parquet::<FloatType>("required float x;", &lists(4, 1), 10, |v| v));
    assert!(refused(Column::open(&plain, None)).contains("no column of lists of numbers (there is: x f32)"));
    assert!(refused(Column::open(&plain, Some("x"))).contains("'x' is f32, no list of numbers"));
}

#[test]
fn rows_that_are_no_vectors_are_refused_with_the_reason() {
    let folder = Folder::new();
    let why = |rows: &[Option<Vec<f32>>]| {
        let path = folder.file("x.parquet", &parquet::<FloatType>(LIST, rows, 10, |v| v));
        let why = refused(crate::io::open(path).and_then(|x| x.to_array()));
        assert!(why.contains("x.parquet: row ") || why.contains("no rows"), "{why}");
        why
    };
    assert!(why(&[]).contains("no rows"));
    assert!(why(&[None, Some(vec![1.0])]).contains("row 0 is empty or null"));
    assert!(why(&[Some(vec![]), Some(vec![1.0])]).contains("row 0 is empty or null"));
    assert!(
        why(&[Some(vec![1.0, 2.0]), Some(vec![3.0])]).contains("row 1 has 1 numbers, the first row has 2")
    );
    assert!(why(&[Some(vec![1.0, 2.0]), None]).contains("row 1 is null, empty"));
    assert!(why(&[Some(vec![1.0, 2.0]), Some(vec![])]).contains("row 1 is null, empty"));
    // Far behind the first batch, in another row group.
    let mut far = lists(40_000, 3);
    far[33_333] = Some(vec![0.0; 4]);
    let far = parquet::<FloatType>(LIST, &far, 20_000, |v| v);
    let far = refused(Column::open(&folder.file("far.parquet", &far), None));
    assert!(far.contains("row 33333 has 4 numbers"), "{far}");
    // As many numbers as promised, but not in every row.
    let mixed = [Some(vec![1.0, 2.0]), Some(vec![3.0]), Some(vec![4.0, 5.0, 6.0])];
    assert!(why(&mixed).contains("row 1 has 1 numbers, the first row has 2"));
    assert!(why(&[Some(vec![1.0]), None]).contains("row 1 is null"));
    assert!(why(&[Some(vec![1.0]), Some(vec![f32::NAN])]).contains("row 1 column 0 is NaN"));
    let whole = parquet::<FloatType>(LIST, &lists(50, 2), 10, |v| v);
    for length in [3, 4, 12, whole.len() / 2, whole.len() - 1] {
        let path = folder.file("cut.parquet", &whole[..length]);
        assert!(refused(Column::open(&path, None)).contains("cut.parquet: the parquet file cannot be read"));
    }
}

/// A schema of lists of `element`.
fn list_of(element: &str) -> String {
    LIST.replace("float element", element)
}

#[test]
fn what_a_column_declares_is_what_is_read() {
    let folder = Folder::new();
    let read = |bytes: Vec<u8>| {
        let array = crate::io::open(folder.file("x.parquet", &bytes)).unwrap().to_array().unwrap();
        array.into_raw_vec_and_offset().0
    };
    // Each stored number is told by its place.
    let places = [Some(vec![0.0, 1.0, 2.0, 3.0])];
    let small = [0, 5, -1, i32::MIN];
    let int32 = |element: &str| {
        read(parquet::<Int32Type>(&list_of(element), &places, 10, |place| small[place as usize]))
    };
    let unsigned = [0.0, 5.0, u32::MAX as f32, (1u32 << 31) as f32];
    assert_eq!(int32("int32 element"), small.map(|v| v as f32));
    assert_eq!(int32("int32 element (INTEGER(32, false))"), unsigned);
    assert_eq!(int32("int32 element (UINT_32)"), unsigned);
    assert_eq!(int32("int32 element (DECIMAL(9, 2))"), small.map(|v| (f64::from(v) / 100.0) as f32));
    let bytes = |element: &str| {
        read(parquet::<Int32Type>(&list_of(element), &places, 10, |place| [0, 1, 128, 255][place as usize]))
    };
    assert_eq!(bytes("int32 element (UINT_8)"), [0.0, 1.0, 128.0, 255.0]);
    assert_eq!(bytes("int32 element (INTEGER(16, true))"), [0.0, 1.0, 128.0, 255.0]);

    let large = [7, i64::MAX, -1, i64::MIN];
    let int64 = |element: &str| {
        read(parquet::<Int64Type>(&list_of(element), &places, 10, |place| large[place as usize]))
    };
    assert_eq!(int64("int64 element"), large.map(|v| v as f32));
    assert_eq!(int64("int64 element (UINT_64)"), large.map(|v| v.cast_unsigned() as f32));
    assert_eq!(int64("int64 element (DECIMAL(18, 4))"), large.map(|v| (v as f64 / 1e4) as f32));

    let wide = [5i128, -5, 1 << 100, -(1 << 90)];
    let want = wide.map(|v| (v as f64 / 1e3) as f32);
    let number = |place: f32| wide[place as usize].to_be_bytes().to_vec();
    let fixed = list_of("fixed_len_byte_array(16) element (DECIMAL(38, 3))");
    assert_eq!(
        read(parquet::<FixedLenByteArrayType>(&fixed, &places, 10, |v| FixedLenByteArray::from(number(v)))),
        want
    );
    let any = list_of("binary element (DECIMAL(38, 3))");
    assert_eq!(read(parquet::<ByteArrayType>(&any, &places, 10, |v| ByteArray::from(number(v)))), want);
}

#[test]
fn what_are_no_numbers_is_refused_by_what_it_is() {
    let folder = Folder::new();
    // No rows are needed: the schema tells.
    let why = |field: &str| {
        let path = folder.file("x.parquet", &parquet::<FloatType>(field, &[], 10, |v| v));
        refused(Column::open(&path, Some("x")))
    };
    for (element, kind) in [
        ("int32 element (DATE)", "date"),
        ("int32 element (TIME(MILLIS, true))", "time"),
        ("int64 element (TIME_MICROS)", "time"),
        ("int64 element (TIMESTAMP(NANOS, true))", "timestamp"),
        ("int64 element (TIMESTAMP_MILLIS)", "timestamp"),
        ("int96 element", "timestamp"),
        ("fixed_len_byte_array(12) element (INTERVAL)", "interval"),
        ("fixed_len_byte_array(16) element (UUID)", "uuid"),
        ("binary element (STRING)", "string"),
        ("binary element (UTF8)", "string"),
        ("binary element (JSON)", "json"),
        ("binary element (BSON)", "bson"),
        ("binary element", "bytes"),
        ("boolean element", "bool"),
    ] {
        let why = why(&list_of(element));
        assert!(why.contains(&format!("column 'x' is list<{kind}>, no list of numbers")), "{element}: {why}");
    }
    let map =
        "optional group x (MAP) { repeated group key_value { required int32 key; optional float value; } }";
    assert!(why(map).contains("column 'x' is map, no list of numbers"), "{}", why(map));
    let nested = "optional group x (LIST) { repeated group list { optional group element (LIST) { repeated group list { \
                  optional float element; } } } }";
    assert!(why(nested).contains("column 'x' is list<list<f32>>, no list"), "{}", why(nested));
    let structures = "optional group x (LIST) { repeated group list { optional group element { optional float a; \
                      optional float b; } } }";
    assert!(why(structures).contains("column 'x' is list<struct of f32>, no list"), "{}", why(structures));
}

#[test]
fn every_packing_is_read() {
    let folder = Folder::new();
    let rows = lists(50, 3);
    for packing in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let path = folder.file("x.parquet", &parquet_packed::<FloatType>(packing, LIST, &rows, 20, |v| v));
        let all = crate::io::open(path).and_then(|x| x.to_array()).unwrap();
        assert_eq!(all.into_raw_vec_and_offset().0, flat(&rows), "{packing:?}");
    }
}

#[test]
fn numbers_beyond_f32_are_named() {
    let folder = Folder::new();
    let rows = [Some(vec![1.0, 2.0]), Some(vec![3.0, 4.0])];
    let far =
        parquet::<DoubleType>(
            &list_of("double element"),
            &rows,
            10,
            |v| if v == 4.0 { 1e300 } else { v.into() },
        );
    let why = refused(crate::io::open(folder.file("x.parquet", &far)).and_then(|x| x.to_array()));
    assert!(why.ends_with("row 1 column 1 is 1e300, which is beyond the range of f32"), "{why}");
}

#[test]
fn ids_are_a_column_of_whole_numbers() {
    let folder = Folder::new();
    let rows: Vec<Option<Vec<f32>>> = (0..150).map(|row| Some(vec![(row * 7) as f32])).collect();
    let read = |schema: &str, rows: &[Option<Vec<f32>>]| {
        let long = schema.contains("int64");
        let bytes = match long {
            true => parquet::<Int64Type>(schema, rows, 40, |v| v as i64),
            false => parquet::<Int32Type>(schema, rows, 40, |v| v as i32),
        };
        let path = folder.file("x.parquet", &bytes);
        assert_eq!(crate::io::read_ids(&path).ok(), read_ids(&path, Some("x")).ok());
        read_ids(&path, Some("x"))
    };
    let want: Vec<u64> = (0..150).map(|row| row * 7).collect();
    for schema in ["required int64 x;", "required int32 x (INTEGER(32, false));", "optional int64 x;"] {
        assert_eq!(read(schema, &rows).unwrap(), want, "{schema}");
    }
    let mut wrong = rows.clone();
    wrong[71] = Some(vec![-3.0]);
    assert!(refused(read("required int64 x;", &wrong)).contains("row 71 has the id -3"));
    assert_eq!(read("required int64 x (INTEGER(64, false));", &wrong).unwrap()[71], u64::MAX - 2);
    wrong[71] = None;
    assert!(refused(read("optional int32 x;", &wrong)).contains("is null or missing"));
    let floats = folder.file("f.parquet", &parquet::<FloatType>("required float x;", &rows, 40, |v| v));
    assert!(refused(read_ids(&floats, Some("x"))).contains("'x' is none (there is: x)"));
    assert!(refused(read_ids(&floats, None)).contains("the only one is none"));
    assert!(refused(read_ids(&floats, Some("y"))).contains("'y' is none (there is: x)"));
}
