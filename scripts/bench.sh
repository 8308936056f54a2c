#!/usr/bin/env bash
# The benchmarks, optimised: a table on the terminal and target/bench/PART.json for each part.
#
#   scripts/bench.sh                   all parts, about half an hour
#   scripts/bench.sh PART [OPTIONS]    one part; --help lists its options
#   PART=route scripts/bench.sh        the same
#
# Shorter: ROWCAST_BENCH_SECONDS, ROWCAST_BENCH_ROUNDS, ROWCAST_BENCH_QUERIES (route),
# ROWCAST_BENCH_ROWS (window).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly all=(route capture latency attack throughput fanout servers watching window browser side-by-side)
if [ -n "${PART:-}" ]; then
  set -- "$PART" "$@"
fi
parts=("${all[@]}")
if [ $# -gt 0 ]; then
  parts=("$1")
  shift
fi
readonly target=${CARGO_TARGET_DIR:-target}

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN

includes() { [[ " ${parts[*]} " = *" $1 "* ]]; }

# The engine alone is measured by a program that needs no server: it is built in a minute.
if includes route; then
  cargo build --release --quiet --package rowcast-bench-route
fi
if [ "${parts[*]}" != route ]; then
  if includes browser; then
    scripts/setup.sh browser
    cargo xtask site --release
  fi
  if includes side-by-side; then
    scripts/setup.sh side-by-side
  fi
  if includes servers && ! scripts/setup.sh servers; then
    # Whoever asked for this part alone gets nothing.
    [ ${#parts[@]} -gt 1 ] || exit 1
    printf 'bench: the part servers is left out: there is no Redis\n'
    kept=()
    for part in "${parts[@]}"; do
      [ "$part" = servers ] || kept+=("$part")
    done
    parts=("${kept[@]}")
  fi
  cargo build --release --quiet --package server
  cargo build --release --quiet --package rowcast-bench
fi

if [ "$(cut -d. -f1 /proc/loadavg)" -ge 1 ]; then
  printf 'bench: other programs keep this machine busy (load %s): figures will be worse\n' \
    "$(cut -d' ' -f1 /proc/loadavg)"
fi

failed=()
for part in "${parts[@]}"; do
  printf '\n== %s\n' "$part"
  begun=$SECONDS
  if [ "$part" = route ]; then
    command=("$target/release/rowcast-bench-route")
  else
    command=("$target/release/rowcast-bench" "$part")
  fi
  if "${command[@]}" "$@"; then
    printf '== %s: %d s\n' "$part" $((SECONDS - begun))
  else
    printf '== %s: FAILED after %d s\n' "$part" $((SECONDS - begun)) >&2
    failed+=("$part")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
