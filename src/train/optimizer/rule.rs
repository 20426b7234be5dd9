//! The rules by which an optimizer turns gradients into steps.

use crate::error::{Error, Result};
use crate::ops::{Motion, Update};

/// What an [`Optimizer`](super::Optimizer) does with a gradient g to a parameter θ, at learning rate α. What it remembers
/// starts at 0; operations are by element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent: θ ← θ − αv for v ← μv + g.
    Sgd {
        /// μ, from 0 to below 1. At 0 nothing is remembered.
        momentum: f64,
        /// Nesterov's momentum, in the form θ ← θ − α(g + μv) (Sutskever et al., ICML 2013, with the parameters where the
        /// gradient is taken).
        nesterov: bool,
    },
    /// RMSProp: θ ← θ − αg/(√v + ε) for v ← ρv + (1 − ρ)g² (Tieleman and Hinton, 2012).
    RmsProp {
        /// ρ, from 0 to below 1.
        smoothing: f64,
        /// ε > 0, added to the denominator.
        epsilon: f64,
    },
    /// AdaGrad: θ ← θ − αg/(√v + ε) for v ← v + g² (Duchi, Hazan and Singer, JMLR 2011).
    AdaGrad {
        /// ε > 0, added to the denominator.
        epsilon: f64,
    },
    /// Adam: θ ← θ − αm̂/(√v̂ + ε) for m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g², with m̂ = m/(1 − β₁ᵗ) and
    /// v̂ = v/(1 − β₂ᵗ) at step t (Kingma and Ba, ICLR 2015).
    Adam {
        /// β₁ and β₂, from 0 to below 1.
        betas: [f64; 2],
        /// ε > 0, added to the denominator.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay: θ ← θ − α(λθ + m̂/(√v̂ + ε)) (Loshchilov and Hutter, ICLR 2019).
    AdamW {
        /// β₁ and β₂, from 0 to below 1.
        betas: [f64; 2],
        /// ε > 0, added to the denominator.
        epsilon: f64,
        /// λ, 0 or more.
        weight_decay: f64,
    },
}

impl Rule {
    /// [`Sgd`](Self::Sgd) without momentum.
    pub const SGD: Self = Self::Sgd { momentum: 0.0, nesterov: false };
    /// [`Sgd`](Self::Sgd) with a momentum of 0.9.
    pub const MOMENTUM: Self = Self::Sgd { momentum: 0.9, nesterov: false };
    /// [`Sgd`](Self::Sgd) with a momentum of 0.9 in Nesterov's way.
    pub const NESTEROV: Self = Self::Sgd { momentum: 0.9, nesterov: true };
    /// [`RmsProp`](Self::RmsProp) with a smoothing of 0.99 and an epsilon of 10⁻⁸.
    pub const RMS_PROP: Self = Self::RmsProp { smoothing: 0.99, epsilon: 1e-8 };
    /// [`AdaGrad`](Self::AdaGrad) with an epsilon of 10⁻¹⁰.
    pub const ADA_GRAD: Self = Self::AdaGrad { epsilon: 1e-10 };
    /// [`Adam`](Self::Adam) with betas of 0.9 and 0.999 and an epsilon of 10⁻⁸.
    pub const ADAM: Self = Self::Adam { betas: [0.9, 0.999], epsilon: 1e-8 };
    /// [`AdamW`](Self::AdamW) with betas of 0.9 and 0.999, an epsilon of 10⁻⁸ and a weight decay of 0.01.
    pub const ADAM_W: Self = Self::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01 };

    /// Fails, naming it, for a number that makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        match *self {
            Self::Sgd { momentum, nesterov } => {
                check_share("momentum", momentum)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::input(
                        "Nesterov's momentum with a momentum of 0; it has to be over 0",
                    ));
                }
                Ok(())
            }
            Self::RmsProp { smoothing, epsilon } => {
                check_share("smoothing", smoothing)?;
                check_epsilon(epsilon)
            }
            Self::AdaGrad { epsilon } => check_epsilon(epsilon),
            Self::Adam { betas, epsilon } => check_adam(betas, epsilon),
            Self::AdamW { betas, epsilon, weight_decay } => {
                if !(weight_decay.is_finite() && weight_decay >= 0.0) {
                    return Err(Error::input(format!(
                        "a weight decay of {weight_decay}; it has to be 0 or more"
                    )));
                }
                check_adam(betas, epsilon)
            }
        }
    }

    /// What it calls the first and the second state that it keeps of each parameter.
    pub(super) fn state_names(&self) -> [Option<&'static str>; 2] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => [None, None],
            Self::Sgd { .. } => [Some("velocity"), None],
            Self::RmsProp { .. } => [None, Some("mean_square")],
            Self::AdaGrad { .. } => [None, Some("sum_of_squares")],
            Self::Adam { .. } | Self::AdamW { .. } => [Some("first_moment"), Some("second_moment")],
        }
    }

    /// Step `t`, counted from 1, at a learning rate of `rate`. Factors that combine two settings are computed in float64.
    pub(super) fn update(&self, rate: f64, t: u64) -> Update {
        let new = |motion| Update::new(motion, rate as f32);
        match *self {
            Self::Sgd { momentum: 0.0, .. } => new(Motion::Plain),
            Self::Sgd { momentum, nesterov } => Update {
                momentum: momentum as f32,
                ..new(if nesterov { Motion::Nesterov } else { Motion::Momentum })
            },
            Self::RmsProp { smoothing, epsilon } => Update {
                second_weight: (1.0 - smoothing) as f32,
                epsilon: epsilon as f32,
                ..new(Motion::RmsProp)
            },
            Self::AdaGrad { epsilon } => Update { epsilon: epsilon as f32, ..new(Motion::AdaGrad) },
            Self::Adam { betas, epsilon } => adam(rate, betas, epsilon, t),
            Self::AdamW { betas, epsilon, weight_decay } => {
                Update { shrinkage: (rate * weight_decay) as f32, ..adam(rate, betas, epsilon, t) }
            }
        }
    }
}

fn adam(rate: f64, betas: [f64; 2], epsilon: f64, t: u64) -> Update {
    let [first, second] = betas.map(|beta| 1.0 - beta.powf(t as f64));
    Update {
        first_weight: (1.0 - betas[0]) as f32,
        second_weight: (1.0 - betas[1]) as f32,
        root_weight: (1.0 / second.sqrt()) as f32,
        epsilon: epsilon as f32,
        ..Update::new(Motion::Adam, (rate / first) as f32)
    }
}

fn check_adam(betas: [f64; 2], epsilon: f64) -> Result<()> {
    check_share("β₁", betas[0])?;
    check_share("β₂", betas[1])?;
    check_epsilon(epsilon)
}

fn check_share(what: &str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::input(format!("a {what} of {value}; it has to be 0 or more and below 1")))
}

/// It keeps quotients finite, so it has to be a normal number where they are computed.
fn check_epsilon(epsilon: f64) -> Result<()> {
    if (epsilon as f32).is_normal() && epsilon > 0.0 {
        return Ok(());
    }
    Err(Error::input(format!("an epsilon of {epsilon}; it has to be 1.2e-38 or more, and finite")))
}
