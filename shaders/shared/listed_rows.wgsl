// The rows that the look before has left (shared/left_rows.wgsl): slot i has the row listed.rows[i].

struct ListedRows {
    grid: array<u32, 3>,
    count: u32,
    rows: array<u32>,
}

fn row_count() -> u32 {
    return listed.count;
}

// The row of a slot; past the last that of the last.
fn row_in(slot: u32) -> u32 {
    return listed.rows[min(slot, listed.count - 1u)];
}
