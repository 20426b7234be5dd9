// grouped_assign: the nearest codeword of every vector in the codebook of the vector's group.
//
//   codes[i]     = argmin over j < k of |x_i - codewords[first + groups[i] k + j]|^2
//   rows[i]      = first + groups[i] k + codes[i]: where the codeword is
//   distances[i] = its squared distance
//   left         = the rows that grouped_assign_exactly has to look at (shared/left_rows.wgsl)
//
// x (n, d); codewords (any, d): from row `first` on, k codewords of each group after the other; groups, codes, rows (n)
// u32; distances (n). Every group is there: the host's contract.
// Grid: one workgroup for THREADS / LANES vectors (shared/least.wgsl), whose lanes take the codewords in turn.
// Ties: the lowest code. Numbers: sums of squares in the order of the dimensions. A row where another codeword may be as near,
// for all that the rounding of such sums can hide, is left. Where every distance overflows, code 0.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    first: u32,
    // Up to factor times the lowest sum, and what is lost below normal numbers, a sum may be that of a nearest codeword.
    factor: f32,
    underflow: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> codewords: array<f32>;
@group(0) @binding(3) var<storage, read> groups: array<u32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> rows: array<u32>;
@group(0) @binding(6) var<storage, read_write> distances: array<f32>;
@group(0) @binding(7) var<storage, read_write> left: LeftRows;

// Whether a lane of the row has met another codeword that may be as near.
var<workgroup> others: array<atomic<u32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let first_row = linear_workgroup(workgroup, grid) * (THREADS / LANES);
    if first_row >= params.n {
        return;
    }
    let lane = local % LANES;
    let head = first_lane(local);
    // Past the last row the lanes do as the last row's, and write nothing.
    let is_row = first_row + local / LANES < params.n;
    let row = min(first_row + local / LANES, params.n - 1u);
    let start = params.first + groups[row] * params.k;
    var best = FAR;
    var second = FAR;
    var best_code = 0u;
    for (var code = lane; code < params.k; code += LANES) {
        let codeword = (start + code) * params.d;
        var sum = 0.0;
        for (var j = 0u; j < params.d; j++) {
            let difference = x[row * params.d + j] - codewords[codeword + j];
            sum = fma(difference, difference, sum);
        }
        second = min(second, max(sum, best));
        if sum < best {
            best = sum;
            best_code = code;
        }
    }
    if lane == 0u {
        atomicStore(&others[local], 0u);
    }
    find_least(local, best, best_code);
    let threshold = params.factor * least_value[head] + params.underflow;
    // What is no number may be anything.
    let another = select(best, second, best_code == least_key[head]);
    if !(another > threshold && threshold < TRUSTED) {
        atomicStore(&others[head], 1u);
    }
    meet();
    if lane == 0u && is_row {
        codes[row] = least_key[head];
        rows[row] = start + least_key[head];
        distances[row] = least_value[head];
        if atomicLoad(&others[head]) != 0u {
            leave(row, 1u);
        }
    }
}
