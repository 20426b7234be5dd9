//! `wgvq index build`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use wgvq::index::{self, IndexSpec, Refinement};
use wgvq::serde_json::{Map, Value};
use wgvq::settings::Spelling;
use wgvq::{Context, Error, Result, Vectors, io};

use super::EXTENSION;
use super::ids::Given;
use super::keep::Kept;
use super::{info, watch};
use crate::Verdict;
use crate::args::{Common, Data, Near};
use crate::codes::has_extension;
use crate::progress::Progress;
use crate::train::Watch;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq index build vectors.npy --spec IVF256,PQ64x4 -o base.wgvqi\n  wgvq index build vectors.npy --spec IVF256,OPQ16,PQ16x8 --refine u8 --ids ids.npy --metric cosine -o base.wgvqi\n  wgvq index build vectors.npy --spec IVF256,PQ64x4 --recall .95 -o base.wgvqi\n  wgvq index build docs.parquet:embedding --spec IVF256,PQ64x4 --ids id --keep year --keep title -o docs.wgvqi"
)]
pub struct Build {
    #[command(flatten)]
    pub data: Data,
    /// How many lists, and what quantizes the vectors in them: IVF1024,PQ64x4; without IVF one list
    #[arg(long)]
    pub spec: IndexSpec,
    /// The folder to write
    #[arg(short, long, value_name = "NAME.wgvqi")]
    pub output: PathBuf,
    /// The vectors' ids: a file of one per row (.npy .parquet:column .txt), or a column of DATA [default: row numbers]
    #[arg(long, value_name = "FILE|COLUMN")]
    pub ids: Option<PathBuf>,
    /// Keep a column beside the vectors, to filter by and to show: one of DATA, or [NAME=]FILE.parquet:column, or the lines of
    /// [NAME=]FILE.txt; of whole numbers, floats, booleans or strings. For several give it several times
    #[arg(long, value_name = "COLUMN|[NAME=]FILE")]
    pub keep: Vec<String>,
    /// What the nearest by their codes are compared by once more: f16 or u8 of each dimension, source (the files of the vectors,
    /// which have to stay) or none
    #[arg(long, default_value_t)]
    pub refine: Refinement,
    #[command(flatten)]
    pub near: Near,
    /// Measure how much of the 10 true neighbours searches find, and let those aim at this 10-recall@10 that say nothing else: .95.
    /// A tenth of the vectors, up to 1000, are held out as queries: no training is done on them
    #[arg(long, value_name = "SHARE")]
    pub recall: Option<f64>,
    /// Measure the recall by these queries instead of vectors held out
    #[arg(long, value_name = "FILE", requires = "recall")]
    pub queries: Option<PathBuf>,
    /// A setting of the quantizer, as `train` has it: beam=8, sample=512
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

impl Build {
    /// The settings that were given.
    fn settings(&self) -> Result<Map<String, Value>> {
        let known = self.spec.quantizer().settings();
        let setting = |text: &String| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let name = name.replace('-', "_");
            // What it does not have is refused by the spec.
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                return Ok((name, Value::Null));
            };
            Ok((name, setting.parse(value).context(|| format!("--set {text}"))?))
        };
        self.set.iter().map(setting).collect()
    }
}

pub fn run(command: &Build, common: &Common) -> Result<Verdict> {
    if !has_extension(&command.output, EXTENSION) {
        return Err(Error::input(format!(
            "{}: the name of an index ends in .{EXTENSION}",
            command.output.display()
        )));
    }
    let data = io::open_all(&command.data.data)?;
    let ids = Given::read(command.ids.as_ref(), &command.data.data, data.len(), common)?;
    let kept = Kept::read(&command.keep, &command.data.data, ids.memory)?;
    let engine = common.engine()?;
    let start = Instant::now();
    let mut training = Watch::new(Progress::open_ended(common, "train", "iterations"));
    let queries = command.queries.as_ref().map(io::open).transpose().context(|| "--queries")?;
    let mut build = index::Build::new(command.spec.clone())
        .metric(command.near.metric)
        .refine(command.refine)
        .source(&command.data.data)
        .set_all(command.settings()?, Spelling::Key)
        .seed(common.seed)
        .memory(kept.memory)
        .keep(&kept.columns)
        .force(common.force)
        .watch(watch(common, "build", "vectors"));
    if let Some(recall) = command.recall {
        build = build.recall(recall);
    }
    if let Some(queries) = &queries {
        build = build.queries(queries);
    }
    let index = build.run(&engine, &command.output, &data, ids.ids(), &mut training)?;
    training.progress.finish();
    if let Some(curve) = index.curve().filter(|curve| curve.choose(curve.wanted).is_none()) {
        let best = curve.best().map_or(0.0, |best| best.recall);
        log::warn!(
            "a recall of {} is not expected of any search; the most, {best:.4}, is aimed at",
            curve.wanted
        );
    }
    info::print(&index, common, Some((start.elapsed(), data.len())))?;
    Ok(Verdict::Done)
}
