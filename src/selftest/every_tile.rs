//! Neither the tile nor what scores are computed in changes a result: codes and distances of vectors that mislead scores are the
//! same on every tile, and with scores in f16, to the last bit.

use super::adversarial;
use crate::engine::matrix_unit::HalfProducts;
use crate::engine::tile::Tile;
use crate::engine::{Core, Engine};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

/// The codes of every adversarial set, and the bits of the distances.
fn results(engine: &Engine) -> (Vec<u32>, Vec<u32>) {
    let (mut all_codes, mut all_distances) = (Vec::new(), Vec::new());
    for set in adversarial::sets() {
        let codebook = Codebook::new(engine, set.codewords.view(), Metric::SquaredL2).unwrap();
        let x = engine.upload(set.x.view()).unwrap();
        let (mut codes, mut distances) =
            (engine.zeros(x.rows(), 1).unwrap(), engine.zeros(x.rows(), 1).unwrap());
        let mut recorder = engine.recorder();
        recorder.assign(&x, &codebook, &mut codes, &mut distances).unwrap();
        recorder.submit().unwrap();
        all_codes.extend(codes.download().unwrap());
        all_distances.extend(distances.download().unwrap().map(|distance| distance.to_bits()));
    }
    (all_codes, all_distances)
}

#[test]
fn every_tile_gives_the_same_codes_and_distances() {
    let Some(_) = crate::test_gpu() else { return };
    let engine = Engine::builder().device("gpu").core(Core::Staged).checked(false).build().unwrap();
    let (codes, distances) = results(&engine.with_tile(Tile::STAGED));
    assert_eq!(results(&engine.with_tile(Tile::DIRECT)).0, codes, "on the direct core");
    let in_half = engine.with_half_products(Some(HalfProducts::Emulated));
    assert_eq!(results(&in_half), (codes.clone(), distances.clone()), "with scores in f16");
    let others = [Tile::NARROW].into_iter().chain(engine.tiles().further());
    let mut compared = 0;
    for tile in others {
        assert_eq!(results(&engine.with_tile(tile)), (codes.clone(), distances.clone()), "{tile}");
        compared += 1;
    }
    assert!(compared > 1, "no further tile fits {}", engine.name());
}
