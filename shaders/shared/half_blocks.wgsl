// Blocks of 16 x 16 sums of products in f16: what half_cooperative.wgsl and half_emulated.wgsl work on.
//
// Eight subgroups of 32 invocations each multiply blocks of 16 staged rows with blocks of 16 staged codewords. The two texts
// plug in
//   alias Quad                                                      four halves, as they lie in memory
//   alias Rows, alias Codewords, alias Sums                         a block of each, which the lanes of a subgroup hold together
//   fn load_rows(at: u32) -> Rows                                   16 staged vectors from `at` on, 16 dimensions of each
//   fn load_codewords(at: u32) -> Codewords
//   fn add_products(rows: Rows, codewords: Codewords, sums: Sums) -> Sums
//   fn show(sums: Sums, at: u32)                                    puts a block into a patch, a row after the other
// All invocations call them together.

// Of a workgroup.
const SUBGROUPS: u32 = 8u;
const WORKGROUP_SIZE: u32 = 32u * SUBGROUPS;

// Quads of dimensions that are staged at a time, and from one staged vector to the next: 80 bytes, so that the quads of eight
// vectors are in different banks.
const STEP: u32 = 8u;
const STRIDE: u32 = STEP + 2u;

// Vectors of four sums from one row of a patch to the next, and from one patch to the next.
const PATCH_STRIDE: u32 = 5u;
const PATCH: u32 = 16u * PATCH_STRIDE;

// STAGED vectors.
var<workgroup> stage: array<Quad, STAGED * STRIDE>;
// A block of sums for each subgroup.
var<workgroup> patches: array<vec4f, SUBGROUPS * PATCH>;

// The invocation's number in its subgroup.
var<private> lane: u32;

// Where the lane finds its part of the patch at `at`: eight sums, of row lane % 16.
fn part_of_patch(at: u32) -> u32 {
    return at + lane % 16u * PATCH_STRIDE + lane / 16u * 2u;
}
