//! What a run of `wgvq bench` found, as `--json` prints it, and such documents of earlier runs.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wgvq::{Context, Error, Result, io};

use super::environment::Environment;
use super::measure::Record;
use super::peaks::Peaks;
use crate::words::one_line;

#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    #[serde(flatten)]
    pub environment: Environment,
    pub peaks: Peaks,
    pub results: Vec<Record>,
}

/// Bytes of a document at most.
const LARGEST: u64 = 64 << 20;

/// Keys that are named of what is no document of ours.
const KEYS_NAMED: usize = 5;

impl Document {
    /// Reads what `wgvq bench --json` wrote, or `scripts/gpu-check.sh`: lines that have one such document each, which become
    /// one.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        io::open_file(path)?.take(LARGEST).read_to_end(&mut bytes).context(|| path.display())?;
        Self::parse(&bytes).context(|| path.display())
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let values = match serde_json::from_slice(bytes) {
            Ok(value) => vec![value],
            Err(error) => lines(bytes).ok_or_else(|| refused(&format!("is no JSON: {error}")))?,
        };
        let mut parsed: Option<Self> = None;
        for value in values.iter().map(within).filter(|value| is_of_bench(value)) {
            let one = Self::deserialize(value).map_err(|error| refused(&format!("has a fault: {error}")))?;
            match &mut parsed {
                None => parsed = Some(one),
                Some(all) => {
                    let new: Vec<Record> =
                        one.results.into_iter().filter(|it| all.find(it).is_none()).collect();
                    all.results.extend(new);
                }
            }
        }
        parsed.ok_or_else(|| refused(&format!("is {}", kind_of(within(&values[0])))))
    }

    /// The measurement of the same name and shape.
    pub fn find(&self, other: &Record) -> Option<&Record> {
        self.results.iter().find(|record| record.name == other.name && record.shape == other.shape)
    }
}

/// The values of a file that has one in each line.
fn lines(bytes: &[u8]) -> Option<Vec<Value>> {
    let filled = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let values: Vec<Value> =
        filled.map(serde_json::from_slice).collect::<std::result::Result<_, _>>().ok()?;
    (!values.is_empty()).then_some(values)
}

/// What a line of `gpu-check.sh` reports of; any other value as it is.
fn within(value: &Value) -> &Value {
    value.get("document").filter(|document| document.is_object()).unwrap_or(value)
}

fn is_of_bench(value: &Value) -> bool {
    value["peaks"].is_object() && value["results"].is_array()
}

fn refused(what: &str) -> Error {
    Error::input(format!("{what}; give what `wgvq bench --json` wrote"))
}

/// What a value is that is no document of ours.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let keys: Vec<&str> = fields.keys().take(KEYS_NAMED).map(String::as_str).collect();
            let more = if fields.len() > KEYS_NAMED { " and others" } else { "" };
            format!("a JSON document of {}{more}, without peaks and results", one_line(&keys.join(", ")))
        }
        Value::Object(_) => "an empty JSON document".into(),
        Value::Array(_) => "a JSON list".into(),
        other => format!("JSON for {}", one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Document::parse(text.as_bytes()).expect_err("is no document of bench").to_string()
    }

    #[test]
    fn what_is_no_document_of_bench_is_named() {
        assert!(refusal("").starts_with("is no JSON"), "{}", refusal(""));
        assert!(refusal("n,d,k\n1,2,3\n").starts_with("is no JSON"));
        assert_eq!(refusal("[1]"), "is a JSON list; give what `wgvq bench --json` wrote");
        let other = refusal("{\"devices\": [], \"auto\": 1}");
        assert!(
            other.starts_with("is a JSON document of auto, devices, without peaks and results"),
            "{other}"
        );
        let faulty = refusal("{\"peaks\": {}, \"results\": []}");
        assert!(faulty.starts_with("has a fault: missing field"), "{faulty}");
    }

    #[test]
    fn results_of_earlier_versions_are_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let results = root.join("benches/results/nvidia-h200");
        let sweep = Document::read(&results.join("sweep.jsonl")).unwrap();
        assert_eq!(sweep.environment.device, "NVIDIA H200");
        assert_eq!((sweep.environment.threads, sweep.environment.cpu), (16, None));
        assert!(sweep.results.len() > 100 && sweep.results.iter().all(|record| !record.seconds.is_empty()));
        assert_eq!(Document::read(&results.join("transfers.jsonl")).unwrap().results.len(), 7);
        let torch = Document::read(&results.join("torch.jsonl")).unwrap_err().to_string();
        assert!(torch.contains("torch.jsonl: is a JSON document of"), "{torch}");
    }
}
