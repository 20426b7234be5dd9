//! Codewords in groups of neighbours, which move alike and are far from a vector together.

/// Codewords of a group are a multiple of this: whole panels of every width.
pub(super) const WHOLE: usize = 32;

/// Steps to the direction in which codewords spread most.
const STEPS: usize = 8;

/// The codewords in an order in which those of a group are side by side.
pub(super) struct CodewordGroups {
    /// Codewords of a group; the last one may have fewer.
    size: usize,
    /// At each place the number of its codeword.
    order: Vec<u32>,
    /// Of each codeword its place.
    places: Vec<u32>,
}

impl CodewordGroups {
    /// Groups of the `codewords` (k, d), so many at most: they are halved where they spread most, and so are the halves.
    pub fn new(codewords: &[f32], d: usize, most: usize) -> Self {
        let k = codewords.len() / d;
        let size = WHOLE * k.div_ceil(WHOLE).div_ceil(most.max(1));
        let mut order: Vec<u32> = (0..k as u32).collect();
        halve(codewords, d, size, &mut order);
        let mut places = vec![0; k];
        order.iter().zip(0..).for_each(|(&number, place)| places[number as usize] = place);
        Self { size, order, places }
    }

    /// Codewords of a group.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn count(&self) -> usize {
        self.order.len().div_ceil(self.size)
    }

    /// At each place the number of its codeword, group after group.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    pub fn place(&self, codeword: u32) -> usize {
        self.places[codeword as usize] as usize
    }

    pub fn group(&self, codeword: u32) -> usize {
        self.place(codeword) / self.size
    }
}

/// Orders `numbers` of codewords so that those of a group of `size` are side by side.
fn halve(codewords: &[f32], d: usize, size: usize, numbers: &mut [u32]) {
    if numbers.len() <= size {
        return;
    }
    let codeword = |number: u32| &codewords[number as usize * d..][..d];
    let (mean, axis) = widest(numbers.iter().map(|&number| codeword(number)), d);
    let place = |number: u32| product(codeword(number).iter().zip(&mean).map(|(c, mean)| c - mean), &axis);
    let mut placed: Vec<(f32, u32)> = numbers.iter().map(|&number| (place(number), number)).collect();
    let half = numbers.len().div_ceil(size).div_ceil(2) * size;
    placed.select_nth_unstable_by(half, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    numbers.iter_mut().zip(placed).for_each(|(number, (_, placed))| *number = placed);
    let (near, far) = numbers.split_at_mut(half);
    rayon::join(|| halve(codewords, d, size, near), || halve(codewords, d, size, far));
}

/// The mean of vectors and about the direction in which they spread most: by power iteration, from the one that is farthest on.
fn widest<'a>(vectors: impl Iterator<Item = &'a [f32]> + Clone, d: usize) -> (Vec<f32>, Vec<f32>) {
    let mut mean = vec![0.0; d];
    let mut count = 0.0;
    for vector in vectors.clone() {
        mean.iter_mut().zip(vector).for_each(|(mean, x)| *mean += x);
        count += 1.0;
    }
    mean.iter_mut().for_each(|mean| *mean /= count);
    let centred = |vector: &'a [f32]| vector.iter().zip(&mean).map(|(x, mean)| x - mean);
    let length = |vector: &[f32]| product(vector.iter().copied(), vector).sqrt();
    let farthest = vectors.clone().map(|vector| centred(vector).collect::<Vec<f32>>());
    let mut axis = farthest.max_by(|a, b| length(a).total_cmp(&length(b))).unwrap_or_default();
    for _ in 0..STEPS {
        let unit = 1.0 / length(&axis).max(f32::MIN_POSITIVE);
        axis.iter_mut().for_each(|axis| *axis *= unit);
        let mut next = vec![0.0; d];
        for vector in vectors.clone() {
            let along = product(centred(vector), &axis);
            next.iter_mut().zip(centred(vector)).for_each(|(next, x)| *next += along * x);
        }
        axis = next;
    }
    (mean, axis)
}

fn product(a: impl Iterator<Item = f32>, b: &[f32]) -> f32 {
    a.zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_in_a_group() {
        // Heaps of 32, mixed, on a line.
        let codewords: Vec<f32> =
            (0..256).flat_map(|j| [(j % 8) as f32 * 10.0, (j / 8) as f32 * 0.1]).collect();
        let groups = CodewordGroups::new(&codewords, 2, 8);
        assert_eq!((groups.count(), groups.size()), (8, 32));
        for j in 0..256 {
            assert_eq!(groups.group(j), groups.group(j % 8), "{j}");
            assert_eq!(groups.order()[groups.place(j)], j);
        }
    }

    #[test]
    fn every_codeword_has_a_place_whatever_its_values() {
        for value in [0.0, 1e30, f32::MAX] {
            for (k, most, count) in [(1, 4, 1), (100, 4, 4), (100, 3, 2), (1000, 10, 8)] {
                let codewords: Vec<f32> = (0..k).flat_map(|j| [value, j as f32 * value]).collect();
                let groups = CodewordGroups::new(&codewords, 2, most);
                assert_eq!(groups.count(), count, "{k} {most}");
                let mut order = groups.order().to_vec();
                order.sort();
                assert!(order.into_iter().eq(0..k));
            }
        }
    }
}
