//! What makes an output what it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Named facts that decide what an output will hold: the data, the model, the settings. An unfinished output is resumed only
/// by a job whose facts are all the same.
///
/// ```
/// use wgvq::io::Job;
/// let job = Job::new().with("model", "5f0c").with("beam", 5);
/// assert_ne!(job, Job::new().with("model", "5f0c").with("beam", 8));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Job(BTreeMap<String, String>);

impl Job {
    /// A job of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same job with one more fact.
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.0.insert(name.into(), value.to_string());
        self
    }

    /// The first fact that is another one than when `begun` began, in words.
    pub(super) fn difference(&self, begun: &Self) -> Option<String> {
        let names = self.0.keys().chain(begun.0.keys());
        let value = |job: &Self, name| job.0.get(name).cloned().unwrap_or_else(|| "not known".into());
        names.map(|name| (name, value(begun, name), value(self, name))).find_map(|(name, was, is)| {
            (was != is).then(|| format!("{name} was {was} when it began and is {is} now"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Job;

    #[test]
    fn jobs_differ_by_any_fact_and_say_by_which() {
        let job = Job::new().with("model", "a").with("beam", 5);
        assert_eq!(job.difference(&job.clone()), None);
        let other = job.clone().with("beam", 6);
        assert_eq!(other.difference(&job).unwrap(), "beam was 5 when it began and is 6 now");
        let more = job.clone().with("by", "curve");
        assert_eq!(more.difference(&job).unwrap(), "by was not known when it began and is curve now");
        assert_eq!(job.difference(&more).unwrap(), "by was curve when it began and is not known now");
    }
}
