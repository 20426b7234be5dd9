//! Voronoi cells in the plane.

/// A place in the plane.
pub type Point = [f64; 2];

/// The part of the plane from the one corner to the other that is nearer to each of `points` than to any other one, as the
/// corners of a convex polygon. Of points that are the same, all have the same cell.
///
/// The rectangle is cut by the line half way to each other point. No point that is more than twice as far as the farthest
/// corner can cut anything off.
pub fn cells(points: &[Point], low: Point, high: Point) -> Vec<Vec<Point>> {
    let cell = |&own: &Point| {
        let mut cell = vec![low, [high[0], low[1]], high, [low[0], high[1]]];
        let mut reach = farthest(own, &cell);
        for &other in points {
            let apart = squared_distance(own, other);
            if other != own && apart < 4.0 * reach {
                cell = nearer(&cell, own, other);
                reach = farthest(own, &cell);
            }
        }
        cell
    };
    points.iter().map(cell).collect()
}

fn squared_distance([x, y]: Point, [to_x, to_y]: Point) -> f64 {
    (to_x - x).powi(2) + (to_y - y).powi(2)
}

/// The squared distance of the farthest corner of a cell.
fn farthest(from: Point, cell: &[Point]) -> f64 {
    cell.iter().map(|&corner| squared_distance(from, corner)).fold(0.0, f64::max)
}

/// What of a polygon is nearer to `own` than to `other` (Sutherland and Hodgman, "Reentrant polygon clipping", 1974).
fn nearer(polygon: &[Point], own: Point, other: Point) -> Vec<Point> {
    // Positive on the side of `own`.
    let side = |corner: Point| squared_distance(corner, other) - squared_distance(corner, own);
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    for (at, &from) in polygon.iter().enumerate() {
        let to = polygon[(at + 1) % polygon.len()];
        let (before, after) = (side(from), side(to));
        if before >= 0.0 {
            kept.push(from);
        }
        if (before >= 0.0) != (after >= 0.0) {
            let share = before / (before - after);
            kept.push([0, 1].map(|i| from[i] + share * (to[i] - from[i])));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(cell: &[Point]) -> f64 {
        let turns = (0..cell.len()).map(|at| {
            let ([x, y], [to_x, to_y]) = (cell[at], cell[(at + 1) % cell.len()]);
            x * to_y - to_x * y
        });
        turns.sum::<f64>() / 2.0
    }

    #[test]
    fn cells_cover_the_rectangle_once_and_their_corners_are_between_points() {
        let mut rng = wgvq::Rng::new(71, 0);
        let points: Vec<Point> =
            (0..200).map(|_| [3.0 * rng.uniform_f64() - 1.0, 2.0 * rng.uniform_f64()]).collect();
        let found = cells(&points, [-1.0, 0.0], [2.0, 2.0]);
        let total: f64 = found.iter().map(|cell| area(cell)).sum();
        assert!((total - 6.0).abs() < 1e-9, "{total}");
        for (cell, &own) in found.iter().zip(&points) {
            assert!(area(cell) > 0.0);
            for &corner in cell {
                let nearest =
                    points.iter().map(|&point| squared_distance(point, corner)).fold(f64::MAX, f64::min);
                assert!((squared_distance(own, corner) - nearest).abs() < 1e-9, "{own:?} {corner:?}");
            }
        }
    }

    #[test]
    fn a_cell_of_the_hexagonal_lattice_is_a_hexagon() {
        let row =
            |j: i32| (-3..=3).map(move |i| [f64::from(2 * i + j) / 2.0, f64::from(j) * 0.75_f64.sqrt()]);
        let points: Vec<Point> = (-3..=3).flat_map(row).collect();
        let found =
            &cells(&points, [-9.0; 2], [9.0; 2])[points.iter().position(|&point| point == [0.0; 2]).unwrap()];
        assert_eq!(found.len(), 6);
        assert!((area(found) - 0.75_f64.sqrt()).abs() < 1e-12);
        // Twice the same point has twice the same cell.
        assert_eq!(cells(&[[0.0; 2]; 2], [0.0; 2], [1.0; 2])[1].len(), 4);
    }
}
