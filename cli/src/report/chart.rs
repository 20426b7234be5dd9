//! Charts as SVG in a page: colours and text are the page's, so that they are light or dark with it.

use std::fmt::Write;

use crate::plots::number;
use crate::words::html;

/// A line of a chart.
pub struct Line {
    pub name: String,
    pub points: Vec<Mark>,
}

/// A point of a line.
pub struct Mark {
    pub x: f64,
    pub y: f64,
    /// What it is.
    pub title: String,
    /// Whether it was measured on fewer vectors than others, and is drawn hollow.
    pub is_early: bool,
}

/// An axis with its name.
pub struct Axis {
    pub name: &'static str,
    pub is_decades: bool,
}

/// Width and height in units of the picture, and the room for numbers at the left, below and above.
const SIZE: (f64, f64) = (680.0, 380.0);
const LEFT: f64 = 84.0;
const BELOW: f64 = 48.0;
const ABOVE: f64 = 12.0;
const RIGHT: f64 = 14.0;

/// Colours that the page has.
const COLORS: usize = 6;

/// A chart of lines, and the legend below it.
pub fn lines(x: &Axis, y: &Axis, lines: &[Line]) -> String {
    let marks = || lines.iter().flat_map(|line| &line.points);
    let across = Scale::of(marks().map(|mark| mark.x), x.is_decades, (LEFT, SIZE.0 - RIGHT));
    let up = Scale::of(marks().map(|mark| mark.y), y.is_decades, (SIZE.1 - BELOW, ABOVE));
    let mut svg = open(&format!("{} over {}", y.name, x.name));
    grid(&mut svg, (&across, x.name), (&up, y.name));
    for (at, line) in lines.iter().enumerate() {
        let color = at % COLORS;
        let path: Vec<String> = line
            .points
            .iter()
            .map(|mark| format!("{:.1},{:.1}", across.place(mark.x), up.place(mark.y)))
            .collect();
        if path.len() > 1 {
            let _ = write!(svg, "<polyline class=\"l c{color}\" points=\"{}\"/>", path.join(" "));
        }
        for mark in &line.points {
            let place = (across.place(mark.x), up.place(mark.y));
            svg += &shape(at, place, mark.is_early, &mark.title);
        }
    }
    svg += "</svg>";
    svg + &legend(lines)
}

/// A bar for each value, between 0 and 1.
pub fn bars(x: &Axis, y: &Axis, values: &[f64]) -> String {
    let across =
        Scale { low: 0.0, high: values.len() as f64, is_decades: false, ends: (LEFT, SIZE.0 - RIGHT) };
    let up = Scale { low: 0.0, high: 1.0, is_decades: false, ends: (SIZE.1 - BELOW, ABOVE) };
    let mut svg = open(&format!("{} by {}", y.name, x.name));
    grid(&mut svg, (&across, x.name), (&up, y.name));
    for (at, &value) in values.iter().enumerate() {
        let (left, right) = (across.place(at as f64 + 0.1), across.place(at as f64 + 0.9));
        let (top, foot) = (up.place(value), up.place(0.0));
        let _ = write!(
            svg,
            "<rect class=\"b\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {value:.3}</title></rect>",
            right - left,
            foot - top,
            at + 1
        );
    }
    svg + "</svg>"
}

fn open(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", SIZE.0, SIZE.1, html(title))
}

/// Lines at the numbers of both axes, these numbers, and the names.
fn grid(svg: &mut String, (across, x): (&Scale, &str), (up, y): (&Scale, &str)) {
    let (right, foot) = (SIZE.0 - RIGHT, SIZE.1 - BELOW);
    for value in across.numbers() {
        let at = across.place(value);
        let _ = write!(
            svg,
            "<line class=\"g\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{ABOVE}\" y2=\"{foot}\"/>\
             <text class=\"m\" x=\"{at:.1}\" y=\"{}\">{}</text>",
            foot + 18.0,
            number(&value)
        );
    }
    for value in up.numbers() {
        let at = up.place(value);
        let _ = write!(
            svg,
            "<line class=\"g\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"e\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            number(&value)
        );
    }
    let (middle, half) = ((LEFT + right) / 2.0, (ABOVE + foot) / 2.0);
    let _ = write!(
        svg,
        "<text class=\"m n\" x=\"{middle}\" y=\"{}\">{}</text>\
         <text class=\"m n\" transform=\"translate(14 {half}) rotate(-90)\">{}</text>",
        SIZE.1 - 8.0,
        html(x),
        html(y)
    );
}

/// A mark of the line of that number: three shapes, so that lines differ without colours too, and more of them than there are colours.
fn shape(line: usize, (x, y): (f64, f64), is_early: bool, title: &str) -> String {
    let class = format!("{} c{}", if is_early { "h" } else { "f" }, line % COLORS);
    let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", html(title)) };
    match (line + line / COLORS) % 3 {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\">{title}</circle>"),
        1 => format!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\">{title}</rect>",
            x - 4.5,
            y - 4.5
        ),
        _ => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l6 11h-12z\">{title}</path>", y - 7.0),
    }
}

fn legend(lines: &[Line]) -> String {
    let mut list = String::from("<ul class=\"legend\">");
    for (at, line) in lines.iter().enumerate() {
        let mark = shape(at, (9.0, 9.0), false, "");
        let _ =
            write!(list, "<li><svg class=\"k\" viewBox=\"0 0 18 18\">{mark}</svg>{}</li>", html(&line.name));
    }
    list + "</ul>"
}

/// How values become places.
struct Scale {
    low: f64,
    high: f64,
    is_decades: bool,
    ends: (f64, f64),
}

impl Scale {
    /// Of values with a little room around them.
    fn of(values: impl Iterator<Item = f64>, is_decades: bool, ends: (f64, f64)) -> Self {
        let to = |value: f64| if is_decades { value.max(1e-12).log10() } else { value };
        let (low, high) = values
            .map(to)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { 0.05 * (high - low) } else { 0.5 };
        Self { low: low - room, high: high + room, is_decades, ends }
    }

    fn place(&self, value: f64) -> f64 {
        let value = if self.is_decades { value.max(1e-12).log10() } else { value };
        let share = (value - self.low) / (self.high - self.low);
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }

    /// Numbers to write, a handful.
    fn numbers(&self) -> Vec<f64> {
        if self.is_decades {
            let powers = self.low.floor() as i32..=self.high.ceil() as i32;
            let within: &[f64] = if self.high - self.low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let all = powers.flat_map(|power| within.iter().map(move |step| step * 10_f64.powi(power)));
            return all.filter(|value| (self.low..=self.high).contains(&value.log10())).collect();
        }
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|&step| step >= rough);
        let step = step.unwrap_or(rough);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(|count| count as f64 * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(x: f64, y: f64) -> Mark {
        Mark { x, y, title: "<b>".into(), is_early: false }
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let scale = Scale::of([1.0, 100.0].into_iter(), true, (0.0, 100.0));
        assert!((scale.place(10.0) - 50.0).abs() < 1e-9);
        assert_eq!(scale.numbers(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        let scale = Scale::of([0.2, 0.9].into_iter(), false, (100.0, 0.0));
        assert!(scale.place(0.9) < scale.place(0.2) && scale.place(0.9) > 0.0);
        let shown: Vec<String> = scale.numbers().iter().map(number).collect();
        assert_eq!(shown, ["0.2", "0.4", "0.6", "0.8"]);
        // One value, or none, still has an axis.
        for values in [&[3.0][..], &[]] {
            assert!(!Scale::of(values.iter().copied(), false, (0.0, 1.0)).numbers().is_empty());
        }
    }

    #[test]
    fn a_chart_names_its_lines_and_nothing_else_is_markup() {
        let axis = |name| Axis { name, is_decades: false };
        let line = |name: &str| Line { name: name.into(), points: vec![mark(1.0, 2.0), mark(2.0, 1.0)] };
        let svg = lines(&axis("bytes"), &axis("lost"), &[line("PQ"), line("<script>")]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        // Two marks of each line, and one in the legend.
        assert_eq!((svg.matches("<circle").count(), svg.matches("<rect").count()), (3, 3));
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script") && !svg.contains("<b>"));
        assert_eq!(bars(&axis("codebook"), &axis("use"), &[0.5, 1.0]).matches("<rect").count(), 2);
    }
}
