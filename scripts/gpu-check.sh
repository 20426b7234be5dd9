#!/usr/bin/env bash
# Runs an already built wgvq on this machine's GPU, phase by phase: the device, selftest on both cores, transfers,
# throughput over many shapes, assign in f32 and f16, whole jobs against the CPU, and the same search in PyTorch if it is
# here. Needs bash and coreutils; no toolchain.
#
#   scripts/gpu-check.sh [--small] [BINARY] [OUT_DIR]      default: target/release/wgvq benches/results
#
# Each phase has a time limit and writes OUT_DIR/PHASE.jsonl as it goes, a JSON line for each command: its arguments,
# exit status and seconds, what it printed as JSON, and the end of its log where it failed. So what is there when a
# phase is cut short, or the script is killed, is whole. The whole takes under nine minutes; --small, a rehearsal for a
# software rasteriser, takes the sizes it can bear. The exit status is 1 if any command failed.
set -uo pipefail
export LC_ALL=C
TIMEFORMAT=%3R
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
small=false
if [[ ${1:-} == --small ]]; then small=true && shift; fi
binary=${1:-$root/target/release/wgvq}
out_dir=${2:-$root/benches/results}

[[ -x $binary ]] || {
    echo "$binary: no such program; build it with: cargo build --release" >&2
    exit 2
}
binary=$(cd "$(dirname "$binary")" && pwd)/$(basename "$binary")
mkdir -p "$out_dir" && out_dir=$(cd "$out_dir" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work" "$out_dir/.lines"' EXIT
# Copies, so that the report names no folder of this machine.
cp "$root"/data/wordnet{,_queries}.npy "$work" && cd "$work" || exit 2

failures=0

# Stdin as one JSON string.
json_string() {
    local text
    text=$(tr -d '\000-\010\013-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g')
    printf '"%s"' "${text//$'\n'/\\n}"
}

# begin PHASE SECONDS: what follows is written to PHASE.jsonl, and ends after so many seconds.
begin() {
    phase=$1 deadline=$((SECONDS + $2))
    : >"$out_dir/$phase.jsonl"
    echo "$phase"
}

# Adds stdin to the phase's file, which is replaced as a whole: a long line takes several writes.
append() {
    cat "$out_dir/$phase.jsonl" - >"$out_dir/.lines" && mv "$out_dir/.lines" "$out_dir/$phase.jsonl"
}

# line NAME STATUS SECONDS DOCUMENT LOG: a line of the phase's file.
line() {
    printf '{"name": %s, "status": %d, "seconds": %s, "document": %s, "log": %s}\n' \
        "$(printf %s "$1" | json_string)" "$2" "$3" "$4" "$5" | append
}

# step COMMAND...: runs it for the time that the phase has left, and writes its line; left out when there is none.
step() {
    local left=$((deadline - SECONDS)) status seconds document=null log=null text
    ((left > 0)) || return 1
    seconds=$({ time timeout -k 2 "$left" "$@" >stdout 2>stderr; } 2>&1)
    status=$?
    seconds=${seconds##*$'\n'} # a killed program has a line of bash's own before it
    text=$(tr '\n' ' ' <stdout)
    if ((status <= 1)) && [[ $text == '{'*'} ' ]]; then document=$text; fi
    if [[ $status != 0 || ${keep_log:-} ]]; then log=$(tail -n 200 stderr | json_string); fi
    line "${*##*/}" "$status" "$seconds" "$document" "$log"
    if ((status != 0)); then
        failures=$((failures + 1))
        echo "    ${*##*/}: exit $status after $seconds s"
        tail -n 5 stderr | sed 's/^/        /'
    fi
    return "$status"
}

gpu() { step "$binary" "$@" --device gpu --json; }
cpu() { step "$binary" "$@" --device cpu --json; }

$small && limit=300 || limit=60

begin device 20
step "$binary" devices --json
if command -v nvidia-smi >/dev/null; then
    line nvidia-smi 0 0 null "$(nvidia-smi -q -d CLOCK,POWER,TEMPERATURE 2>&1 | head -n 80 | json_string)"
fi

begin selftest $limit
keep_log=1 gpu selftest --core staged -vv
keep_log=1 gpu selftest --core direct -vv

begin transfers 30
mebibytes=(1 32)
$small || mebibytes+=(512)
for size in "${mebibytes[@]}"; do
    for only in upload readback; do gpu bench --only $only --shape $((size * 2048)),128,1; done
done
# Next to nothing to compute: the time is that of the dispatches of an iteration.
gpu bench --only kmeans --shape 256,8,16

begin sweep 110
if $small; then
    shapes=(1000,16,64 1000,128,256)
    more=()
else
    shapes=(100000,128,256 1000000,128,1024 100000,384,1024 200000,16,256 65536,128,65536)
    more=()
    for d in 128 16 768 8 64 384; do
        for k in 256 1024 64 4096 16 65536; do
            for n in 131072 1000 1000000 16384; do
                ((n * d * k > 1 << 42 || n * d > 1 << 29)) || more+=("$n,$d,$k")
            done
        done
    done
fi
for shape in "${shapes[@]}"; do
    for only in assign kmeans encode project; do
        gpu bench --only $only --shape "$shape" || break 2
    done
done
for shape in ${more[@]+"${more[@]}"}; do
    gpu bench --only assign --repeat 3 --shape "$shape" || break
done

# What scores are computed with, where the device multiplies matrices of f16.
begin precision 60
precisions=(f32)
if grep -q '16x16x16 f16 to f32' "$out_dir/device.jsonl"; then precisions+=(f16); fi
$small && shapes=(1000,128,256) || shapes=(1000000,128,1024 1000000,128,4096 1000000,384,1024)
for shape in "${shapes[@]}"; do
    for precision in "${precisions[@]}"; do
        gpu bench --only assign --shape "$shape" --precision $precision || break 2
    done
done

if command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null; then
    begin torch 80
    timeout -k 2 80 python3 "$root/benches/peers/torch_gpu.py" 2>stderr |
        while IFS= read -r text; do append <<<"$text"; done ||
        { tail -n 5 stderr | sed 's/^/    /' && failures=$((failures + 1)); }
else
    echo 'torch: left out, there is no python3 with PyTorch'
fi

# job NAME SPEC OPTIONS...: trains on the GPU and on the CPU, encodes with the same model on both, and counts the bytes
# of their codes that differ.
job() {
    local name=$1 spec=$2 differing
    shift 2
    gpu train wordnet.npy --spec "$spec" --seed 1 "$@" -o "$name.gpu.safetensors" || return
    cpu train wordnet.npy --spec "$spec" --seed 1 "$@" -o "$name.cpu.safetensors" || return
    gpu encode wordnet.npy -m "$name.cpu.safetensors" -o "$name.gpu.npy" || return
    cpu encode wordnet.npy -m "$name.cpu.safetensors" -o "$name.cpu.npy" || return
    differing=$(cmp -l "$name.gpu.npy" "$name.cpu.npy" | wc -l)
    line "$name codes" 0 0 "{\"bytes\": $(wc -c <"$name.cpu.npy"), \"differing\": $differing}" null
    gpu decode "$name.gpu.npy" -m "$name.cpu.safetensors" -o "$name.back.npy" || return
    gpu eval wordnet.npy -m "$name.cpu.safetensors" --codes "$name.gpu.npy"
    gpu search wordnet_queries.npy --codes "$name.gpu.npy" -m "$name.cpu.safetensors" -k 10 -o "$name.gpu.ivecs" || return
    cpu search wordnet_queries.npy --codes "$name.gpu.npy" -m "$name.cpu.safetensors" -k 10 -o "$name.cpu.ivecs" || return
    differing=$(cmp -l "$name.gpu.ivecs" "$name.cpu.ivecs" | wc -l)
    line "$name neighbours" 0 0 "{\"bytes\": $(wc -c <"$name.cpu.ivecs"), \"differing\": $differing}" null
}

$small && limit=600 || limit=100
begin jobs $limit
for metric in l2 ip cosine; do
    gpu truth wordnet.npy wordnet_queries.npy -k 10 --metric $metric -o gpu.$metric.ivecs || break
    cpu truth wordnet.npy wordnet_queries.npy -k 10 --metric $metric -o cpu.$metric.ivecs || break
    line "truth $metric" 0 0 "{\"differing\": $(cmp -l {gpu,cpu}.$metric.ivecs | wc -l)}" null
done
job vq VQ256
job pq PQ16x8
job rq RQ8x8
if ! $small; then
    job opq OPQ16,PQ16x8
    job lsq LSQ8x8
    job trq TRQ4x6
    job em VQ64 --trainer em
    job e8 E8
    job nsvq VQ256 --trainer nsvq --steps 2000
    job sfvq SFVQ8 --steps 2000
fi

echo "wrote $out_dir/{device,selftest,transfers,sweep,precision,torch,jobs}.jsonl"
((failures == 0)) || {
    echo "$failures commands failed" >&2
    exit 1
}
