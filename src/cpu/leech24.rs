//! The nearest point of the Leech lattice, as `shaders/shared/leech24.wgsl` finds it; the method is told there.

/// Costs of the four labels of a column or of several: bit in the first row + 2 · parity of z.
type Labels = [f32; 4];

/// Writes the coordinates of the point nearest to `steps`, all in steps of 1/√8.
pub(crate) fn round(steps: &[f32; 24], q: &mut [i32; 24]) {
    let mut best = (f32::MAX, 0, 0, 0);
    for m in 0..2 {
        let measured = Measured::new(steps, m);
        for h in 0..2 {
            let costs = measured.costs(h);
            let pairs = [0, 2, 4].map(|first| pair(&costs[first], &costs[first + 1]));
            for (number, word) in HEXACODE.iter().enumerate() {
                let at = |pair: usize| {
                    pairs[pair][usize::from(word[2 * pair]) * 4 + usize::from(word[2 * pair + 1])]
                };
                let found = join(&join(&at(0), &at(1)), &at(2))[h + 2 * m];
                if found < best.0 {
                    best = (found, m, h, number);
                }
            }
        }
    }
    let (_, m, h, number) = best;
    Measured::new(steps, m).trace(h, &HEXACODE[number].map(usize::from), q);
}

/// The words of the hexacode from their first three digits: a·x² + b·x + c at the elements of GF(4) follows a and b.
const HEXACODE: [[u8; 6]; 64] = {
    // 0, 1, ω, ω̄ are 0 to 3, and are added by xor.
    const TIMES_W: [u8; 4] = [0, 2, 3, 1];
    const TIMES_W_BAR: [u8; 4] = [0, 3, 1, 2];
    let mut words = [[0; 6]; 64];
    let mut number = 0;
    while number < 64 {
        let (a, b, c) = (number as u8 >> 4, number as u8 >> 2 & 3, number as u8 & 3);
        let at_w = TIMES_W_BAR[a as usize] ^ TIMES_W[b as usize] ^ c;
        let at_w_bar = TIMES_W[a as usize] ^ TIMES_W_BAR[b as usize] ^ c;
        words[number] = [a, b, c, a ^ b ^ c, at_w, at_w_bar];
        number += 1;
    }
    words
};

/// The four bits of a column that stand for `digit` at parity `h`, with `top` in the first row.
fn pattern(digit: usize, h: usize, top: usize) -> usize {
    let bits = match (h, digit) {
        (1, digit) => 1 << digit,
        (_, 0) => 0,
        (_, digit) => 14 ^ 1 << digit,
    };
    if bits & 1 == top { bits } else { bits ^ 15 }
}

/// The least cost of each label over two groups of columns: labels add by xor.
#[inline(always)]
fn join(a: &Labels, b: &Labels) -> Labels {
    let [b0, b1, b2, b3] = *b;
    let least = |x: f32, y: f32| if y < x { y } else { x };
    let mut joined = [0.0; 4];
    for (joined, terms) in
        joined.iter_mut().zip([[b0, b1, b2, b3], [b1, b0, b3, b2], [b2, b3, b0, b1], [b3, b2, b1, b0]])
    {
        let [x, y, z, w] = [a[0] + terms[0], a[1] + terms[1], a[2] + terms[2], a[3] + terms[3]];
        *joined = least(least(x, y), least(z, w));
    }
    joined
}

/// The costs of two columns for each pair of digits.
fn pair(first: &[Labels; 4], second: &[Labels; 4]) -> [Labels; 16] {
    std::array::from_fn(|at| join(&first[at / 4], &second[at % 4]))
}

/// For one m, the best z of the 24 coordinates for c = 0 and c = 1, and what is left.
struct Measured {
    m: usize,
    z: [[i32; 2]; 24],
    residual: [[f32; 2]; 24],
}

impl Measured {
    fn new(steps: &[f32; 24], m: usize) -> Self {
        let (mut z, mut residual) = ([[0; 2]; 24], [[0.0; 2]; 24]);
        for ((&steps, z), residual) in steps.iter().zip(&mut z).zip(&mut residual) {
            for bit in 0..2 {
                let steps = steps - m as f32 - 2.0 * bit as f32;
                let nearest = (steps * 0.25).round_ties_even();
                z[bit] = nearest as i32;
                residual[bit] = steps - 4.0 * nearest;
            }
        }
        Self { m, z, residual }
    }

    /// The sum of squares, the greatest residual and the parity of z of a column with these bits.
    fn column(&self, column: usize, bits: usize) -> (f32, f32, i32) {
        (0..4).fold((0.0, 0.0, 0), |(sum, greatest, parity), row| {
            let (i, bit) = (4 * column + row, bits >> row & 1);
            let off = self.residual[i][bit].abs();
            (sum + off * off, if off > greatest { off } else { greatest }, parity ^ self.z[i][bit] & 1)
        })
    }

    /// The costs of each column and digit at parity `h`.
    fn costs(&self, h: usize) -> [[Labels; 4]; 6] {
        let mut costs = [[[0.0; 4]; 4]; 6];
        for (column, costs) in costs.iter_mut().enumerate() {
            for (digit, labels) in costs.iter_mut().enumerate() {
                for top in 0..2 {
                    let (sum, greatest, parity) = self.column(column, pattern(digit, h, top));
                    // With the other parity, the coordinate that is farthest off goes to its second nearest z.
                    let other = sum + 16.0 - 8.0 * greatest;
                    labels[top] = if parity == 0 { sum } else { other };
                    labels[2 + top] = if parity == 0 { other } else { sum };
                }
            }
        }
        costs
    }

    /// Finds the labels of the columns of `word` again, from the last to the first, and from them the coordinates.
    fn trace(&self, h: usize, word: &[usize; 6], q: &mut [i32; 24]) {
        let costs = self.costs(h);
        let own = |column: usize| &costs[column][word[column]];
        // The least costs of the labels of the columns up to each.
        let mut up_to = [*own(0); 6];
        for column in 1..6 {
            up_to[column] = join(&up_to[column - 1], own(column));
        }
        let mut label = h + 2 * self.m;
        for column in (0..6).rev() {
            let mut rest = 0;
            if column > 0 {
                let cost = |rest: usize| up_to[column - 1][rest] + own(column)[label ^ rest];
                rest = (1..4).fold(0, |best, other| if cost(other) < cost(best) { other } else { best });
            }
            let (top, parity) = ((label ^ rest) & 1, (label ^ rest) >> 1);
            self.put_column(column, pattern(word[column], h, top), parity as i32, q);
            label = rest;
        }
    }

    fn put_column(&self, column: usize, bits: usize, parity: i32, q: &mut [i32; 24]) {
        let (_, greatest, found) = self.column(column, bits);
        let mut to_flip = found != parity;
        for row in 0..4 {
            let (i, bit) = (4 * column + row, bits >> row & 1);
            let (off, mut z) = (self.residual[i][bit], self.z[i][bit]);
            if to_flip && off.abs() == greatest {
                z += if off >= 0.0 { 1 } else { -1 };
                to_flip = false;
            }
            q[i] = (self.m + 2 * bit) as i32 + 4 * z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::golay;
    use crate::rng::Rng;

    /// The 196,560 points nearest to 0, in steps: (±2⁸, 0¹⁶) on the octads with an even number of signs, (±4², 0²²), and
    /// (∓3, ±1²³) with the upper signs on a word.
    fn shortest() -> Vec<[i32; 24]> {
        let words: Vec<u32> =
            (0..1 << 17_u32).filter(|bits| bits & !golay::FREE == 0).map(golay::word).collect();
        let mut points = Vec::with_capacity(196_560);
        let bit = |word: u32, i: usize| (word >> i & 1) as i32;
        for &word in words.iter().filter(|word| word.count_ones() == 8) {
            let octad: Vec<usize> = (0..24).filter(|&i| bit(word, i) == 1).collect();
            for signs in (0..256_u32).filter(|signs| signs.count_ones() % 2 == 0) {
                let mut point = [0; 24];
                octad.iter().enumerate().for_each(|(j, &i)| point[i] = 2 - 4 * bit(signs, j));
                points.push(point);
            }
        }
        for i in 0..24 {
            for j in 0..i {
                for signs in 0..4_u32 {
                    let mut point = [0; 24];
                    (point[i], point[j]) = (4 - 8 * bit(signs, 0), 4 - 8 * bit(signs, 1));
                    points.push(point);
                }
            }
        }
        for &word in &words {
            for i in 0..24 {
                let mut point: [i32; 24] = std::array::from_fn(|j| 1 - 2 * bit(word, j));
                point[i] *= -3;
                points.push(point);
            }
        }
        points
    }

    #[test]
    fn the_shortest_points_are_points_of_the_lattice() {
        let points = shortest();
        assert_eq!(points.len(), 196_560);
        for point in points.iter().step_by(37) {
            assert_eq!(point.iter().map(|q| q * q).sum::<i32>(), 32);
            let mut found = [0; 24];
            round(&point.map(|q| q as f32), &mut found);
            assert_eq!(found, *point);
        }
    }

    /// What is left of a vector is no longer than what is left of it by any of the neighbours of the point found.
    #[test]
    fn no_neighbour_is_nearer() {
        let points: Vec<[f32; 24]> = shortest().iter().map(|point| point.map(|q| q as f32)).collect();
        let mut rng = Rng::new(24, 0);
        for _ in 0..300 {
            let steps: [f32; 24] = std::array::from_fn(|_| 20.0 * rng.normal());
            let mut q = [0; 24];
            round(&steps, &mut q);
            let left: [f32; 24] = std::array::from_fn(|i| steps[i] - q[i] as f32);
            let dot = |point: &[f32; 24]| point.iter().zip(&left).map(|(&a, &b)| a * b).sum::<f32>();
            let greatest = points.iter().map(dot).fold(f32::MIN, f32::max);
            // |left − point|² ≥ |left|² is left · point ≤ 16; steps of up to 100 are known to 2^-18.
            assert!(greatest <= 16.0 + 1e-3, "{greatest}");
        }
    }
}
