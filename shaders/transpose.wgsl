// transpose: rows become columns.
//
//   turned[j, i] = x[i, j]
//
// x (n, d), turned (d, n). A workgroup turns a tile of 32 x 32 in workgroup memory, so that both sides are read and written
// along their rows; the tile is a column wider than that, which spreads its columns over the banks.

struct Params {
    n: u32,
    d: u32,
}

const TILE = 32u;
const PITCH = 33u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> turned: array<f32>;

var<workgroup> tile: array<f32, 1056>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_across = (params.d + TILE - 1u) / TILE;
    let number = linear_workgroup(workgroup, workgroups);
    let first_i = (number / tiles_across) * TILE;
    let first_j = (number % tiles_across) * TILE;
    let column = local % TILE;
    for (var row = local / TILE; row < TILE; row += WORKGROUP / TILE) {
        if first_i + row < params.n && first_j + column < params.d {
            tile[row * PITCH + column] = x[(first_i + row) * params.d + first_j + column];
        }
    }
    workgroupBarrier();
    for (var row = local / TILE; row < TILE; row += WORKGROUP / TILE) {
        if first_j + row < params.d && first_i + column < params.n {
            turned[(first_j + row) * params.n + first_i + column] = tile[column * PITCH + row];
        }
    }
}
