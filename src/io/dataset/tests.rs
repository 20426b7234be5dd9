//! Reading, over every format, order and number type.

use super::*;
use crate::error::ErrorKind;
use crate::io::testing::{Folder, bytes, fvecs, npy, refused, shared};
use half::{bf16, f16};
use ndarray::array;

/// The bytes of `values` as a file stores them in `dtype`.
fn stored(dtype: &str, values: &[f64]) -> Vec<u8> {
    let one = |&value: &f64| match dtype {
        "<f2" => f16::from_f64(value).to_le_bytes().to_vec(),
        ">f2" => f16::from_f64(value).to_be_bytes().to_vec(),
        "bf16" => bf16::from_f64(value).to_le_bytes().to_vec(),
        "<f4" => (value as f32).to_le_bytes().to_vec(),
        ">f4" => (value as f32).to_be_bytes().to_vec(),
        "<f8" => value.to_le_bytes().to_vec(),
        ">f8" => value.to_be_bytes().to_vec(),
        "|u1" => vec![value as u8],
        "|i1" => (value as i8).to_le_bytes().to_vec(),
        other => panic!("{other}"),
    };
    values.iter().flat_map(one).collect()
}

/// A matrix of numbers that every type holds exactly, at its row and column.
fn number(row: usize, column: usize) -> f64 {
    ((row * 7 + column * 3) % 120) as f64
}

#[test]
fn every_type_order_and_size_of_npy_is_read() {
    let folder = Folder::new();
    // Below, at and above the tile of rows (4096), the tile of columns (16) and a chunk.
    for (rows, dim) in [(1, 1), (1, 4096), (5, 3), (4096, 16), (4097, 17), (9000, 33)] {
        let by_row = Array2::from_shape_fn((rows, dim), |(row, column)| number(row, column));
        let by_column: Vec<f64> = by_row.t().iter().copied().collect();
        let by_row: Vec<f64> = by_row.into_iter().collect();
        for dtype in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "|u1", "|i1"] {
            for fortran in [false, true] {
                let values = if fortran { &by_column } else { &by_row };
                let path = folder.file("x.npy", &npy(dtype, fortran, (rows, dim), &stored(dtype, values)));
                let x = open(&path).unwrap();
                assert_eq!((x.rows(), x.dim()), (rows, dim));
                let all = x.to_array().unwrap();
                let right = all.iter().zip(&by_row).all(|(&read, &value)| f64::from(read) == value);
                assert!(right, "{dtype} fortran {fortran} {rows} x {dim}");
                let some = [rows - 1, rows / 2, 0, rows / 2];
                let gathered = x.gather(&some).unwrap();
                for (&row, values) in some.iter().zip(gathered.rows()) {
                    assert_eq!(values, all.row(row), "{dtype} fortran {fortran} {rows} x {dim}");
                }
            }
        }
    }
}

#[test]
fn many_rows_are_gathered_from_every_order() {
    let folder = Folder::new();
    let (rows, dim) = (3000, 5);
    let by_row: Vec<f32> = (0..rows * dim).map(|i| i as f32).collect();
    let array = Array2::from_shape_vec((rows, dim), by_row.clone()).unwrap();
    let by_column: Vec<f32> = array.t().iter().copied().collect();
    let records: Vec<&[f32]> = by_row.chunks(dim).collect();
    let sources = [
        open(folder.file("c.npy", &npy("<f4", false, (rows, dim), &bytes(&by_row)))).unwrap(),
        open(folder.file("f.npy", &npy("<f4", true, (rows, dim), &bytes(&by_column)))).unwrap(),
        open(folder.file("v.fvecs", &fvecs(&records))).unwrap(),
        Dataset::from_array(array.clone()).unwrap(),
        Dataset::from_array(array.t().as_standard_layout().into_owned().reversed_axes()).unwrap(),
    ];
    // Every row, far apart and near, some twice.
    let wanted: Vec<usize> = (0..5000).map(|i| i * 1009 % rows).collect();
    for source in sources {
        let gathered = source.gather(&wanted).unwrap();
        for (&row, values) in wanted.iter().zip(gathered.rows()) {
            assert_eq!(values, array.row(row), "{source:?}");
        }
    }
}

#[test]
fn shards_follow_each_other() {
    let folder = Folder::new();
    let shard = |name: &str, first: usize, rows: usize| {
        let values: Vec<f32> = (first * 2..(first + rows) * 2).map(|i| i as f32).collect();
        folder.file(name, &npy("<f4", false, (rows, 2), &bytes(&values)));
    };
    shard("s/0.npy", 0, 3);
    shard("s/1.npy", 3, 0);
    shard("s/2.npy", 3, 1);
    shard("s/3.npy", 4, 5);
    shard("s/4.npy", 9, 0);
    let x = open(folder.path("s")).unwrap();
    assert_eq!((x.rows(), x.dim()), (9, 2));
    for start in 0..=9 {
        for end in start..=9 {
            let mut out = vec![f32::NAN; (end - start) * 2];
            x.read(start..end, &mut out).unwrap();
            assert!(out.iter().enumerate().all(|(i, &value)| value == (start * 2 + i) as f32));
        }
    }
    assert_eq!(x.gather(&[8, 0, 3, 2, 4]).unwrap().column(0).to_vec(), [16.0, 0.0, 6.0, 4.0, 8.0]);
    let again = open_all(&[folder.path("s/3.npy"), folder.path("s/*.npy")]).unwrap();
    assert_eq!(again.rows(), 14);
    let wrong = folder.file("other.npy", &npy("<f4", false, (1, 3), &[0; 12]));
    let why = refused(open_all(&[folder.path("s"), wrong]));
    assert!(
        why.contains("other.npy: its vectors have dimension 3, those of ") && why.contains("0.npy have 2")
    );
}

#[test]
fn numbers_that_are_not_finite_are_named_by_file_row_and_column() {
    let folder = Folder::new();
    let (rows, dim) = (5000, 20);
    for fortran in [false, true] {
        for (row, column) in [(0, 0), (4097, 3), (4999, 19)] {
            let mut values = vec![1.0; rows * dim];
            values[if fortran { column * rows + row } else { row * dim + column }] = f64::NAN;
            for dtype in ["<f2", "<f4", ">f4", "<f8"] {
                let file = npy(dtype, fortran, (rows, dim), &stored(dtype, &values));
                folder.file("s/0.npy", &npy("|u1", false, (7, dim), &[0; 140]));
                folder.file("s/1.npy", &file);
                let why = refused(open(folder.path("s")).unwrap().to_array());
                assert!(why.ends_with(&format!("1.npy: row {row}, column {column} is NaN")), "{why}");
            }
        }
    }
    let far = npy("<f8", false, (1, 2), &stored("<f8", &[1.0, 1e39]));
    let why = refused(open(folder.file("far.npy", &far)).unwrap().to_array());
    assert!(why.ends_with("row 0, column 1 is 1e39, which is beyond the range of f32"), "{why}");
    let infinite = fvecs(&[&[1.0, 2.0], &[f32::INFINITY, 2.0]]);
    let why = refused(open(folder.file("i.fvecs", &infinite)).unwrap().to_array());
    assert!(why.ends_with("i.fvecs: row 1, column 0 is infinity"), "{why}");
    let why = refused(Dataset::from_array(array![[1.0, 2.0], [3.0, f32::NEG_INFINITY]]));
    assert_eq!(why, "the array: row 1, column 1 is -inf, not a finite number");
}

#[test]
fn what_holds_no_vectors_is_refused() {
    let folder = Folder::new();
    let why = |name: &str, bytes: &[u8]| refused(open(folder.file(name, bytes)));
    assert!(why("x.npy", &npy("<i8", false, (1, 1), &[0; 8])).contains("type i64; f16, f32"));
    assert!(why("x.npy", &npy("<f4", false, (0, 4), &[])).contains("holds no numbers (shape (0, 4))"));
    assert!(refused(Dataset::from_array(Array2::zeros((3, 0)))).contains("holds no numbers"));
    assert!(refused(open_all(&[""; 0])).contains("no data was given"));
}

#[test]
fn wrong_requests_are_errors() {
    let x = Dataset::from_array(Array2::zeros((3, 2))).unwrap();
    let kind = |rows: Range<usize>, room: usize| x.read(rows, &mut vec![0.0; room]).unwrap_err().kind();
    assert_eq!(kind(2..4, 4), ErrorKind::Shape);
    assert_eq!(kind(Range { start: 2, end: 1 }, 0), ErrorKind::Shape);
    assert_eq!(kind(usize::MAX..usize::MAX, 0), ErrorKind::Shape);
    assert_eq!(kind(0..1, 3), ErrorKind::Shape);
    assert_eq!(x.gather(&[0, 3]).unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(x.gather(&[]).unwrap().dim(), (0, 2));
    assert!(zeros::<f32>(usize::MAX, 2).is_err());
    assert!(zeros::<f32>(1 << 40, 1 << 10).is_err());
}

#[test]
fn several_threads_read_at_once() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..40_000).map(|i| i as f32).collect();
    let x = open(folder.file("x.npy", &npy("<f4", false, (10_000, 4), &bytes(&values)))).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (x, values) = (x.clone(), &values);
            scope.spawn(move || {
                for start in (thread..9_900).step_by(331) {
                    let mut out = vec![0.0; 400];
                    x.read(start..start + 100, &mut out).unwrap();
                    assert_eq!(out, values[start * 4..start * 4 + 400]);
                }
            });
        }
    });
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error() {
    let folder = Folder::new();
    let path = folder.file("x.fvecs", &fvecs(&[&[1.0], &[2.0]]));
    let x = open(&path).unwrap();
    folder.file("x.fvecs", &fvecs(&[&[1.0]]));
    let error = x.to_array().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("x.fvecs: reading"), "{error}");
}

#[test]
fn real_data_is_read() {
    let (Some(sift), Some(minilm)) = (shared("sift/base.bvecs"), shared("minilm/base.npy")) else {
        return;
    };
    let sift = open(sift).unwrap();
    assert_eq!((sift.rows(), sift.dim()), (100_000, 128));
    let sift = sift.to_array().unwrap();
    assert!(sift.iter().all(|&value| (0.0..=255.0).contains(&value) && value.fract() == 0.0));
    let minilm = open(minilm).unwrap();
    assert_eq!(minilm.dim(), 384);
    // Sentence embeddings of unit length, stored with 11 bits: each component is off by at most 2^-11 of
    // itself, so the length is too; f32 summation adds less than 1e-4.
    let norms = minilm.to_array().unwrap().map_axis(ndarray::Axis(1), |row| row.dot(&row).sqrt());
    assert!(norms.iter().all(|norm| (norm - 1.0).abs() < 1.0 / 2048.0 + 1e-4), "{norms}");
}

#[test]
fn a_stream_is_read_as_the_file_that_it_is() {
    let file = npy("<f4", true, (2, 3), &bytes(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    let x = open_stream(&file[..], "standard input").unwrap();
    assert_eq!(x.to_array().unwrap(), array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(x.gather(&[1]).unwrap(), array![[4.0, 5.0, 6.0]]);
    let why = |bytes: &[u8]| refused(open_stream(bytes, "standard input").and_then(|x| x.to_array()));
    assert!(why(b"").contains("standard input: nothing came"));
    assert!(
        why(b"1 2 3\n").contains("standard input: its npy header") || why(b"1 2 3\n").contains("not an npy")
    );
    assert!(why(&file[..file.len() - 1]).contains("standard input: the header promises 2 x 3"));
    assert!(why(&npy("<i8", false, (1, 1), &[0; 8])).contains("numbers of type i64"));
    let nan = npy("<f4", false, (1, 2), &bytes(&[0.0, f32::NAN]));
    assert!(why(&nan).ends_with("standard input: row 0, column 1 is NaN"));
}
