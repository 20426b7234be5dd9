//! The nearest of a query's candidates, once their distances are known.

use super::{Found, Rows};
use crate::cpu::fast_scan::bytes::{distance, key};
use crate::error::{Error, Result};

/// A query's neighbours, the nearest first: the [keys](key) of their distances, and ids.
pub(super) struct Neighbours(Vec<(u32, u64)>);

impl Neighbours {
    /// The `k` nearest of `rows` with these distances; of equally near ones those of the lowest ids.
    pub fn of(k: usize, rows: &Rows, candidates: &[u32], distances: &[f32]) -> Self {
        // Ids are looked up of those alone that may be among the k.
        let mut order: Vec<u64> =
            distances.iter().zip(0..).map(|(&distance, at)| u64::from(key(distance)) << 32 | at).collect();
        if k < order.len() {
            let (_, &mut last, _) = order.select_nth_unstable(k - 1);
            order.retain(|entry| entry >> 32 <= last >> 32);
        }
        let id = |entry: u64| rows.id(candidates[entry as u32 as usize]);
        let mut nearest: Vec<(u32, u64)> =
            order.iter().map(|&entry| ((entry >> 32) as u32, id(entry))).collect();
        nearest.sort_unstable();
        nearest.truncate(k);
        Self(nearest)
    }

    pub fn append_to(self, found: &mut Found) -> Result<()> {
        for (key, id) in self.0 {
            let distance = distance(key);
            if !distance.is_finite() {
                return Err(Error::input("distances are over what f32 holds; scale the vectors down"));
            }
            found.ids.push(id);
            found.distances.push(distance);
        }
        found.ends.push(found.ids.len());
        Ok(())
    }
}
