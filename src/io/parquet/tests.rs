//! Reading columns of lists, and refusing what are none.

use super::*;
use crate::io::testing::{Folder, parquet, refused};
use parquet::data_type::{DoubleType, FixedLenByteArrayType, FloatType, Int32Type};

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
    assert!(refused(Column::open(&plain, Some("x"))).contains("'x' is no list of numbers"));
}

#[test]
fn rows_that_are_no_vectors_are_refused_with_the_reason() {
    let folder = Folder::new();
    let why = |rows: &[Option<Vec<f32>>]| {
        let path = folder.file("x.parquet", &parquet::<FloatType>(LIST, rows, 10, |v| v));
        refused(crate::io::open(path).and_then(|x| x.to_array()))
    };
    assert!(why(&[]).contains("no rows"));
    assert!(why(&[None, Some(vec![1.0])]).contains("row 0 is empty or null"));
    assert!(why(&[Some(vec![]), Some(vec![1.0])]).contains("row 0 is empty or null"));
    assert!(why(&[Some(vec![1.0, 2.0]), Some(vec![3.0])]).contains("holds 3 numbers in 2 rows"));
    assert!(why(&[Some(vec![1.0, 2.0]), None]).contains("holds 3 numbers in 2 rows"));
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
