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
    use super::quoted;

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(quoted("data/x-1.npy"), "data/x-1.npy");
        assert_eq!(quoted("größe.npy"), "größe.npy");
        assert_eq!(quoted("my data/*.npy"), "'my data/*.npy'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
