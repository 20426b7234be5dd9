//! `wgvq truth`

use std::time::Instant;

use serde_json::json;
use wgvq::metrics::Metric;
use wgvq::search::Search;
use wgvq::{Error, Result, io};

use crate::Verdict;
use crate::args::{Common, MetricName, Truth};
use crate::figures::print_json;
use crate::search::{Rows, watch};
use crate::stdout::say;

pub fn run(command: &Truth, common: &Common) -> Result<Verdict> {
    let inputs = [&command.base, &command.queries];
    let outputs = std::iter::once(&command.output).chain(&command.distances);
    outputs.into_iter().try_for_each(|output| common.check_output(output, inputs))?;
    if command.distances.as_ref() == Some(&command.output) {
        let output = command.output.display();
        return Err(Error::input(format!(
            "--distances {output}: the neighbours go there; name another file"
        )));
    }
    let base = io::open(&command.base)?;
    let queries = io::open(&command.queries)?;
    let engine = common.engine()?;
    let (count, k) = (queries.rows(), command.k);
    let ids = Rows::<i32>::create(&command.output, count, k, common)?;
    let distances = match &command.distances {
        Some(path) => Some(Rows::<f32>::create(path, count, k, common)?),
        None => None,
    };

    let metric = match command.metric {
        MetricName::L2 => Metric::SquaredL2,
        MetricName::InnerProduct => Metric::InnerProduct,
        MetricName::Cosine => Metric::Cosine,
    };
    let start = Instant::now();
    let search = Search::nearest(k).memory(common.memory()).watch(watch("truth", common));
    let found = search.flat(&engine, metric, &base, &queries)?;
    let seconds = start.elapsed().as_secs_f64();
    ids.write(found.ids.mapv(|id| id as i32))?;
    if let Some(distances) = distances {
        distances.write(found.f32_distances()?)?;
    }
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
