// Leaves rows to the next look: a list of them, in any order, and the grid of the dispatch that takes them.
// The host makes it all zero. shared/listed_rows.wgsl reads it.

struct LeftRows {
    grid: array<atomic<u32>, 3>,
    count: atomic<u32>,
    rows: array<u32>,
}

// Workgroups along a side of a grid, at most.
const SIDE: u32 = 65535u;

// Leaves a row to the next look, whose workgroups take `share` rows each.
fn leave(row: u32, share: u32) {
    let place = atomicAdd(&left.count, 1u);
    left.rows[place] = row;
    let workgroup = place / share;
    if place % share == 0u {
        atomicMax(&left.grid[0], min(workgroup + 1u, SIDE));
        atomicMax(&left.grid[1], workgroup / SIDE + 1u);
        atomicMax(&left.grid[2], 1u);
    }
}
