//! The tiles that were the fastest when they were measured, kept between runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cache_file::CacheFile;
use super::origin::{Origin, adapter_file};
use super::tile::Tile;

/// Codebooks that share a tile: of up to `k` codewords of `d` dimensions, and of more than half as many.
///
/// Nearly all codebooks have a power of two of codewords, and twice as many dimensions or codewords seldom change which tile is
/// the fastest; from [`MOST`](Self::MOST) on, the start and the end of the work of a workgroup do not count any more. How many
/// vectors there will be is not known when a codebook is packed, so it is in no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Class {
    pub k: usize,
    pub d: usize,
}

impl Class {
    const LEAST: Self = Self { k: 16, d: 8 };
    const MOST: Self = Self { k: 4096, d: 512 };

    /// That of a codebook of `k` codewords of `d` dimensions.
    pub fn of(k: usize, d: usize) -> Self {
        let class = |size: usize, least: usize, most: usize| size.clamp(least, most).next_power_of_two();
        Self { k: class(k, Self::LEAST.k, Self::MOST.k), d: class(d, Self::LEAST.d, Self::MOST.d) }
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(flatten)]
    origin: Origin,
    tiles: Vec<Choice>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    #[serde(flatten)]
    class: Class,
    tile: String,
}

/// The tiles of an adapter, in memory and in a file.
pub(crate) struct KeptTiles {
    origin: Origin,
    /// `None` where there is no folder for it.
    file: Option<CacheFile>,
    tiles: BTreeMap<Class, Tile>,
}

impl KeptTiles {
    /// What an earlier run kept in `folder` of the tiles that are `offered`. What is of no use is noted in the log.
    pub fn open(info: &wgpu::AdapterInfo, folder: Option<PathBuf>, offered: &[Tile]) -> Self {
        let origin = Origin::of(info);
        let name = adapter_file(info, "tiles");
        let mut file = folder.map(|folder| CacheFile::new(folder.join(name)));
        let mut tiles = BTreeMap::new();
        if let Some((file, data)) = file.as_mut().and_then(|file| file.read().map(|data| (file, data))) {
            match parse(&data, &origin, offered) {
                Ok(kept) => {
                    file.holds(data.len());
                    tiles = kept;
                }
                Err(why) => {
                    log::info!("{} is not used, its tiles are measured anew: {why}", file.path().display());
                }
            }
        }
        Self { origin, file, tiles }
    }

    /// The tile of a class that was measured.
    pub fn get(&self, class: Class) -> Option<Tile> {
        self.tiles.get(&class).copied()
    }

    /// Keeps a tile. A file that cannot be written costs a measurement at the next start.
    pub fn keep(&mut self, class: Class, tile: Tile) {
        self.tiles.insert(class, tile);
        let Some(file) = &mut self.file else { return };
        let choices = self.tiles.iter().map(|(&class, tile)| Choice { class, tile: tile.to_string() });
        let document = Document { origin: self.origin.clone(), tiles: choices.collect() };
        let text = serde_json::to_vec_pretty(&document).expect("numbers and texts are JSON");
        if let Err(error) = file.grow(&text) {
            log::debug!("the tiles {} were not saved: {error}", file.path().display());
        }
    }
}

/// The tiles of a file, or why they are not those of this adapter, driver and version.
fn parse(data: &[u8], origin: &Origin, offered: &[Tile]) -> Result<BTreeMap<Class, Tile>, String> {
    let document: Document =
        serde_json::from_slice(data).map_err(|error| format!("it is no list of tiles ({error})"))?;
    if let Some(differing) = origin.differing(&document.origin) {
        return Err(format!("it was measured with {differing}"));
    }
    let tile = |choice: Choice| {
        let named = offered.iter().find(|tile| tile.to_string() == choice.tile);
        named.map(|&tile| (choice.class, tile)).ok_or(format!("there is no tile {:?} here", choice.tile))
    };
    document.tiles.into_iter().map(tile).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn open(folder: &Path, driver: &str) -> KeptTiles {
        KeptTiles::open(&adapter(driver), Some(folder.into()), &Tile::ALL[1..])
    }

    fn adapter(driver_info: &str) -> wgpu::AdapterInfo {
        let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan);
        info.name = "Card / 1".into();
        info.driver = "Maker".into();
        info.driver_info = driver_info.into();
        info
    }

    #[test]
    fn classes_are_powers_of_two_within_limits() {
        assert_eq!(Class::of(1, 1), Class { k: 16, d: 8 });
        assert_eq!(Class::of(256, 128), Class { k: 256, d: 128 });
        assert_eq!(Class::of(257, 129), Class { k: 512, d: 256 });
        assert_eq!(Class::of(1 << 20, usize::MAX), Class { k: 4096, d: 512 });
    }

    #[test]
    fn what_is_kept_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let open = || open(&folder.path().join("new"), "1.2");
        let mut kept = open();
        let (small, large) = (Class::of(10, 10), Class::of(1024, 128));
        kept.keep(large, Tile::STAGED);
        kept.keep(small, Tile::NARROW);
        let again = open();
        assert_eq!((again.get(large), again.get(small)), (Some(Tile::STAGED), Some(Tile::NARROW)));
        assert_eq!(again.get(Class::of(1024, 64)), None);
        let names = std::fs::read_dir(folder.path().join("new")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["Card---1-vulkan.tiles"]);
        // Without a folder it is for this run.
        let mut memory = KeptTiles::open(&adapter("1.2"), None, &Tile::ALL);
        memory.keep(small, Tile::STAGED);
        assert_eq!(memory.get(small), Some(Tile::STAGED));
    }

    #[test]
    fn what_another_driver_kept_is_measured_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = |driver| open(folder.path(), driver);
        let class = Class::of(64, 64);
        open("1.2").keep(class, Tile::NARROW);
        let mut new = open("1.3");
        assert_eq!(new.get(class), None);
        let path = new.file.as_ref().unwrap().path().to_path_buf();
        let why = parse(&std::fs::read(&path).unwrap(), &new.origin, &Tile::ALL).unwrap_err();
        assert_eq!(why, "it was measured with the driver \"Maker 1.2\", and here is \"Maker 1.3\"");
        // And takes the place of the old.
        new.keep(class, Tile::STAGED);
        assert_eq!(open("1.3").get(class), Some(Tile::STAGED));
        assert_eq!(open("1.2").get(class), None);
    }

    #[test]
    fn what_is_corrupt_is_measured_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = || open(folder.path(), "1.2");
        let class = Class::of(64, 64);
        let mut kept = open();
        kept.keep(class, Tile::NARROW);
        let path = kept.file.as_ref().unwrap().path().to_path_buf();
        let whole = std::fs::read_to_string(&path).unwrap();
        for (text, why) in [
            (whole[..whole.len() / 2].to_string(), "it is no list of tiles (EOF"),
            (String::new(), "it is no list of tiles (EOF"),
            (whole.replace("\"k\": 64", "\"k\": -64"), "it is no list of tiles (invalid"),
            (whole.replace("64x64/8x8", "65x64/8x8"), "there is no tile \"65x64/8x8\" here"),
            (whole.replace("64x64/8x8", "direct"), "there is no tile \"direct\" here"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let mut kept = open();
            assert_eq!(kept.get(class), None, "{text}");
            let found = parse(text.as_bytes(), &kept.origin, &Tile::ALL[1..]).unwrap_err();
            assert!(found.starts_with(why), "{found}");
            kept.keep(class, Tile::STAGED);
            assert_eq!(open().get(class), Some(Tile::STAGED), "{text}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
