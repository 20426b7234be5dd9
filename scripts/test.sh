#!/usr/bin/env bash
# Every check a change must pass: format, lints, unit, integration and doc tests. Needs a Rust toolchain only.
# Where there is no Vulkan driver and this user may install one, it installs Debian's software rasteriser, so that
# the GPU tests run everywhere; once a driver is there they must run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

heading() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }

# A Vulkan driver announces itself by a manifest, and is reached through the loader library.
has_vulkan() {
    [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *libvulkan.so.1* ]] || return 1
    [[ -z ${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-} ]] || return 0
    compgen -G '/usr/share/vulkan/icd.d/*.json' || compgen -G '/etc/vulkan/icd.d/*.json' ||
        compgen -G '/usr/local/share/vulkan/icd.d/*.json'
} >/dev/null

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

install_vulkan() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null || return 1
    as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends mesa-vulkan-drivers
}

heading 'Vulkan driver'
has_vulkan || install_vulkan || echo 'could not install one'
if has_vulkan; then
    export WGVQ_REQUIRE_GPU=1
    echo 'present: the GPU tests must run'
else
    echo 'none: the GPU tests will be skipped (on Debian: apt-get install mesa-vulkan-drivers)'
fi

# Incremental compilation makes the first build slower, so a clean clone does without; a checkout that has it keeps it.
[[ -d ${CARGO_TARGET_DIR:-target}/debug/incremental ]] || export CARGO_INCREMENTAL=0

heading 'format'
cargo fmt --all --check

heading 'lints'
cargo clippy --locked --all-targets -- -D warnings
# The library as an app has it by default.
cargo clippy --locked -p wgvq --lib -- -D warnings

heading 'building the tests'
cargo test --locked --tests --no-run

# Tests that find a GPU write their names here.
WGVQ_GPU_TESTS=$(mktemp)
export WGVQ_GPU_TESTS
trap 'rm -f "$WGVQ_GPU_TESTS"' EXIT

heading 'unit and integration tests'
cargo test --locked --tests

heading 'documentation tests'
cargo test --locked --doc

heading "all passed, $(sort -u "$WGVQ_GPU_TESTS" | wc -l) tests on a GPU too"
