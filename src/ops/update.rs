//! The step of an optimizer.

/// Which way a gradient moves a parameter: the rules of `shaders/optimizer_step.wgsl`, which has the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    Plain,
    Momentum,
    Nesterov,
    RmsProp,
    AdaGrad,
    Adam,
}

impl Motion {
    /// Whether it keeps a first and a second state.
    pub fn keeps(self) -> [bool; 2] {
        match self {
            Self::Plain => [false, false],
            Self::Momentum | Self::Nesterov => [true, false],
            Self::RmsProp | Self::AdaGrad => [false, true],
            Self::Adam => [true, true],
        }
    }
}

/// One step of a rule: its numbers, named as in the shader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    pub motion: Motion,
    pub rate: f32,
    pub momentum: f32,
    pub first_weight: f32,
    pub second_weight: f32,
    pub root_weight: f32,
    pub epsilon: f32,
    pub shrinkage: f32,
}

impl Update {
    /// `theta -= rate · g`, and for other motions what is still to be set is neutral.
    pub fn new(motion: Motion, rate: f32) -> Self {
        Self {
            motion,
            rate,
            momentum: 0.0,
            first_weight: 1.0,
            second_weight: 1.0,
            root_weight: 1.0,
            epsilon: 0.0,
            shrinkage: 0.0,
        }
    }
}
