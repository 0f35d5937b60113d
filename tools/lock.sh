#!/bin/sh
# Re-makes the locked, hashed requirements. Needs uv (any way you like to install it). No index address is written.
set -eu
cd "$(dirname "$0")/.."
build=$(mktemp) && trap 'rm -f "$build"' EXIT
printf 'hatchling\neditables\n' > "$build"
lock() { uv pip compile pyproject.toml "$build" --universal --generate-hashes --python-version 3.11 \
    --no-header --no-emit-index-url --no-annotate --quiet "$@"; }
lock --extra postgresql -o requirements.lock
lock --extra postgresql --extra dev -o requirements-dev.lock
