//! What files hold, told without reading their numbers.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::locate::{Format, Place, locate};
use super::model;
use super::npz::Archive;
use super::safetensors::Tensors;
use super::stored::{Order, StoredMatrix};
use crate::error::{Context, Error, Result};

/// What [`describe`] found: one entry per file, and the whole where it is one set of vectors or codes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// Rows of all files together; `None` where they are not one matrix.
    pub rows: Option<usize>,
    /// Columns that all files share; `None` where they are not one matrix.
    pub dim: Option<usize>,
    /// The files, in the order in which they are read.
    pub files: Vec<FileDescription>,
}

/// What one file holds.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FileDescription {
    /// Where it is.
    pub path: String,
    /// How it is laid out.
    pub format: Format,
    /// Its length.
    pub bytes: u64,
    /// The matrix, tensors or columns in it.
    pub arrays: Vec<ArrayDescription>,
    /// The description of a model, where the file is one.
    pub model: Option<Value>,
}

/// What one array is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArrayDescription {
    /// Its name, where the format has names.
    pub name: Option<String>,
    /// The type of its numbers.
    pub dtype: String,
    /// Its lengths, outermost first.
    pub shape: Vec<usize>,
    /// Whether an npy array lies column after column ("Fortran order").
    pub fortran_order: bool,
}

/// Tells what `path`, written as for [`open`](super::open), holds. Models and codes can be described as well.
///
/// # Errors
/// As [`open`](super::open), for damaged files; not for number types that hold no vectors.
///
/// ```no_run
/// # fn main() -> wgvq::Result<()> {
/// println!("{}", wgvq::io::describe("base.fvecs")?);
/// # Ok(())
/// # }
/// ```
pub fn describe(path: impl AsRef<Path>) -> Result<Description> {
    let files = locate(path.as_ref())?.into_iter().map(describe_file).collect::<Result<Vec<_>>>()?;
    let (rows, dim) = whole(&files).unzip();
    Ok(Description { rows, dim, files })
}

fn describe_file(place: Place) -> Result<FileDescription> {
    let Place { path, format, name } = place;
    format.check_feature(&path)?;
    let mut model = None;
    let mut arrays = match (format.open_matrix(&path), format) {
        (Some(matrix), _) => vec![of_matrix(&matrix?)],
        (None, Format::Npz) => Archive::open(&path)?.describe()?,
        #[cfg(feature = "parquet")]
        (None, Format::Parquet) => {
            let table = super::parquet::Table::open(&path)?;
            columns(table.rows(), table.columns(), |name| super::parquet::Column::open(&path, Some(name)))
        }
        #[cfg(feature = "arrow")]
        (None, Format::Arrow | Format::Feather) => {
            let table = super::arrow::Table::open(&path)?;
            columns(table.rows(), table.columns(), |name| super::arrow::Column::open(&path, Some(name)))
        }
        (None, _) => {
            let file = Tensors::open(&path)?;
            model = model::description(&file);
            let tensor = |(name, info): (String, &safetensors::tensor::TensorInfo)| ArrayDescription {
                name: Some(name),
                dtype: info.dtype.to_string(),
                shape: info.shape.clone(),
                fortran_order: false,
            };
            file.iter().map(tensor).collect()
        }
    };
    if let Some(name) = &name {
        let names: Vec<_> = arrays.iter().filter_map(|array| array.name.clone()).collect();
        arrays.retain(|array| array.name.as_ref() == Some(name));
        if arrays.is_empty() {
            let (path, names) = (path.display(), names.join(", "));
            return Err(Error::input(format!("{path}: has no array '{name}' (there is: {names})")));
        }
    }
    let bytes = std::fs::metadata(&path).context(|| path.display())?.len();
    Ok(FileDescription { path: path.display().to_string(), format, bytes, arrays, model })
}

fn of_matrix(matrix: &StoredMatrix) -> ArrayDescription {
    ArrayDescription {
        name: None,
        dtype: matrix.dtype().to_string(),
        shape: vec![matrix.rows(), matrix.dim()],
        fortran_order: matrix.order() == Order::Columns,
    }
}

/// The columns of a table of so many rows; those of vectors with their dimension, which the first row tells.
#[cfg(any(feature = "arrow", feature = "parquet"))]
fn columns<S: super::dataset::Source>(
    rows: usize,
    columns: Vec<super::columns::Listed>,
    open: impl Fn(&str) -> Result<S>,
) -> Vec<ArrayDescription> {
    let describe = |(name, element): super::columns::Listed| {
        let dtype = super::columns::type_name(&element);
        let dim = element.ok().and_then(|_| Some(open(&name).ok()?.dim()));
        let shape = [Some(rows), dim].into_iter().flatten().collect();
        ArrayDescription { name: Some(name), dtype, shape, fortran_order: false }
    };
    columns.into_iter().map(describe).collect()
}

/// Rows and columns of the one matrix that all files make up.
fn whole(files: &[FileDescription]) -> Option<(usize, usize)> {
    let mut whole: Option<(usize, usize)> = None;
    for file in files {
        let mut matrices = file.arrays.iter().filter(|array| array.shape.len() == 2);
        let (Some(matrix), None) = (matrices.next(), matrices.next()) else { return None };
        let (rows, dim) = (matrix.shape[0], matrix.shape[1]);
        let (before, shared) = whole.unwrap_or((0, dim));
        if shared != dim {
            return None;
        }
        whole = Some((before.checked_add(rows)?, dim));
    }
    whole
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}: {}, {} bytes", file.path, file.format, file.bytes)?;
            for array in &file.arrays {
                let name = array.name.as_deref().unwrap_or("matrix");
                let shape: Vec<_> = array.shape.iter().map(usize::to_string).collect();
                let order = if array.fortran_order { ", Fortran order" } else { "" };
                writeln!(f, "  {name}: {} of {}{order}", shape.join(" x "), array.dtype)?;
            }
            if let Some(model) = &file.model {
                writeln!(f, "  model: {model:#}")?;
            }
        }
        if let (Some(rows), Some(dim), 2..) = (self.rows, self.dim, self.files.len()) {
            writeln!(f, "{rows} x {dim} in {} files", self.files.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, fvecs, npy, refused, safetensors};
    use crate::io::write_model;
    use serde_json::json;

    #[test]
    fn shards_are_one_matrix_where_they_fit() {
        let folder = Folder::new();
        folder.file("s/a.npy", &npy("<u2", true, (3, 2), &[0; 12]));
        folder.file("s/b.fvecs", &fvecs(&[&[1.0, 2.0]]));
        let found = describe(folder.path("s")).unwrap();
        assert_eq!((found.rows, found.dim), (Some(4), Some(2)));
        let matrix = &found.files[0].arrays[0];
        assert_eq!((&*matrix.dtype, &matrix.shape[..], matrix.fortran_order), ("u16", &[3, 2][..], true));
        let text = found.to_string();
        assert!(text.contains("  matrix: 3 x 2 of u16, Fortran order\n"), "{text}");
        assert!(text.ends_with("4 x 2 in 2 files\n"), "{text}");
        folder.file("s/c.fvecs", &fvecs(&[&[1.0]]));
        let found = describe(folder.path("s")).unwrap();
        assert_eq!((found.rows, found.dim, found.files.len()), (None, None, 3));
    }

    #[test]
    fn tensors_and_models_are_told() {
        let folder = Folder::new();
        let tensors = safetensors(&[("b", "BOOL", &[2], &[0; 2]), ("a", "F32", &[2, 3], &[0; 24])]);
        let path = folder.file("t.safetensors", &tensors);
        let found = serde_json::to_value(describe(&path).unwrap()).unwrap();
        assert_eq!(found["rows"], json!(2));
        assert_eq!(found["files"][0]["format"], json!("safetensors"));
        assert_eq!(found["files"][0]["arrays"][0]["dtype"], json!("BOOL"));
        assert_eq!(found["files"][0]["model"], Value::Null);
        let one = describe(format!("{}:a", path.display())).unwrap();
        assert_eq!(one.files[0].arrays.len(), 1);
        let none = refused(describe(format!("{}:c", path.display())));
        assert!(none.contains("has no array 'c' (there is: b, a)"), "{none}");

        let model = folder.path("m.safetensors");
        let book = ndarray::ArrayD::zeros(vec![4, 2]);
        write_model(&model, false, &json!({ "spec": "VQ4" }), &[("book".into(), book.view())]).unwrap();
        let found = describe(&model).unwrap();
        assert_eq!(found.files[0].model, Some(json!({ "spec": "VQ4" })));
        assert!(found.to_string().contains("\"spec\": \"VQ4\""));
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn columns_of_vectors_are_told_with_their_dimension() {
        let folder = Folder::new();
        let field = "optional group x (LIST) { repeated group list { optional float element; } }";
        let rows = [Some(vec![1.0, 2.0, 3.0]), Some(vec![4.0, 5.0, 6.0])];
        let file = crate::io::testing::parquet::<parquet::data_type::FloatType>(field, &rows, 10, |v| v);
        let found = describe(folder.file("x.parquet", &file)).unwrap();
        assert_eq!((found.rows, found.dim), (Some(2), Some(3)));
        assert_eq!(found.files[0].arrays[0].dtype, "list<f32>");
    }

    #[cfg(feature = "arrow")]
    #[test]
    fn columns_of_arrow_are_told_alike() {
        let folder = Folder::new();
        let rows = [Some(vec![1.0, 2.0, 3.0]), Some(vec![4.0, 5.0, 6.0])];
        let file = crate::io::testing::arrow(&rows, 10, None);
        let found = describe(folder.file("x.feather", &file)).unwrap();
        assert_eq!((found.rows, found.dim), (Some(2), Some(3)));
        assert!(found.to_string().contains("feather, "), "{found}");
        assert!(found.to_string().contains("  x: 2 x 3 of list<f32>\n"), "{found}");
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = Folder::new();
        assert!(refused(describe(folder.file("x.npy", b"no"))).contains("x.npy"));
    }
}
