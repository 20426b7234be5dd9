// Which rows are left open, and which rows the bits of `open` are of. Eight rows whose values an invocation of assign holds together share an entry: rows
// ROW_STRIDE apart, of a workgroup of WORKGROUP_ROWS.

// In a code whose row the scores do not decide.
const OPEN: u32 = 0x80000000u;

// The largest sum of squares that is trusted: beyond it scores may be infinite or no numbers, and a row stays open.
const LARGEST: f32 = 0x1p+123f;

// Entries of a workgroup.
const ENTRIES: u32 = WORKGROUP_ROWS / 8u;

// The entry whose first row is `row`.
fn entry_of(row: u32) -> u32 {
    let within = row % WORKGROUP_ROWS;
    let entry = within / (8u * ROW_STRIDE) * ROW_STRIDE + within % ROW_STRIDE;
    return row / WORKGROUP_ROWS * ENTRIES + entry;
}

// The row of a bit of an entry.
fn row_of(entry: u32, bit: u32) -> u32 {
    let within = entry % ENTRIES;
    let first = within / ROW_STRIDE * 8u * ROW_STRIDE + within % ROW_STRIDE;
    return entry / ENTRIES * WORKGROUP_ROWS + first + ROW_STRIDE * bit;
}
