#!/usr/bin/env bash
# Builds the Python wheel, installs it into a fresh environment and tests it there. Needs a Rust toolchain and Python 3.10 or
# newer; PYTHON names another one than python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../python"

heading() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

heading 'environment'
"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check maturin -r tests/requirements.txt

heading 'lints'
PYO3_PYTHON=$python cargo clippy --release --locked -p wgvq-python -- -D warnings

heading 'wheel'
"$folder/venv/bin/maturin" build --release --locked --interpreter "$python" --out "$folder/wheels"
"$python" -m pip install --quiet --disable-pip-version-check "$folder"/wheels/*.whl

heading 'types'
"$python" ../scripts/python_stubs.py --check
"$folder/venv/bin/mypy" wgvq tests/typed.py

heading 'tests'
# Elsewhere, as Ray's workers would import the package from where the tests begin, and not the wheel's.
tests=$PWD/tests
(cd "$folder" && "$folder/venv/bin/pytest" --quiet "$tests")

heading 'all passed'
