#!/usr/bin/env bash
# The benchmarks, optimised. PART names one of them; without it, all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN

cargo build --release --quiet --package server --package rowcast-bench
if [ -n "${PART:-}" ]; then
  set -- "$PART" "$@"
fi
exec target/release/rowcast-bench "$@"
