#!/usr/bin/env bash
# Writes what the library makes public, one line for each item, to tests/public-api.txt, so that a change of its face is seen
# in review. Needs a nightly toolchain and `cargo install --locked cargo-public-api`. With --check it only compares.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
listing=$(cargo public-api -sss -p wgvq --all-features)
if [[ ${1:-} == --check ]]; then
    diff tests/public-api.txt <(printf '%s\n' "$listing")
else
    printf '%s\n' "$listing" >tests/public-api.txt
fi
