//! `wgvq truth`

use std::time::Instant;

use serde_json::json;
use wgvq::metrics::Metric;
use wgvq::search::Search;
use wgvq::{Context, Result, io};

use crate::Verdict;
use crate::args::{Common, MetricName, Truth};
use crate::figures::print_json;
use crate::search::{self, Rows, watch};
use crate::stdout::say;

pub fn run(command: &Truth, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads([&command.base, &command.queries])?;
    claims.writes(&command.output)?;
    command.distances.iter().try_for_each(|path| claims.writes(path)).context(|| "--distances")?;
    let base = io::open(&command.base)?;
    let queries = io::open(&command.queries)?;
    let (count, k) = (queries.rows(), command.k);
    let left = common.memory_beside(
        search::result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let engine = common.engine()?;
    let mut ids = Rows::<i32>::create(&command.output, count, k, common)?;
    let mut distances = match &command.distances {
        Some(path) => Some(Rows::<f32>::create(path, count, k, common)?),
        None => None,
    };

    let metric = match command.metric {
        MetricName::L2 => Metric::SquaredL2,
        MetricName::InnerProduct => Metric::InnerProduct,
        MetricName::Cosine => Metric::Cosine,
    };
    let start = Instant::now();
    let search = Search::nearest(k).memory(left).watch(watch("truth", common));
    let found = search.flat(&engine, metric, &base, &queries)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(distances) = &mut distances {
        distances.fill(found.f32_distances()?)?;
    }
    ids.fill(found.ids.mapv(|id| id as i32))?;
    // Neither has its name before both are whole.
    ids.finish()?;
    distances.map_or(Ok(()), Rows::finish)?;
    let per_second = count as f64 / seconds;
    if common.json {
        print_json(&json!({
            "n": base.rows(),
            "dim": base.dim(),
            "queries": count,
            "k": k,
            "metric": metric,
            "seconds": seconds,
            "queries_per_second": per_second,
            "device": engine.name(),
        }))?;
    } else if !common.quiet {
        let (n, device) = (base.rows(), engine.name());
        say!("{k} neighbours of {count} queries among {n} vectors in {seconds:.3} s on {device}");
    }
    Ok(Verdict::Done)
}
