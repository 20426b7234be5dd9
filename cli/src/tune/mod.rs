//! `wgvq tune`

mod budget;
mod candidates;
pub mod choice;
mod commands;
mod halving;
mod point;
pub mod rounds;
pub mod sample;
pub mod table;
pub mod trial;

use std::path::PathBuf;

use clap::Args;
use wgvq::search::Recall;
use wgvq::{Context, Engine, Error, Result, Vectors, io};

use crate::Verdict;
use crate::args::{Common, Data, Near};
use crate::recalls::Least;
use crate::words;

use budget::Budget;
use choice::Asked;
use rounds::Trials;
use table::Outcome;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq tune vectors.npy --bytes 32\n  wgvq tune vectors.npy --bytes 32 --recall 10@10=.95 --budget 5m\n  wgvq tune vectors.npy --bytes 32 --recall 10@10=.95 --queries asked.npy\n  wgvq tune vectors.npy --recall 10@10=.95 --metric cosine --json"
)]
pub struct Tune {
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub wish: Wish,
}

/// What a quantizer has to do, and how long may be looked for it.
#[derive(Args, Debug)]
pub struct Wish {
    /// Bytes that a vector may take beside its id [default: six sizes, from an eighth of a byte for four dimensions to one for each]
    #[arg(long)]
    pub bytes: Option<usize>,
    /// Find what reaches this recall, indexes included: 10@10=.95 is a 10-recall@10 of .95; 1@10=.99. Exit with status 1 if nothing does
    #[arg(long, value_name = "M@10=LEAST")]
    pub recall: Option<Least>,
    /// Time to spend, such as 90s, 10m or 1h; it ends sooner if a round has all vectors
    #[arg(long, default_value = "10m")]
    pub budget: Budget,
    /// Judge by these queries instead of vectors held out, as where those have near copies. Nothing is trained on them; every other
    /// one tells indexes how far to look, and the rest judge
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    #[command(flatten)]
    pub near: Near,
}

impl Wish {
    /// What is asked for of vectors of `dim` dimensions.
    fn asked(&self, dim: usize) -> Result<Asked> {
        let raw = 4 * dim;
        if let Some(bytes) = self.bytes
            && !(1..raw).contains(&bytes)
        {
            return Err(Error::input(format!(
                "--bytes {bytes}: no spec takes that of {dim} dimensions; give 1 to {}, as f32 takes {raw}",
                raw - 1
            )));
        }
        if let Some(least) = self.recall
            && ![Recall::new(10, 10)?, Recall::new(1, 10)?].contains(&least.recall())
        {
            return Err(Error::input(format!(
                "--recall: the {} is not measured; give one of 10@10 or of 1@10, such as 10@10=.95",
                least.recall()
            )));
        }
        Ok(Asked { bytes: self.bytes, recall: self.recall })
    }
}

pub fn run(command: &Tune, common: &Common) -> Result<Verdict> {
    let paths = &command.data.data;
    judge(paths, &io::open_all(paths)?, &command.wish, common, |_, _| Ok(()))
}

/// Tries what there is for the vectors, says what it came to and passes that on to `sink`.
pub fn judge(
    paths: &[PathBuf],
    data: &dyn Vectors,
    wish: &Wish,
    common: &Common,
    sink: impl FnOnce(&Outcome, &Engine) -> Result<()>,
) -> Result<Verdict> {
    let asked = wish.asked(data.dim())?;
    let queries = wish.queries.as_ref().map(io::open).transpose().context(|| "--queries")?;
    let queries = queries.as_ref().map(|queries| queries as &dyn Vectors);
    let engine = common.engine()?;
    let trials = Trials::run(data, queries, &engine, wish, &asked, common)?;
    let setting = commands::Setting {
        data: paths,
        queries: wish.queries.as_ref(),
        rows: data.len(),
        metric: wish.near.metric,
        seed: common.seed,
    };
    let outcome = Outcome::new(&trials, &asked, &setting)?;
    outcome.print(&engine, common)?;
    sink(&outcome, &engine)?;
    match asked.recall {
        Some(least) if !asked.reaches(outcome.best) => {
            let within = asked.bytes.map_or(String::new(), |bytes| format!(" within {bytes} bytes"));
            let untried = match trials.untried {
                0 => String::new(),
                untried => format!(", and {untried} candidates had no time"),
            };
            words::complain(format_args!(
                "nothing reached a {} of {}{within}; the best, {}, has {:.4}{untried}",
                least.recall(),
                least.least(),
                outcome.best.name(),
                outcome.value()
            ));
            Ok(Verdict::Missed)
        }
        _ => Ok(Verdict::Done),
    }
}
