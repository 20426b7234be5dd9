//! A bit for each row of a segment, as search wants it: a word per block.

/// Some rows of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowBits {
    words: Vec<u32>,
    count: usize,
}

impl RowBits {
    /// No row of a segment of that many blocks.
    pub fn none(blocks: usize) -> Self {
        Self { words: vec![0; blocks], count: 0 }
    }

    /// Of these words.
    pub fn of(words: Vec<u32>) -> Self {
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        Self { words, count }
    }

    /// A word per block; bit i is that of its row i.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds a row; says whether it was not there before.
    pub fn insert(&mut self, (block, bit): (usize, u32)) -> bool {
        let is_new = self.words[block] >> bit & 1 == 0;
        self.words[block] |= 1 << bit;
        self.count += usize::from(is_new);
        is_new
    }

    /// Whether the row is there.
    pub fn contains(&self, (block, bit): (usize, u32)) -> bool {
        self.words[block] >> bit & 1 == 1
    }

    /// Those that are in `other` too, which is of the same segment.
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.words.iter().zip(&other.words).map(|(one, other)| one & other).collect())
    }

    /// The other ones of all `rows`; bits that are of no row mean nothing.
    pub fn complement(&self, rows: usize) -> Self {
        Self { words: self.words.iter().map(|word| !word).collect(), count: rows - self.count }
    }

    /// The words as they lie in a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
