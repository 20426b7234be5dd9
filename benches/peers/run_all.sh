#!/usr/bin/env bash
# Runs wgvq beside every peer that is installed, and prints one table of ratios: above 1, wgvq is faster. Of each peer that is
# absent it says how to install it.
#
#   benches/peers/run_all.sh [BINARY] [DATA]      default: target/release/wgvq data/wordnet.npy
#
# DATA are the vectors of k-means. THREADS says how many threads each side has, by default as many as there are cores;
# ROUNDS how many turns each takes, by default 3. What the comparisons print by themselves goes to stderr. Measure on an
# idle machine. The exit status is 1 if a comparison did not run; a peer that is faster does not change it.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
peers=$root/benches/peers
binary=${1:-$root/target/release/wgvq}
data=${2:-$root/data/wordnet.npy}
threads=${THREADS:-$(getconf _NPROCESSORS_ONLN)}
rounds=${ROUNDS:-3}

[[ -x $binary ]] || {
    echo "$binary: no such program; build it with: cargo build --release" >&2
    exit 2
}
command -v python3 >/dev/null || {
    echo 'python3 is not installed; the comparisons are written in it' >&2
    exit 2
}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
ratios=$work/ratios.jsonl
: >"$ratios"
absent=() failed=()
load=$(python3 -c 'import os; print(round(os.getloadavg()[0], 1))')

has() { python3 -c "import $1" 2>/dev/null; }

# compare NAME COMMAND...: runs it; it failed if it added no ratio, as the exit status says as well that a peer was faster.
compare() {
    local name=$1 before
    shift
    before=$(wc -l <"$ratios")
    echo "== $name" >&2
    "$@" >&2 || true
    (($(wc -l <"$ratios") > before)) || failed+=("$name")
}

if has faiss; then
    compare 'FAISS, assign' python3 "$peers/faiss_assign.py" "$binary" --threads "$threads" --rounds "$rounds" --ratios "$ratios"
    compare 'k-means' python3 "$peers/kmeans.py" "$data" "$binary" -k 64 256 --threads "$threads" --rounds "$rounds" \
        --ratios "$ratios"
    has superkmeans || absent+=('SuperKMeans: python3 -m pip install superkmeans')
else
    absent+=('FAISS: python3 -m pip install numpy faiss-cpu')
    absent+=('SuperKMeans, which is compared beside FAISS: python3 -m pip install superkmeans')
fi
if has torch; then
    compare 'PyTorch, NSVQ' python3 "$peers/torch_nsvq.py" --binary "$binary" --threads "$threads" --repeat "$rounds" \
        --ratios "$ratios"
    if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
        python3 "$peers/torch_gpu.py" >"$work/torch.jsonl"
        compare 'PyTorch on the GPU' python3 "$peers/torch_ratios.py" "$work/torch.jsonl" --binary "$binary" --ratios "$ratios"
    fi
else
    absent+=('PyTorch: python3 -m pip install torch (for a GPU as https://pytorch.org says)')
fi
if [[ -x $peers/burn/target/release/burn-assign ]]; then
    compare 'burn, assign on the GPU' python3 "$peers/burn_assign.py" "$binary" --rounds "$rounds" --ratios "$ratios"
else
    absent+=('burn: cargo build --release --manifest-path benches/peers/burn/Cargo.toml (several hundred crates)')
fi

python3 "$peers/ratios.py" "$ratios"
echo "$threads threads, $rounds turns, load at the start: $load"
for peer in ${absent[@]+"${absent[@]}"}; do echo "absent: $peer"; done
echo 'not here: the obvious shader, one invocation for each vector; it needs a build: cargo bench --bench naive'
((${#failed[@]} == 0)) || {
    printf 'did not run: %s\n' "${failed[@]}" >&2
    exit 1
}
