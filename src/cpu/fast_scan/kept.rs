//! The candidates that a scan keeps: those of the least keys, without a heap.
//!
//! Whatever is not above the limit is appended. Once there is no room for another block, the limit falls to the least key that
//! as many are not above as are wanted, and what is above it goes. Of equal keys at the limit all stay where there is room; where
//! there is none, the lowest ids do. So what is kept in the end is a matter of keys and ids alone, not of the order in which
//! candidates came.

use pulp::Arch;

use super::super::widest::widest;
use super::blocks::BLOCK;

/// The candidates of the least keys met so far.
#[derive(Default)]
pub(crate) struct Kept {
    depth: usize,
    /// No candidate above it is wanted.
    limit: u32,
    len: usize,
    keys: Vec<u32>,
    rows: Vec<u32>,
}

/// Candidates that are met by one step of a scan, at most: two blocks.
pub(super) const STEP: usize = 2 * BLOCK;

impl Kept {
    /// For the `depth` candidates of the least keys.
    pub fn new(depth: usize) -> Self {
        // Twice as many as are wanted: what is met after a fall of the limit pays for the next one.
        let room = 2 * depth + 2 * STEP;
        Self { depth, limit: u32::MAX, len: 0, keys: vec![0; room], rows: vec![0; room] }
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    pub fn keys(&self) -> &[u32] {
        &self.keys[..self.len]
    }

    pub fn rows(&self) -> &[u32] {
        &self.rows[..self.len]
    }

    /// Whether there is room for what one step of a scan meets.
    #[inline(always)]
    pub fn has_room(&self) -> bool {
        self.len + STEP <= self.keys.len()
    }

    /// Where the next sixteen candidates go, before [`grow`](Self::grow) says how many there are.
    #[inline(always)]
    pub(super) fn next(&mut self) -> (&mut [u32; 16], &mut [u32; 16]) {
        let [keys, rows] = [&mut self.keys, &mut self.rows].map(|all| all[self.len..].first_chunk_mut());
        (keys.expect("there is room for a step"), rows.expect("there are as many rows as keys"))
    }

    #[inline(always)]
    pub(super) fn grow(&mut self, by: usize) {
        self.len += by;
    }

    /// Keeps a candidate if it is not above the limit.
    #[inline(always)]
    pub fn offer(&mut self, key: u32, row: u32) {
        if key <= self.limit {
            (self.keys[self.len], self.rows[self.len]) = (key, row);
            self.len += 1;
        }
    }

    /// Lowers the limit, so that there is [room](Self::has_room); `id` tells a row's.
    #[inline(never)]
    pub fn make_room(&mut self, id: impl Fn(u32) -> u64) {
        self.lower();
        if !self.has_room() {
            self.cut(id);
        }
    }

    /// Leaves the candidates that are wanted: `depth`, or all if there are fewer.
    pub fn finish(&mut self, id: impl Fn(u32) -> u64) {
        if self.len > self.depth {
            self.lower();
            self.cut(id);
        }
    }

    /// Lowers the limit to the least that `depth` keys are not above, and removes what is above.
    fn lower(&mut self) {
        let Self { depth, len, .. } = *self;
        let (keys, rows) = (&mut self.keys[..len], &mut self.rows[..len]);
        let mut limit = 0;
        widest(
            Arch::new(),
            #[inline(always)]
            || limit = limit_of(keys, depth),
        );
        let mut left = 0;
        for at in 0..len {
            let (key, row) = (keys[at], rows[at]);
            (keys[left], rows[left]) = (key, row);
            left += usize::from(key <= limit);
        }
        (self.limit, self.len) = (limit, left);
    }

    /// Removes, of the candidates at the limit, those of the highest ids that are too many.
    fn cut(&mut self, id: impl Fn(u32) -> u64) {
        let surplus = self.len - self.depth;
        if surplus == 0 {
            return;
        }
        let mut ties: Vec<(u64, u32)> = Vec::new();
        let mut left = 0;
        for at in 0..self.len {
            let (key, row) = (self.keys[at], self.rows[at]);
            if key == self.limit {
                ties.push((id(row), row));
            } else {
                (self.keys[left], self.rows[left]) = (key, row);
                left += 1;
            }
        }
        ties.sort_unstable();
        ties.truncate(ties.len() - surplus);
        for (_, row) in ties {
            (self.keys[left], self.rows[left]) = (self.limit, row);
            left += 1;
        }
        self.len = left;
    }
}

/// The least number that `depth` of the keys, of which there are more, are not above.
#[inline(always)]
fn limit_of(keys: &[u32], depth: usize) -> u32 {
    let (mut least, mut most) =
        keys.iter().fold((u32::MAX, 0), |(least, most), &key| (least.min(key), most.max(key)));
    while least < most {
        let middle = least + (most - least) / 2;
        let under: u32 = keys.iter().map(|&key| u32::from(key <= middle)).sum();
        if under as usize >= depth { most = middle } else { least = middle + 1 }
    }
    most
}
