// weighted_pick: picked[c] = a child of nodes[c], drawn with probability weight / sum of the node's weights
//
// One level of a descent from the root of a tree to a row: a node has 256 children, the weight of a child is the sum
// of the weights of the rows below it, and the rows are the children at level 0. weights (n) are those of one level,
// or a shard of it from node `first_node` on; nodes (candidates) are the choices of the level above, or unread at the
// top, where there is node 0 only; picked (candidates). A node outside the shard is left to another dispatch.
//
// One workgroup per candidate, one invocation per child. The sums p before and with each child are formed in eight
// doubling steps (Hillis and Steele), always in the same order. The choice is the first child of positive weight with
// p > u p_256, where u is word `level` of the candidate's random words: as each level has its own, 24 bits are enough
// for any number of rows. Where all weights are 0, rows are equally likely: a child weighs as many as are below it, and
// those numbers are summed beside the weights in any case, so that all barriers are met by all.

struct Params {
    n: u32,
    first_node: u32,
    candidates: u32,
    is_top: u32,
    level: u32,
    // All the rows at level 0, and those below one child: 256^level.
    rows: u32,
    rows_per_child: u32,
    step_low: u32,
    step_high: u32,
    key_low: u32,
    key_high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> nodes: array<u32>;
@group(0) @binding(3) var<storage, read_write> picked: array<u32>;

const CHILDREN: u32 = 256u;

// Of weights and of rows.
var<workgroup> sums: array<vec2f, CHILDREN>;
var<workgroup> first_choice: atomic<u32>;
var<workgroup> last_choice: atomic<u32>;

@compute @workgroup_size(CHILDREN)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let candidate = linear_workgroup(workgroup, workgroups);
    if candidate >= params.candidates {
        return;
    }
    if local == 0u {
        atomicStore(&first_choice, CHILDREN);
        atomicStore(&last_choice, 0u);
    }
    var node = 0u;
    if params.is_top == 0u {
        node = nodes[candidate];
    }
    let node_here = node - params.first_node;
    let is_here = node_here < (params.n + CHILDREN - 1u) / CHILDREN;
    let at = node_here * CHILDREN + local;
    var weight_and_rows = vec2f();
    if is_here && at < params.n {
        let first_row = (node * CHILDREN + local) * params.rows_per_child;
        let rows = min(params.rows_per_child, params.rows - first_row);
        weight_and_rows = vec2f(weights[at], f32(rows));
    }
    scan(weight_and_rows, local);
    let by_rows = sums[CHILDREN - 1u].x == 0.0;
    let weight = select(weight_and_rows.x, weight_and_rows.y, by_rows);
    let sum = select(sums[local].x, sums[local].y, by_rows);
    let total = select(sums[CHILDREN - 1u].x, sums[CHILDREN - 1u].y, by_rows);

    let counter = vec4u(candidate, 0u, params.step_low, params.step_high);
    let u = unit(philox(counter, vec2u(params.key_low, params.key_high))[params.level]);
    if weight > 0.0 {
        if sum > u * total {
            atomicMin(&first_choice, local);
        }
        atomicMax(&last_choice, local);
    }
    workgroupBarrier();
    if local == 0u && is_here {
        // u is less than 1, but a driver may round the product up to the sum itself: then it is the last child.
        picked[candidate] = node * CHILDREN + min(atomicLoad(&first_choice), atomicLoad(&last_choice));
    }
}

// sums[i] = the values of invocations 0 .. i.
fn scan(value: vec2f, local: u32) {
    var sum = value;
    for (var distance = 1u; distance < CHILDREN; distance *= 2u) {
        workgroupBarrier();
        sums[local] = sum;
        workgroupBarrier();
        if local >= distance {
            sum += sums[local - distance];
        }
    }
    workgroupBarrier();
    sums[local] = sum;
    workgroupBarrier();
}
