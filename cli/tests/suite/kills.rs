//! Runs that are killed at random moments: nobody's file changes, and the work is gone on with or done again.
//!
//! `WGVQ_KILLS=300 cargo test --test suite kills` kills as often.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::common::cli::Cli;
use wgvq::Rng;

/// A command, and the name of what it writes.
struct Job {
    arguments: &'static str,
    output: &'static str,
    /// Whether it can go on where it was killed.
    resumes: bool,
}

const JOBS: [Job; 5] = [
    Job {
        arguments: "train x.npy --spec RQ2x4 --trainer nsvq --steps 600 --batch 64 --log-every 20 --checkpoint-every 20 -o out.safetensors",
        output: "out.safetensors",
        resumes: true,
    },
    Job {
        arguments: "encode x.npy -m lsq.safetensors --memory 1MiB -o out.npy",
        output: "out.npy",
        resumes: true,
    },
    Job { arguments: "decode codes.npy -m lsq.safetensors -o out.npy", output: "out.npy", resumes: false },
    Job { arguments: "truth x.npy x.npy -k 9 -o out.npy", output: "out.npy", resumes: false },
    Job {
        arguments: "search x.npy --codes codes.npy -m lsq.safetensors -k 9 -o out.npy",
        output: "out.npy",
        resumes: false,
    },
];

/// Files that lie about, some under names much like those that the program takes.
const BYSTANDERS: [&str; 7] = [
    "out",
    "out.npy.bak",
    "out.partial.npy",
    "other.npy.partial",
    "out.checkpoint",
    "other.checkpoint.safetensors",
    ".out.npy",
];

#[test]
fn a_killed_run_harms_no_file_and_its_work_is_gone_on_with() {
    let kills: usize = std::env::var("WGVQ_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(5000, 16, 30, 6));
    cli.json("train x.npy --spec LSQ8x3 --iters 1 --refine 1 --sample 100 -o lsq.safetensors");
    cli.json("encode x.npy -m lsq.safetensors -o codes.npy");
    for name in BYSTANDERS {
        fs::write(cli.path(name), format!("the file {name} of somebody")).unwrap();
    }
    let before = contents(&cli);
    let whole: Vec<(Vec<u8>, Duration)> = JOBS
        .iter()
        .map(|job| {
            let start = Instant::now();
            cli.json(job.arguments);
            let took = start.elapsed();
            (take(&cli, job.output), took)
        })
        .collect();
    let mut rng = Rng::new(7, 0);
    let mut resumed = 0;
    for kill in 0..kills {
        let job = &JOBS[kill % JOBS.len()];
        let (whole, took) = &whole[kill % JOBS.len()];
        let mut child = cli.start(job.arguments);
        std::thread::sleep(took.mul_f32(rng.uniform()));
        child.kill().unwrap();
        child.wait().unwrap();

        let left = contents(&cli);
        for (name, bytes) in &before {
            assert!(left.get(name) == Some(bytes), "kill {kill} of {}: {name} has changed", job.arguments);
        }
        // What a program can take away neither as it is killed nor later: it does not know the name any more.
        let temporary = |name: &&String| name.starts_with(".out.") && !before.contains_key(*name);
        left.keys().filter(temporary).for_each(|name| fs::remove_file(cli.path(name)).unwrap());
        if !left.contains_key(job.output) {
            let begun =
                left.keys().any(|name| name.ends_with(".checkpoint.safetensors") && name.starts_with("out"));
            let partial = left.contains_key(&format!("{}.partial", job.output));
            let resume = job.resumes && (begun || partial);
            resumed += usize::from(resume);
            cli.json(&format!("{}{}", job.arguments, if resume { " --resume" } else { "" }));
        }
        assert!(take(&cli, job.output) == *whole, "kill {kill} of {}: another result", job.arguments);
        // A run that was done when it was killed may not have come to take away what is no longer needed.
        for name in ["out.checkpoint.safetensors", "out.npy.partial", "out.npy.partial.job"] {
            if left.contains_key(job.output) && left.contains_key(name) {
                fs::remove_file(cli.path(name)).unwrap();
            }
        }
        assert!(contents(&cli) == before, "kill {kill} of {}: more is left than the output", job.arguments);
    }
    assert!(resumed >= kills / 10, "only {resumed} of {kills} kills left something to go on with");
}

/// Every file of the folder, by name.
fn contents(cli: &Cli) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(cli.folder.path()).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// The file's bytes; the file is gone then.
fn take(cli: &Cli, name: &str) -> Vec<u8> {
    let bytes = fs::read(cli.path(name)).unwrap();
    fs::remove_file(cli.path(name)).unwrap();
    bytes
}
