//! Every experiment of the thesis, on one page with the thesis's own figures beside them.
//!
//! ```text
//! cargo run --release --example thesis [--full]
//! ```
//!
//! Builds and runs the other examples and the command line, one after another, and writes `target/thesis/index.html` with what
//! they print and draw: within 20 minutes on two cores. `--full` takes the sizes of the publications, for which a GPU is
//! advised. An experiment that fails has its message on the page, and the program then ends with status 1.

mod experiments;
mod page;

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use wgvq::Rng;
use wgvq::io::RowWriter;

use experiments::{EXPERIMENTS, Experiment, Step};

/// Where everything goes; the steps of an experiment run in the folder that the project is in.
const FOLDER: &str = "target/thesis";

/// What became of an experiment.
pub struct Outcome {
    /// What its steps have printed, or the message of the one that failed.
    pub text: Result<String, String>,
    pub seconds: f64,
    /// Its pictures, which lie beside the page.
    pub pictures: Vec<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let full = env::args().skip(1).any(|argument| argument == "--full");
    env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    fs::create_dir_all(FOLDER)?;
    write_plane(&Path::new(FOLDER).join("plane.npy"))?;
    let programs = Programs::build()?;
    let start = Instant::now();
    let mut outcomes = Vec::new();
    for (number, experiment) in EXPERIMENTS.iter().enumerate() {
        eprintln!("{} of {}: {}, {}", number + 1, EXPERIMENTS.len(), experiment.place, experiment.title);
        outcomes.push(programs.run(experiment, full)?);
        // The page grows while the experiments run.
        let page = page::page(EXPERIMENTS, &outcomes, full, start.elapsed());
        fs::write(Path::new(FOLDER).join("index.html"), page)?;
    }
    let failed = outcomes.iter().filter(|outcome| outcome.text.is_err()).count();
    eprintln!(
        "{FOLDER}/index.html: {} experiments in {:.0} s, {failed} failed",
        outcomes.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes vectors of two dimensions to draw cells around: three clouds.
fn write_plane(path: &Path) -> Result<(), Box<dyn Error>> {
    const VECTORS: usize = 3000;
    const CENTRES: [[f32; 2]; 3] = [[0.0, 0.0], [5.0, 2.0], [2.0, 6.0]];
    let mut rng = Rng::new(1, 0);
    let mut writer = RowWriter::create(path, VECTORS, 2, true)?;
    for row in 0..VECTORS {
        writer.append(&CENTRES[row % 3].map(|centre| centre + rng.normal()))?;
    }
    writer.finish()?;
    Ok(())
}

/// The built programs.
struct Programs {
    /// The folder of the examples; the command line is in the one above.
    examples: PathBuf,
}

impl Programs {
    /// Builds them as this one was built.
    fn build() -> Result<Self, Box<dyn Error>> {
        let own = env::current_exe()?;
        let examples = own.parent().ok_or("this program is in no folder")?.to_path_buf();
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        for package in [&["-p", "wgvq", "--examples"][..], &["-p", "wgvq-cli"]] {
            let mut command = Command::new(&cargo);
            command.arg("build").args(package);
            if !cfg!(debug_assertions) {
                command.arg("--release");
            }
            if !command.status()?.success() {
                return Err("the examples cannot be built".into());
            }
        }
        Ok(Self { examples })
    }

    fn run(&self, experiment: &Experiment, full: bool) -> Result<Outcome, Box<dyn Error>> {
        let start = Instant::now();
        let mut pictures = Vec::new();
        for picture in experiment.pictures.iter().map(Path::new) {
            let copy = Path::new(FOLDER).join(picture.file_name().ok_or("a picture without a name")?);
            // One of an earlier run would be taken for this one's, if a step fails.
            for old in [picture, &copy] {
                match fs::remove_file(old) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
            }
            pictures.push((picture, copy));
        }
        let mut text = Ok(String::new());
        for step in experiment.steps {
            let mut command = match step {
                Step::Example(name) => Command::new(self.examples.join(name)),
                Step::Wgvq(_) => Command::new(self.examples.with_file_name("wgvq")),
            };
            match step {
                Step::Wgvq(arguments) => command.args(arguments.split_whitespace()),
                Step::Example(_) if full => command.arg("--full"),
                Step::Example(_) => &mut command,
            };
            let output = command.output()?;
            if !output.status.success() {
                text = Err(String::from_utf8_lossy(&output.stderr).into_owned());
                break;
            }
            if let Ok(text) = &mut text {
                text.push_str(&String::from_utf8_lossy(&output.stdout));
            }
        }
        pictures.retain(|(picture, _)| picture.exists());
        for (picture, copy) in pictures.iter().filter(|(picture, copy)| picture != copy) {
            fs::copy(picture, copy)?;
        }
        let names = pictures.iter().filter_map(|(_, copy)| copy.file_name());
        let pictures = names.map(|name| name.to_string_lossy().into_owned()).collect();
        Ok(Outcome { text, seconds: start.elapsed().as_secs_f64(), pictures })
    }
}
