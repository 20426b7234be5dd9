//! The picture of a quantizer of the plane: its points, their Voronoi cells, and vectors.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use wgvq::ndarray::{Array2, Ix2};
use wgvq::{Codes, Engine, Error, ErrorKind, Lattice, LatticeVq, Quantizer, Result, Vectors};

use crate::cells::{Point, cells};
use crate::plots::{self, Area, failed};

/// More points than that are not told apart on a screen.
const MOST_POINTS: usize = 4096;

/// Vectors that are drawn, at most.
const MOST_VECTORS: usize = 5000;

/// The side of the square, and the page around it.
const SQUARE: u32 = 640;
const MARGIN: u32 = 20;
const CAPTION: u32 = 30;
const LEGEND: u32 = 26;
const PAGE: (u32, u32) = (SQUARE + 2 * MARGIN, SQUARE + 2 * MARGIN + CAPTION + LEGEND);

/// Colours that the colour-blind tell apart (Okabe and Ito), of which one is dark and one light in grey too.
const POINTS: RGBColor = RGBColor(0, 114, 178);
const VECTORS: RGBColor = RGBColor(230, 159, 0);
const CELLS: RGBColor = RGBColor(86, 180, 233);
const OTHERS: RGBColor = RGBColor(150, 150, 150);

/// What there is to draw.
#[derive(Debug)]
pub struct Plane {
    /// The points that vectors are quantized to.
    pub points: Vec<Point>,
    /// Points of the same lattice that are not.
    pub others: Vec<Point>,
    /// Vectors, evenly taken of so many.
    pub vectors: Vec<Point>,
    given: usize,
    /// The lower left and the upper right corner of what is seen.
    corners: [Point; 2],
}

impl Plane {
    /// The points that `quantizer` decodes to, and some of `data`.
    pub fn of(quantizer: &dyn Quantizer, engine: &Engine, data: Option<&dyn Vectors>) -> Result<Self> {
        let points = all_points(quantizer, engine)?;
        let vectors = data.map(drawn).transpose()?.unwrap_or_default();
        let given = data.map_or(0, |data| data.len());
        let corners = square(points.iter().chain(&vectors));
        let mut others = beyond(quantizer, engine, corners)?;
        // Those that are kept come from other sums, and are as near as rounding takes them.
        let least =
            others.iter().chain(&points).flatten().fold(0.0_f64, |most, value| most.max(value.abs())) * 1e-5;
        others
            .retain(|other| !points.iter().any(|point| (0..2).all(|i| (point[i] - other[i]).abs() <= least)));
        Ok(Self { points, others, vectors, given, corners })
    }

    /// All points of `lattice` about the origin.
    pub fn lattice(lattice: Lattice, scale: f32, engine: &Engine) -> Result<Self> {
        let reach = [[-3.2, -3.2], [3.2, 3.2]].map(|corner| corner.map(|value| value * f64::from(scale)));
        let points = points_of(lattice, scale, &Array2::zeros((1, 2)), engine, reach)?;
        Ok(Self { points, others: Vec::new(), vectors: Vec::new(), given: 0, corners: reach })
    }

    /// Those of some points that are within the corners.
    pub fn seen<'a>(&self, points: &'a [Point]) -> impl Iterator<Item = Point> + use<'a> {
        let [low, high] = self.corners;
        points.iter().copied().filter(move |point| (0..2).all(|i| low[i] <= point[i] && point[i] <= high[i]))
    }

    pub fn draw(&self, path: &Path, force: bool, title: &str) -> Result<()> {
        plots::write(path, PAGE, force, |page| {
            page.titled(title, ("sans-serif", 20)).map_err(failed)?;
            self.draw_cells(page)?;
            self.draw_points(page)?;
            self.draw_legend(page)
        })
    }

    /// The place of a point on the page.
    fn place(&self, point: Point) -> (i32, i32) {
        let [low, high] = self.corners;
        let along = |i: usize| (f64::from(SQUARE) * (point[i] - low[i]) / (high[i] - low[i])).round() as i32;
        (MARGIN as i32 + along(0), (MARGIN + CAPTION + SQUARE) as i32 - along(1))
    }

    fn draw_cells(&self, page: &Area) -> Result<()> {
        let all: Vec<Point> = self.points.iter().chain(&self.others).copied().collect();
        let [low, high] = self.corners;
        for (number, cell) in cells(&all, low, high).into_iter().enumerate() {
            let mut corners: Vec<_> = cell.into_iter().map(|corner| self.place(corner)).collect();
            // Of a point outside, nothing may be seen.
            let Some(&first) = corners.first() else { continue };
            if number < self.points.len() && !self.others.is_empty() {
                page.draw(&Polygon::new(corners.clone(), CELLS.mix(0.25).filled())).map_err(failed)?;
            }
            corners.push(first);
            page.draw(&PathElement::new(corners, BLACK.mix(0.35).stroke_width(1))).map_err(failed)?;
        }
        Ok(())
    }

    fn draw_points(&self, page: &Area) -> Result<()> {
        // A sixth of the room between two neighbours, within reason.
        let count = (self.points.len() + self.others.len()).max(1) as f64;
        let size = (f64::from(SQUARE) / count.sqrt() / 6.0).clamp(1.5, 5.0) as i32;
        for vector in self.seen(&self.vectors) {
            page.draw(&Circle::new(self.place(vector), 1, VECTORS.filled())).map_err(failed)?;
        }
        for other in self.seen(&self.others) {
            page.draw(&Circle::new(self.place(other), size, WHITE.filled())).map_err(failed)?;
            page.draw(&Circle::new(self.place(other), size, OTHERS.stroke_width(1))).map_err(failed)?;
        }
        for point in self.seen(&self.points) {
            page.draw(&Circle::new(self.place(point), size, POINTS.filled())).map_err(failed)?;
        }
        Ok(())
    }

    /// What is what, below the square, of all that there is.
    fn draw_legend(&self, page: &Area) -> Result<()> {
        let y = (MARGIN + CAPTION + SQUARE + LEGEND / 2 + 6) as i32;
        let mut x = MARGIN as i32 + 6;
        let style = ("sans-serif", 15).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        let points = format!("{} points", self.seen(&self.points).count());
        let others = format!("{} truncated", self.seen(&self.others).count());
        let vectors = match self.vectors.len() {
            all if all == self.given => format!("{all} vectors"),
            some => format!("{some} of {} vectors", self.given),
        };
        for (text, there, style_of) in [
            (points, true, POINTS.filled()),
            (others, !self.others.is_empty(), OTHERS.stroke_width(1)),
            (vectors, !self.vectors.is_empty(), VECTORS.filled()),
        ] {
            if there {
                page.draw(&Circle::new((x, y), 4, style_of)).map_err(failed)?;
                x += 10;
                page.draw(&Text::new(text.clone(), (x, y), style.clone())).map_err(failed)?;
                // About as wide as a letter is high times .55.
                x += 8 * text.len() as i32 + 24;
            }
        }
        Ok(())
    }
}

/// All points that the codes of a quantizer of the plane stand for, each once.
fn all_points(quantizer: &dyn Quantizer, engine: &Engine) -> Result<Vec<Point>> {
    let (spec, sizes) = (quantizer.spec(), quantizer.codebook_sizes());
    if quantizer.dim() != 2 {
        return Err(Error::input(format!(
            "{spec} is of {} dimensions; a picture shows two, such as those of plane.npy (n, 2)",
            quantizer.dim()
        )));
    }
    let count = sizes.iter().try_fold(1_usize, |count, &k| count.checked_mul(k)).unwrap_or(usize::MAX);
    if count > MOST_POINTS {
        return Err(Error::input(format!(
            "{spec} decodes to {count} points; a picture shows {MOST_POINTS} at most, such as those of VQ64 or A2x6"
        )));
    }
    let mut codes = Array2::zeros((count, sizes.len()));
    for (row, mut codes) in codes.rows_mut().into_iter().enumerate() {
        let mut left = row;
        for (code, &k) in codes.iter_mut().zip(&sizes) {
            *code = (left % k) as u32;
            left /= k;
        }
    }
    let decoded = quantizer.decode(engine, &Codes::new(codes, sizes)?)?;
    let mut points: Vec<Point> =
        decoded.rows().into_iter().map(|row| [0, 1].map(|i| f64::from(row[i]))).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    Ok(points)
}

/// The points of the lattice of `quantizer`, if it is one, between two corners: none if they are too many.
fn beyond(quantizer: &dyn Quantizer, engine: &Engine, corners: [Point; 2]) -> Result<Vec<Point>> {
    let spec = quantizer.spec().to_string();
    let named = spec.split(['x', ':']).next().and_then(Lattice::named);
    let scale = spec.split_once(':').and_then(|(_, scale)| scale.parse::<f32>().ok());
    let offset = quantizer.tensors().into_iter().find(|(name, _)| name == "offset");
    let (Some(lattice), Some(scale), Some((_, offset))) = (named, scale, offset) else {
        return Ok(Vec::new());
    };
    let offset = offset.into_dimensionality::<Ix2>().map_err(|error| Error::input(error.to_string()))?;
    match points_of(lattice, scale, &offset.to_owned(), engine, corners) {
        Err(error) if error.kind() == ErrorKind::Input => Ok(Vec::new()),
        found => found,
    }
}

/// The points of a lattice between two corners.
fn points_of(
    lattice: Lattice,
    scale: f32,
    offset: &Array2<f32>,
    engine: &Engine,
    [low, high]: [Point; 2],
) -> Result<Vec<Point>> {
    let row = |corner: Point| Array2::from_shape_fn((1, 2), |(_, i)| corner[i] as f32);
    let all = all_points(&LatticeVq::new(lattice, scale, offset.clone(), row(low), row(high))?, engine)?;
    // With those whose cells are seen.
    let reach = 1.5 * f64::from(scale);
    let near = |point: &Point| (0..2).all(|i| low[i] - reach <= point[i] && point[i] <= high[i] + reach);
    Ok(all.into_iter().filter(near).collect())
}

/// Vectors of the plane, evenly taken if they are many.
fn drawn(data: &dyn Vectors) -> Result<Vec<Point>> {
    if data.dim() != 2 {
        return Err(Error::input(format!(
            "the vectors are of {} dimensions; a picture shows two, such as those of plane.npy (n, 2)",
            data.dim()
        )));
    }
    let every = data.len().div_ceil(MOST_VECTORS).max(1);
    let rows: Vec<usize> = (0..data.len()).step_by(every).collect();
    let rows = data.read_each(&rows)?;
    Ok(rows.rows().into_iter().map(|row| [0, 1].map(|i| f64::from(row[i]))).collect())
}

/// The corners of a square with some room about all points.
fn square<'a>(points: impl Iterator<Item = &'a Point>) -> [Point; 2] {
    let empty = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
    let [low, high] = points.fold(empty, |[low, high], point| {
        [[0, 1].map(|i| low[i].min(point[i])), [0, 1].map(|i| high[i].max(point[i]))]
    });
    let width = (0..2).map(|i| high[i] - low[i]).fold(0.0, f64::max);
    let half = if width > 0.0 { 0.54 * width } else { 1.0 };
    [-half, half].map(|off| [0, 1].map(|i| (low[i] + high[i]) / 2.0 + off))
}
