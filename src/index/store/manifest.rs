//! The manifest: the one file of an index that is ever replaced. Which manifest has its name decides what the index is.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checked::{ALIGN, FileRecord, damaged, hash_of};
use super::folder::is_own_name;
use crate::columns::{ColumnSchema, listed};
use crate::error::{Context, Error, Result};
use crate::index::curve::{self, Curve};

/// The newest version of the format; a reader refuses what is newer than itself.
const FORMAT: u64 = 2;

/// The version of an index that keeps these columns: the oldest that can be it.
pub fn format_of(columns: &[ColumnSchema]) -> u64 {
    if columns.is_empty() { 1 } else { FORMAT }
}

/// The manifest's name in the folder.
pub const MANIFEST: &str = "manifest";

/// What an index is and which files it consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`format_of`] its columns.
    pub format: u64,
    /// Lists and quantizer, as `--spec` takes them.
    pub spec: String,
    /// Dimensions of a vector.
    pub dim: usize,
    /// What "near" means.
    pub metric: String,
    /// What is kept of each vector beside its code.
    pub refine: String,
    /// Whether codes are of what a vector's list leaves of it.
    pub residual: bool,
    /// One more than the largest id that there has been; none if that is the largest of all.
    pub next_id: Option<u64>,
    /// One more than the number of any file that there has been.
    pub next_file: u64,
    /// The model file of the lists' centroids, if there is more than one list.
    pub lists: Option<FileRecord>,
    /// The model file of the quantizer.
    pub model: FileRecord,
    /// The ranges of the bytes that refine, if bytes do.
    pub ranges: Option<FileRecord>,
    /// What searches are expected to find, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<Curve>,
    /// The queries that it was measured by, if they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<FileRecord>,
    /// The files that the vectors came from, where those refine.
    pub sources: Vec<SourceRecord>,
    /// What is kept beside the vectors, by the numbers that sections have; from format 2 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnSchema>,
    /// The vectors.
    pub segments: Vec<SegmentRecord>,
}

/// Vectors that stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Where they are, as [`open_all`](crate::io::open_all) takes it.
    pub data: Vec<String>,
    /// How many they are.
    pub rows: u64,
    /// Their [`fingerprint`](crate::fingerprint).
    pub fingerprint: String,
}

/// Some of the vectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// Where they are.
    #[serde(flatten)]
    pub file: FileRecord,
    /// How many they are, deleted ones included.
    pub rows: usize,
    /// The parts of the file, in their order.
    pub sections: Vec<SectionRecord>,
    /// Which of them are deleted, if any are.
    pub deleted: Option<DeletedRecord>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionRecord {
    /// What it holds.
    pub name: String,
    /// Its first byte.
    pub start: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A bit for each row of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedRecord {
    /// Where the bits are.
    #[serde(flatten)]
    pub file: FileRecord,
    /// How many are set.
    pub rows: usize,
}

impl Manifest {
    /// Every file that counts.
    pub fn files(&self) -> impl Iterator<Item = &FileRecord> {
        let segments = self.segments.iter();
        let segments = segments
            .flat_map(|segment| [Some(&segment.file), segment.deleted.as_ref().map(|bits| &bits.file)]);
        let models = self.lists.iter().chain([&self.model]);
        models.chain(&self.ranges).chain(&self.queries).chain(segments.flatten())
    }

    /// Vectors that there are.
    pub fn live_rows(&self) -> usize {
        self.segments.iter().map(SegmentRecord::live_rows).sum()
    }

    /// The text of the file: JSON on one line, and its hash on another.
    pub fn to_text(&self) -> Result<String> {
        let json = serde_json::to_string(self).map_err(|error| Error::input(error.to_string()))?;
        Ok(format!("{json}\n{}\n", hash_of(json.as_bytes())))
    }

    /// Reads the text of a file; `path` is for errors.
    ///
    /// # Errors
    /// A text that is not as it was written; one of a newer version; numbers and names that cannot be.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self> {
        let parts = text.strip_suffix(b"\n").and_then(|text| {
            let at = text.iter().rposition(|&byte| byte == b'\n')?;
            Some((&text[..at], &text[at + 1..]))
        });
        let Some((json, hash)) = parts else {
            return Err(damaged(path, "its last line, the hash of what is before, is missing"));
        };
        if hash != hash_of(json).as_bytes() {
            return Err(damaged(path, "its bytes are not those that its hash is of"));
        }
        let unread =
            |error: serde_json::Error| Error::input(format!("{}: cannot be read: {error}", path.display()));
        let value: Value = serde_json::from_slice(json).map_err(unread)?;
        match value.get("format").and_then(Value::as_u64) {
            Some(1..=FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                return Err(Error::input(format!(
                    "{}: an index of format {newer}; this version reads those up to {FORMAT}, a newer one is needed",
                    path.display()
                )));
            }
            _ => {
                return Err(Error::input(format!(
                    "{}: names no format; is it an index of wgvq?",
                    path.display()
                )));
            }
        }
        let curve = value.get("recall").and_then(|curve| curve.get("version")).and_then(Value::as_u64);
        if let Some(newer) = curve.filter(|&version| version > curve::VERSION) {
            return Err(Error::input(format!(
                "{}: an index whose recall is of version {newer}; this version reads {}, a newer one is needed",
                path.display(),
                curve::VERSION
            )));
        }
        let manifest: Self = serde_json::from_value(value).map_err(unread)?;
        manifest.check().context(|| path.display())?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        if let Some(wrong) = self.files().find(|record| !is_own_name(&record.file)) {
            return Err(Error::input(format!("{:?} is not the name of a file of an index", wrong.file)));
        }
        if self.sources.iter().try_fold(0_u64, |sum, source| sum.checked_add(source.rows)).is_none() {
            return Err(Error::input("its sources have more rows than can be"));
        }
        let is_new = |at: usize| self.columns[..at].iter().all(|other| other.name != self.columns[at].name);
        if self.format != format_of(&self.columns) || !(0..self.columns.len()).all(is_new) {
            return Err(Error::input(format!(
                "columns {} of format {} cannot be",
                listed(&self.columns),
                self.format
            )));
        }
        self.recall.as_ref().map_or(Ok(()), Curve::check)?;
        self.segments.iter().try_for_each(|segment| segment.check().context(|| segment.file.file.clone()))
    }
}

impl SegmentRecord {
    /// Rows that are not deleted.
    pub fn live_rows(&self) -> usize {
        self.rows - self.deleted.as_ref().map_or(0, |deleted| deleted.rows)
    }

    fn check(&self) -> Result<()> {
        let deleted = self.deleted.as_ref().map_or(0, |deleted| deleted.rows);
        if self.rows > u32::MAX as usize || deleted > self.rows {
            return Err(Error::input(format!("{} rows, {deleted} of them deleted, cannot be", self.rows)));
        }
        for SectionRecord { name, start, bytes } in &self.sections {
            let fits = start.checked_add(*bytes).is_some_and(|end| end <= self.file.bytes);
            if !fits || start % ALIGN != 0 {
                return Err(Error::input(format!(
                    "its section {name} cannot lie at {start} with {bytes} bytes"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;

    fn manifest() -> Manifest {
        let record = |file: &str| FileRecord { file: file.into(), bytes: 640, xxh3: "0".into() };
        Manifest {
            format: 1,
            spec: "IVF4,PQ2x4".into(),
            dim: 8,
            metric: "l2".into(),
            refine: "f16".into(),
            residual: false,
            next_id: Some(9),
            next_file: 5,
            lists: Some(record("lists-1.safetensors")),
            model: record("model-2.safetensors"),
            ranges: None,
            recall: None,
            queries: None,
            sources: Vec::new(),
            columns: Vec::new(),
            segments: vec![SegmentRecord {
                file: record("segment-3"),
                rows: 9,
                sections: vec![SectionRecord { name: "ids".into(), start: 64, bytes: 72 }],
                deleted: Some(DeletedRecord { file: record("deleted-4"), rows: 2 }),
            }],
        }
    }

    #[test]
    fn it_comes_back_and_any_flipped_byte_is_found() {
        let path = Path::new("manifest");
        let text = manifest().to_text().unwrap().into_bytes();
        assert_eq!(Manifest::parse(&text, path).unwrap(), manifest());
        for at in 0..text.len() {
            let mut torn = text.clone();
            torn[at] ^= 1;
            assert!(refused(Manifest::parse(&torn, path)).contains("manifest: is damaged"), "{at}");
            assert!(refused(Manifest::parse(&text[..at], path)).contains("is damaged"), "{at}");
        }
        assert!(refused(Manifest::parse(&[&text[..], b"\n"].concat(), path)).contains("is damaged"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let why = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            refused(Manifest::parse(manifest.to_text().unwrap().as_bytes(), Path::new("x.wgvqi/manifest")))
        };
        assert!(why(&|m| m.format = 3).contains("an index of format 3; this version reads those up to 2"));
        let column = ColumnSchema { name: "a".into(), kind: crate::columns::ColumnType::Int };
        assert!(why(&|m| m.format = 2).contains("columns none of format 2 cannot be"));
        assert!(why(&|m| m.columns = vec![column.clone()]).contains("columns a int of format 1 cannot be"));
        let twice = |m: &mut Manifest| (m.format, m.columns) = (2, vec![column.clone(); 2]);
        assert!(why(&twice).contains("columns a int, a int of format 2 cannot be"));
        assert!(why(&|m| m.format = 0).contains("names no format"));
        assert!(why(&|m| m.model.file = "../model-1.safetensors".into()).contains("not the name of a file"));
        assert!(why(&|m| m.segments[0].file.file = "manifest".into()).contains("not the name of a file"));
        assert!(why(&|m| m.segments[0].rows = 1).contains("1 rows, 2 of them deleted, cannot be"));
        assert!(why(&|m| m.segments[0].sections[0].start = 65).contains("cannot lie at 65"));
        assert!(why(&|m| m.segments[0].sections[0].bytes = u64::MAX).contains("cannot lie"));
        assert!(why(&|m| m.segments[0].sections[0].bytes = 640).contains("cannot lie"));
        let other = format!("{{}}\n{}\n", hash_of(b"{}"));
        assert!(refused(Manifest::parse(other.as_bytes(), Path::new("m"))).contains("names no format"));
    }
}
