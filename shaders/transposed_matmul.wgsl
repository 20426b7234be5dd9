// transposed_matmul: the product of a matrix, turned over, with another.
//
//   products[i, j] = (accumulate ? products[i, j] : 0) + sum over r of a[r, i] * b[r, j]
//
// a (n, p), b (n, q), products (p, q). A workgroup computes a tile of 64 x 64 products, each invocation 4 x 4 of them, from
// slices of 16 rows in workgroup memory. Rows are summed in blocks of 256, and the sums of blocks are added in their order:
// where the host cuts the rows, between blocks, changes no bit.

struct Params {
    n: u32,
    p: u32,
    q: u32,
    accumulate: u32,
}

const TILE = 64u;
const SLICE = 16u;
const BLOCK = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> products: array<f32>;

var<workgroup> a_slice: array<f32, 1024>;
var<workgroup> b_slice: array<f32, 1024>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_across = (params.q + TILE - 1u) / TILE;
    let tile = linear_workgroup(workgroup, workgroups);
    let first_i = (tile / tiles_across) * TILE;
    let first_j = (tile % tiles_across) * TILE;
    let own_i = 4u * (local / 16u);
    let own_j = 4u * (local % 16u);
    var totals = array<vec4f, 4>(vec4f(), vec4f(), vec4f(), vec4f());
    var sums = totals;
    if params.accumulate != 0u {
        for (var row = 0u; row < 4u; row++) {
            for (var column = 0u; column < 4u; column++) {
                let i = first_i + own_i + row;
                let j = first_j + own_j + column;
                totals[row][column] = products[select(0u, i * params.q + j, i < params.p && j < params.q)];
            }
        }
    }
    for (var first = 0u; first < params.n; first += SLICE) {
        if first % BLOCK == 0u {
            for (var row = 0u; row < 4u; row++) {
                totals[row] += sums[row];
                sums[row] = vec4f();
            }
        }
        for (var at = local; at < SLICE * TILE; at += WORKGROUP) {
            let row = first + at / TILE;
            let i = first_i + at % TILE;
            let j = first_j + at % TILE;
            // What is past an edge counts as 0. No load may be out of bounds, so the index is 0 there.
            let a_inside = row < params.n && i < params.p;
            let b_inside = row < params.n && j < params.q;
            let a_value = a[select(0u, row * params.p + i, a_inside)];
            let b_value = b[select(0u, row * params.q + j, b_inside)];
            a_slice[at] = select(0.0, a_value, a_inside);
            b_slice[at] = select(0.0, b_value, b_inside);
        }
        workgroupBarrier();
        for (var r = 0u; r < SLICE; r++) {
            let left = r * TILE + own_i;
            let right = r * TILE + own_j;
            let row = vec4f(b_slice[right], b_slice[right + 1u], b_slice[right + 2u], b_slice[right + 3u]);
            sums[0] = fma(vec4f(a_slice[left]), row, sums[0]);
            sums[1] = fma(vec4f(a_slice[left + 1u]), row, sums[1]);
            sums[2] = fma(vec4f(a_slice[left + 2u]), row, sums[2]);
            sums[3] = fma(vec4f(a_slice[left + 3u]), row, sums[3]);
        }
        workgroupBarrier();
    }
    for (var row = 0u; row < 4u; row++) {
        let i = first_i + own_i + row;
        for (var column = 0u; column < 4u; column++) {
            let j = first_j + own_j + column;
            if tile < tiles_across * ((params.p + TILE - 1u) / TILE) && i < params.p && j < params.q {
                products[i * params.q + j] = totals[row][column] + sums[row][column];
            }
        }
    }
}
