#!/usr/bin/env bash
# Runs an already built wgvq on this machine's GPU: devices, selftest, bench, the main job on the sample in data/, and
# the same search in PyTorch if it is here. Needs bash and nothing else; no toolchain.
#
#   scripts/gpu-check.sh [BINARY] [OUT_DIR]      default: target/release/wgvq benches/results
#
# Everything goes into OUT_DIR/ADAPTER.json: per section its exit status, seconds and JSON document, and the last lines
# of its log where it failed or had none. A failed section does not stop the others; the exit status is then 1.
set -uo pipefail
export LC_ALL=C
TIMEFORMAT=%3R
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:-$root/target/release/wgvq}
out_dir=${2:-$root/benches/results}

[[ -x $binary ]] || {
    echo "$binary: no such program; build it with: cargo build --release" >&2
    exit 2
}
binary=$(cd "$(dirname "$binary")" && pwd)/$(basename "$binary")
mkdir -p "$out_dir" && out_dir=$(cd "$out_dir" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cp "$root/data/wordnet.npy" "$work" || exit 2 # a copy, so that the report names no folder of this machine
cd "$work" || exit 2

# Stdin as one JSON string.
json_string() {
    local text
    text=$(tr -d '\000-\010\013-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g')
    printf '"%s"' "${text//$'\n'/\\n}"
}

# The JSON document in file $1, or null: a command that crashed may have left half a document.
json_document() {
    local text
    text=$(<"$1")
    if [[ $text == '{'*'}' ]]; then printf '%s' "$text"; else printf null; fi
}

sections=() failed=()

# section NAME COMMAND...: run it, say how it went, and add it to the report.
section() {
    local name=$1 status seconds log=null document=null
    shift
    seconds=$({ time "$@" >stdout 2>stderr; } 2>&1)
    status=$?
    seconds=${seconds##*$'\n'} # a killed program has a line of bash's own before it
    ((status > 1)) || document=$(json_document stdout)
    ((status == 0)) || failed+=("$name")
    if [[ $status != 0 || $document == null ]]; then log=$(tail -n 20 stderr | json_string); fi
    printf '%-10s exit %-3s %8s s\n' "$name" "$status" "$seconds"
    ((status == 0)) || tail -n 5 stderr | sed 's/^/    /'
    sections+=("$(printf '{"name": "%s", "status": %d, "seconds": %s, "log": %s, "document": %s}' \
        "$name" "$status" "$seconds" "$log" "$document")")
    printf '%s\n' "$document" >"$name.json"
}

on_gpu() { "$binary" "$@" --device gpu --json; }

section devices "$binary" devices --json
section selftest on_gpu selftest
section bench on_gpu bench
section train on_gpu train wordnet.npy --spec VQ256 --iters 25 --seed 1 -o model.safetensors
section encode on_gpu encode wordnet.npy -m model.safetensors -o codes.npy
section decode on_gpu decode codes.npy -m model.safetensors -o back.npy
section eval on_gpu eval wordnet.npy -m model.safetensors --codes codes.npy
if command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null; then
    section torch python3 "$root/benches/peers/torch_gpu.py"
else
    echo 'torch      left out: there is no python3 with PyTorch'
fi

# What the commands that ran there call the adapter.
adapter=$(cat {train,bench,selftest,eval}.json | sed -n 's/.*"device" *: *"\([^"]*\)".*/\1/p' | head -n 1)
adapter=${adapter:-unknown adapter}
file=$(printf '%s' "$adapter" | tr -cs 'A-Za-z0-9._' '-' | sed 's/^-*//; s/-*$//').json
joined=$(printf ',\n%s' "${sections[@]}")
printf '{"adapter": %s,\n"version": %s,\n"date": "%s",\n"sections": [%s\n]}\n' \
    "$(printf '%s' "$adapter" | json_string)" "$("$binary" --version 2>/dev/null | json_string)" \
    "$(date -u +%Y-%m-%d)" "${joined:1}" >"$out_dir/$file"
echo "wrote $out_dir/$file"
if ((${#failed[@]})); then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
