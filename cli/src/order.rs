//! `wgvq order`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::curves::{self, Curve, Tour};
use wgvq::io::{self, RowWriter};
use wgvq::ndarray::{ArrayView2, Axis};
use wgvq::{Context, Error, Result};

use crate::Verdict;
use crate::args::{Common, Data};
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq order vectors.npy --curve hilbert -o ordered.npy")]
pub struct Order {
    #[command(flatten)]
    pub data: Data,
    /// The vectors file to write: .npy or .fvecs, f32
    #[arg(short, long, value_name = "ORDERED.npy")]
    pub output: PathBuf,
    /// The curve: hilbert or lebesgue, or peano or sierpinski for vectors of two dimensions
    #[arg(long)]
    pub curve: Curve,
    /// Write the numbers of the rows in their new order too, (n, 1)
    #[arg(long, value_name = "ORDER.npy")]
    pub indices: Option<PathBuf>,
}

/// Rows that are put together before they are written.
const CHUNK_ROWS: usize = 4096;

pub fn run(command: &Order, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads(&command.data.data)?;
    claims.writes(&command.output)?;
    command.indices.iter().try_for_each(|path| claims.writes(path)).context(|| "--indices")?;
    let data = io::open_all(&command.data.data)?;
    let (n, dim) = (data.rows(), data.dim());
    check_memory(n, dim, common)?;
    let mut out = RowWriter::<f32>::create(&command.output, n, dim, common.force)?;
    let mut indices = match &command.indices {
        Some(path) => Some(RowWriter::<u32>::create(path, n, 1, common.force)?),
        None => None,
    };

    let x = data.to_array()?;
    let start = Instant::now();
    let order = curves::order(x.view(), command.curve)?;
    let seconds = start.elapsed().as_secs_f64();
    for rows in order.chunks(CHUNK_ROWS) {
        out.append(x.select(Axis(0), rows).as_slice().expect("chosen rows are contiguous"))?;
    }
    if let Some(indices) = &mut indices {
        indices.append(&order.iter().map(|&row| row as u32).collect::<Vec<_>>())?;
    }
    // Neither has its name before both are whole.
    out.finish()?;
    indices.map_or(Ok(()), RowWriter::finish)?;

    let before = mean_step(x.view(), Tour::new((0..n).collect())?)?;
    let after = mean_step(x.view(), Tour::new(order)?)?;
    if common.json {
        print_json(&json!({
            "curve": command.curve.name(),
            "n": n,
            "dim": dim,
            "mean_step_before": before,
            "mean_step_after": after,
            "seconds": seconds,
        }))?;
    } else if !common.quiet {
        say!("curve             {}", command.curve);
        say!("vectors           {n} × {dim}");
        if let (Some(before), Some(after)) = (before, after) {
            say!("mean step before  {before:.6}");
            say!("mean step after   {after:.6}");
        }
        say!("seconds           {seconds:.3}");
    }
    Ok(Verdict::Done)
}

/// The mean distance from one row to the next, if there are two.
fn mean_step(x: ArrayView2<f32>, path: Tour) -> Result<Option<f64>> {
    let steps = x.nrows() - 1;
    Ok(if steps > 0 { Some(path.length(x)? / steps as f64) } else { None })
}

/// Ordering looks at all vectors at once.
fn check_memory(n: usize, dim: usize, common: &Common) -> Result<()> {
    if u32::try_from(n).is_err() {
        return Err(Error::input(format!("{n} vectors; as many as 32 bits count can be ordered")));
    }
    let vectors = (n as u64).saturating_mul(4 * dim as u64);
    let needed = vectors.saturating_add(curves::scratch_bytes(n, dim));
    common.check_memory(needed, format_args!("ordering {n} x {dim} vectors"), "order a part of them")
}
