//! Vectors to train on, others to find, and others to look for: nothing is measured on what was trained on.

use wgvq::ndarray::{Array2, ArrayView2, Axis, s};
use wgvq::{Error, Result, Rng, Vectors};

/// Vectors below which there are too few of each.
pub const LEAST: usize = 1000;

/// Of so many vectors one is a query, and queries at most: a recall of .95 has a standard error of about .0025 then.
const QUERY_OF: usize = 10;
const MOST_QUERIES: usize = 1000;

/// Vectors that are trained on, and as many that are found, at most.
const MOST: usize = 1 << 17;

/// Queries that are given, at least: of fewer a recall says nothing.
const LEAST_GIVEN: usize = 20;

/// Copies of both that the trials hold: themselves, as they are encoded and searched, and what is decoded of them.
const COPIES: u64 = 6;

/// The stream of a seed by which the vectors are dealt out.
const STREAM: u64 = 0x7475_6e65;

/// Vectors of the data, dealt out at random, and queries that are some of them or were given.
pub struct Sample {
    /// What is trained on, (n, d).
    trained_on: Array2<f32>,
    /// What is encoded and searched, (n, d).
    base: Array2<f32>,
    /// The rows of the data that the base is.
    pub rows: Vec<usize>,
    /// What is searched for, (q, d).
    pub queries: Array2<f32>,
    pub origin: Origin,
}

/// Where the queries come from.
pub enum Origin {
    /// From the data: these rows.
    HeldOut(Vec<usize>),
    /// From the user: these rows of what was given. Others, (p, d), tell an index how far to look, so that it is judged by none of them.
    Given { rows: Vec<usize>, aiming: Array2<f32> },
}

impl Sample {
    /// Deals out as many of `data` as there is room for in `memory` bytes. Where queries are given, none of `data` is one.
    pub fn draw(data: &dyn Vectors, given: Option<&dyn Vectors>, seed: u64, memory: u64) -> Result<Self> {
        let (n, d) = (data.len(), data.dim());
        if n < LEAST {
            return Err(Error::input(format!(
                "{n} vectors are too few to train on some and to measure by others; {LEAST} are the least"
            )));
        }
        let given = given.map(|given| split(given, d)).transpose()?;
        let queries = if given.is_some() { 0 } else { (n / QUERY_OF).min(MOST_QUERIES) };
        let room = memory / (2 * COPIES * 4 * d as u64);
        let each = ((n - queries) / 2).min(MOST).min(room as usize);
        if each < (LEAST / 3).min((n - queries) / 2) {
            return Err(Error::input(format!(
                "there is room for {each} vectors of {d} dimensions to train on, and as many to search, within --memory; give more"
            )));
        }
        let mut rng = Rng::new(seed, STREAM);
        let mut rows = rng.distinct(queries + 2 * each, n);
        rng.shuffle(&mut rows);
        let base = rows.split_off(queries + each);
        let trained_on = rows.split_off(queries);
        let (queries, origin) = match given {
            Some(given) => given,
            None => (read(data, &rows)?, Origin::HeldOut(rows)),
        };
        Ok(Self {
            trained_on: read(data, &trained_on)?,
            base: read(data, &base)?,
            rows: base,
            queries,
            origin,
        })
    }

    /// How many are trained on, and as many found.
    pub fn size(&self) -> usize {
        self.base.nrows()
    }

    /// The first `n` to train on, and the first `n` to be found.
    pub fn first(&self, n: usize) -> (ArrayView2<'_, f32>, ArrayView2<'_, f32>) {
        (self.trained_on.slice(s![..n, ..]), self.base.slice(s![..n, ..]))
    }
}

/// Queries of `d` dimensions that were given, as many as there are of both at most: every other one of them judges, and the rest
/// tell how far to look.
fn split(given: &dyn Vectors, d: usize) -> Result<(Array2<f32>, Origin)> {
    let (count, dim) = (given.len(), given.dim());
    if dim != d || count < LEAST_GIVEN {
        return Err(Error::input(format!(
            "--queries: they are {count} × {dim}; {LEAST_GIVEN} at least, of the {d} dimensions of the vectors, are needed"
        )));
    }
    let step = count.div_ceil(2 * MOST_QUERIES);
    let half = |which: usize| (which * step..count).step_by(2 * step).collect::<Vec<_>>();
    let (rows, aiming) = (half(0), read(given, &half(1))?);
    Ok((read(given, &rows)?, Origin::Given { rows, aiming }))
}

/// The vectors of these rows, in the order in which they are named.
fn read(data: &dyn Vectors, rows: &[usize]) -> Result<Array2<f32>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|&at| rows[at]);
    let ascending: Vec<usize> = order.iter().map(|&at| rows[at]).collect();
    let read = data.read_each(&ascending)?;
    let mut place = vec![0; rows.len()];
    order.iter().enumerate().for_each(|(from, &at)| place[at] = from);
    Ok(read.select(Axis(0), &place))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_vector_has_one_part() {
        let x = Array2::from_shape_fn((1003, 2), |(row, column)| (2 * row + column) as f32);
        let sample = Sample::draw(&x, None, 5, 1 << 30).unwrap();
        let Origin::HeldOut(queries) = &sample.origin else { panic!("none were given") };
        assert_eq!((sample.queries.nrows(), sample.size()), (100, 451));
        let (trained_on, base) = sample.first(451);
        let parts = [trained_on, base, sample.queries.view()];
        let seen: HashSet<u32> =
            parts.iter().flat_map(|part| part.column(0).to_vec()).map(|value| value as u32 / 2).collect();
        assert_eq!(seen.len(), 100 + 2 * 451);
        for (vectors, rows) in [(base, &sample.rows), (sample.queries.view(), queries)] {
            for (vector, &row) in vectors.outer_iter().zip(rows) {
                assert_eq!(vector, x.row(row));
            }
        }
        assert_eq!(sample.first(7).0, trained_on.slice(s![..7, ..]));
        let other = Sample::draw(&x, None, 6, 1 << 30).unwrap();
        assert_ne!(other.rows, sample.rows);
    }

    #[test]
    fn given_queries_judge_or_aim_and_no_vector_is_one() {
        let x = Array2::from_shape_fn((1003, 2), |(row, column)| (2 * row + column) as f32);
        let given = |count: usize| Array2::from_shape_fn((count, 2), |(row, _)| -(row as f32));
        let draw = |given: &Array2<f32>| Sample::draw(&x, Some(given), 5, 1 << 30);
        let sample = draw(&given(101)).unwrap();
        assert_eq!(sample.size(), 501);
        let Origin::Given { rows, aiming } = &sample.origin else { panic!("they were given") };
        let numbers = |queries: &Array2<f32>| queries.column(0).map(|&value| -value as usize).to_vec();
        assert_eq!(numbers(&sample.queries), (0..101).step_by(2).collect::<Vec<_>>());
        assert_eq!(*rows, numbers(&sample.queries));
        assert_eq!(numbers(aiming), (1..101).step_by(2).collect::<Vec<_>>());
        // Of many as many as would be held out, from all over the file.
        let sample = draw(&given(5000)).unwrap();
        let judging = numbers(&sample.queries);
        assert_eq!((judging.len(), judging[0], judging[833]), (834, 0, 4998));
        for wrong in [given(19), Array2::zeros((50, 3))] {
            assert!(draw(&wrong).err().unwrap().to_string().contains("20 at least, of the 2 dimensions"));
        }
    }

    #[test]
    fn there_is_a_least_and_a_most() {
        let x = Array2::<f32>::zeros((999, 1));
        assert!(Sample::draw(&x, None, 0, 1 << 30).err().unwrap().to_string().contains("1000 are the least"));
        let x = Array2::<f32>::zeros((4000, 8));
        assert_eq!(Sample::draw(&x, None, 0, 1000 * 384).unwrap().size(), 1000);
        assert!(Sample::draw(&x, None, 0, 10_000).err().unwrap().to_string().contains("--memory"));
    }
}
