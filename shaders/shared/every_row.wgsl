// Takes every row of x: slot i has row i. shared/listed_rows.wgsl takes chosen ones.

fn row_count() -> u32 {
    return params.n;
}

// The row of a slot; past the last that of the last.
fn row_in(slot: u32) -> u32 {
    return min(slot, params.n - 1u);
}
