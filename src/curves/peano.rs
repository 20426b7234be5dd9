//! Peano's curve through the unit square: in columns of three cells, up and down in turn.
//!
//! H. Sagan, *Space-Filling Curves* (Springer 1994), chapter 3. The base-3 digits of an index are those of x and y in
//! turn; a digit of one coordinate is mirrored where those of the other before it have an odd sum.

/// Which coordinates run backwards at the present digit.
#[derive(Default)]
struct Mirrors {
    x: bool,
    y: bool,
}

/// The cell with that number of the 9^depth cells.
pub(super) fn cell(index: u64, depth: u32) -> [u32; 2] {
    let mut mirrors = Mirrors::default();
    let (mut x, mut y) = (0, 0);
    for level in (0..depth).rev() {
        let digits = index / 9_u64.pow(level) % 9;
        let (along_x, along_y) = ((digits / 3) as u32, (digits % 3) as u32);
        x = 3 * x + mirrored(along_x, mirrors.x);
        mirrors.y ^= along_x == 1;
        y = 3 * y + mirrored(along_y, mirrors.y);
        mirrors.x ^= along_y == 1;
    }
    [x, y]
}

/// The number along the curve of a cell.
pub(super) fn index([x, y]: [u32; 2], depth: u32) -> u64 {
    let mut mirrors = Mirrors::default();
    let mut index = 0;
    for level in (0..depth).rev() {
        let digit = |coordinate: u32| coordinate / 3_u32.pow(level) % 3;
        let along_x = mirrored(digit(x), mirrors.x);
        mirrors.y ^= along_x == 1;
        let along_y = mirrored(digit(y), mirrors.y);
        mirrors.x ^= along_y == 1;
        index = 9 * index + u64::from(3 * along_x + along_y);
    }
    index
}

fn mirrored(digit: u32, backwards: bool) -> u32 {
    if backwards { 2 - digit } else { digit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_an_edge_and_every_cell_is_visited_once() {
        for depth in 1..=4 {
            let side = 3_u32.pow(depth);
            let path: Vec<_> = (0..9_u64.pow(depth)).map(|index| cell(index, depth)).collect();
            for pair in path.windows(2) {
                let [a, b] = [pair[0], pair[1]];
                assert_eq!(a[0].abs_diff(b[0]) + a[1].abs_diff(b[1]), 1, "{pair:?}");
            }
            let mut seen = vec![false; path.len()];
            for (number, &cell) in path.iter().enumerate() {
                assert_eq!(index(cell, depth), number as u64);
                assert!(!std::mem::replace(&mut seen[(cell[0] * side + cell[1]) as usize], true));
            }
            assert_eq!((path[0], path[path.len() - 1]), ([0, 0], [side - 1, side - 1]));
        }
    }

    #[test]
    fn the_deepest_curve_is_exact() {
        let last = 9_u64.pow(20) - 1;
        for number in [0, 1, last / 7, last / 2, last - 1, last] {
            assert_eq!(index(cell(number, 20), 20), number);
        }
    }
}
