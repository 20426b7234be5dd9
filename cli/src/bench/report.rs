//! What was measured, as text and as Markdown.

use super::document::Document;
use super::environment::Environment;
use super::measure::Record;
use super::peaks::Peaks;
use crate::words::one_line;

/// A peak that a figure is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peak {
    MultiplyAdd,
    MultiplyAddBf16,
    MultiplyAddF16,
    Copy,
}

impl Peak {
    const ALL: [Self; 4] = [Self::MultiplyAdd, Self::MultiplyAddBf16, Self::MultiplyAddF16, Self::Copy];

    /// What marks a figure that is above it.
    fn mark(self) -> char {
        match self {
            Self::MultiplyAdd => '¹',
            // No device has both.
            Self::MultiplyAddBf16 | Self::MultiplyAddF16 => '²',
            Self::Copy => '³',
        }
    }

    fn share(self, record: &Record) -> Option<f64> {
        match self {
            Self::MultiplyAdd => record.share_of_multiply_add,
            Self::MultiplyAddBf16 => record.share_of_multiply_add_bf16,
            Self::MultiplyAddF16 => record.share_of_multiply_add_f16,
            Self::Copy => record.share_of_copy,
        }
    }

    /// Whether the record's figure is above it, as it is shown.
    fn is_exceeded(self, record: &Record) -> bool {
        self.share(record).is_some_and(|share| (100.0 * share).round() > 100.0)
    }

    /// The share of it with its mark.
    fn cell(self, record: &Record) -> String {
        let mark = if self.is_exceeded(record) { String::from(self.mark()) } else { String::new() };
        self.share(record).map_or_else(String::new, |share| format!("{:.0} %{mark}", 100.0 * share))
    }

    /// Why a figure can be above it.
    fn explanation(self, peaks: &Peaks) -> &'static str {
        match self {
            Self::MultiplyAdd if peaks.multiply_add_bf16_gflops.is_some() => {
                "more than the peak in f32: the scores of the first look are products in bf16, which have a peak of their own"
            }
            Self::MultiplyAdd if peaks.multiply_add_f16_gflops.is_some() => {
                "more than the peak in f32: the scores of the first look are products in f16, which have a peak of their own"
            }
            Self::MultiplyAdd | Self::MultiplyAddBf16 | Self::MultiplyAddF16 => {
                "more than the peak: that was measured while the machine was busy or its clock was low; measure again"
            }
            Self::Copy => {
                "more than a copy: these vectors fit in a cache, and the 128 MiB of the copy do not; or the driver copies more \
                 slowly than a kernel reads"
            }
        }
    }
}

/// The columns behind the name: what stands above, how wide it is in text, and what stands in it.
type Column = (&'static str, usize, fn(&Record) -> String);

fn columns(peaks: &Peaks) -> Vec<Column> {
    let mut columns: Vec<Column> = vec![
        ("n", 8, |record| record.shape.n.to_string()),
        ("d", 5, |record| record.shape.d.to_string()),
        ("k", 6, |record| record.shape.k.to_string()),
        ("median ms", 10, |record| format!("{:.3}", 1e3 * record.median_seconds)),
        ("GFLOP/s", 9, |record| record.gflops_median.map_or_else(String::new, |it| format!("{it:.1}"))),
        ("of f32", 7, |record| Peak::MultiplyAdd.cell(record)),
    ];
    if peaks.multiply_add_bf16_gflops.is_some() {
        columns.push(("of bf16", 8, |record| Peak::MultiplyAddBf16.cell(record)));
    }
    if peaks.multiply_add_f16_gflops.is_some() {
        columns.push(("of f16", 7, |record| Peak::MultiplyAddF16.cell(record)));
    }
    columns.extend([
        ("GB/s", 8, (|record| format!("{:.2}", record.gbs_median)) as fn(&Record) -> String),
        ("of copy", 8, |record| Peak::Copy.cell(record)),
        ("vectors/s", 12, |record| format!("{:.0}", record.vectors_per_second)),
        ("again", 8, |record| {
            record.looked_again.map_or_else(String::new, |it| format!("{:.2} %", 100.0 * it))
        }),
    ]);
    columns
}

/// Where it was measured, the peaks, and the heads of the columns.
pub fn heading(environment: &Environment, peaks: &Peaks) -> String {
    let rows = environment.rows();
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect();
    text += &format!("{:<10} {}\n\n{:<9}", "peaks", in_words(peaks), "");
    for (name, width, _) in columns(peaks) {
        text += &format!(" {name:>width$}");
    }
    text
}

/// The record's line under the heads of the columns.
pub fn line(record: &Record, peaks: &Peaks) -> String {
    let mut text = format!("{:<9}", record.name.to_string());
    for (_, width, cell) in columns(peaks) {
        text += &format!(" {:>width$}", cell(record));
    }
    text.trim_end().into()
}

fn in_words(peaks: &Peaks) -> String {
    let half = [("bf16", peaks.multiply_add_bf16_gflops), ("f16", peaks.multiply_add_f16_gflops)];
    let half = half
        .map(|(name, gflops)| gflops.map_or_else(String::new, |gflops| format!(", {gflops:.1} in {name}")));
    let dispatch = peaks.dispatch_us.map(|time| format!("; {time:.1} µs of the host a dispatch"));
    format!(
        "copy {:.1} GB/s; multiply-add {:.1} GFLOP/s in f32{}{}",
        peaks.copy_gbs,
        peaks.multiply_add_gflops,
        half.concat(),
        dispatch.unwrap_or_default()
    )
}

/// What the marks at figures above a peak mean.
pub fn notes(document: &Document) -> Vec<String> {
    let exceeded = |peak: &Peak| document.results.iter().any(|record| peak.is_exceeded(record));
    let note = |peak: Peak| format!("{} {}", peak.mark(), peak.explanation(&document.peaks));
    Peak::ALL.into_iter().filter(exceeded).map(note).collect()
}

/// The whole as Markdown: what a forum shows as two tables.
pub fn markdown(document: &Document) -> String {
    let Document { environment, peaks, results } = document;
    let mut text = String::from("| wgvq bench | |\n| --- | --- |\n");
    for (name, value) in environment.rows() {
        text += &format!("| {name} | {} |\n", escaped(&value));
    }
    text += &format!("| peaks | {} |\n\n", in_words(peaks));
    let columns = columns(peaks);
    let heads: Vec<&str> = columns.iter().map(|(name, _, _)| *name).collect();
    text += &format!("| | {} |\n| --- |{}\n", heads.join(" | "), " ---: |".repeat(heads.len()));
    for record in results {
        let cells: Vec<String> = columns.iter().map(|(_, _, cell)| cell(record)).collect();
        text += &format!("| {} | {} |\n", record.name, cells.join(" | "));
    }
    for note in notes(document) {
        text += &format!("\n{note}\n");
    }
    text
}

/// The text in a cell: names come from drivers, and may hold anything.
pub fn escaped(text: &str) -> String {
    let special =
        |c: char| matches!(c, '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '&' | '#' | '~');
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(bf16: Option<f64>) -> Document {
        with_peaks(bf16, None)
    }

    fn with_peaks(bf16: Option<f64>, f16: Option<f64>) -> Document {
        let record = |name: &str, of_f32: Option<f64>, of_bf16: Option<f64>, of_copy: f64| {
            json!({
                "name": name, "n": 1000, "d": 16, "k": 4, "seconds": [0.002], "median_seconds": 0.002,
                "gflops_median": of_f32.map(|share| 100.0 * share), "share_of_multiply_add": of_f32,
                "share_of_multiply_add_bf16": of_bf16, "share_of_multiply_add_f16": f16.map(|peak| 150.0 / peak), "vectors_per_second": 500_000.0, "gbs_median": 0.032,
                "share_of_copy": of_copy, "looked_again": 0.05,
            })
        };
        let document = json!({
            "device": "Card | <b>1</b>", "backend": "vulkan", "driver": "Maker 1.2", "threads": 2, "version": "0.1.0",
            "peaks": { "copy_gbs": 10.0, "multiply_add_gflops": 100.0, "multiply_add_bf16_gflops": bf16, "multiply_add_f16_gflops": f16 },
            "results": [
                record("assign", Some(1.5), bf16.map(|peak| 150.0 / peak), 0.2),
                record("upload", None, None, 1.004),
            ],
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn markdown_has_a_line_for_each_measurement_and_says_where() {
        let text = markdown(&document(Some(1000.0)));
        assert!(text.contains("| device | Card \\| \\<b\\>1\\</b\\> (vulkan, Maker 1.2) |\n"), "{text}");
        assert!(
            text.contains("| peaks | copy 10.0 GB/s; multiply-add 100.0 GFLOP/s in f32, 1000.0 in bf16 |"),
            "{text}"
        );
        let assign =
            "| assign | 1000 | 16 | 4 | 2.000 | 150.0 | 150 %¹ | 15 % | 0.03 | 20 % | 500000 | 5.00 % |\n";
        assert!(text.contains(assign), "{text}");
        // As many cells in each line of a table.
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let tables = text.split("\n\n").filter(|part| part.starts_with('|'));
        for table in tables {
            assert!(table.lines().all(|line| bars(line) == bars(table.lines().next().unwrap())), "{table}");
        }
    }

    #[test]
    fn what_is_above_a_peak_is_marked_and_explained() {
        let with = document(Some(1000.0));
        // 100.4 % is shown as 100 %, and needs no explanation.
        assert_eq!(notes(&with).len(), 1);
        assert!(notes(&with)[0].starts_with("¹ ") && notes(&with)[0].contains("bf16"));
        assert!(line(&with.results[0], &with.peaks).contains(" 150 %¹ "));
        let on_gpu = with_peaks(None, Some(500.0));
        assert!(notes(&on_gpu)[0].contains("products in f16"));
        assert!(heading(&on_gpu.environment, &on_gpu.peaks).contains(", 500.0 in f16"));
        assert!(line(&on_gpu.results[0], &on_gpu.peaks).contains(" 150 %¹    30 % "));
        let without = document(None);
        assert!(notes(&without)[0].contains("measure again"));
        assert!(!heading(&without.environment, &without.peaks).contains("bf16"));
    }
}
