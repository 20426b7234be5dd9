//! Settings: what a quantizer can be told, each written once.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use crate::error::{Error, Result, did_you_mean};
use crate::metrics::Metric;

/// One thing that a quantizer can be told: its name, what it may be, and what it is if nobody says anything.
///
/// A setting is a `static` beside the code that reads it, and stands in the [`Kind`](crate::Kind) of each quantizer that has
/// it. Everything else is read from there: the command line and its help, the checks, the model file.
///
/// ```
/// let spec: wgvq::Spec = "RQ4x6".parse()?;
/// let settings = spec.settings();
/// let beam = settings.iter().find(|setting| setting.name == "beam").unwrap();
/// assert_eq!((beam.values.to_string(), beam.default.to_string()), ("1 to 128".into(), "5".into()));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name in code and files; on the command line `max_error` is `--max-error`.
    pub name: &'static str,
    /// What it does, without a full stop.
    pub help: &'static str,
    /// What it may be.
    pub values: Values,
    /// What it is if nobody says anything.
    pub default: DefaultValue,
    /// The last time at which it can be changed.
    pub stage: Stage,
}

/// What a [`Setting`] may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// A whole number from the first to the second, both included.
    Count(u64, u64),
    /// A number above 0, up to this one.
    Positive(f64),
    /// A finite number of 0 or more.
    NotNegative,
    /// A squared distance in the units of the data: a finite number of 0 or more.
    SquaredDistance,
    /// A number above 0, or two with a colon between them, to go from the first to the last: `"20:1000"`.
    Temperature,
    /// How a learning rate goes on: `"constant"`, `"cosine"`, or `"step:5000:0.5"` for half of it after every 5000 steps.
    Schedule,
    /// Where codewords start: `"random"`, `"kmeans++"`, `"kmeans-parallel"`, or `"de"`, differential evolution, also with
    /// numbers of its own: `"de:np=20,ng=50,f=0.2,cr=0.9"`, as many of them as are not to be the default.
    Start,
    /// A metric that codebooks are trained by: `"l2"`, `"l1"`, or `"m:3"` for Σ |x − c|³.
    Metric,
    /// On or off.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What a [`Setting`] is if nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    /// This whole number.
    Count(u64),
    /// This number.
    Number(f64),
    /// This word.
    Word(&'static str),
    /// Off.
    Off,
    /// No value; what then happens, in words.
    Unset(&'static str),
}

/// When a [`Setting`] is used for the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In training: the codebooks depend on it.
    Train,
    /// In encoding: the codes depend on it, and what they stand for does not.
    Encode,
}

/// How messages spell the names of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As in code and files: `max_error`.
    Key,
    /// As on the command line: `--max-error`.
    Flag,
}

impl Setting {
    /// A setting of training without a default.
    pub(crate) const fn new(name: &'static str, values: Values, help: &'static str) -> Self {
        Self { name, help, values, default: DefaultValue::Unset(""), stage: Stage::Train }
    }

    /// The same with a default.
    pub(crate) const fn by_default(mut self, default: DefaultValue) -> Self {
        self.default = default;
        self
    }

    /// The same, to be changed up to a later stage.
    pub(crate) const fn until(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    /// The default, which is a whole number.
    pub(crate) fn default_count(&self) -> usize {
        match self.default {
            DefaultValue::Count(count) => count as usize,
            _ => unreachable!("{} has no whole number as default", self.name),
        }
    }

    /// The default, which is a number.
    pub(crate) fn default_number(&self) -> f64 {
        match self.default {
            DefaultValue::Number(number) => number,
            _ => unreachable!("{} has no number as default", self.name),
        }
    }

    /// `count`, if the setting may be that.
    pub(crate) fn check_count(&self, count: usize) -> Result<usize> {
        self.check(&Value::from(count), Spelling::Key).map(|()| count)
    }

    /// Fails unless the setting may be `value`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), with the name, the value and what would be right.
    pub fn check(&self, value: &Value, spelling: Spelling) -> Result<()> {
        let right = match self.values {
            Values::Count(least, most) => value.as_u64().is_some_and(|count| (least..=most).contains(&count)),
            Values::Positive(most) => value.as_f64().is_some_and(|number| number > 0.0 && number <= most),
            Values::NotNegative | Values::SquaredDistance => {
                value.as_f64().is_some_and(|number| number >= 0.0 && number.is_finite())
            }
            Values::Temperature => ends(value).is_some(),
            Values::Schedule => Pace::of(value).is_some(),
            Values::Start => Start::of(value).is_some(),
            Values::Metric => value.as_str().and_then(trained_by).is_some(),
            Values::Switch => value.is_boolean(),
            Values::Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        };
        if right {
            return Ok(());
        }
        let given = match value {
            // JSON has no infinity.
            Value::Null => "no finite number".to_string(),
            value => value.as_str().map_or_else(|| value.to_string(), |word| format!("{word:?}")),
        };
        Err(Error::input(format!("{} is {given}; must be {}", spelling.of(self.name), self.values)))
    }

    /// The value that `text` is, as a command line has it.
    ///
    /// ```
    /// let spec: wgvq::Spec = "RQ4x6".parse()?;
    /// let settings = spec.settings();
    /// let beam = settings.iter().find(|setting| setting.name == "beam").unwrap();
    /// assert_eq!(beam.parse("16")?, 16);
    /// assert_eq!(beam.parse("500").unwrap_err().to_string(), "must be 1 to 128");
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the setting cannot be that: what it can be, to be printed behind its name.
    pub fn parse(&self, text: &str) -> Result<Value> {
        let value = match self.values {
            Values::Count(..) => text.parse::<u64>().map(Value::from).ok(),
            Values::Positive(_) | Values::NotNegative | Values::SquaredDistance => {
                text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
            }
            Values::Switch => text.parse::<bool>().map(Value::from).ok(),
            Values::Temperature | Values::Schedule | Values::Start | Values::Metric | Values::Choice(_) => {
                None
            }
        };
        let value = value.unwrap_or_else(|| Value::from(text));
        match self.check(&value, Spelling::Key) {
            Ok(()) => Ok(value),
            Err(_) => Err(Error::input(format!("must be {}", self.values))),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Values::Count(least, u64::MAX) => write!(f, "a whole number of {least} or more"),
            Values::Count(least, most) => write!(f, "{least} to {most}"),
            Values::Positive(most) if *most >= f64::from(f32::MAX) => f.write_str("a finite number above 0"),
            Values::Positive(most) => write!(f, "a number above 0, at most {most}"),
            Values::NotNegative => f.write_str("a finite number of 0 or more"),
            Values::SquaredDistance => f.write_str("a squared distance: a finite number of 0 or more"),
            Values::Temperature => f.write_str("a number above 0, or two such as 20:1000"),
            Values::Schedule => f.write_str("constant, cosine, or one such as step:5000:0.5"),
            Values::Start => write!(
                f,
                "random, kmeans++, kmeans-parallel or de, or de with numbers such as de:np=20,ng=50,f=0.2,cr=0.9 \
                 (np {} to {}, ng at most {}, f above 0 and at most {}, cr 0 to 1)",
                Start::POPULATION.start(),
                Start::POPULATION.end(),
                Start::MOST_GENERATIONS,
                Start::MOST_WEIGHT,
            ),
            Values::Metric => {
                write!(f, "l2, l1, or m:P with P a whole number of 1 to {}, such as m:3", Metric::MOST_POWER)
            }
            Values::Switch => f.write_str("true or false"),
            Values::Choice(words) => f.write_str(&listed(words, "or")),
        }
    }
}

impl DefaultValue {
    /// The value that it is, if it is one.
    pub(crate) fn value(self) -> Option<Value> {
        match self {
            DefaultValue::Count(count) => Some(count.into()),
            DefaultValue::Number(number) => Some(number.into()),
            DefaultValue::Word(word) => Some(word.into()),
            DefaultValue::Off => Some(false.into()),
            DefaultValue::Unset(_) => None,
        }
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DefaultValue::Count(count) => count.fmt(f),
            DefaultValue::Number(number) => number.fmt(f),
            DefaultValue::Word(word) | DefaultValue::Unset(word) => f.write_str(word),
            DefaultValue::Off => f.write_str("off"),
        }
    }
}

impl Spelling {
    /// The name of a setting, spelt so.
    pub fn of(self, name: &str) -> String {
        match self {
            Spelling::Key => name.to_string(),
            Spelling::Flag => format!("--{}", name.replace('_', "-")),
        }
    }
}

/// The ends of a temperature: of one number, the same.
fn ends(value: &Value) -> Option<[f64; 2]> {
    let text = value.as_str().map_or_else(|| value.to_string(), String::from);
    let (first, last) = text.split_once(':').unwrap_or((&text, &text));
    let ends = [first.parse().ok()?, last.parse().ok()?];
    ends.iter().all(|&tau: &f64| tau > 0.0 && tau.is_finite()).then_some(ends)
}

/// What a value of [`Values::Schedule`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    Constant,
    Cosine,
    Step { every: u64, factor: f64 },
}

impl Pace {
    /// What `value` says, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value.as_str()?.split(':').collect::<Vec<_>>()[..] {
            ["constant"] => Some(Self::Constant),
            ["cosine"] => Some(Self::Cosine),
            ["step", every, factor] => {
                let (every, factor) = (every.parse().ok()?, factor.parse().ok()?);
                (every > 0 && factor > 0.0 && f64::is_finite(factor)).then_some(Self::Step { every, factor })
            }
            _ => None,
        }
    }
}

/// The metric that a value of [`Values::Metric`] is.
pub(crate) fn trained_by(word: &str) -> Option<Metric> {
    word.parse().ok().filter(|metric: &Metric| metric.trains())
}

/// What a value of [`Values::Start`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Random,
    PlusPlus,
    Parallel,
    /// What is not said is the default.
    Evolution {
        population: Option<usize>,
        generations: Option<usize>,
        weight: Option<f32>,
        crossover: Option<f32>,
    },
}

impl Start {
    pub(crate) const POPULATION: RangeInclusive<usize> = 4..=1024;
    const MOST_GENERATIONS: usize = 100_000;
    const MOST_WEIGHT: f32 = 2.0;

    /// What `value` says, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let (name, numbers) = match value.as_str()? {
            "random" => return Some(Self::Random),
            "kmeans++" => return Some(Self::PlusPlus),
            "kmeans-parallel" => return Some(Self::Parallel),
            "de" => ("de", None),
            text => text.split_once(':').map(|(name, numbers)| (name, Some(numbers)))?,
        };
        if name != "de" {
            return None;
        }
        let (mut population, mut generations, mut weight, mut crossover) = (None, None, None, None);
        for number in numbers.into_iter().flat_map(|numbers| numbers.split(',')) {
            let (name, text) = number.split_once('=')?;
            match name {
                "np" => population = Some(text.parse().ok().filter(|np| Self::POPULATION.contains(np))?),
                "ng" => generations = Some(text.parse().ok().filter(|&ng| ng <= Self::MOST_GENERATIONS)?),
                "f" => weight = Some(text.parse().ok().filter(|&f| f > 0.0 && f <= Self::MOST_WEIGHT)?),
                "cr" => crossover = Some(text.parse().ok().filter(|cr| (0.0..=1.0).contains(cr))?),
                _ => return None,
            }
        }
        Some(Self::Evolution { population, generations, weight, crossover })
    }
}

/// The error for a setting that belongs to others.
pub(crate) fn not_here(
    name: &str,
    spelling: Spelling,
    owners: &[&str],
    this: impl fmt::Display,
    here: impl Iterator<Item = &'static Setting>,
    when: &str,
) -> Error {
    let here: Vec<String> = here.map(|setting| spelling.of(setting.name)).collect();
    let has = if here.is_empty() { "none".to_string() } else { listed(&here, "and") };
    let name = spelling.of(name);
    if owners.is_empty() {
        let meant = did_you_mean(&name, here);
        return Error::input(format!("there is no setting {name}; {this} has {has}{when}{meant}"));
    }
    Error::input(format!("{name} belongs to {}; leave it out, {this} has {has}{when}", listed(owners, "and")))
}

/// "a, b and c", with the given word before the last.
pub(crate) fn listed<T: AsRef<str>>(words: &[T], joint: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.as_ref().to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {joint} {}", first.join(", "), last.as_ref())
        }
    }
}

/// Values of settings: those that were given, and the defaults of all that there are.
///
/// [`Spec::check`](crate::Spec::check) makes them, of checked values; those of [`default`](Default::default) say nothing.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    known: Vec<&'static Setting>,
    given: Map<String, Value>,
}

impl Settings {
    /// Takes `given` among the settings `known`.
    pub(crate) fn new(known: Vec<&'static Setting>, given: Map<String, Value>) -> Self {
        Self { known, given }
    }

    /// Takes one more, in place of what was given under that name.
    pub(crate) fn insert(&mut self, name: &str, value: Value) {
        self.given.insert(name.to_string(), value);
    }

    /// The value of the setting of that name, as given or by default, if there is one.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        let default = || self.known.iter().find(|setting| setting.name == name)?.default.value();
        self.given.get(name).cloned().or_else(default)
    }

    /// What was given, as an object of JSON.
    pub fn given(&self) -> &Map<String, Value> {
        &self.given
    }

    /// All settings as text, at their defaults where nothing was given.
    pub(crate) fn in_words(&self) -> Map<String, Value> {
        let word = |setting: &&Setting| {
            let given = self
                .given
                .get(setting.name)
                .map(|value| value.as_str().map_or(value.to_string(), String::from));
            (setting.name.to_string(), given.unwrap_or_else(|| setting.default.to_string()).into())
        };
        self.known.iter().copied().map(|setting| word(&setting)).collect()
    }

    /// The whole number that was given.
    pub(crate) fn given_count(&self, setting: &Setting) -> Option<usize> {
        self.given.get(setting.name).and_then(Value::as_u64).map(|count| count as usize)
    }

    /// The number that was given.
    pub(crate) fn given_number(&self, setting: &Setting) -> Option<f64> {
        self.given.get(setting.name).and_then(Value::as_f64)
    }

    /// The word that was given.
    pub(crate) fn given_word(&self, setting: &Setting) -> Option<&str> {
        self.given.get(setting.name).and_then(Value::as_str)
    }

    /// The whole number that was given, or the default.
    pub(crate) fn count(&self, setting: &Setting) -> usize {
        self.given_count(setting).unwrap_or_else(|| self.own(setting).default_count())
    }

    /// The number that was given, or the default.
    pub(crate) fn number(&self, setting: &Setting) -> f64 {
        self.given_number(setting).unwrap_or_else(|| self.own(setting).default_number())
    }

    /// The word that was given, or the default if that is one.
    pub(crate) fn word(&self, setting: &Setting) -> Option<&str> {
        self.given_word(setting).or(match self.own(setting).default {
            DefaultValue::Word(word) => Some(word),
            _ => None,
        })
    }

    /// The two ends of a temperature, or of the default.
    pub(crate) fn ends(&self, setting: &Setting) -> [f64; 2] {
        let default = self.own(setting).default.to_string().into();
        let value = self.given.get(setting.name).unwrap_or(&default);
        ends(value).unwrap_or_else(|| unreachable!("{} is no temperature: {value}", setting.name))
    }

    /// Whether it was switched on.
    pub(crate) fn is_on(&self, setting: &Setting) -> bool {
        self.given.get(setting.name) == Some(&Value::Bool(true))
    }

    /// The setting of that name of the quantizer that these are for, whose default may be its own.
    fn own<'a>(&self, setting: &'a Setting) -> &'a Setting {
        self.known.iter().copied().find(|known| known.name == setting.name).unwrap_or(setting)
    }

    /// The same for vectors whose squared distances are `factor` times as large.
    pub(crate) fn times(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        for setting in self.known.iter().filter(|known| known.values == Values::SquaredDistance) {
            if let Some(distance) = self.given_number(setting) {
                scaled.given.insert(setting.name.to_string(), Value::from(distance * factor));
            }
        }
        scaled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_says_which_numbers_are_its_own() {
        let of = |text: &str| Start::of(&text.into());
        assert_eq!(of("kmeans++"), Some(Start::PlusPlus));
        let evolution = |population, weight| {
            Some(Start::Evolution { population, generations: None, weight, crossover: None })
        };
        assert_eq!(of("de"), evolution(None, None));
        assert_eq!(of("de:f=0.5,np=4"), evolution(Some(4), Some(0.5)));
        for wrong in [
            "",
            "de:",
            "de:np",
            "de:np=3",
            "de:np=1025",
            "de:ng=-1",
            "de:ng=100001",
            "de:f=0",
            "de:f=nan",
            "de:f=3",
            "de:cr=1.1",
            "de:cr=nan",
            "de:np=4,",
            "de:x=1",
            "random:",
            "random:np=4",
            "kmeans",
            "DE",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_schedule_is_one_of_three() {
        let of = |text: &str| Pace::of(&text.into());
        assert_eq!(of("step:5000:0.5"), Some(Pace::Step { every: 5000, factor: 0.5 }));
        assert_eq!((of("constant"), of("cosine")), (Some(Pace::Constant), Some(Pace::Cosine)));
        for wrong in [
            "",
            "step",
            "step:0:0.5",
            "step:5:0",
            "step:5:-1",
            "step:5:inf",
            "step:5:nan",
            "step:5:1:1",
            "line",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
