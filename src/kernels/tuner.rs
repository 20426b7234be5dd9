//! Measures which tile is the fastest.
//!
//! A codebook is packed for one tile, so that is where it happens: when one is made, on an engine that
//! [tunes](crate::EngineBuilder::tune), and whose class was not measured before. Recording, which may be into a host app's
//! encoder, never measures and never waits.

use std::time::{Duration, Instant};

use super::prepare_codebook::Codebook;
use crate::engine::kept_tiles::Class;
use crate::engine::tile::Tile;
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::ops::Distribution;

/// Runs of each tile, of which the median counts; there are fewer where they would take more than [`LONGEST`].
const RUNS: u32 = 5;

/// The longest that the runs of all tiles take together. The first one of each, which compiles its kernels, does not count.
const LONGEST: Duration = Duration::from_secs(1);

/// Vectors at most, and values of them: 64 MiB.
const MOST_ROWS: usize = 1 << 18;
const MOST_VALUES: usize = 1 << 24;

/// The tile for a codebook of `k` codewords of `d` dimensions, measured where the engine tunes.
pub(super) fn tile_for(engine: &Engine, k: usize, d: usize) -> Tile {
    engine.tiles().measured(k, d, |class, tiles| fastest(engine, class, tiles))
}

/// The tile that assigns vectors to a codebook of the class in the least time; `None` if none does.
fn fastest(engine: &Engine, class: Class, tiles: &[Tile]) -> Option<Tile> {
    let (start, Class { k, d }) = (Instant::now(), class);
    let trials = Stand::new(engine, class).and_then(|mut stand| {
        let mut trials: Vec<Trial> = tiles.iter().filter_map(|&tile| stand.trial(tile)).collect();
        stand.run(&mut trials)?;
        Ok(trials)
    });
    let mut trials = match trials {
        Ok(trials) => trials,
        Err(error) => {
            log::warn!("no tile was measured for codebooks of {k} × {d}: {error}");
            return None;
        }
    };
    trials.sort_by(|a, b| a.median().total_cmp(&b.median()));
    let times = trials.iter().map(|trial| format!("{} {:.3} ms", trial.tile, 1e3 * trial.median()));
    let (times, took) = (times.collect::<Vec<_>>().join(", "), start.elapsed().as_secs_f64());
    log::info!("measured tiles for codebooks of {k} × {d} in {took:.1} s: {times}");
    trials.first().map(|trial| trial.tile)
}

/// A codebook packed for a tile, and how long it took to assign the vectors to it.
struct Trial {
    tile: Tile,
    codebook: Codebook,
    seconds: Vec<f64>,
}

impl Trial {
    fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::INFINITY)
    }
}

/// What every tile is measured with.
struct Stand<'a> {
    engine: &'a Engine,
    class: Class,
    x: Matrix<f32>,
    codes: Matrix<u32>,
    distances: Matrix<f32>,
}

impl<'a> Stand<'a> {
    fn new(engine: &'a Engine, class: Class) -> Result<Self> {
        let n = rows(engine, class);
        let (codes, distances) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        Ok(Self { engine, class, x: normals(engine, n, class.d, 1)?, codes, distances })
    }

    /// A trial of a tile after a first run; `None`, with a note in the log, if the driver does not run it.
    fn trial(&mut self, tile: Tile) -> Option<Trial> {
        let mut made = || {
            let codewords = normals(self.engine, self.class.k, self.class.d, 2)?;
            let mut codebook = Codebook::for_tile(codewords, Metric::SquaredL2, tile)?;
            let mut recorder = self.engine.recorder();
            recorder.prepare_codebook(&mut codebook)?;
            recorder.submit()?;
            self.seconds(&codebook)?;
            Ok::<_, Error>(Trial { tile, codebook, seconds: Vec::new() })
        };
        made().map_err(|error| log::warn!("the tile {tile} is left out: {error}")).ok()
    }

    /// Runs all trials in turn, so that a clock that changes changes for all.
    fn run(&mut self, trials: &mut [Trial]) -> Result<()> {
        let start = Instant::now();
        for round in 1..=RUNS {
            for trial in trials.iter_mut() {
                let seconds = self.seconds(&trial.codebook)?;
                trial.seconds.push(seconds);
            }
            if start.elapsed() / round * (round + 1) > LONGEST {
                break;
            }
        }
        Ok(())
    }

    /// How long it takes to assign the vectors: by the device's clock if it has one, else by the host's until all is done.
    fn seconds(&mut self, codebook: &Codebook) -> Result<f64> {
        let start = Instant::now();
        let mut recorder = self.engine.recorder().timed();
        recorder.assign(&self.x, codebook, &mut self.codes, &mut self.distances)?;
        let kernels = recorder.submit_timed()?;
        self.engine.wait()?;
        let on_device: f64 = kernels.iter().map(|kernel| kernel.seconds).sum();
        Ok(if on_device > 0.0 { on_device } else { start.elapsed().as_secs_f64() })
    }
}

/// Vectors that a run assigns: enough work to keep the device busy for milliseconds, in whole blocks of rows.
fn rows(engine: &Engine, Class { k, d }: Class) -> usize {
    let work: usize = match engine.adapter_info().map(|info| info.device_type) {
        Some(wgpu::DeviceType::DiscreteGpu) => 1 << 34,
        Some(wgpu::DeviceType::Cpu) => 1 << 24,
        _ => 1 << 31,
    };
    (work / (k * d)).min(MOST_ROWS).min(MOST_VALUES / d).next_multiple_of(256)
}

fn normals(engine: &Engine, rows: usize, cols: usize, seed: u64) -> Result<Matrix<f32>> {
    let mut matrix = engine.uninitialized(rows, cols)?;
    let mut recorder = engine.recorder();
    recorder.random_fill(Distribution::Normal, seed, 0, &mut matrix)?;
    recorder.submit()?;
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::tiles::Tiles;
    use crate::engine::{Backend, Core};

    #[test]
    fn a_class_is_measured_when_its_first_codebook_is_made() {
        let Some(_) = crate::test_gpu() else { return };
        let folder = tempfile::tempdir().unwrap();
        let engine = || {
            let engine = Engine::builder().device("gpu").core(Core::Staged).checked(false).build().unwrap();
            let Backend::Gpu(gpu) = engine.backend() else { panic!("it is asked for a GPU") };
            let tiles = Tiles::of_device(&gpu.info, &gpu.limits, Some(Core::Staged));
            let tiles = tiles.tuning(&gpu.info, Some(folder.path().into()));
            Engine::on_gpu(Arc::clone(gpu), tiles, None, "for a test")
        };
        let first = engine();
        let codebook = |engine: &Engine, k| {
            let codewords = engine.zeros(k, 16).unwrap();
            Codebook::from_matrix(codewords, Metric::SquaredL2).unwrap()
        };
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let tile = codebook(&first, 30).panels().tile;
        assert!(tile.is_staged());
        assert_eq!(first.tiles().of(32, 9), tile, "of the same class");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        // At the next start nothing is measured.
        let second = engine();
        assert_eq!(second.tiles().measured(30, 16, |_, _| panic!("it is known")), tile);
        assert_eq!(codebook(&second, 30).panels().tile, tile);
    }

    #[test]
    fn a_run_is_short_on_every_device() {
        let Some(engine) = crate::test_gpu() else { return };
        for (k, d) in [(1, 1), (256, 128), (1 << 20, 1 << 12)] {
            let class = Class::of(k, d);
            let n = rows(&engine, class);
            assert!(n >= 256 && n.is_multiple_of(256) && n * class.d <= MOST_VALUES, "{class:?}: {n}");
        }
    }
}
