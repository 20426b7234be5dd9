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
// for any number of rows. Where all weights are 0, rows are equally likely: a child weighs as many as are below it.

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

var<workgroup> shared_node: u32;
var<workgroup> sums: array<f32, CHILDREN>;
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
        shared_node = 0u;
        if params.is_top == 0u {
            shared_node = nodes[candidate];
        }
        atomicStore(&first_choice, CHILDREN);
        atomicStore(&last_choice, 0u);
    }
    let node = workgroupUniformLoad(&shared_node);
    let node_here = node - params.first_node;
    if node_here >= (params.n + CHILDREN - 1u) / CHILDREN {
        return;
    }

    let at = node_here * CHILDREN + local;
    var weight = 0.0;
    if at < params.n {
        weight = weights[at];
    }
    scan(weight, local);
    if workgroupUniformLoad(&sums[CHILDREN - 1u]) == 0.0 {
        weight = 0.0;
        if at < params.n {
            let first_row = (node * CHILDREN + local) * params.rows_per_child;
            weight = f32(min(params.rows_per_child, params.rows - first_row));
        }
        scan(weight, local);
    }

    let counter = vec4u(candidate, 0u, params.step_low, params.step_high);
    let u = unit(philox(counter, vec2u(params.key_low, params.key_high))[params.level]);
    if weight > 0.0 {
        if sums[local] > u * sums[CHILDREN - 1u] {
            atomicMin(&first_choice, local);
        }
        atomicMax(&last_choice, local);
    }
    workgroupBarrier();
    if local == 0u {
        // u is less than 1, but a driver may round the product up to the sum itself: then it is the last child.
        picked[candidate] = node * CHILDREN + min(atomicLoad(&first_choice), atomicLoad(&last_choice));
    }
}

// sums[i] = the values of invocations 0 .. i.
fn scan(value: f32, local: u32) {
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
