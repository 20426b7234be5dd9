// Invocations per workgroup of the kernels that give each invocation one element.
const WORKGROUP: u32 = 256u;

// The linear number of a workgroup in a grid that the host folded to keep its sides within the device's limit.
// The host may launch up to a row more workgroups than there is work: each kernel makes the surplus return.
fn linear_workgroup(workgroup: vec3u, grid: vec3u) -> u32 {
    return workgroup.x + workgroup.y * grid.x;
}
