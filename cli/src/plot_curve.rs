//! `wgvq plot curve`

use std::path::PathBuf;

use clap::Args;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde_json::json;
use wgvq::curves::Curve;
use wgvq::{Error, Result};

use crate::Verdict;
use crate::args::{Common, NamedOutputs};
use crate::figures::print_json;
use crate::plots::{self, Area, failed};
use crate::stdout::say;

#[derive(Args, Debug)]
pub struct PlotCurve {
    /// The curve: hilbert, peano, lebesgue or sierpinski
    #[arg(long)]
    pub curve: Curve,
    /// Recursions
    #[arg(long)]
    pub depth: u32,
    /// The picture to write [default: CURVE.svg]
    #[arg(short, long, value_name = "CURVE.svg")]
    pub output: Option<PathBuf>,
}

/// More corners than that are not told apart on a screen.
const MOST_CORNERS: u64 = 1 << 18;

/// The most corners that are marked, and that are numbered.
const MOST_MARKED: usize = 1024;
const MOST_NUMBERED: usize = 81;

/// The side of the unit square, and the page around it.
const SQUARE: u32 = 640;
const MARGIN: u32 = 20;
const CAPTION: u32 = 30;
const PAGE: (u32, u32) = (SQUARE + 2 * MARGIN, SQUARE + 2 * MARGIN + CAPTION);

/// From light to dark.
const SHADES: [(u8, u8, u8); 5] = [(254, 217, 118), (253, 141, 60), (227, 26, 28), (128, 0, 38), (38, 0, 24)];

/// Pieces of a curve that have a colour of their own.
const PIECES: usize = 240;

/// A place on the page.
type Place = (i32, i32);

pub fn run(command: &PlotCurve, common: &Common) -> Result<Verdict> {
    let (curve, depth) = (command.curve, command.depth);
    let corners = curve.cells(depth)?;
    if corners > MOST_CORNERS {
        return Err(Error::input(format!(
            "a {curve} curve of depth {depth} has {corners} corners; a picture shows {MOST_CORNERS} at most"
        )));
    }
    let output = command.output.clone().unwrap_or_else(|| format!("{curve}.svg").into());
    common.reads([])?.writes_picture(&output)?;
    let mut places: Vec<_> = curve.points(depth)?.map(place).collect();
    if curve.is_closed() {
        places.push(places[0]);
    }
    plots::write(&output, PAGE, common.force, |page| {
        page.titled(&format!("{curve}, n = {depth}"), ("sans-serif", 20)).map_err(failed)?;
        let square = [place([0.0, 1.0]), place([1.0, 0.0])];
        page.draw(&Rectangle::new(square, BLACK.mix(0.3))).map_err(failed)?;
        draw(page, &places, corners as usize)
    })?;
    if common.json {
        let (plot, curve) = (output.display().to_string(), curve.name());
        print_json(&json!({ "plot": plot, "curve": curve, "depth": depth, "corners": corners }))?;
    } else {
        say!("{}", output.display());
    }
    Ok(Verdict::Done)
}

fn place([x, y]: [f64; 2]) -> Place {
    let along = |share: f64| (f64::from(SQUARE) * share).round() as i32;
    (MARGIN as i32 + along(x), (MARGIN + CAPTION) as i32 + along(1.0 - y))
}

/// The path through all places, the first `corners` of which are marked if they are few.
fn draw(page: &Area, places: &[Place], corners: usize) -> Result<()> {
    // A quarter of the room between two neighbours, within reason.
    let width = (f64::from(SQUARE) / (corners as f64).sqrt() / 4.0).clamp(1.0, 6.0) as u32;
    let edges = places.len() - 1;
    let pieces = PIECES.min(edges);
    let starts: Vec<_> = (0..=pieces).map(|piece| piece * edges / pieces).collect();
    for piece in starts.windows(2) {
        let color = shade(piece[0] as f64 / edges as f64).stroke_width(width);
        page.draw(&PathElement::new(&places[piece[0]..=piece[1]], color)).map_err(failed)?;
    }
    if corners > MOST_MARKED {
        return Ok(());
    }
    for (number, &place) in places[..corners].iter().enumerate() {
        let color = shade(number as f64 / edges as f64);
        page.draw(&Circle::new(place, width, color.filled())).map_err(failed)?;
    }
    if corners > MOST_NUMBERED {
        return Ok(());
    }
    let center = Pos::new(HPos::Center, VPos::Center);
    let style = ("sans-serif", 13).into_font().color(&BLACK).pos(center);
    for number in 0..corners {
        let label = Text::new(number.to_string(), beside(places, number), style.clone());
        page.draw(&label).map_err(failed)?;
    }
    Ok(())
}

/// A place for the number of a corner, on the side that its edges leave free.
fn beside(places: &[Place], number: usize) -> Place {
    let here = places[number];
    let toward = |other: Option<&Place>| {
        let (x, y) = other.map_or((0.0, 0.0), |to| (f64::from(to.0 - here.0), f64::from(to.1 - here.1)));
        let length = x.hypot(y).max(1.0);
        (x / length, y / length)
    };
    let last = places.len() - 1;
    // The last place of a closed curve is the first one.
    let before = if number == 0 && places[0] == places[last] { last - 1 } else { number.wrapping_sub(1) };
    let (a, b) = (toward(places.get(before)), toward(places.get(number + 1)));
    let (x, y) = (-a.0 - b.0, -a.1 - b.1);
    let length = x.hypot(y);
    // Where the curve goes straight on, at its side.
    let (x, y) = if length < 0.1 { (-b.1, b.0) } else { (x / length, y / length) };
    (here.0 + (NUMBER_APART * x).round() as i32, here.1 + (NUMBER_APART * y).round() as i32)
}

/// From a corner to its number.
const NUMBER_APART: f64 = 17.0;

/// The colour of that share of the way along the curve.
fn shade(share: f64) -> RGBColor {
    let at = share * (SHADES.len() - 1) as f64;
    let low = (at as usize).min(SHADES.len() - 2);
    let ((r, g, b), (to_r, to_g, to_b)) = (SHADES[low], SHADES[low + 1]);
    let between = |from: u8, to: u8| {
        (f64::from(from) + (at - low as f64) * (f64::from(to) - f64::from(from))).round() as u8
    };
    RGBColor(between(r, to_r), between(g, to_g), between(b, to_b))
}
