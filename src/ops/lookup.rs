//! The entries of look-up tables.

/// What an entry of a table is, for a query q and a codeword c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Σ (q − c)²: the codeword's part of the distance, where no two codebooks are of the same dimension.
    SquaredDifference,
    /// −2 q·c: its part of the distance but for the norms of the query and of the sum of the codewords.
    Product,
}
