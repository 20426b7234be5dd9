//! A run's state in a file: all that it takes to go on with the same bits.

use std::path::Path;

use ndarray::{Array2, ArrayD, Ix2};
use serde_json::{Value, json};

use super::run::GradientRun;
use super::settings::{CLIP, LOG_EVERY, LR};
use crate::error::{Context, Error, Result};
use crate::graph::Var;
use crate::io;
use crate::train::OptimizerState;

impl GradientRun {
    /// Writes all that [`resume`](Self::resume) needs to `path`, over what is there. To be called between calls of [`advance`](Self::advance).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a tensor is not finite; [`Io`](crate::ErrorKind::Io). What was there stays
    /// then.
    pub fn save_checkpoint(&mut self, path: &Path) -> Result<()> {
        let mut tensors: Vec<(String, ArrayD<f32>)> = Vec::new();
        for (name, var) in self.codebook_parts() {
            tensors.push((name, self.model.graph.value(var)?.download()?.into_dyn()));
        }
        tensors.extend(self.optimizer.state()?.tensors);
        for (j, &quantized) in self.model.quantized.iter().enumerate() {
            let Ok(estimator) = self.model.graph.estimator(quantized) else { continue };
            for (name, state) in estimator.state()? {
                tensors.push((format!("estimator.{j}.{name}"), state.into_dyn()));
            }
        }
        for (j, used) in self.period_use.iter().enumerate() {
            tensors.push((format!("use.{j}"), used.state()?.into_dyn()));
        }
        tensors.push(("mean".to_string(), self.units.mean.clone().into_dyn()));
        let description = json!({ "checkpoint": { "step": self.step, "run": self.identity() } });
        let views: Vec<_> = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.view())).collect();
        io::write_model(path, true, &description, &views)
    }

    /// Whether the file at `path` is one that [`save_checkpoint`](Self::save_checkpoint) wrote.
    pub fn is_checkpoint(path: &Path) -> bool {
        let own = path.symlink_metadata().is_ok_and(|found| found.is_file());
        own && io::read_model(path).is_ok_and(|file| file.description["checkpoint"]["step"].is_u64())
    }

    /// Goes on from the checkpoint at `path`, which a run of the same settings and vectors wrote, with the same bits as if
    /// it had not been interrupted (on the same device).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is no checkpoint, or of another run, saying what differs;
    /// [`Io`](crate::ErrorKind::Io). The run is not to be used then.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        let file = io::read_model(path)?;
        let shown = path.display();
        let checkpoint = &file.description["checkpoint"];
        let Some(step) = checkpoint["step"].as_u64() else {
            return Err(Error::input(format!("{shown}: is no checkpoint of a training run")));
        };
        let identity = self.identity();
        if checkpoint["run"] != identity {
            let differs = |(key, value): (&String, &Value)| {
                let theirs = &checkpoint["run"][key];
                (theirs != value).then(|| format!("{key} {theirs} there and {value} here"))
            };
            let differs: Vec<String> =
                identity.as_object().into_iter().flatten().filter_map(differs).collect();
            return Err(Error::input(format!("{shown}: is of another run: {}", differs.join("; "))));
        }
        let tensor = |name: &str| -> Result<Array2<f32>> {
            let found = file.tensors.get(name).and_then(|t| t.clone().into_dimensionality::<Ix2>().ok());
            found.ok_or_else(|| Error::input(format!("{shown}: has no matrix {name}")))
        };
        if file.tensors.get("mean").is_none_or(|mean| *mean != self.units.mean.view().into_dyn()) {
            return Err(Error::input(format!("{shown}: is of a run on other vectors")));
        }
        // The optimizer of a curve counts the steps of its stage.
        let mut own_step = step;
        if let Some(stages) = self.training.stages() {
            let stage = stages.at(step);
            own_step = step - stages.begin(stage);
            self.set_curve(Array2::zeros((stages.corners(stage), self.units.mean.len())))?;
        }
        for (name, var) in self.codebook_parts() {
            self.model.graph.set(var, tensor(&name)?.view()).context(|| name)?;
        }
        let own = file.tensors.iter().filter(|(name, _)| name.starts_with("optimizer."));
        let tensors = own.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        self.optimizer.restore(&self.engine, &OptimizerState { step: own_step, tensors })?;
        for (j, &quantized) in self.model.quantized.iter().enumerate() {
            let Ok(estimator) = self.model.graph.estimator(quantized) else { continue };
            estimator.restore(&self.engine, &mut |name| tensor(&format!("estimator.{j}.{name}")))?;
        }
        for (j, used) in self.period_use.iter_mut().enumerate() {
            used.restore(&self.engine, &tensor(&format!("use.{j}"))?)?;
        }
        self.model.graph.set_step(step);
        self.step = step;
        Ok(())
    }

    /// What the codebooks are made of, by name.
    fn codebook_parts(&self) -> Vec<(String, Var)> {
        let codebooks = self.model.codebooks.iter().enumerate();
        let parts = codebooks.flat_map(|(j, codewords)| {
            codewords.parts().into_iter().map(move |(part, var)| (format!("codebook.{j}{part}"), var))
        });
        parts.collect()
    }

    /// What a checkpoint has to agree with.
    fn identity(&self) -> Value {
        let training = &self.training;
        json!({
            "spec": training.spec.to_string(),
            "trainer": training.trainer.name,
            "trainer settings": training.settings_of_trainer().in_words(),
            "steps": training.all_steps(),
            "batch": self.batch(),
            "optimizer": format!("{:?}", training.rule_in_use()),
            "lr": training.settings.number(&LR),
            "schedule": format!("{:?}", training.schedule_in_use()),
            "clip": training.settings.given_number(&CLIP),
            "replacement": format!("{:?}", training.replacement_in_use()),
            "beam": training.beam,
            "window": training.settings.count(&LOG_EVERY),
            "seed": training.seed,
            "vectors": self.units.n,
            "values": self.fingerprint,
            "scale": self.units.scale,
            "device": self.engine.name(),
        })
    }
}
