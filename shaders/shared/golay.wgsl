// The binary Golay code, six columns of four bits as in the Miracle Octad Generator. src/lattice.rs tells of it.

// The positions whose bits can be chosen; the other 12 follow.
const FREE: u32 = 0x1177fu;

// The word that has one of the free bits, for each of them in order.
const ROWS = array<u32, 12>(
    0x24e881u, 0x722882u, 0xb84884u, 0x1e8888u, 0x5c6090u, 0xc6a0a0u, 0x6ac0c0u, 0x966900u, 0xaaaa00u,
    0xcccc00u, 0xf0f000u, 0xff0000u,
);
