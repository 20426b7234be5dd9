//! What every index begins with.

use super::fields::Fields;
use crate::error::Result;

/// The dimension and the number of vectors of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Header {
    pub d: usize,
    pub rows: usize,
}

/// Dimensions, at most, so that products of them stay within 64 bits.
pub(super) const MOST_DIMENSIONS: i32 = 1 << 20;

/// FAISS's numbers of metrics.
const INNER_PRODUCT: i32 = 0;
const L2: i32 = 1;

impl Header {
    /// Fails unless the index behind a transform has this header too.
    pub fn expect_same(self, inner: Self, at: &Fields<'_>) -> Result<()> {
        if inner == self {
            return Ok(());
        }
        let why = format!(
            "are {} and {}; those of the index around it are {} and {}",
            inner.d, inner.rows, self.d, self.rows
        );
        Err(at.wrong("d and ntotal", why))
    }

    pub fn fields(&mut self, at: &mut Fields<'_>) -> Result<()> {
        let (mut d, mut rows) = (self.d as i32, self.rows as i64);
        at.number("d", &mut d)?;
        if !(1..=MOST_DIMENSIONS).contains(&d) {
            return Err(at.wrong("d", format!("is {d}; it has to be 1 to {MOST_DIMENSIONS}")));
        }
        at.number("ntotal", &mut rows)?;
        let Ok(total) = usize::try_from(rows) else {
            return Err(at.wrong("ntotal", format!("is {rows}; it has to be 0 or more")));
        };
        *self = Self { d: d as usize, rows: total };
        at.kept("unused", 1_i64 << 20)?;
        at.kept("unused_too", 1_i64 << 20)?;
        let mut is_trained = 1_u8;
        at.number("is_trained", &mut is_trained)?;
        if is_trained != 1 {
            return Err(at.wrong("is_trained", format!("is {is_trained}; train the index first")));
        }
        let mut metric = L2;
        at.shared("metric_type", &mut metric)?;
        if metric != L2 && metric != INNER_PRODUCT {
            let why = format!("is {metric}; indexes by squared L2 (1) and by inner product (0) are read");
            return Err(at.wrong("metric_type", why));
        }
        Ok(())
    }
}
