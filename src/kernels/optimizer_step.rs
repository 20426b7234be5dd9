//! Host side of `optimizer_step`: a parameter moved along its gradient.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::Update;

pub(crate) static SHADER: Shader = Shader {
    stem: "optimizer_step",
    source: &[super::GRID, include_str!("../../shaders/optimizer_step.wgsl")],
    reads: &["gradient", "squared_norm"],
    writes: &["value", "first", "second"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

/// One per [`Motion`], in its order.
static VARIANTS: [Variant; 6] = [
    Variant::overriding(&[("RULE", 0.0)]),
    Variant::overriding(&[("RULE", 1.0)]),
    Variant::overriding(&[("RULE", 2.0)]),
    Variant::overriding(&[("RULE", 3.0)]),
    Variant::overriding(&[("RULE", 4.0)]),
    Variant::overriding(&[("RULE", 5.0)]),
];

shader_params!(Params {
    elements: u32,
    clip: f32,
    rate: f32,
    momentum: f32,
    first_weight: f32,
    second_weight: f32,
    root_weight: f32,
    epsilon: f32,
    shrinkage: f32,
});

/// The most that the norm of all gradients together may be, and its square (1, 1) as it is.
#[derive(Clone, Copy)]
pub(crate) struct Clip<'a> {
    pub limit: f32,
    pub squared_norm: &'a Matrix<f32>,
}

/// The first and the second state of a parameter, of its shape, where its rule [keeps](Motion::keeps) them.
pub(crate) type States = [Option<Matrix<f32>>; 2];

impl Recorder<'_> {
    /// Moves `value` by one step of `update`, given its `gradient` and the `states` of the steps before, which start at 0.
    ///
    /// Shapes: `value`, `gradient` and each state (n, d). The states are those that the motion keeps.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn optimizer_step(
        &mut self,
        update: &Update,
        clip: Option<Clip>,
        gradient: &Matrix<f32>,
        value: &mut Matrix<f32>,
        states: &mut States,
    ) -> Result<()> {
        self.check_optimizer_step(gradient, value, states)?;
        debug_assert_eq!(states.each_ref().map(Option::is_some), update.motion.keeps());
        if let Some(Clip { squared_norm, .. }) = clip {
            self.same_engine("optimizer_step", &[squared_norm.engine()])?;
            expect_shape("optimizer_step", "squared_norm", squared_norm.shape(), (1, 1))?;
        }
        if value.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let clip = clip.map(|clip| (clip.limit, clip.squared_norm.host()[0]));
            let states = states.each_mut().map(|state| state.as_mut().map(Matrix::host_mut));
            cpu::optimizer_step::optimizer_step(update, clip, gradient.host(), value.host_mut(), states);
            return Ok(());
        }
        // What a rule does not write still has to be bound to something of its own.
        let unwritten = [self.engine().uninitialized::<f32>(1, 1)?, self.engine().uninitialized(1, 1)?];
        let heights = [Some(gradient), Some(&*value), states[0].as_ref(), states[1].as_ref()];
        let heights = heights.into_iter().flatten().map(Matrix::shard_rows);
        for window in grid::row_windows(value.rows(), heights) {
            let elements = window.len() * value.cols();
            let params = Params {
                elements: elements as u32,
                clip: clip.map_or(0.0, |clip| clip.limit),
                rate: update.rate,
                momentum: update.momentum,
                first_weight: update.first_weight,
                second_weight: update.second_weight,
                root_weight: update.root_weight,
                epsilon: update.epsilon,
                shrinkage: update.shrinkage,
            };
            let state = |number: usize| match &states[number] {
                Some(state) => state.slice(window.clone()),
                None => unwritten[number].slice(0..1),
            };
            let gradient = gradient.slice(window.clone());
            // Without a limit the norm is not read.
            let squared_norm = clip.map_or_else(|| gradient.clone(), |clip| clip.squared_norm.slice(0..1));
            let bindings = [gradient, squared_norm, value.slice(window.clone()), state(0), state(1)];
            let workgroups = (elements as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &VARIANTS[update.motion as usize], &params, &bindings, workgroups)?;
        }
        Ok(())
    }

    /// Whether a parameter, its gradient and its states fit each other.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), naming what does not.
    pub(crate) fn check_optimizer_step(
        &self,
        gradient: &Matrix<f32>,
        value: &Matrix<f32>,
        states: &States,
    ) -> Result<()> {
        let states = states.iter().flatten().map(|state| ("the value", value.shape(), state));
        let others = states.chain([("the gradient", gradient.shape(), value)]);
        self.same_engine("optimizer_step", &[gradient.engine(), value.engine()])?;
        for (what, shape, other) in others {
            self.same_engine("optimizer_step", &[other.engine()])?;
            expect_shape("optimizer_step", what, shape, other.shape())?;
        }
        Ok(())
    }
}
