//! Training says how much memory it takes, and takes no more.
//!
//! A program that is started has had in memory, for the system, what the process that starts it had. So this test has a
//! process of its own, which stays small.
#![cfg(all(unix, feature = "cli"))]

#[allow(dead_code)] // most of it is for the other tests
#[path = "suite/common/mod.rs"]
mod common;

use std::process::Stdio;

use common::cli::Cli;
use wgvq::Rng;
use wgvq::io::RowWriter;

/// Writes normal vectors a few at a time.
fn write_normals(cli: &Cli, name: &str, n: usize, d: usize) {
    const ROWS: usize = 1000;
    let mut rng = Rng::new(70, 0);
    let mut writer = RowWriter::<f32>::create(cli.path(name), n, d, true).unwrap();
    for first in (0..n).step_by(ROWS) {
        let values: Vec<f32> = (0..ROWS.min(n - first) * d).map(|_| rng.normal()).collect();
        writer.append(&values).unwrap();
    }
    writer.finish().unwrap();
}

/// The most bytes that a run had in memory; it has to be a success. What this process has counts too, where that is
/// more.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it")]
fn peak_memory(cli: &Cli, arguments: &str) -> u64 {
    use std::io::Read;
    let mut child = cli.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let (mut status, pid) = (0, child.id() as libc::pid_t);
    // SAFETY: a struct of numbers is valid as zeros, both pointers live through the call, and nobody else waits for this
    // child.
    let used = unsafe {
        let mut used = std::mem::zeroed::<libc::rusage>();
        assert_eq!(libc::wait4(pid, &mut status, 0, &mut used), pid);
        used.ru_maxrss as u64
    };
    assert_eq!(status, 0, "{arguments}: {said}");
    if cfg!(target_os = "macos") { used } else { used << 10 }
}

/// Vectors of 256 dimensions, as few as tell copies of them from what a program takes anyway.
#[test]
fn training_says_how_much_memory_it_takes() {
    let cli = Cli::new("cpu");
    write_normals(&cli, "x.npy", 60_000, 256);
    write_normals(&cli, "few.npy", 10, 2);
    let base = peak_memory(&cli, "train few.npy --spec VQ2 -o m.safetensors");
    for (settings, copies) in [
        ("VQ16 --sample 0 --iters 2", "2 copies of 60000 x 256 values"),
        ("VQ16 --sample 0 --iters 2 --spherical", "4 copies"),
        ("VQ16 --sample 0 --iters 2 --trainer em", "6.1 copies"),
        ("VQ16 --steps 20 --trainer nsvq", "2 copies"),
        ("SFVQ4 --steps 20", "2 copies"),
        ("SQ8", "1.1 copies"),
        ("SQ4 --levels lloyd-max", "1.25 copies"),
        ("PQ8x4 --sample 0 --iters 2", "2.4 copies"),
        ("RQ2x4 --sample 0 --iters 2 --refine 2", "5.3 copies"),
        ("PRQ2x2x4 --sample 0 --iters 2 --refine 2", "5.3 copies"),
        ("TRQ2x4 --sample 0 --iters 2", "5.3 copies"),
        ("AQ2x4 --sample 0 --iters 2 --refine 2", "6.3 copies"),
        (
            "OPQ8,PQ8x4 --sample 0 --iters 2 --refine 2",
            "8.7 copies of 60000 x 256 values and 25 matrices of 256 x 256",
        ),
    ] {
        let train = format!("train x.npy --spec {settings} -o m.safetensors --force -q");
        let refused = cli.run(&format!("{train} --memory 1MiB"));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{settings}: {said}");
        assert!(said.contains(copies) && said.contains("--memory is 1.00 MiB"), "{settings}: {said}");
        let enough = said.trim().rsplit(' ').next().unwrap();
        let needed = enough.strip_suffix("MiB").unwrap().parse::<u64>().unwrap() << 20;
        let taken = peak_memory(&cli, &format!("{train} --memory {enough}")) - base;
        assert!(taken <= needed && needed <= 2 * taken, "{settings}: {needed} said, {taken} taken");
    }
}
