//! On to the nearest.

use super::Points;

/// From row 0 on, always to the nearest row that has not been visited, the lowest of equally near ones.
pub(super) fn path(points: &Points) -> Vec<usize> {
    let mut unvisited: Vec<_> = (1..points.n).collect();
    let mut path = vec![0];
    let mut here = 0;
    while !unvisited.is_empty() {
        let (mut nearest, mut least) = (0, f64::INFINITY);
        for (at, &row) in unvisited.iter().enumerate() {
            let squared = points.squared(here, row);
            if squared < least || squared == least && row < unvisited[nearest] {
                (nearest, least) = (at, squared);
            }
        }
        here = unvisited.swap_remove(nearest);
        path.push(here);
    }
    path
}
