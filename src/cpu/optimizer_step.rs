//! CPU twin of `shaders/optimizer_step.wgsl`.

use pulp::Arch;

use crate::ops::{Motion, Update};

/// Elements per task; value, gradient and states of a chunk are read and written once.
const CHUNK: usize = 4096;

/// Moves `value`. `clip` is the limit of the norm of all gradients, and its square as it is.
pub(crate) fn optimizer_step(
    update: &Update,
    clip: Option<(f32, f32)>,
    gradient: &[f32],
    value: &mut [f32],
    states: [Option<&mut [f32]>; 2],
) {
    let u = *update;
    let scale = clip.map_or(1.0, gradient_scale);
    let root = move |v: f32| u.root_weight * v.sqrt() + u.epsilon;
    let average_square = move |g: f32, v: f32| v + u.second_weight * (g * g - v);
    let take = move |theta: f32, direction: f32| theta - (u.rate * direction + u.shrinkage * theta);
    let work = Work { gradient, value, states: [] };
    match (u.motion, states) {
        (Motion::Plain, _) => work.run(&|g, theta, []| (take(theta, g * scale), [])),
        (Motion::Momentum, [Some(first), _]) => work.with([first]).run(&|g, theta, [m]| {
            let m = u.momentum * m + g * scale;
            (take(theta, m), [m])
        }),
        (Motion::Nesterov, [Some(first), _]) => work.with([first]).run(&|g, theta, [m]| {
            let g = g * scale;
            let m = u.momentum * m + g;
            (take(theta, g + u.momentum * m), [m])
        }),
        (Motion::RmsProp, [_, Some(second)]) => work.with([second]).run(&|g, theta, [v]| {
            let g = g * scale;
            let v = average_square(g, v);
            (take(theta, g / root(v)), [v])
        }),
        (Motion::AdaGrad, [_, Some(second)]) => work.with([second]).run(&|g, theta, [v]| {
            let g = g * scale;
            let v = v + g * g;
            (take(theta, g / root(v)), [v])
        }),
        (Motion::Adam, [Some(first), Some(second)]) => {
            work.with([first, second]).run(&|g, theta, [m, v]| {
                let g = g * scale;
                let m = m + u.first_weight * (g - m);
                let v = average_square(g, v);
                (take(theta, m / root(v)), [m, v])
            });
        }
        (motion, _) => unreachable!("{motion:?} without its states"),
    }
}

/// What a gradient is multiplied with, so that the norm of all of them is `clip` at most.
fn gradient_scale((clip, squared_norm): (f32, f32)) -> f32 {
    let norm = squared_norm.sqrt();
    if !squared_norm.is_finite() {
        squared_norm
    } else if norm > clip {
        clip / norm
    } else {
        1.0
    }
}

/// Slices of one length, `S` of them states.
struct Work<'a, const S: usize> {
    gradient: &'a [f32],
    value: &'a mut [f32],
    states: [&'a mut [f32]; S],
}

impl<'a> Work<'a, 0> {
    fn with<const S: usize>(self, states: [&'a mut [f32]; S]) -> Work<'a, S> {
        Work { gradient: self.gradient, value: self.value, states }
    }
}

impl<const S: usize> Work<'_, S> {
    /// Replaces each value and its states by `step` of the gradient and them.
    fn run(self, step: &(impl Fn(f32, f32, [f32; S]) -> (f32, [f32; S]) + Sync)) {
        if self.value.len() > CHUNK {
            let (left, right) = self.halves();
            rayon::join(|| left.run(step), || right.run(step));
            return;
        }
        Arch::new().dispatch(
            #[inline(always)]
            || self.each(step),
        );
    }

    #[inline(always)]
    fn each(self, step: &impl Fn(f32, f32, [f32; S]) -> (f32, [f32; S])) {
        let n = self.value.len();
        let (gradient, value) = (&self.gradient[..n], self.value);
        let states = self.states.map(|state| &mut state[..n]);
        for at in 0..n {
            let (theta, next) = step(gradient[at], value[at], std::array::from_fn(|s| states[s][at]));
            value[at] = theta;
            for s in 0..S {
                states[s][at] = next[s];
            }
        }
    }

    fn halves(self) -> (Self, Self) {
        // A whole number of chunks, so that only the last task has less.
        let middle = (self.value.len() / 2).next_multiple_of(CHUNK);
        let (left_gradient, right_gradient) = self.gradient.split_at(middle);
        let (left_value, right_value) = self.value.split_at_mut(middle);
        let mut states = self.states.map(|state| state.split_at_mut(middle));
        let left_states = states.each_mut().map(|(left, _)| std::mem::take(left));
        let right_states = states.map(|(_, right)| right);
        (
            Self { gradient: left_gradient, value: left_value, states: left_states },
            Self { gradient: right_gradient, value: right_value, states: right_states },
        )
    }
}
