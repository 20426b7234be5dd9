//! What every training by gradient can be told, beside the settings of its trainer.

use super::Trainer;
use crate::settings::{DefaultValue, Setting, Values};
use crate::train::{Replacement, Rule};

pub(super) static STEPS: Setting =
    Setting::new("steps", Values::Count(1, u64::MAX), "Steps").by_default(DefaultValue::Count(20_000));

pub(super) static BATCH: Setting =
    Setting::new("batch", Values::Count(1, u64::MAX), "Vectors per step, or all where there are fewer")
        .by_default(DefaultValue::Count(1024));

pub(super) static LR: Setting = Setting::new(
    "lr",
    Values::Positive(f32::MAX as f64),
    "First learning rate, for data of unit variance: vectors are scaled to that",
)
.by_default(DefaultValue::Number(0.02));

pub(super) static OPTIMIZER: Setting = Setting::new(
    "optimizer",
    Values::Choice(&RULE_NAMES),
    "Rule of the optimizer; momentum is SGD with one of 0.9, nesterov the same with Nesterov's",
)
.by_default(DefaultValue::Word("adam"));

pub(super) static SCHEDULE: Setting = Setting::new(
    "schedule",
    Values::Schedule,
    "How the learning rate goes on: constant, cosine (to 0 at the end), or step:EVERY:FACTOR",
)
.by_default(DefaultValue::Word("cosine"));

pub(super) static WARM_UP: Setting = Setting::new(
    "warm_up",
    Values::Count(0, u64::MAX),
    "Steps over which the learning rate rises at the beginning",
)
.by_default(DefaultValue::Count(0));

pub(super) static CLIP: Setting =
    Setting::new("clip", Values::Positive(f32::MAX as f64), "The most that the norm of all gradients may be")
        .by_default(DefaultValue::Unset("no limit"));

pub(super) static REPLACE_EVERY: Setting = Setting::new(
    "replace_every",
    Values::Count(0, u64::MAX),
    "Replace codewords that are hardly used after every so many steps; 0 for never",
)
.by_default(DefaultValue::Count(500));

pub(super) static REPLACE_SHARE: Setting = Setting::new(
    "replace_share",
    Values::Positive(1.0),
    "The share of batches below which a codeword counts as hardly used",
)
.by_default(DefaultValue::Number(Replacement::SHARE));

pub(super) static REPLACE_LAST: Setting =
    Setting::new("replace_last", Values::Count(0, u64::MAX), "The last step at which codewords are replaced")
        .by_default(DefaultValue::Unset("nine tenths of all"));

/// Codewords that start among vectors lie by chance, and some where they are hardly used: on four sets of vectors NSVQ ends
/// 0.3 to 14 % lower from k-means, in as many steps.
pub(super) static START_FROM: Setting = Setting::new(
    "start_from",
    Values::Choice(&[KMEANS, "vectors"]),
    "What codebooks start as: found by a few iterations of k-means, or vectors of the data",
)
.by_default(DefaultValue::Word(KMEANS));

pub(super) const KMEANS: &str = "kmeans";

/// Each step of a window has its loss in memory until the end of the window.
pub(super) static LOG_EVERY: Setting =
    Setting::new("log_every", Values::Count(1, 1 << 20), "Steps between two reports")
        .by_default(DefaultValue::Count(100));

/// All of them.
pub(super) static ALL: &[&Setting] = &[
    &STEPS,
    &BATCH,
    &LR,
    &OPTIMIZER,
    &SCHEDULE,
    &WARM_UP,
    &CLIP,
    &REPLACE_EVERY,
    &REPLACE_SHARE,
    &REPLACE_LAST,
    &START_FROM,
    &LOG_EVERY,
];

/// Those that only codewords have which follow a gradient.
static OF_GRADIENT: &[&Setting] = &[&LR, &OPTIMIZER, &SCHEDULE, &WARM_UP, &CLIP];

/// Those that only codewords have which can be replaced.
pub(super) static OF_REPLACEMENT: &[&Setting] = &[&REPLACE_EVERY, &REPLACE_SHARE, &REPLACE_LAST];

/// What a training by `trainer` can be told. A setting of its own stands for that of all of the same name.
pub(super) fn known_to(trainer: &Trainer) -> Vec<&'static Setting> {
    let common = ALL.iter().filter(|setting| {
        let is_among = |some: &[&Setting]| some.iter().any(|one| one.name == setting.name);
        let has_no = is_among(OF_GRADIENT) && !trainer.follows_gradient
            || is_among(OF_REPLACEMENT) && trainer.is_linear;
        !is_among(trainer.settings) && !has_no
    });
    trainer.settings.iter().chain(common).copied().collect()
}

/// What the words of [`OPTIMIZER`] mean.
const RULES: [(&str, Rule); 7] = [
    ("sgd", Rule::SGD),
    ("momentum", Rule::MOMENTUM),
    ("nesterov", Rule::NESTEROV),
    ("rmsprop", Rule::RMS_PROP),
    ("adagrad", Rule::ADA_GRAD),
    ("adam", Rule::ADAM),
    ("adamw", Rule::ADAM_W),
];

static RULE_NAMES: [&str; RULES.len()] = {
    let mut names = [""; RULES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = RULES[at].0;
        at += 1;
    }
    names
};

/// The rule of that name.
pub(super) fn rule(name: &str) -> Option<Rule> {
    RULES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
}
