//! Successive halving: many candidates on few vectors first, the better half of them on twice as many.
//!
//! Every round takes about as long as the one before (Jamieson and Talwalkar, "Non-stochastic best arm identification and
//! hyperparameter optimization", AISTATS 2016).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

/// Vectors of the first round, at least: 16 for each of 256 codewords.
const LEAST: usize = 4096;

/// Rounds, at most: 16 of a kind are one after as many.
const MOST_ROUNDS: u32 = 5;

/// How many vectors each round has, up to all of them.
pub fn rounds(all: usize) -> Vec<usize> {
    let halves = (1..MOST_ROUNDS).take_while(|half| all >> half >= LEAST).count();
    (0..=halves).rev().map(|half| all >> half).collect()
}

/// The better half of each group, the best first; of an odd number the larger part.
pub fn better_half<T, G: Eq + Hash>(
    mut tried: Vec<T>,
    group: impl Fn(&T) -> G,
    better: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut room: HashMap<G, usize> = HashMap::new();
    tried.iter().for_each(|one| *room.entry(group(one)).or_default() += 1);
    room.values_mut().for_each(|count| *count = count.div_ceil(2));
    tried.sort_by(|one, other| better(one, other));
    tried.retain(|one| {
        let left = room.entry(group(one)).or_default();
        let stays = *left > 0;
        *left = left.saturating_sub(1);
        stays
    });
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_twice_as_many_vectors_and_the_last_has_all() {
        assert_eq!(rounds(450), [450]);
        assert_eq!(rounds(8191), [8191]);
        assert_eq!(rounds(8192), [4096, 8192]);
        assert_eq!(rounds(49_500), [6187, 12_375, 24_750, 49_500]);
        assert_eq!(rounds(1 << 20), [1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20]);
    }

    #[test]
    fn of_each_group_the_better_half_goes_on() {
        let tried = vec![('a', 1), ('b', 9), ('a', 5), ('a', 3), ('b', 2), ('c', 0)];
        let left = better_half(tried, |one| one.0, |one, other| other.1.cmp(&one.1));
        assert_eq!(left, [('b', 9), ('a', 5), ('a', 3), ('c', 0)]);
        let left = better_half(left, |one| one.0, |one, other| other.1.cmp(&one.1));
        assert_eq!(left, [('b', 9), ('a', 5), ('c', 0)]);
    }
}
