//! The library's tables of kinds, trainers and settings, for Python: signatures and docstrings are made of them.

use pyo3::prelude::*;
use serde_json::{Value, json};
use wgvq::index::{CURVE_K, IndexSpec, MEMORY, Refinement};
use wgvq::metrics::Metric;
use wgvq::settings::{DefaultValue, Setting, Stage, Values};
use wgvq::{GradientTraining, KINDS, Spec, Trainer};

use crate::error::raise;
use crate::value::to_python;

/// Every kind of quantizer as a dictionary: `name`, `letters`, `title`, `examples`, `place` ("anywhere", "alone" or "before")
/// and `settings`, each as `settings()` has them.
#[pyfunction]
pub fn kinds(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let kinds = KINDS.iter().map(|kind| {
        json!({
            "name": kind.name,
            "letters": kind.letters,
            "title": kind.title,
            "examples": kind.examples,
            "place": match kind.place {
                wgvq::Place::Anywhere => "anywhere",
                wgvq::Place::Alone => "alone",
                wgvq::Place::Before => "before",
            },
            "settings": all(kind.settings),
        })
    });
    to_python(py, &kinds.collect())
}

/// Every way to train by gradient as a dictionary: `name`, `title` and `settings`, each as `settings()` has them.
#[pyfunction]
pub fn trainers(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let trainers = wgvq::TRAINERS.iter().map(|trainer| {
        json!({ "name": trainer.name, "title": trainer.title, "settings": all(&known_to(trainer)) })
    });
    to_python(py, &trainers.collect())
}

/// What the quantizer of a spec can be told, as dictionaries: `name`, `help`, `values` (in words), `type`, `choices`,
/// `default`, `default_text` and `stage` ("train" or "encode"). With a `trainer` what training by it can be told, and what
/// counts in encoding.
///
/// Raises ValueError for a spec or a trainer that is not known.
#[pyfunction]
#[pyo3(signature = (spec, trainer = None))]
pub fn settings<'py>(py: Python<'py>, spec: &str, trainer: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    let spec: Spec = spec.parse().map_err(raise)?;
    let own = spec.settings();
    let known = match trainer {
        None => own,
        Some(name) => {
            let beside = own.into_iter().filter(|setting| is_searched(setting));
            beside.chain(known_to(trainer_named(name).map_err(raise)?)).collect()
        }
    };
    to_python(py, &all(&known))
}

/// What the quantizer in the lists of an index can be told, as `settings()` has it.
///
/// Raises ValueError for a spec that is not known.
#[pyfunction]
pub fn index_settings<'py>(py: Python<'py>, spec: &str) -> PyResult<Bound<'py, PyAny>> {
    let spec: IndexSpec = spec.parse().map_err(raise)?;
    to_python(py, &all(&spec.quantizer().settings()))
}

/// What an index does if nothing else is said, by the names of parameters.
#[pyfunction]
pub fn index_defaults(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let defaults = json!({
        "metric": Metric::default().to_string(),
        "refine": Refinement::default().to_string(),
        "memory": MEMORY,
        "k": CURVE_K,
    });
    to_python(py, &defaults)
}

/// Whether training by gradient is told the setting as well.
pub fn is_searched(setting: &Setting) -> bool {
    setting.name == "beam"
}

/// The trainer by gradient of that name.
pub fn trainer_named(name: &str) -> wgvq::Result<&'static Trainer> {
    Trainer::named(name).ok_or_else(|| {
        let known: Vec<&str> = wgvq::TRAINERS.iter().map(|trainer| trainer.name).collect();
        wgvq::Error::input(format!("trainer is {name:?}; must be one of {}", known.join(", ")))
    })
}

/// What a trainer can be told. A setting of its own stands for that of all of the same name.
fn known_to(trainer: &Trainer) -> Vec<&'static Setting> {
    let is_own = |setting: &&&Setting| trainer.settings.iter().any(|own| own.name == setting.name);
    let of_all = GradientTraining::SETTINGS.iter().filter(|setting| !is_own(setting));
    trainer.settings.iter().chain(of_all).copied().collect()
}

fn all(settings: &[&Setting]) -> Value {
    settings.iter().map(|setting| row(setting)).collect()
}

fn row(setting: &Setting) -> Value {
    let default = match setting.default {
        DefaultValue::Count(count) => json!(count),
        DefaultValue::Number(number) => json!(number),
        DefaultValue::Word(word) => json!(word),
        DefaultValue::Off => json!(false),
        DefaultValue::Unset(_) => Value::Null,
    };
    let (python_type, choices) = match setting.values {
        Values::Count(..) => ("int", None),
        Values::Positive(_) | Values::NotNegative | Values::SquaredDistance => ("float", None),
        Values::Temperature => ("float | str", None),
        Values::Schedule | Values::Start | Values::Metric => ("str", None),
        Values::Switch => ("bool", None),
        Values::Choice(words) => ("str", Some(words)),
    };
    json!({
        "name": setting.name,
        "help": setting.help,
        "values": setting.values.to_string(),
        "type": python_type,
        "choices": choices,
        "default": default,
        "default_text": setting.default.to_string(),
        "stage": match setting.stage {
            Stage::Train => "train",
            Stage::Encode => "encode",
        },
    })
}
