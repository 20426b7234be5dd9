// half_products: as many products in f16 as the device can do, to have a peak to hold assign_half against, and to see how the
// device adds them up.
//
//   sums[32 b + i, j] = first_i . first_j + rounds * (again_i . again_j)      for each block b of 32 x 32, 0 <= i, j < 32
//
// rows and codewords hold 64 vectors of 16 dimensions in f16: 32 for `first`, then 32 for `again`. sums (32 blocks, 32) f32 are
// added up in f32, in an order that is the device's own.
// Grid: one workgroup per eight blocks, one for each subgroup.

struct Params {
    blocks: u32,
    rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<Quad>;
@group(0) @binding(2) var<storage, read> codewords: array<Quad>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;

const VECTORS: u32 = 64u;
const STAGED: u32 = 2u * VECTORS;

// Writes the block of the subgroup's patch to rows `row` and columns `column` of block `block`.
fn write(own: Sums, subgroup: u32, block: u32, row: u32, column: u32) {
    workgroupBarrier();
    show(own, subgroup * PATCH);
    workgroupBarrier();
    if block < params.blocks {
        let shown = part_of_patch(subgroup * PATCH);
        let target_at = (32u * block + row + lane % 16u) * 8u + column / 4u + lane / 16u * 2u;
        sums[target_at] = patches[shown];
        sums[target_at + 1u] = patches[shown + 1u];
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    lane = local % 32u;
    let subgroup = local / 32u;
    // Four quads of each vector.
    let vector = local / 4u;
    stage[vector * STRIDE + local % 4u] = rows[local];
    stage[(VECTORS + vector) * STRIDE + local % 4u] = codewords[local];
    workgroupBarrier();

    let down = 16u * STRIDE;
    let codewords_at = VECTORS * STRIDE;
    let upper_first = load_rows(0u);
    let lower_first = load_rows(down);
    let left_first = load_codewords(codewords_at);
    let right_first = load_codewords(codewords_at + down);
    var upper_left = add_products(upper_first, left_first, Sums());
    var upper_right = add_products(upper_first, right_first, Sums());
    var lower_left = add_products(lower_first, left_first, Sums());
    var lower_right = add_products(lower_first, right_first, Sums());
    let upper = load_rows(2u * down);
    let lower = load_rows(3u * down);
    let left = load_codewords(codewords_at + 2u * down);
    let right = load_codewords(codewords_at + 3u * down);
    for (var round = 0u; round < params.rounds; round++) {
        upper_left = add_products(upper, left, upper_left);
        upper_right = add_products(upper, right, upper_right);
        lower_left = add_products(lower, left, lower_left);
        lower_right = add_products(lower, right, lower_right);
    }

    let block = linear_workgroup(workgroup, grid) * SUBGROUPS + subgroup;
    write(upper_left, subgroup, block, 0u, 0u);
    write(upper_right, subgroup, block, 0u, 16u);
    write(lower_left, subgroup, block, 16u, 0u);
    write(lower_right, subgroup, block, 16u, 16u);
}
