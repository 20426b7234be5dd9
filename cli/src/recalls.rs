//! How much of the truth a search has found, and whether that is enough.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde_json::{Map, Value, json};
use wgvq::index::Found;
use wgvq::io::IndexFile;
use wgvq::ndarray::Array2;
use wgvq::search::Recall;
use wgvq::{Error, Result};

use crate::words;

/// A recall that has to be reached, as in `10@10=.95`.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    recall: Recall,
    least: f64,
}

impl Least {
    /// Which recall.
    pub fn recall(self) -> Recall {
        self.recall
    }

    /// What it is at least.
    pub fn least(self) -> f64 {
        self.least
    }
}

impl FromStr for Least {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::input(format!(
                "{text:?}: a least recall is written 10@10=.95 (10-recall@10 of at least .95) or 1@10=.9"
            ))
        };
        let (recall, least) = text.split_once('=').ok_or_else(wrong)?;
        let least = least.parse().ok().filter(|least| (0.0..=1.0).contains(least)).ok_or_else(wrong)?;
        Ok(Self { recall: recall.parse()?, least })
    }
}

/// The ranks that recalls are of where none are asked for.
const RANKS: [usize; 3] = [1, 10, 100];

/// The ids that a search of an index found, (queries, k); where there were not as many, and in place of those that a truth has no room
/// for, one that no vector has there.
pub fn ids_of(found: &Found, k: usize) -> Array2<u32> {
    Array2::from_shape_fn((found.queries(), k), |(query, rank)| {
        found.of(query).0.get(rank).map_or(u32::MAX, |&id| u32::try_from(id).unwrap_or(u32::MAX))
    })
}

/// What a search is judged by.
#[derive(Args, Debug)]
pub struct Judging {
    /// The true neighbours, as `truth` writes them, to measure the recall against
    #[arg(long, value_name = "GT.ivecs")]
    pub truth: Option<PathBuf>,
    /// Measure 1-recall@R and R-recall@R at these ranks R, up to k [default: those of 1,10,100]
    #[arg(long, value_name = "RANKS", value_delimiter = ',', requires = "truth")]
    recall_at: Option<Vec<usize>>,
    /// Exit with status 1 if a recall is below this: 10@10=.95 is a 10-recall@10 of .95
    #[arg(long, value_name = "M@K=LEAST", value_delimiter = ',', requires = "truth")]
    min_recall: Vec<Least>,
}

impl Judging {
    /// Reads the true neighbours of `queries` queries, if there are any to judge a search for `k` by. Where ids are those of `n` rows, they
    /// are below n.
    pub fn read(&self, k: usize, queries: usize, n: Option<usize>) -> Result<Option<Truth>> {
        let read =
            |path: &PathBuf| Truth::read(path, self.recall_at.as_deref(), &self.min_recall, k, queries, n);
        self.truth.as_ref().map(read).transpose()
    }
}

/// The true neighbours, and which recalls to measure by them.
pub struct Truth {
    ids: Array2<u32>,
    recalls: Vec<Recall>,
    least: Vec<Least>,
}

impl Truth {
    /// Reads the true neighbours of `queries` queries, among `n` vectors if these are numbered, for a search for `k`. Recalls are 1-recall@R and, as far as the truth
    /// goes, R-recall@R at the given `ranks`, and those with a least value.
    fn read(
        path: &Path,
        ranks: Option<&[usize]>,
        least: &[Least],
        k: usize,
        queries: usize,
        n: Option<usize>,
    ) -> Result<Self> {
        if let Some(wrong) = ranks.into_iter().flatten().find(|&&at| at == 0 || at > k) {
            return Err(Error::input(format!(
                "--recall-at {wrong} of {k} neighbours; give 1 to {k}, or a larger -k"
            )));
        }
        if let Some(Least { recall, .. }) = least.iter().find(|least| least.recall.at() > k) {
            return Err(Error::input(format!("--min-recall: {recall} of {k} neighbours; give a larger -k")));
        }
        let (file, shown) = (IndexFile::open(path)?, path.display());
        if file.rows() != queries {
            let rows = file.rows();
            return Err(Error::input(format!(
                "{shown}: neighbours of {rows} queries, and there are {queries}"
            )));
        }
        let known = file.columns();
        if let Some(Least { recall, .. }) = least.iter().find(|least| least.recall.of() > known) {
            return Err(Error::input(format!(
                "{shown}: {known} neighbours of each query, too few for --min-recall of {recall}; find more by `wgvq truth -k`"
            )));
        }
        let ids = file.to_array()?;
        if let Some(n) = n
            && let Some(((row, column), id)) = ids.indexed_iter().find(|(_, id)| **id as usize >= n)
        {
            return Err(Error::input(format!(
                "{shown}: the id at row {row}, column {column} is {id}; there are {n} codes"
            )));
        }
        let usual: Vec<usize> = RANKS.into_iter().filter(|&at| at <= k).collect();
        let mut recalls = Vec::new();
        for &rank in ranks.unwrap_or(&usual) {
            let of_all = (rank > 1 && rank <= known).then_some(rank);
            for of in [1].into_iter().chain(of_all) {
                recalls.push(Recall::new(of, rank)?);
            }
        }
        let further = least.iter().map(|least| least.recall);
        for recall in further {
            if !recalls.contains(&recall) {
                recalls.push(recall);
            }
        }
        Ok(Self { ids, recalls, least: least.to_vec() })
    }

    /// The recalls of what was found.
    pub fn judge(&self, found: &Array2<u32>) -> Result<Judged> {
        let measure = |&recall: &Recall| Ok((recall, recall.measure(found.view(), self.ids.view())?));
        let recalls: Vec<(Recall, f64)> = self.recalls.iter().map(measure).collect::<Result<_>>()?;
        let value = |least: &Least| recalls.iter().find(|(recall, _)| *recall == least.recall);
        let missed =
            self.least.iter().filter(|least| value(least).is_none_or(|(_, value)| *value < least.least));
        let missed = missed.copied().collect();
        Ok(Judged { recalls, missed })
    }

    /// The points of 1-recall@T and of T-recall@T at every rank T up to `last`, as far as the truth goes.
    pub fn curves(&self, found: &Array2<u32>, last: usize) -> Result<[Vec<(f64, f64)>; 2]> {
        let point = |of: usize, at: usize| {
            Ok((at as f64, Recall::new(of, at)?.measure(found.view(), self.ids.view())?))
        };
        let one = (1..=last).map(|at| point(1, at)).collect::<Result<_>>()?;
        let all = (1..=last.min(self.ids.ncols())).map(|at| point(at, at)).collect::<Result<_>>()?;
        Ok([one, all])
    }
}

/// Recalls, and those that are less than they have to be.
pub struct Judged {
    recalls: Vec<(Recall, f64)>,
    missed: Vec<Least>,
}

impl Judged {
    /// A line for each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.recalls.iter().map(|(recall, value)| format!("{:<16} {value:.4}", recall.to_string()))
    }

    /// For a document: each by its name.
    pub fn document(&self) -> Value {
        let named = self.recalls.iter().map(|(recall, value)| (recall.to_string(), json!(value)));
        named.collect::<Map<_, _>>().into()
    }

    /// For a document: the names of those that are too low.
    pub fn missed(&self) -> Vec<String> {
        self.missed.iter().map(|least| least.recall.to_string()).collect()
    }

    /// Says which are too low; whether there are any.
    pub fn complain(&self) -> bool {
        for Least { recall, least } in &self.missed {
            let value =
                self.recalls.iter().find(|(found, _)| found == recall).map_or(0.0, |(_, value)| *value);
            words::complain(format_args!("the {recall} of {value} is below --min-recall {least}"));
        }
        !self.missed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_least_recall_is_a_recall_and_a_share() {
        let least: Least = "10@10=.95".parse().unwrap();
        assert_eq!((least.recall, least.least), (Recall::new(10, 10).unwrap(), 0.95));
        assert_eq!("1@5=1".parse::<Least>().unwrap().least, 1.0);
        for wrong in
            ["", "10@10", "10@10=", "10@10=1.1", "10@10=-.1", "10@10=NaN", "=.9", "10=.9", "11@10=.9"]
        {
            assert!(wrong.parse::<Least>().is_err(), "{wrong}");
        }
    }
}
