//! Recall and speed of a search in inverted lists, along the number of lists that are visited.
//!
//! ```text
//! cargo run --release --example lists [BASE QUERIES] [--lists N] [--parts M] [--threads T] [--wanted 0.95]
//! ```
//!
//! Trains lists (VQ) and codes of 4 bits (PQ), stores vectors in 8 bits beside them, and finds the true neighbours by comparing all.
//! Half of the queries choose how many lists to visit and rows to re-rank for each recall; the other half is searched so, in one
//! batch: queries per second are the median of some runs, and 10-recall@10 is theirs alone. Without files: the sample of sentence
//! vectors, and some of it as queries.

use std::error::Error;
use std::time::Instant;

use ndarray::{Array2, s};
use wgvq::lists::{Ask, Codes, Found, Lists, Model, Queries, Refine, Segment, first_blocks};
use wgvq::metrics::Metric;
use wgvq::search::Search;
use wgvq::{Engine, Product, Quantizer, Vq};

const K: usize = 10;
const RUNS: usize = 9;
const RECALLS: [f64; 7] = [0.8, 0.9, 0.93, 0.95, 0.98, 0.99, 0.995];

fn main() -> Result<(), Box<dyn Error>> {
    let (mut files, mut lists, mut parts, mut threads, mut wanted) =
        (Vec::new(), 256, 0, 1, RECALLS.to_vec());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--lists" => lists = value()?.parse()?,
            "--parts" => parts = value()?.parse()?,
            "--threads" => threads = value()?.parse()?,
            "--wanted" => wanted = vec![value()?.parse()?],
            _ => files.push(argument),
        }
    }
    // Before anything is read: that is done by threads too.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let (base, queries) = read(&files)?;
    let d = base.ncols();
    let parts = if parts == 0 { d.div_ceil(2).min(256) } else { parts };

    let engine = Engine::cpu();
    let coarse = Vq::builder().k(lists).seed(1).fit(&engine, &base)?;
    let product = Product::builder().parts(parts).bits(4).seed(1).fit(&engine, &base)?;
    let stored = Stored::new(&engine, &base, &coarse, &product)?;
    let codebooks: Vec<f32> = product.codebooks().iter().flat_map(|book| book.iter().copied()).collect();
    let searched = Lists::new(Model {
        metric: Metric::SquaredL2,
        d,
        centroids: coarse.codebooks()[0].as_slice().ok_or("a codebook has its rows in order")?,
        codes: stored.kind,
        codebooks: &codebooks,
        columns: &product.columns(),
        residual: false,
        refine: stored.refine.clone(),
    })?;

    let truth = Search::nearest(K).flat(&engine, Metric::SquaredL2, &base, &queries)?.ids.mapv(u64::from);
    let half = queries.nrows() / 2;
    let (held_out, rest) = queries.as_slice().ok_or("queries are in order")?.split_at(half * d);
    let (known, truth) = truth.as_slice().ok_or("neighbours are in order")?.split_at(half * K);
    let [held_out, rest] = [held_out, rest].map(|queries| Queries { coded: queries, original: queries });
    let segment = [stored.segment()];
    let tuning = searched.tune(&segment, held_out, known, K)?;
    println!(
        "{} vectors of {d} dimensions, IVF{lists},PQ{parts}x4 and 8 bits a dimension, {threads} thread(s), batches of {}",
        base.nrows(),
        queries.nrows() - half
    );
    println!(
        "{:>6}  {:>6}  {:>6}  {:>8}  {:>8}  {:>9}",
        "wanted", "probes", "depth", "expected", "10@10", "queries/s"
    );
    for wanted in wanted {
        let Some(choice) = tuning.choose(wanted) else {
            println!("{wanted:>6}  is not reached");
            continue;
        };
        let ask = Ask { k: K, probes: choice.probes, depth: choice.depth, selected: None };
        let mut seconds = Vec::new();
        let mut found = Found::default();
        for _ in 0..RUNS {
            let begin = Instant::now();
            found = searched.search(&segment, rest, ask)?;
            seconds.push(begin.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let rate = found.ends.len() as f64 / seconds[RUNS / 2];
        println!(
            "{wanted:>6}  {:>6}  {:>6}  {:>8.4}  {:>8.4}  {rate:>9.0}",
            choice.probes,
            choice.depth,
            choice.recall,
            recall(&found, truth)
        );
    }
    Ok(())
}

/// What is searched, and with what.
fn read(files: &[String]) -> Result<(Array2<f32>, Array2<f32>), Box<dyn Error>> {
    match files {
        [base, queries] => Ok((wgvq::io::open(base)?.to_array()?, wgvq::io::open(queries)?.to_array()?)),
        [] => {
            let all = wgvq::io::open("data/wordnet.npy")?.to_array()?;
            let first = all.nrows() - all.nrows() / 10;
            Ok((all.slice(s![..first, ..]).to_owned(), all.slice(s![first.., ..]).to_owned()))
        }
        _ => Err("two files are needed, of base vectors and of queries, or none".into()),
    }
}

/// The share of the true neighbours that were found.
fn recall(found: &Found, truth: &[u64]) -> f64 {
    let hits = found
        .ids
        .chunks(K)
        .zip(truth.chunks(K))
        .map(|(found, truth)| found.iter().filter(|id| truth.contains(id)).count());
    hits.sum::<usize>() as f64 / truth.len() as f64
}

/// The rows in the order of their lists.
struct Stored {
    kind: Codes,
    refine: Refine,
    first_rows: Vec<u64>,
    first_blocks: Vec<u64>,
    codes: Vec<u8>,
    refined: Vec<u8>,
    ids: Vec<u64>,
}

impl Stored {
    fn new(
        engine: &Engine,
        base: &Array2<f32>,
        coarse: &Vq,
        product: &Product,
    ) -> Result<Self, Box<dyn Error>> {
        let (d, parts) = (base.ncols(), product.columns().len());
        let (lists, coded) = (coarse.encode(engine, base)?, product.encode(engine, base)?);
        let (lists, coded) = (lists.view(), coded.view());
        let values = base.as_slice().ok_or("vectors are in order")?;
        let (kind, refine) = (Codes::Four { parts }, Refine::u8(values, d));
        let mut order: Vec<usize> = (0..base.nrows()).collect();
        order.sort_by_key(|&row| lists[[row, 0]]);
        let (mut first_rows, mut codes, mut refined) = (vec![0], Vec::new(), Vec::new());
        for list in 0..coarse.codebooks()[0].nrows() as u32 {
            let first = first_rows[first_rows.len() - 1] as usize;
            let own = order[first..].partition_point(|&row| lists[[row, 0]] == list);
            let own = &order[first..first + own];
            let unpacked: Vec<u8> =
                own.iter().flat_map(|&row| coded.row(row).mapv(|code| code as u8)).collect();
            kind.pack(&unpacked, &mut codes);
            for &row in own {
                refine.write(&values[row * d..][..d], d, row, &mut refined)?;
            }
            first_rows.push((first + own.len()) as u64);
        }
        let ids = order.into_iter().map(|row| row as u64).collect();
        Ok(Self { kind, refine, first_blocks: first_blocks(&first_rows), first_rows, codes, refined, ids })
    }

    fn segment(&self) -> Segment<'_> {
        Segment {
            first_rows: &self.first_rows,
            first_blocks: &self.first_blocks,
            codes: &self.codes,
            refined: &self.refined,
            ids: &self.ids,
            removed: &[],
            touch: &|_| Ok(()),
        }
    }
}
