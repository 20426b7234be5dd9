// prepare_codebook: repacks a codebook into the panels that the tiled kernels read.
//
//   panels[(p * quads + q) * PANEL + j] = dimensions 4q .. 4q + 4 of c'_(p * PANEL + j)     vec4f
//   half_norms[i]                       = 1/2 |c'_i|^2, or 0 where the form has none        f32
//
// codebook (k, d) is row-major; k is padded to a multiple of PANEL, the quads of d to a multiple of DEPTH. Padding is
// zero in the panels; the half norm of a codeword past k is 3e38, which no score of a real codeword reaches.
// Forms: CENTRED, c' = c - mean, for squared L2 by dot products; UNIT, c' = c / |c| (zero stays zero), for the cosine;
// RAW, c' = c, where differences are summed. mean (d padded) comes from codebook_mean; only CENTRED reads it.
// Grid: one invocation per padded codeword.

struct Params {
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codebook: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> half_norms: array<f32>;

const CENTRED: u32 = 0u;
const UNIT: u32 = 1u;
const RAW: u32 = 2u;
override FORM: u32 = CENTRED;
override PANEL: u32 = 128u;
override DEPTH: u32 = 2u;
override WORKGROUP_SIZE: u32 = 64u;

// Four dimensions of a codeword, zero where there is no such codeword or dimension.
fn codeword_quad(code: u32, quad: u32) -> vec4f {
    let dimensions = vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u);
    let at = min(dimensions, vec4u(params.d - 1u)) + min(code, params.k - 1u) * params.d;
    var c = vec4f(codebook[at.x], codebook[at.y], codebook[at.z], codebook[at.w]);
    if FORM == CENTRED {
        c -= mean[quad];
    }
    return select(vec4f(), c, (dimensions < vec4u(params.d)) & vec4<bool>(code < params.k));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let code = linear_workgroup(workgroup, grid) * WORKGROUP_SIZE + local;
    if code >= (params.k + PANEL - 1u) / PANEL * PANEL {
        return;
    }
    let quads = (params.d + 4u * DEPTH - 1u) / (4u * DEPTH) * DEPTH;
    let first = code / PANEL * quads * PANEL + code % PANEL;
    var norm = 0.0;
    for (var quad = 0u; quad < quads; quad++) {
        let c = codeword_quad(code, quad);
        norm += dot(c, c);
        panels[first + quad * PANEL] = c;
    }
    if FORM == UNIT && norm > 0.0 {
        for (var quad = 0u; quad < quads; quad++) {
            panels[first + quad * PANEL] = codeword_quad(code, quad) / sqrt(norm);
        }
    }
    half_norms[code] = select(select(0.0, 0.5 * norm, FORM == CENTRED), 3.0e38, code >= params.k);
}
