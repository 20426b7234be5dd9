//! Models of one codebook, whose code is the index of a codeword.

use std::path::Path;

use wgvq::ndarray::Array2;
use wgvq::serde_json::{Map, Value};
use wgvq::settings::Spelling;
use wgvq::{Codes, Engine, Error, Model, Result};

/// Loads a model, which has to have one codebook, of at least two codewords.
pub fn load(path: &Path) -> Result<Model> {
    load_with(path, &Map::new())
}

/// The same with other settings of the search than those that the file has.
pub fn load_with(path: &Path, settings: &Map<String, Value>) -> Result<Model> {
    let model = wgvq::load_as(path, settings, Spelling::Flag)?;
    let quantizer = &model.quantizer;
    let wrong = match (quantizer.codebooks().len(), quantizer.codebook_sizes().first()) {
        (1, Some(1)) => "one codeword".to_string(),
        (1, _) => return Ok(model),
        (0, _) => "no plain codebook".to_string(),
        (m, _) => format!("{m} codebooks"),
    };
    Err(Error::input(format!(
        "{}: {} has {wrong}; this is for models with one, of at least two codewords, such as VQ64 or SFVQ6",
        path.display(),
        quantizer.spec()
    )))
}

/// What each code of such a model stands for, (k, d).
pub fn codewords(model: &Model, engine: &Engine) -> Result<Array2<f32>> {
    let sizes = model.quantizer.codebook_sizes();
    let all = Array2::from_shape_fn((sizes[0], 1), |(code, _)| code as u32);
    model.quantizer.decode(engine, &Codes::new(all, sizes)?)
}
