//! What several integration tests need.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use wgvq::ndarray::Array2;
use wgvq::{Engine, Rng};

/// The CPU backend and, where there is an adapter, the GPU: results have to hold on both.
///
/// Without an adapter the GPU is skipped and says so; where the environment has `WGVQ_REQUIRE_GPU`, as the test
/// script sets it, that is a failure. All tests share the GPU, with its pipelines.
pub fn engines() -> Vec<Engine> {
    static GPU: LazyLock<wgvq::Result<Engine>> =
        LazyLock::new(|| Engine::builder().device("gpu").checked(true).build());
    let mut engines = vec![Engine::cpu()];
    match &*GPU {
        Ok(gpu) => {
            note_gpu_test();
            engines.push(gpu.clone());
        }
        Err(error) if std::env::var_os("WGVQ_REQUIRE_GPU").is_some() => panic!("{error}"),
        Err(error) => eprintln!("skipped on the GPU: {error}"),
    }
    engines
}

/// Writes the name of the test to the file that the environment names by `WGVQ_GPU_TESTS`: the test script says at its end how
/// many there were.
fn note_gpu_test() {
    let Some(path) = std::env::var_os("WGVQ_GPU_TESTS") else { return };
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    let name = std::thread::current().name().unwrap_or("main").to_string();
    file.write_all(format!("{name}\n").as_bytes()).unwrap();
}

/// `n` vectors around `centres` random centres, with unit noise.
pub fn clustered(n: usize, d: usize, centres: usize, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, 99);
    let centre = Array2::from_shape_simple_fn((centres, d), || 10.0 * rng.normal());
    let mut x = Array2::zeros((n, d));
    for mut row in x.outer_iter_mut() {
        let at = rng.below(centres);
        row.iter_mut().zip(centre.row(at)).for_each(|(value, &middle)| *value = middle + rng.normal());
    }
    x
}

/// The top of the repository.
pub fn root() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("shaders").is_dir()).expect("the package is in the repository")
}

/// The bundled sample.
pub fn sample() -> PathBuf {
    root().join("data/wordnet.npy")
}
