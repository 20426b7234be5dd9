//! Encoder, quantizer and decoder in one graph.

use ndarray::{Array2, Axis};
use wgvq::graph::{Conv2d, ConvTranspose2d, Graph, Images, LinearCodebook, Var};
use wgvq::metrics::Usage;
use wgvq::train::estimators::{Estimator, Ste};
use wgvq::train::{CodewordUse, Optimizer, Replacement};
use wgvq::{Engine, Result, Rng};

use super::photos::SIDE;

/// Dimensions of a codeword that is learnt.
const DIMENSIONS: usize = 16;

/// What is between encoder and decoder.
pub enum Middle {
    /// Nothing: the decoder gets what the encoder makes.
    Open,
    /// A codebook of so many codewords, which an estimator learns.
    Codebook(usize, Box<dyn Estimator>),
    /// A matrix, learnt for that many codewords together.
    Linear(usize, Box<dyn Estimator>),
    /// A codebook that never changes.
    Grid(Array2<f32>, Box<dyn Estimator>),
}

impl Middle {
    /// What it is at inference, where all estimators are the nearest codeword, as the output of this one is.
    pub fn nearest(self) -> Result<Self> {
        Ok(match self {
            Self::Codebook(k, _) => Self::Codebook(k, Box::new(Ste::new(1.0, 0.25)?)),
            other => other,
        })
    }

    fn dimensions(&self) -> usize {
        match self {
            Self::Grid(points, _) => points.ncols(),
            _ => DIMENSIONS,
        }
    }
}

/// A model for batches of one size.
pub struct Model {
    graph: Graph,
    images: Images,
    /// What the encoder makes, a vector for every 4 × 4 pixels.
    latents: Var,
    codewords: Option<Codewords>,
    output: Var,
    loss: Var,
}

struct Codewords {
    codebook: Var,
    /// What of it is drawn from vectors before the first step.
    drawn: Option<Var>,
    /// What the decoder gets.
    quantized: Var,
    used: CodewordUse,
}

/// What an autoencoder without a quantizer has learnt, which others start from.
pub struct Start {
    parameters: Vec<(String, Array2<f32>)>,
    /// What its encoder makes of patches, from which codewords are drawn.
    latents: Array2<f32>,
}

impl Model {
    /// For `count` images, with layers of `channels`.
    pub fn new(
        engine: &Engine,
        count: usize,
        channels: usize,
        middle: Middle,
        rng: &mut Rng,
    ) -> Result<Self> {
        let mut graph = Graph::new(engine);
        let g = &mut graph;
        let d = middle.dimensions();
        let images = Images::input(g, count, SIDE, SIDE, 3)?;
        let mut x = Conv2d::new(g, "patches", [3, channels], [4, 4, 0], rng)?.apply(g, &images)?;
        x = x.with(g.relu(x.pixels)?);
        x = Conv2d::new(g, "to_latents", [channels, d], [1, 1, 0], rng)?.apply(g, &x)?;
        let latents = x.pixels;
        let codebook = match &middle {
            Middle::Open => None,
            Middle::Codebook(k, _) => {
                let codebook = g.parameter("codebook", Array2::zeros((*k, d)).view())?;
                Some((codebook, Some(codebook)))
            }
            Middle::Linear(k, _) => {
                let own = LinearCodebook::new(g, "codebook", Array2::zeros((*k, d)).view())?;
                Some((own.codewords, Some(own.basis)))
            }
            Middle::Grid(points, _) => {
                let codebook = g.input(points.nrows(), points.ncols())?;
                g.set(codebook, points.view())?;
                Some((codebook, None))
            }
        };
        let codewords = match (codebook, middle) {
            (
                Some((codebook, drawn)),
                Middle::Codebook(_, by) | Middle::Linear(_, by) | Middle::Grid(_, by),
            ) => {
                let quantized = g.quantize(latents, codebook, by)?;
                let used = CodewordUse::new(engine, g.shape(codebook)?.0)?;
                x = x.with(quantized);
                Some(Codewords { codebook, drawn, quantized, used })
            }
            _ => None,
        };
        x = Conv2d::new(g, "from_latents", [d, channels], [3, 1, 1], rng)?.apply(g, &x)?;
        x = x.with(g.relu(x.pixels)?);
        x = ConvTranspose2d::new(g, "pixels", [channels, 3], [4, 4, 0], rng)?.apply(g, &x)?;
        let loss = g.mse(x.pixels, images.pixels)?;
        Ok(Self { graph, images, latents, codewords, output: x.pixels, loss })
    }

    /// One step of `optimizer` on the patches `x`.
    pub fn step(&mut self, x: &Array2<f32>, optimizer: &mut Optimizer) -> Result<()> {
        self.graph.set(self.images.pixels, x.view())?;
        let engine = self.graph.engine().clone();
        let mut recorder = engine.recorder();
        self.graph.record_forward(&mut recorder)?;
        self.graph.record_backward(&mut recorder, self.loss)?;
        self.graph.record_update(&mut recorder, optimizer)?;
        if let Some(own) = &mut self.codewords {
            own.used.record(&mut recorder, self.graph.codes(own.quantized)?[0])?;
        }
        recorder.submit()
    }

    /// Starts from what an autoencoder has learnt, with vectors that its encoder makes for codewords. They are of patches
    /// that are not counted, as codewords that are drawn from a batch are all used by that batch.
    pub fn start(&mut self, from: &Start, rng: &mut Rng) -> Result<()> {
        for own in self.graph.parameters() {
            if let Some((_, learnt)) = from.parameters.iter().find(|(name, _)| name == own.name) {
                own.value.write_rows(0, learnt.view())?;
            }
        }
        let Some(drawn) = self.codewords.as_ref().and_then(|own| own.drawn) else { return Ok(()) };
        let (k, _) = self.graph.shape(drawn)?;
        let rows = rng.distinct(k, from.latents.nrows());
        self.graph.set(drawn, from.latents.select(Axis(0), &rows).view())
    }

    /// Replaces the codewords that were hardly used since the last time, with all that is remembered of them.
    pub fn replace(
        &mut self,
        replacement: &Replacement,
        (step, seed): (u64, u64),
        optimizer: &mut Optimizer,
    ) -> Result<()> {
        let Some(Codewords { codebook, quantized, used, .. }) = &mut self.codewords else { return Ok(()) };
        let replaced = replacement.replace(step, seed, used, self.graph.value_mut(*codebook)?)?;
        let engine = self.graph.engine().clone();
        let mut recorder = engine.recorder();
        if let Some(place) = self.graph.parameters().position(|parameter| parameter.name == "codebook") {
            optimizer.reset_rows(&mut recorder, place, &replaced.kept)?;
        }
        self.graph.record_reset_rows(&mut recorder, *quantized, *codebook, &replaced.kept)?;
        recorder.submit()
    }

    /// How often each codeword was used since the last time.
    pub fn usage(&mut self) -> Result<Option<Usage>> {
        self.codewords.as_mut().map(|own| own.used.take()).transpose()
    }

    /// The PSNR of the patches `x`, which this model is for, by what `trained` has learnt.
    pub fn psnr(&mut self, trained: &mut Self, x: &Array2<f32>) -> Result<f64> {
        self.pass(trained, x)?;
        Ok(-10.0 * f64::from(self.graph.value(self.loss)?.download()?[[0, 0]]).log10())
    }

    /// What other models start from: what `trained` has learnt, and what its encoder makes of the patches `x`.
    pub fn into_start(mut self, trained: &mut Self, x: &Array2<f32>) -> Result<Start> {
        self.pass(trained, x)?;
        let latents = self.graph.value(self.latents)?.download()?;
        let parameters = self.graph.parameters();
        let parameters = parameters.map(|own| Ok((own.name.to_string(), own.value.download()?)));
        Ok(Start { parameters: parameters.collect::<Result<_>>()?, latents })
    }

    /// Takes what `trained` has learnt and does the patches `x`.
    fn pass(&mut self, trained: &mut Self, x: &Array2<f32>) -> Result<()> {
        self.graph.set(self.images.pixels, x.view())?;
        let engine = self.graph.engine().clone();
        let mut recorder = engine.recorder();
        for (own, theirs) in self.graph.parameters().zip(trained.graph.parameters()) {
            recorder.copy(theirs.value, own.value)?;
        }
        let drawn = |model: &Self| model.codewords.as_ref().and_then(|own| own.drawn);
        if let (Some(own), Some(theirs)) = (drawn(self), drawn(trained)) {
            recorder.copy(trained.graph.value(theirs)?, self.graph.value_mut(own)?)?;
        }
        self.graph.record_forward(&mut recorder)?;
        recorder.submit()
    }

    /// What came out for the patches of the last pass, as pixels.
    pub fn output(&self) -> Result<Array2<f32>> {
        self.graph.value(self.output)?.download()
    }
}
