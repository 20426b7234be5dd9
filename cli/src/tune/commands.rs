//! What to type for a plan.

use std::path::PathBuf;

use wgvq::Result;
use wgvq::metrics::Metric;

use super::candidates::Plan;
use super::point::Point;

/// The vectors and how they are searched.
pub struct Setting<'a> {
    pub data: &'a [PathBuf],
    /// The queries that were given.
    pub queries: Option<&'a PathBuf>,
    /// How many vectors there are.
    pub rows: usize,
    pub metric: Metric,
    pub seed: u64,
}

impl Setting<'_> {
    /// The commands that keep the vectors by a plan and search them as `point` does, one for each line.
    pub fn commands(&self, plan: &Plan, point: &Point) -> Result<Vec<String>> {
        let data: Vec<String> = self.data.iter().map(|path| quoted(&path.to_string_lossy())).collect();
        let data = data.join(" ");
        let seed = if self.seed == 0 { String::new() } else { format!(" --seed {}", self.seed) };
        let metric = match self.metric {
            Metric::SquaredL2 => String::new(),
            other => format!(" --metric {other}"),
        };
        let given = self.queries.map(|path| quoted(&path.to_string_lossy()));
        let queries = given.as_deref().unwrap_or("queries.npy");
        let Plan::Index { refinement, .. } = plan else {
            let spec = plan.quantizer();
            return Ok(vec![
                format!("wgvq train {data} --spec {spec}{seed} -o model.safetensors"),
                format!("wgvq encode {data} -m model.safetensors -o codes.wgvq"),
                format!(
                    "wgvq search {queries} --codes codes.wgvq -m model.safetensors{metric} -k 10 -o found.parquet"
                ),
            ]);
        };
        let (spec, aim) = (plan.spec(self.rows)?, point.looked.map(|looked| looked.aim));
        // What is expected of a search at most is not to be rounded up.
        let recall =
            aim.map_or(String::new(), |aim| format!(" --recall {}", (1e4 * aim + 1e-6).floor() / 1e4));
        // They go with a recall that is to be measured.
        let by = given.as_ref().filter(|_| aim.is_some());
        let by = by.map_or(String::new(), |given| format!(" --queries {given}"));
        Ok(vec![
            format!(
                "wgvq index build {data} --spec {spec} --refine {refinement}{recall}{by}{metric}{seed} -o base.wgvqi"
            ),
            format!("wgvq index search base.wgvqi {queries} -k 10 -o found.parquet"),
        ])
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use wgvq::index::Refinement;
    use wgvq::ndarray::Array2;

    use super::super::point::{Hits, Looked};
    use super::*;

    #[test]
    fn given_queries_are_searched_and_choose_how_far_an_index_looks() {
        let data = [PathBuf::from("x.npy")];
        let commands = |queries: Option<&PathBuf>, plan: Plan, aim: Option<f64>| {
            let setting = Setting { data: &data, queries, rows: 1024, metric: Metric::SquaredL2, seed: 0 };
            let hits = Hits { found: Array2::zeros((1, 10)), ten: 0.9, ten_error: 0.0, one: 0.9 };
            let looked = aim.map(|aim| Looked { aim, probes: 1, depth: 10 });
            setting.commands(&plan, &Point { looked, hits, rate: 1.0 }).unwrap()
        };
        let asked = PathBuf::from("asked.npy");
        let codes = || Plan::Codes("PQ2x8".parse().unwrap());
        let index =
            || Plan::Index { quantizer: "PQ4x4".parse().unwrap(), refinement: Refinement::Source, kept: 0 };
        let search = "--codes codes.wgvq -m model.safetensors -k 10 -o found.parquet";
        assert_eq!(commands(Some(&asked), codes(), None)[2], format!("wgvq search asked.npy {search}"));
        assert_eq!(commands(None, codes(), None)[2], format!("wgvq search queries.npy {search}"));
        let build = "wgvq index build x.npy --spec IVF32,PQ4x4 --refine source";
        let found = commands(Some(&asked), index(), Some(0.9));
        assert_eq!(found[0], format!("{build} --recall 0.9 --queries asked.npy -o base.wgvqi"));
        assert_eq!(found[1], "wgvq index search base.wgvqi asked.npy -k 10 -o found.parquet");
        // Without a recall to reach there is nothing that they would tell.
        assert_eq!(commands(Some(&asked), index(), None)[0], format!("{build} -o base.wgvqi"));
        assert_eq!(commands(None, index(), Some(0.9))[0], format!("{build} --recall 0.9 -o base.wgvqi"));
    }

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(quoted("data/x-1.npy"), "data/x-1.npy");
        assert_eq!(quoted("größe.npy"), "größe.npy");
        assert_eq!(quoted("my data/*.npy"), "'my data/*.npy'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
