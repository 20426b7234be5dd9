//! `wgvq plot lattice`

use std::path::PathBuf;

use clap::Args;
use wgvq::{Error, Lattice, Result, Spec, Training, io};

use crate::Verdict;
use crate::args::{Common, NamedOutputs};
use crate::plot_codebook::report;
use crate::plot_plane::Plane;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq plot lattice A2\n  wgvq plot lattice A2x6 plane.npy -o truncated.svg"
)]
pub struct PlotLattice {
    /// A lattice of the plane: A2, D2 or Z; of A2x6, say, the 2^6 points that carry the vectors
    pub lattice: Spec,
    /// Vectors of two dimensions that it is fitted to, and that are drawn: files as `train` takes them
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The picture to write
    #[arg(short, long, value_name = "LATTICE.svg", default_value = "lattice.svg")]
    pub output: PathBuf,
}

pub fn run(command: &PlotLattice, common: &Common) -> Result<Verdict> {
    let spec = &command.lattice;
    common.reads(&command.data)?.writes_picture(&command.output)?;
    let text = spec.to_string();
    let (name, scale) =
        text.split_once(':').map_or((&*text, Ok(1.0)), |(name, scale)| (name, scale.parse::<f32>()));
    let lattice = name.split('x').next().and_then(Lattice::named).ok_or_else(|| {
        Error::input(format!(
            "{spec} is no lattice; those of the plane are A2, D2 and Z, as in wgvq plot lattice A2"
        ))
    })?;
    if 2 % lattice.dim() != 0 {
        return Err(Error::input(format!(
            "{lattice} is of {} dimensions; those of the plane are A2, D2 and Z",
            lattice.dim()
        )));
    }
    let engine = common.engine()?;
    if command.data.is_empty() {
        let Some(scale) = scale.ok().filter(|_| !name.contains('x')) else {
            return Err(Error::input(format!(
                "{spec} keeps the points that carry vectors; name a file of them, as in wgvq plot lattice {spec} plane.npy"
            )));
        };
        let plane = Plane::lattice(lattice, scale, &engine)?;
        return report(&plane, &text, &command.output, common);
    }
    let data = io::open_all(&command.data)?;
    let trained = Training::new(spec.clone()).seed(common.seed).fit(&engine, &data, &mut ())?;
    let plane = Plane::of(&*trained.quantizer, &engine, Some(&data))?;
    report(&plane, &trained.quantizer.spec().to_string(), &command.output, common)
}
