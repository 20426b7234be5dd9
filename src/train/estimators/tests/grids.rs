//! FSQ and LFQ: their codes against a search of the whole grid, their gradients against differences of what stands in for
//! rounding, in float64.

use ndarray::{Array2, ArrayView1, Axis};

use super::*;

const ROWS: usize = 48;
const LEVELS: [u32; 4] = [8, 5, 2, 3];
const BITS: usize = 6;
const COMMITMENT: f64 = 0.25;
const ENTROPY: f64 = 0.7;
const SEED: u64 = 5;

/// No element is the result of more than 100 roundings of terms below 6: the sum of 48 rows is the longest.
const BOUND: f64 = 100.0 * 6.0 / (1_u64 << 24) as f64;

/// A forward and a backward pass, in float64.
struct Passed {
    x: Array2<f64>,
    codebook: Array2<f64>,
    gradient: Array2<f64>,
    codes: Vec<usize>,
    output: Array2<f64>,
    distances: Array2<f64>,
    loss: f64,
    dx: Array2<f64>,
    dcodebook: Array2<f64>,
}

fn passes(engine: &Engine, estimator: &mut dyn Estimator, codebook: &Array2<f32>) -> Passed {
    let (k, d) = codebook.dim();
    let [x, gradient] = [1, 2].map(|seed| normals(SEED + seed, (ROWS, d)));
    let there = |values: &Array2<f32>| engine.upload(values.view()).unwrap();
    let back = |values: &Matrix<f32>| values.download().unwrap().mapv(f64::from);
    let (on_x, on_codebook, on_gradient) = (there(&x), there(codebook), there(&gradient));
    let mut forward = Forward::new(engine, ROWS, d).unwrap();
    let (mut dx, mut dcodebook) =
        (engine.uninitialized(ROWS, d).unwrap(), engine.uninitialized(k, d).unwrap());
    let mut recorder = engine.recorder();
    estimator.record_forward(&mut recorder, &on_x, &on_codebook, 0, &mut forward).unwrap();
    let pass = Backward {
        x: &on_x,
        codebook: &on_codebook,
        forward: &forward,
        gradient: &on_gradient,
        dx: &mut dx,
        dcodebook: &mut dcodebook,
    };
    estimator.record_backward(&mut recorder, pass).unwrap();
    recorder.submit().unwrap();
    Passed {
        x: x.mapv(f64::from),
        codebook: codebook.mapv(f64::from),
        gradient: gradient.mapv(f64::from),
        codes: forward.codes.download().unwrap().into_iter().map(|code| code as usize).collect(),
        output: back(&forward.output),
        distances: back(&forward.distances),
        loss: back(&forward.loss)[[0, 0]],
        dx: back(&dx),
        dcodebook: back(&dcodebook),
    }
}

fn fsq(engine: &Engine) -> Passed {
    let mut fsq = Fsq::new(&LEVELS).unwrap();
    let codebook = fsq.codebook();
    passes(engine, &mut fsq, &codebook)
}

fn lfq(engine: &Engine) -> Passed {
    let mut lfq = Lfq::new(BITS, COMMITMENT as f32, ENTROPY as f32).unwrap();
    let codebook = lfq.codebook();
    passes(engine, &mut lfq, &codebook)
}

impl Passed {
    /// Checks codes, output and distances of `z`, what was rounded, against a search of all codewords.
    fn check_codes(&self, z: &Array2<f64>) {
        for (row, &code) in self.codes.iter().enumerate() {
            let distance = |codeword: ArrayView1<f64>| (&codeword - &z.row(row)).mapv(|e| e * e).sum();
            let least = self.codebook.rows().into_iter().map(distance).fold(f64::INFINITY, f64::min);
            let own = distance(self.codebook.row(code));
            assert!(own <= least + BOUND, "row {row}: codeword {code} is {own} away, another {least}");
            assert!((self.distances[[row, 0]] - own).abs() <= BOUND, "row {row}");
            assert_eq!(self.output.row(row), self.codebook.row(code), "row {row}");
        }
        assert!(self.codes.iter().any(|&code| code != self.codes[0]));
        assert!(self.dcodebook.iter().all(|&slope| slope == 0.0));
    }

    /// The largest difference between the gradient and that of `surrogate`, as a share of what rounding allows.
    fn off(&self, surrogate: impl Fn(&Array2<f64>) -> f64) -> f64 {
        const MOVE: f64 = 1e-4;
        let mut worst: f64 = 0.0;
        for ((row, column), &slope) in self.dx.indexed_iter() {
            let moved = |by: f64| {
                let mut x = self.x.clone();
                x[[row, column]] += by;
                surrogate(&x)
            };
            worst = worst.max((slope - (moved(MOVE) - moved(-MOVE)) / (2.0 * MOVE)).abs());
        }
        worst / BOUND
    }

    /// The auxiliary loss of LFQ at `x`, with the codes held fixed.
    fn lfq_loss(&self, x: &Array2<f64>, entropy: f64) -> f64 {
        let h = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
        let shares = x.mapv(|x| 1.0 / (1.0 + (-4.0 * x).exp()));
        let of_mean = shares.mean_axis(Axis(0)).unwrap().mapv(h).sum() * x.nrows() as f64;
        let commitment = (x - &self.output).mapv(|e| e * e).sum();
        (COMMITMENT * commitment + entropy * (shares.mapv(h).sum() - of_mean)) / x.len() as f64
    }
}

#[test]
fn fsq_rounds_what_it_bounds() {
    for engine in engines() {
        let passed = fsq(&engine);
        passed.check_codes(&passed.x.mapv(f64::tanh));
        assert_eq!(passed.loss, 0.0);
        let off = passed.off(|x| (x.mapv(f64::tanh) * &passed.gradient).sum());
        assert!(off <= 1.0, "{}: {off} of the bound", engine.name());
        // Without the bound it is another.
        assert!(passed.off(|x| (x * &passed.gradient).sum()) > 1.0);
    }
}

#[test]
fn lfq_takes_signs_and_evens_them_out() {
    for engine in engines() {
        let passed = lfq(&engine);
        passed.check_codes(&passed.x);
        let loss = passed.lfq_loss(&passed.x, ENTROPY);
        assert!((passed.loss - loss).abs() <= BOUND, "{}: {} is not {loss}", engine.name(), passed.loss);
        let surrogate = |entropy: f64| {
            let passed = &passed;
            move |x: &Array2<f64>| (x * &passed.gradient).sum() + passed.lfq_loss(x, entropy)
        };
        let off = passed.off(surrogate(ENTROPY));
        assert!(off <= 1.0, "{}: {off} of the bound", engine.name());
        assert!(passed.off(surrogate(0.0)) > 1.0);
    }
}

#[test]
fn codewords_are_numbered_by_their_levels() {
    let codebook = Fsq::new(&[2, 3]).unwrap().codebook();
    let levels = ndarray::array![[-1.0, -1.0], [1.0, -1.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 1.0], [1.0, 1.0]];
    assert_eq!(codebook, levels);
    assert_eq!(Lfq::new(12, 0.0, 0.0).unwrap().codebook().dim(), (4096, 12));
}

/// The number of a codeword is summed up in float32.
#[test]
fn the_last_codeword_of_the_largest_grid_is_found() {
    for engine in engines() {
        let mut lfq = Lfq::new(20, 0.0, 0.0).unwrap();
        let x = engine.upload(Array2::ones((1, 20)).view()).unwrap();
        let codebook = engine.upload(lfq.codebook().view()).unwrap();
        let mut forward = Forward::new(&engine, 1, 20).unwrap();
        let mut recorder = engine.recorder();
        lfq.record_forward(&mut recorder, &x, &codebook, 0, &mut forward).unwrap();
        recorder.submit().unwrap();
        assert_eq!(forward.codes.download().unwrap()[[0, 0]], (1 << 20) - 1, "{}", engine.name());
    }
}

#[test]
fn what_is_no_grid_is_refused() {
    let refused = |result: Result<Fsq>| result.err().unwrap().to_string();
    assert!(refused(Fsq::new(&[])).contains("[8, 5, 5, 5]"));
    assert!(refused(Fsq::new(&[8, 1])).contains("at least 2"));
    assert!(refused(Fsq::new(&[1024, 1025])).contains("1048576"));
    for (bits, entropy) in [(0, 0.1), (21, 0.1), (12, -1.0), (12, f32::NAN)] {
        assert!(Lfq::new(bits, 0.25, entropy).is_err(), "{bits} bits, {entropy}");
    }
    let engine = Engine::cpu();
    let (x, codebook) = (engine.zeros(3, 2).unwrap(), engine.zeros(5, 2).unwrap());
    let mut forward = Forward::new(&engine, 3, 2).unwrap();
    let mut fsq = Fsq::new(&[2, 3]).unwrap();
    let error = fsq.record_forward(&mut engine.recorder(), &x, &codebook, 0, &mut forward).unwrap_err();
    assert!(error.to_string().contains("6 × 2"), "{error}");
}
