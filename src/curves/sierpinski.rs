//! Sierpiński's curve through the unit square: closed, and symmetric about the diagonal.
//!
//! H. Sagan, *Space-Filling Curves* (Springer 1994), chapter 4. The diagonal cuts the square into two triangles, and each
//! right triangle is cut in two along its altitude. The curve enters a triangle at one end of the hypotenuse, leaves it at
//! the other, and passes from one half to the other at the apex, so triangles that follow one another share an edge.

/// A right triangle that the curve runs through.
#[derive(Clone, Copy)]
struct Triangle {
    /// Where the curve enters.
    from: [f64; 2],
    /// The corner with the right angle.
    apex: [f64; 2],
    /// Where it leaves.
    to: [f64; 2],
}

/// The triangles on either side of the diagonal, in the order of the curve.
const HALVES: [Triangle; 2] = [
    Triangle { from: [0.0, 0.0], apex: [1.0, 0.0], to: [1.0, 1.0] },
    Triangle { from: [1.0, 1.0], apex: [0.0, 1.0], to: [0.0, 0.0] },
];

impl Triangle {
    /// The foot of the altitude. Corners are sums of powers of two, so this is exact.
    fn middle(&self) -> [f64; 2] {
        [0, 1].map(|axis| 0.5 * (self.from[axis] + self.to[axis]))
    }

    /// The first or the second half.
    fn half(self, second: bool) -> Self {
        let middle = self.middle();
        if second {
            Self { from: self.apex, apex: middle, to: self.to }
        } else {
            Self { from: self.from, apex: middle, to: self.apex }
        }
    }

    /// Whether `point` lies in the second half; what is on the altitude belongs to the first.
    fn is_second(&self, point: [f64; 2]) -> bool {
        let middle = self.middle();
        [0, 1]
            .iter()
            .map(|&axis| (point[axis] - middle[axis]) * (self.to[axis] - self.from[axis]))
            .sum::<f64>()
            > 0.0
    }

    fn centroid(&self) -> [f64; 2] {
        [0, 1].map(|axis| (self.from[axis] + self.apex[axis] + self.to[axis]) / 3.0)
    }
}

/// How often a half of the square is cut in two, for 4^depth triangles in all.
fn cuts(depth: u32) -> u32 {
    2 * depth - 1
}

fn triangle(index: u64, depth: u32) -> Triangle {
    let cuts = cuts(depth);
    let first = HALVES[(index >> cuts & 1) as usize];
    (0..cuts).rev().fold(first, |triangle, cut| triangle.half(index >> cut & 1 == 1))
}

/// The centroid of the triangle with that number of the 4^depth triangles.
pub(super) fn point(index: u64, depth: u32) -> [f64; 2] {
    triangle(index, depth).centroid()
}

/// The number along the curve of the triangle that a point of the square lies in.
pub(super) fn index(point: [f64; 2], depth: u32) -> u64 {
    let above = point[1] > point[0];
    let first = (HALVES[usize::from(above)], u64::from(above));
    let cut = |(triangle, index): (Triangle, u64), _| {
        let second = triangle.is_second(point);
        (triangle.half(second), index << 1 | u64::from(second))
    };
    (0..cuts(depth)).fold(first, cut).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(triangle: &Triangle) -> [[f64; 2]; 3] {
        [triangle.from, triangle.apex, triangle.to]
    }

    #[test]
    fn triangles_share_edges_and_the_curve_is_closed() {
        for depth in 1..=6 {
            let count = 1_u64 << (2 * depth);
            for number in 0..count {
                let here = corners(&triangle(number, depth));
                let next = corners(&triangle((number + 1) % count, depth));
                let shared = here.iter().filter(|&corner| next.contains(corner)).count();
                assert_eq!(shared, 2, "{number} of depth {depth}");
            }
        }
    }

    /// As all triangles are of the same area, and the centroid of each is in no other, they fill the square.
    #[test]
    fn triangles_fill_the_square() {
        for depth in 1..=6 {
            let count = 1_u64 << (2 * depth);
            for number in 0..count {
                let [a, b, c] = corners(&triangle(number, depth));
                let twice = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
                assert_eq!(0.5 * twice.abs(), 1.0 / count as f64);
                assert_eq!(index(point(number, depth), depth), number);
            }
        }
    }

    #[test]
    fn the_curve_is_symmetric_about_the_diagonal() {
        for depth in 1..=6 {
            let last = (1_u64 << (2 * depth)) - 1;
            for number in 0..=last {
                let [x, y] = point(number, depth);
                assert_eq!(point(last - number, depth), [y, x]);
            }
        }
    }

    #[test]
    fn the_deepest_curve_is_exact() {
        let last = (1_u64 << 62) - 1;
        for number in [0, 1, last / 7, last / 2, last - 1, last] {
            assert_eq!(index(point(number, 31), 31), number);
        }
    }
}
