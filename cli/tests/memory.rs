//! Training says how much memory it takes, and takes no more.
//!
//! The system counts what a process had in memory for the processes that it starts, too. So this test has a process of its
//! own, which stays small.
#![cfg(unix)]

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

/// Few vectors and more: what a kind takes beside copies of the vectors counts for the one, the copies for the other.
#[test]
fn training_says_how_much_memory_it_takes() {
    let cli = Cli::new("cpu");
    let sizes = [10_000, 20_000];
    for n in sizes {
        write_normals(&cli, &format!("{n}.npy"), n, 256);
    }
    write_normals(&cli, "few.npy", 10, 2);
    let base = peak_memory(&cli, "train few.npy --spec VQ2 -o m.safetensors");
    for (settings, copies) in [
        ("VQ16 --sample 0 --iters 2", "2 copies of N x 256 values"),
        ("VQ16 --sample 0 --iters 2 --spherical", "4 copies of N x 256 values"),
        ("VQ16 --sample 0 --iters 2 --trainer em", "6.1 copies of N x 256 values"),
        ("VQ16 --steps 20 --trainer nsvq", "2 copies of N x 256 values"),
        ("SFVQ4 --steps 20", "2 copies of N x 256 values"),
        ("SQ8", "1.1 copies of N x 256 values"),
        ("SQ4 --levels lloyd-max", "1.1 copies of N x 256 values"),
        ("PQ8x4 --sample 0 --iters 2", "2.4 copies of N x 256 values"),
        ("RQ2x4 --sample 0 --iters 2 --refine 2", "5.3 copies of N x 256 values"),
        ("PRQ2x2x4 --sample 0 --iters 2 --refine 2", "5.3 copies of N x 256 values"),
        ("TRQ2x4 --sample 0 --iters 2", "5.3 copies of N x 256 values"),
        ("AQ2x4 --sample 0 --iters 2 --refine 2", "6.3 copies of N x 256 values"),
        (
            "OPQ8,PQ8x4 --sample 0 --iters 2 --refine 2",
            "8.7 copies of N x 256 values and 25 matrices of 256 x 256",
        ),
        ("FSQ:8x5x5x5", "5.3 copies of N x 256 values"),
        ("E8x8", "1 copies of N x 256 values"),
        ("RR,SQ8", "1.1 copies of N x 256 values and 8 matrices of 256 x 256"),
        ("RR,E8", "1 copies of N x 256 values and 8 matrices of 256 x 256"),
        ("RR,PQ8x4 --sample 0 --iters 2", "2.4 copies of N x 256 values and 8 matrices of 256 x 256"),
    ] {
        for n in sizes {
            let train = format!("train {n}.npy --spec {settings} -o m.safetensors --force -q");
            let refused = cli.run(&format!("{train} --memory 1MiB"));
            let said = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{settings} of {n}: {said}");
            let copies = copies.replace('N', &n.to_string());
            assert!(said.contains(&copies) && said.contains("--memory is 1.00 MiB"), "{settings}: {said}");
            let enough = said.trim().rsplit(' ').next().unwrap();
            let needed = enough.strip_suffix("MiB").unwrap().parse::<u64>().unwrap() << 20;
            let taken = peak_memory(&cli, &format!("{train} --memory {enough}")) - base;
            assert!(
                taken <= needed && needed <= 2 * taken,
                "{settings} of {n}: {needed} said, {taken} taken"
            );
        }
    }
}
