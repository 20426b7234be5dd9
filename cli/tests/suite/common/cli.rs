//! The built `wgvq`, run in a folder of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use wgvq::io::{IndexFile, RowElement, RowWriter};
use wgvq::ndarray::Array2;

pub struct Cli {
    pub folder: tempfile::TempDir,
    cache: tempfile::TempDir,
    device: &'static str,
}

impl Cli {
    pub fn new(device: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap(), device }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `wgvq` in the folder; arguments are split at spaces that are not between double quotes.
    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wgvq"));
        command
            .current_dir(self.folder.path())
            .env("WGVQ_CACHE", self.cache.path())
            .env_remove("WGVQ_DEVICE")
            .args(words(arguments))
            .args(["--device", self.device]);
        command
    }

    /// What it prints with `--json`, which has to be a success.
    pub fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} --json"));
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts `wgvq` in the folder and does not wait for it.
    pub fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs `wgvq` and kills it once `due`, which has to come before its end.
    pub fn kill_once(&self, arguments: &str, due: impl Fn() -> bool) {
        let mut child = self.start(arguments);
        while !due() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was to be killed: {arguments}");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs a `train` to `output`.safetensors that writes checkpoints, and kills it once the first is there.
    pub fn kill_at_checkpoint(&self, train: &str, output: &str) {
        let checkpoint = self.path(&format!("{output}.checkpoint.safetensors"));
        self.kill_once(&format!("{train} -o {output}.safetensors"), || checkpoint.exists());
        assert!(
            !self.path(&format!("{output}.safetensors")).exists(),
            "it was done before it was killed: the test is of too little"
        );
    }

    /// Expects exit status 2 and one line on stderr that holds `part`.
    pub fn refuse(&self, arguments: &str, part: &str) {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains(part), "{arguments}: {stderr}");
        assert_eq!(stderr.trim().lines().count(), 1, "{arguments}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments}");
    }

    /// Writes the rows of `x`, in the format that the name says.
    pub fn write<T: RowElement>(&self, name: &str, x: &Array2<T>) {
        let x = x.as_standard_layout();
        let mut writer = RowWriter::create(self.path(name), x.nrows(), x.ncols(), true).unwrap();
        writer.append(x.as_slice().unwrap()).unwrap();
        writer.finish().unwrap();
    }

    pub fn ids(&self, name: &str) -> Array2<u32> {
        IndexFile::open(self.path(name)).unwrap().to_array().unwrap()
    }
}

/// The words of a command, as a shell takes them that knows of double quotes alone.
fn words(arguments: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    for c in arguments.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The CPU and, where there is an adapter, the GPU.
pub fn devices() -> Vec<&'static str> {
    if super::engines().len() > 1 { vec!["cpu", "gpu"] } else { vec!["cpu"] }
}
