//! Differential evolution of codebooks, as a start for k-means.

use std::cmp::Ordering;

use ndarray::{Array2, Axis, Zip};

use super::training::Training;
use crate::engine::Matrix;
use crate::error::{Error, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::rng::Rng;
use crate::settings::Start;

/// Differential evolution (Storn and Price 1997) of codebooks, after Nag (2019) and Eqs. 2.5 to 2.7: each of N_p
/// codebooks X_i is challenged in each generation by a trial made of X_i and the mutant X_r1 + F (X_r2 − X_r3), and
/// gives way to it if its mean squared error is larger.
///
/// The codewords of all codebooks are first put into an order in which equal numbers are near one another: the formula
/// is of codewords of equal number, and codebooks drawn from data have none. Without that no trial ever won on SIFT.
/// Errors are those of 32 vectors per codeword, drawn at random; with the settings of [`Evolution::new`] the start then
/// takes about as long as 20 iterations of k-means on 256 vectors per codeword.
///
/// ```
/// use wgvq::train::{Evolution, Init, KMeans};
/// let x = ndarray::Array2::from_shape_fn((500, 2), |(row, column)| ((row * (column + 3)) % 50) as f32);
/// let start = Init::Evolution(Evolution::new().population(12).generations(20));
/// let found = KMeans::new(8).init(start).fit(&wgvq::Engine::cpu(), &x)?;
/// assert_eq!(found.usage.dead(), 0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    population: usize,
    generations: usize,
    weight: f32,
    crossover: f32,
}

impl Default for Evolution {
    fn default() -> Self {
        Self::new()
    }
}

impl Evolution {
    /// N_p = 10, N_g = 15, F = 0.2, Cr = 1.
    pub fn new() -> Self {
        Self { population: 10, generations: 15, weight: 0.2, crossover: 1.0 }
    }

    /// N_p, the number of codebooks; 4 at least.
    pub fn population(mut self, population: usize) -> Self {
        self.population = population;
        self
    }

    /// N_g, the number of generations.
    pub fn generations(mut self, generations: usize) -> Self {
        self.generations = generations;
        self
    }

    /// F, the weight of the difference of two codebooks in a mutant; above 0. Small weights suit many dimensions:
    /// on SIFT nothing above 0.3 ever won.
    pub fn weight(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }

    /// Cr, how probable it is for each codeword of a trial to be the mutant's; 0 to 1, and one codeword always is.
    ///
    /// Eq. 2.6 draws for each element. Codewords that mix dimensions of unlike vectors are near to none: with 40 dimensions
    /// or more hardly a trial of them has won, at any Cr from 0.02 to 0.7. With whole codewords a Cr of 0.1 to 0.3 goes on to gain where 1 has come to an
    /// end, after some 50 generations; before that 1 gains faster.
    pub fn crossover(mut self, crossover: f32) -> Self {
        self.crossover = crossover;
        self
    }

    fn check(&self) -> Result<()> {
        let Self { population, weight, crossover, .. } = *self;
        let least = *Start::POPULATION.start();
        if population < least {
            return Err(Error::input(format!(
                "a population of {population}; a mutant takes three codebooks besides its own, so {least} are needed"
            )));
        }
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Error::input(format!("a differential weight of {weight}; it has to be above 0")));
        }
        if !(0.0..=1.0).contains(&crossover) {
            return Err(Error::input(format!("a crossover rate of {crossover}; it is a share from 0 to 1")));
        }
        Ok(())
    }
}

/// Vectors per codeword that a codebook is judged by.
const JUDGES: usize = 32;

/// Rounds of matching two codebooks; what is left then is far from everything, or all the same.
const MATCHING_ROUNDS: usize = 32;

/// The streams of the seed that nothing else in a start draws from.
const DRAW: u64 = 2;
const EVOLVE: u64 = 3;

/// What evolution came to.
pub(super) struct Evolved {
    /// The best codebook, (k, d).
    pub codebook: Array2<f32>,
    /// The least mean squared error on the judging vectors: at first, and after each generation.
    pub history: Vec<f64>,
}

/// Lets codebooks of `k` codewords evolve on `data`.
pub(super) fn evolve(
    settings: &Evolution,
    data: &Training,
    k: usize,
    metric: Metric,
    seed: u64,
) -> Result<Evolved> {
    settings.check()?;
    let mut rng = Rng::new(seed, DRAW);
    let judges = data.subset(&rng.distinct(JUDGES.saturating_mul(k), data.x.rows()))?;
    let mut population: Vec<Array2<f32>> = (0..settings.population)
        .map(|_| data.subset(&rng.distinct(k, data.x.rows()))?.x.download())
        .collect::<Result<_>>()?;
    let mut court = Court::new(&judges, &population, metric)?;
    let mut errors = court.judge(&population)?;
    let best = population[best_of(&errors)].clone();
    for codebook in &mut population {
        *codebook = matched(&best, codebook, &data.x)?;
    }

    let mut rng = Rng::new(seed, EVOLVE);
    let mut history = vec![errors[best_of(&errors)]];
    for _ in 0..settings.generations {
        let trials: Vec<_> =
            (0..population.len()).map(|i| trial(settings, &population, i, &mut rng)).collect();
        let found = court.judge(&trials)?;
        for (i, trial) in trials.into_iter().enumerate() {
            if found[i] < errors[i] {
                errors[i] = found[i];
                population[i] = trial;
            }
        }
        history.push(errors[best_of(&errors)]);
    }
    Ok(Evolved { codebook: population.swap_remove(best_of(&errors)), history })
}

/// The trial that challenges codebook `i` (Eqs. 2.5 and 2.6).
fn trial(settings: &Evolution, population: &[Array2<f32>], i: usize, rng: &mut Rng) -> Array2<f32> {
    let mut others: Vec<usize> = (0..population.len()).filter(|&other| other != i).collect();
    rng.shuffle(&mut others);
    let [base, plus, minus] = [0, 1, 2].map(|at| &population[others[at]]);
    let mut trial = population[i].clone();
    let sure = rng.below(trial.nrows());
    for (j, mut codeword) in trial.rows_mut().into_iter().enumerate() {
        if rng.uniform() < settings.crossover || j == sure {
            Zip::from(&mut codeword).and(base.row(j)).and(plus.row(j)).and(minus.row(j)).for_each(
                |element, &base, &plus, &minus| {
                    // What overflows loses, but a device takes finite values only.
                    *element = (base + settings.weight * (plus - minus)).clamp(f32::MIN, f32::MAX);
                },
            );
        }
    }
    trial
}

fn best_of(errors: &[f64]) -> usize {
    let least = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
    errors.iter().enumerate().min_by(least).map_or(0, |(at, _)| at)
}

/// Judges whole populations by their errors on the same vectors.
struct Court<'a> {
    judges: &'a Training,
    codebooks: Vec<Codebook>,
    codes: Matrix<u32>,
    distances: Matrix<f32>,
    sums: Matrix<f32>,
}

impl<'a> Court<'a> {
    fn new(judges: &'a Training, population: &[Array2<f32>], metric: Metric) -> Result<Self> {
        let engine = judges.x.engine();
        let rows = judges.x.rows();
        let codebook = |codewords: &Array2<f32>| {
            let (k, d) = codewords.dim();
            Codebook::from_matrix(engine.uninitialized(k, d)?, metric)
        };
        Ok(Self {
            judges,
            codebooks: population.iter().map(codebook).collect::<Result<_>>()?,
            codes: engine.uninitialized(rows, 1)?,
            distances: engine.uninitialized(rows, 1)?,
            sums: engine.uninitialized(population.len(), 1)?,
        })
    }

    /// The mean squared error of each codebook: one submission and one read-back for all of them.
    fn judge(&mut self, population: &[Array2<f32>]) -> Result<Vec<f64>> {
        let mut recorder = self.judges.x.engine().recorder();
        for (slot, (codebook, codewords)) in self.codebooks.iter_mut().zip(population).enumerate() {
            codebook.codewords_mut().write_rows(0, codewords.view())?;
            recorder.prepare_codebook(codebook)?;
            recorder.assign(&self.judges.x, codebook, &mut self.codes, &mut self.distances)?;
            self.judges.objective(&mut recorder, &self.distances, &mut self.sums, slot)?;
        }
        recorder.submit()?;
        // An error that overflowed is worse than any other.
        let error =
            |&sum: &f32| if sum.is_nan() { f64::INFINITY } else { f64::from(sum) / self.judges.total };
        Ok(self.sums.download()?.iter().map(error).collect())
    }
}

/// The codewords of `codebook` in the order of those of `reference` that they are near to: in rounds, each codeword that
/// is left asks for the nearest one left of the reference, which takes the nearest that asks.
fn matched(reference: &Array2<f32>, codebook: &Array2<f32>, on: &Matrix<f32>) -> Result<Array2<f32>> {
    let engine = on.engine();
    let k = reference.nrows();
    let mut partner: Vec<Option<usize>> = vec![None; k];
    let mut asking: Vec<usize> = (0..k).collect();
    let mut free: Vec<usize> = (0..k).collect();
    for _ in 0..MATCHING_ROUNDS {
        if asking.is_empty() {
            break;
        }
        let of_free = Codebook::new(engine, reference.select(Axis(0), &free).view(), Metric::SquaredL2)?;
        let who = engine.upload(codebook.select(Axis(0), &asking).view())?;
        let mut codes = engine.uninitialized::<u32>(asking.len(), 1)?;
        let mut distances = engine.uninitialized::<f32>(asking.len(), 1)?;
        let mut recorder = engine.recorder();
        recorder.assign(&who, &of_free, &mut codes, &mut distances)?;
        recorder.submit()?;
        let (codes, distances) = (codes.download()?, distances.download()?);
        let mut order: Vec<usize> = (0..asking.len()).collect();
        order.sort_by(|&a, &b| match distances[[a, 0]].total_cmp(&distances[[b, 0]]) {
            Ordering::Equal => a.cmp(&b),
            unequal => unequal,
        });
        for at in order {
            partner[free[codes[[at, 0]] as usize]].get_or_insert(asking[at]);
        }
        free.retain(|&place| partner[place].is_none());
        let mut taken = vec![false; k];
        partner.iter().flatten().for_each(|&codeword| taken[codeword] = true);
        asking.retain(|&codeword| !taken[codeword]);
    }
    for (place, codeword) in free.into_iter().zip(asking) {
        partner[place] = Some(codeword);
    }
    let order: Vec<usize> = partner.into_iter().flatten().collect();
    Ok(codebook.select(Axis(0), &order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    fn normals(n: usize, d: usize, seed: u64) -> Array2<f32> {
        let mut rng = Rng::new(seed, 0);
        Array2::from_shape_simple_fn((n, d), || rng.normal())
    }

    fn training(engine: &Engine, x: Array2<f32>, weights: Option<Vec<f32>>) -> Training {
        Training::upload(engine, x, weights, false).unwrap()
    }

    fn engines() -> Vec<Engine> {
        [Some(Engine::cpu()), crate::test_gpu()].into_iter().flatten().collect()
    }

    #[test]
    fn the_best_never_gets_worse_and_ends_better() {
        for engine in engines() {
            let data = training(&engine, normals(2000, 6, 1), None);
            let found = evolve(&Evolution::new(), &data, 24, Metric::SquaredL2, 7).unwrap();
            assert_eq!(found.history.len(), 16);
            assert!(found.history.windows(2).all(|pair| pair[1] <= pair[0]), "{:?}", found.history);
            // The judges are 768 of the 2000 vectors; the last error is that of the codebook that came out.
            let (first, last) = (found.history[0], found.history[15]);
            assert!(last < 0.95 * first, "on {engine:?}: {first} to {last}");
            let judges = data.subset(&Rng::new(7, DRAW).distinct(768, 2000)).unwrap();
            let codebook = [found.codebook];
            assert_eq!(
                Court::new(&judges, &codebook, Metric::SquaredL2).unwrap().judge(&codebook).unwrap(),
                [last]
            );
        }
    }

    #[test]
    fn crossover_below_one_keeps_codewords_of_the_target() {
        let population: Vec<_> = (0..4).map(|seed| normals(500, 4, seed)).collect();
        let mut rng = Rng::new(3, 0);
        let kept = |crossover: f32, rng: &mut Rng| {
            let trial = trial(&Evolution::new().crossover(crossover), &population, 0, rng);
            trial.rows().into_iter().zip(population[0].rows()).filter(|(a, b)| a == b).count()
        };
        assert_eq!(kept(0.0, &mut rng), 499);
        assert_eq!(kept(1.0, &mut rng), 0);
        // 500 draws: 350 ± 10.2, and five standard deviations are 51.
        assert!((299..=401).contains(&kept(0.3, &mut rng)));
    }

    #[test]
    fn matching_is_a_permutation_and_finds_shuffled_codewords_again() {
        for engine in engines() {
            let x = normals(60, 5, 4);
            let on = engine.upload(x.view()).unwrap();
            let mut order: Vec<usize> = (0..60).collect();
            Rng::new(5, 0).shuffle(&mut order);
            assert_eq!(matched(&x, &x.select(Axis(0), &order), &on).unwrap(), x);
            // All equally near: more rounds than are allowed would be needed.
            let one = Array2::from_elem((60, 5), 0.5);
            let sorted = |codebook: Array2<f32>| {
                let mut firsts: Vec<_> = codebook.column(0).to_vec();
                firsts.sort_by(f32::total_cmp);
                firsts
            };
            assert_eq!(sorted(matched(&one, &x, &on).unwrap()), sorted(x));
        }
    }

    #[test]
    fn weights_decide_what_counts() {
        // All weight is on the vectors around 100; judged by them alone, codewords elsewhere are worth nothing.
        let mut x = normals(400, 2, 6);
        x.outer_iter_mut().skip(1).step_by(2).for_each(|mut row| row += 100.0);
        let weights = (0..400).map(|row| if row % 2 == 1 { 1.0 } else { 1e-6 }).collect();
        let data = training(&Engine::cpu(), x, Some(weights));
        let found = evolve(&Evolution::new(), &data, 8, Metric::SquaredL2, 1).unwrap();
        let near = found.codebook.outer_iter().filter(|row| row[0] > 90.0).count();
        assert!(near >= 4, "{near} of 8");
        assert!(found.history[15] < found.history[0]);
    }

    #[test]
    fn threads_change_no_bit_and_seeds_do() {
        let run = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let data = training(&Engine::cpu(), normals(3000, 7, 8), None);
                evolve(&Evolution::new().crossover(0.9), &data, 33, Metric::SquaredL2, seed).unwrap().codebook
            })
        };
        assert_eq!(run(1, 5), run(3, 5));
        assert_ne!(run(1, 5), run(1, 6));
    }

    #[test]
    fn unusable_settings_are_named() {
        let data = training(&Engine::cpu(), normals(10, 2, 9), None);
        for (settings, part) in [
            (Evolution::new().population(3), "population of 3"),
            (Evolution::new().weight(0.0), "weight of 0"),
            (Evolution::new().weight(f32::NAN), "weight of NaN"),
            (Evolution::new().crossover(1.5), "rate of 1.5"),
        ] {
            let error = evolve(&settings, &data, 2, Metric::SquaredL2, 0).err().expect(part);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
