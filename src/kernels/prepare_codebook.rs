//! Host side of `prepare_codebook`, and the codebook on a device.

use std::borrow::Cow;

use ndarray::ArrayView2;

use super::to_half::Halves;
use super::{assign_half, matrix_trial, tuner};
use crate::cpu::prepare_codebook::PackedCodebook;
use crate::engine::matrix_unit::HalfProducts;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::tile::Tile;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::metrics::Metric;

pub(crate) static SHADER: Shader = Shader {
    stem: "prepare_codebook",
    source: &[super::GRID, include_str!("../../shaders/prepare_codebook.wgsl")],
    reads: &["codebook", "mean"],
    writes: &["panels", "half_norms"],
    params: Params::FIELDS,
    variants: || {
        let forms = |tile| [Form::Centred, Form::Unit, Form::Raw].map(|form| variant(tile, form));
        Tile::ALL.into_iter().flat_map(forms).collect()
    },
};

shader_params!(Params { d: u32, k: u32 });

const WORKGROUP_SIZE: u64 = 64;

/// A codebook on a device, ready to be compared with.
///
/// Holds the codewords C (k, d) as they are, and packed as the kernels read them: in panels and, for squared
/// L2, centred about their mean, so that the scores `½‖c'‖² − x'·c'` do not cancel where the data lie far from
/// the origin.
///
/// ```
/// use ndarray::array;
/// use wgvq::metrics::Metric;
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let codebook = wgvq::Codebook::new(&engine, array![[0.0_f32], [1.0]].view(), Metric::SquaredL2)?;
/// let x = engine.upload(array![[0.9_f32], [-3.0]].view())?;
/// let mut codes = engine.zeros(2, 1)?;
/// let mut distances = engine.zeros(2, 1)?;
/// let mut recorder = engine.recorder();
/// recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
/// recorder.submit()?;
/// assert_eq!(codes.download()?, array![[1], [0]]);
/// assert_eq!(distances.download()?[[1, 0]], 9.0);
/// # Ok(())
/// # }
/// ```
pub struct Codebook {
    codewords: Matrix<f32>,
    metric: Metric,
    packed: Packed,
    /// Whether what is packed is what the codewords are.
    prepared: bool,
}

enum Packed {
    /// Packed on the host; `None` until it is prepared.
    Cpu(Option<Box<PackedCodebook>>),
    Gpu(Box<OnGpu>),
}

struct OnGpu {
    panels: Panels,
    /// The codewords as they are, for squared L2.
    raw: Option<Panels>,
    /// The codewords in f16, where scores are computed so, and how.
    half: Option<(Halves, HalfProducts)>,
}

/// What a first look in f16 reads.
pub(super) struct HalfPanels<'a> {
    pub products: HalfProducts,
    pub codewords: &'a Halves,
    /// The codewords as they are.
    pub raw: &'a Panels,
}

/// Codewords as the tiled core reads them.
pub(super) struct Panels {
    /// What the layout is for.
    pub tile: Tile,
    /// (k, d) of the codewords.
    pub shape: (usize, usize),
    /// (padded k, padded d)
    pub panels: Matrix<f32>,
    /// (padded k, 1)
    pub half_norms: Matrix<f32>,
    /// (1, padded d)
    pub mean: Matrix<f32>,
}

/// What is packed: `FORM` in the shader, whose numbers these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Centred,
    Unit,
    Raw,
}

impl Form {
    /// What the scores of a metric are computed from.
    pub fn of(metric: Metric) -> Self {
        match metric {
            Metric::SquaredL2 => Form::Centred,
            Metric::Cosine => Form::Unit,
            Metric::L1 | Metric::Power(_) | Metric::InnerProduct => Form::Raw,
        }
    }
}

impl Codebook {
    /// Uploads `codewords` (k, d) and prepares them.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there is no codeword or dimension, or the codebook is over the
    /// device's binding limit; [`Input`](crate::ErrorKind::Input) for a value that is not finite, or the
    /// power 0.
    pub fn new(engine: &Engine, codewords: ArrayView2<f32>, metric: Metric) -> Result<Self> {
        let mut codebook = Self::from_matrix(engine.upload(codewords)?, metric)?;
        let mut recorder = engine.recorder();
        recorder.prepare_codebook(&mut codebook)?;
        recorder.submit()?;
        Ok(codebook)
    }

    /// Takes codewords (k, d) that are on the device. They have to be
    /// [prepared](Recorder::prepare_codebook) before they are compared with.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_matrix(codewords: Matrix<f32>, metric: Metric) -> Result<Self> {
        let (k, d) = codewords.shape();
        if k == 0 || d == 0 {
            return Err(Error::shape(format!("a codebook of {k} × {d}; both have to be at least 1")));
        }
        if metric == Metric::Power(0) {
            return Err(Error::input("the metric's power is 0; it has to be at least 1"));
        }
        if !codewords.engine().is_gpu() {
            return Ok(Self { codewords, metric, packed: Packed::Cpu(None), prepared: false });
        }
        let engine = codewords.engine();
        let tile = tuner::tile_for(engine, k, d);
        let products = match metric {
            Metric::SquaredL2 => matrix_trial::products_for(engine, k, d)?,
            _ => None,
        };
        Self::packed_so(codewords, metric, tile, products)
    }

    /// Takes codewords that are on a GPU, to be packed for a tile, for scores in f32.
    pub(super) fn for_tile(codewords: Matrix<f32>, metric: Metric, tile: Tile) -> Result<Self> {
        Self::packed_so(codewords, metric, tile, None)
    }

    fn packed_so(
        codewords: Matrix<f32>,
        metric: Metric,
        tile: Tile,
        products: Option<HalfProducts>,
    ) -> Result<Self> {
        codewords.whole("the codebook")?;
        let packed = Packed::allocate(codewords.engine(), tile, products, metric, codewords.shape())?;
        Ok(Self { codewords, metric, packed, prepared: false })
    }

    /// How many codewords there are.
    pub fn k(&self) -> usize {
        self.codewords.rows()
    }

    /// How many dimensions each has.
    pub fn d(&self) -> usize {
        self.codewords.cols()
    }

    /// The distance that "nearest" means.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The codewords, (k, d).
    pub fn codewords(&self) -> &Matrix<f32> {
        &self.codewords
    }

    /// The codewords, to be changed: [prepare](Recorder::prepare_codebook) them again afterwards.
    pub fn codewords_mut(&mut self) -> &mut Matrix<f32> {
        self.prepared = false;
        &mut self.codewords
    }

    /// Fails unless the codebook has been prepared since its codewords last changed.
    pub(super) fn check_prepared(&self) -> Result<()> {
        if self.prepared {
            return Ok(());
        }
        Err(Error::shape("the codebook's codewords have changed; record prepare_codebook first"))
    }

    /// What the CPU twins read.
    pub(super) fn packed(&self) -> Result<&PackedCodebook> {
        match &self.packed {
            Packed::Cpu(Some(packed)) => Ok(packed),
            _ => Err(Error::shape("the codebook is not prepared; record prepare_codebook first")),
        }
    }

    /// What the shaders read.
    pub(super) fn panels(&self) -> &Panels {
        match &self.packed {
            Packed::Gpu(own) => &own.panels,
            Packed::Cpu(_) => unreachable!("only shaders ask, and only on a GPU"),
        }
    }

    /// The codewords as they are, where the scores do not always tell which is the nearest.
    pub(super) fn raw_panels(&self) -> Option<&Panels> {
        match &self.packed {
            Packed::Gpu(own) => own.raw.as_ref(),
            Packed::Cpu(_) => None,
        }
    }

    /// The codewords in f16, where scores are computed so.
    pub(super) fn half_panels(&self) -> Option<HalfPanels<'_>> {
        let Packed::Gpu(own) = &self.packed else { return None };
        let (codewords, products) = own.half.as_ref()?;
        Some(HalfPanels { products: *products, codewords, raw: own.raw.as_ref()? })
    }
}

impl Packed {
    /// Room on a GPU for codewords of this shape.
    fn allocate(
        engine: &Engine,
        tile: Tile,
        products: Option<HalfProducts>,
        metric: Metric,
        (k, d): (usize, usize),
    ) -> Result<Self> {
        let allocate = || Panels::allocate(engine, tile, k, d);
        let raw = (metric == Metric::SquaredL2).then(allocate).transpose()?;
        let in_half = |products| {
            let halves = Halves::allocate(engine, k.next_multiple_of(assign_half::PANEL), d)?;
            // In few dimensions they take more room than in f32, and have to be in one binding as well.
            let fits = halves.halves.whole("the codebook in f16").is_ok();
            Ok::<_, Error>(fits.then_some((halves, products)))
        };
        let half = products.map(in_half).transpose()?.flatten();
        Ok(Packed::Gpu(Box::new(OnGpu { panels: allocate()?, raw, half })))
    }
}

impl Panels {
    fn allocate(engine: &Engine, tile: Tile, k: usize, d: usize) -> Result<Self> {
        let (rows, cols) = (tile.padded_codewords(k), tile.padded_dimensions(d));
        let panels = Self {
            tile,
            shape: (k, d),
            panels: engine.uninitialized(rows, cols)?,
            half_norms: engine.uninitialized(rows, 1)?,
            mean: engine.uninitialized(1, cols)?,
        };
        panels.panels.whole("the packed codebook")?;
        Ok(panels)
    }
}

impl Recorder<'_> {
    /// Packs the codewords again after they have changed.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the codebook is on another engine.
    pub fn prepare_codebook(&mut self, codebook: &mut Codebook) -> Result<()> {
        let Codebook { codewords, metric, packed, prepared } = codebook;
        self.same_engine("prepare_codebook", &[codewords.engine()])?;
        *prepared = true;
        match packed {
            Packed::Cpu(packed) => {
                match packed {
                    // The caller may have put codewords of another shape in place of the old ones.
                    Some(own) if (own.k(), own.d()) == codewords.shape() => own.pack(codewords.host()),
                    _ => {
                        let own = PackedCodebook::new(*metric, codewords.host(), codewords.cols())?;
                        let first_look = self.engine().first_look().cloned().unwrap_or_default();
                        *packed = Some(Box::new(own.for_assign_by(first_look)));
                    }
                }
                Ok(())
            }
            Packed::Gpu(own) => {
                let (k, d) = codewords.shape();
                if own.panels.shape != (k, d) {
                    let engine = self.engine();
                    let unit = engine.matrix_unit().filter(|_| *metric == Metric::SquaredL2);
                    let products = unit.and_then(|unit| unit.known(k, d));
                    *packed = Packed::allocate(engine, engine.tiles().of(k, d), products, *metric, (k, d))?;
                }
                let Packed::Gpu(own) = packed else { unreachable!("it is for a GPU") };
                self.pack_panels(codewords, Form::of(*metric), &mut own.panels)?;
                own.raw.iter_mut().try_for_each(|raw| self.pack_panels(codewords, Form::Raw, raw))?;
                let OnGpu { panels, half, .. } = &mut **own;
                half.iter_mut().try_for_each(|(halves, _)| {
                    let padded = halves.halves.rows();
                    self.round_to_half(codewords, 0..k, &panels.mean, halves, padded)
                })
            }
        }
    }

    /// The codewords packed in scratch memory, for a kernel that needs another tile or form than the codebook
    /// is packed for.
    pub(super) fn scratch_panels(
        &mut self,
        codewords: &Matrix<f32>,
        tile: Tile,
        form: Form,
    ) -> Result<Panels> {
        let mut panels = Panels::allocate(self.engine(), tile, codewords.rows(), codewords.cols())?;
        self.pack_panels(codewords, form, &mut panels)?;
        Ok(panels)
    }

    fn pack_panels(&mut self, codewords: &Matrix<f32>, form: Form, panels: &mut Panels) -> Result<()> {
        if form == Form::Centred {
            self.codebook_mean(codewords, &mut panels.mean)?;
        }
        let params = Params { d: codewords.cols() as u32, k: codewords.rows() as u32 };
        let bindings = [
            codewords.whole("the codebook")?,
            panels.mean.whole("the mean")?,
            panels.panels.whole("the packed codebook")?,
            panels.half_norms.whole("the norms")?,
        ];
        let workgroups = (panels.panels.rows() as u64).div_ceil(WORKGROUP_SIZE);
        self.dispatch(&SHADER, &variant(panels.tile, form), &params, &bindings, workgroups)
    }
}

fn variant(tile: Tile, form: Form) -> Variant {
    Variant {
        overrides: Cow::Owned(vec![
            ("FORM", f64::from(form as u32)),
            ("PANEL", tile.panel as f64),
            ("DEPTH", tile.depth as f64),
            ("WORKGROUP_SIZE", WORKGROUP_SIZE as f64),
        ]),
        ..Variant::DEFAULT
    }
}
