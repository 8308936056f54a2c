#!/usr/bin/env bash
# Every test, cheapest first. A step that fails ends the run; each says how long it took.
set -euo pipefail
cd "$(dirname "$0")/.."

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN
# How long lists are compared with SQL under random writes.
export ORACLE_SECONDS=${ORACLE_SECONDS:-${CI:+60}}
export ORACLE_SECONDS=${ORACLE_SECONDS:-20}
# How long servers and what they need fail one after another.
export ROWCAST_CHAOS_SECONDS=${ROWCAST_CHAOS_SECONDS:-${CI:+120}}
export ROWCAST_CHAOS_SECONDS=${ROWCAST_CHAOS_SECONDS:-60}

# Most tests wait for a database or a server more than they compute: with one for each core a third
# of the machine had nothing to do.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

step() {
  local name=$1 begun=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if ! "$@" </dev/null; then
    printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - begun)) >&2
    exit 1
  fi
  printf '== %s: %d s\n' "$name" $((SECONDS - begun))
}

# Not the browser's entry: cargo would build the pages for server and browser at once, and
# such a server tries to run the browser's effects.
readonly native=(--workspace --exclude frontend)

# shellcheck source=scripts/left_out.sh
. scripts/left_out.sh
readonly left_out skipped

rust_tests() {
  local file name
  local selected=()
  if [ "$left_out" = " " ]; then
    cargo test "${native[@]}" --no-fail-fast
    return
  fi
  for file in */tests/*.rs; do
    name=$(basename "$file" .rs)
    [[ $left_out = *" $name "* ]] || selected+=(--test "$name")
  done
  cargo test "${native[@]}" --no-fail-fast --lib --bins "${selected[@]}" -- "${skipped[@]}" || return
  cargo test "${native[@]}" --no-fail-fast --doc
}

native_lints() { cargo clippy --quiet "${native[@]}" --all-targets -- -D warnings; }
wasm_lints() {
  cargo clippy --quiet --package frontend --package rowcast-app --features rowcast-app/hydrate \
    --target wasm32-unknown-unknown --profile wasm-dev -- -D warnings
}
shell_lints() { shellcheck scripts/*.sh .ci/run deploy/docker/healthy; }
rule_tests() {
  promtool check rules deploy/prometheus/rules.yml &&
    promtool test rules deploy/prometheus/rules.test.yml
}
# The program that the unit names need not be here: any will do.
unit_lints() {
  local said
  mkdir -p target/deploy &&
    sed "s|^ExecStart=[^ ]*|ExecStart=$(type -P true)|" deploy/systemd/rowcast.service >target/deploy/rowcast.service &&
    said=$(systemd-analyze verify --recursive-errors=no target/deploy/rowcast.service 2>&1) &&
    # What it does not understand it says, and passes over. Of other units of the machine nothing matters.
    ! grep 'rowcast\.service' <<<"$said"
}
browser_tests() { (cd end2end && npx playwright test "$@"); }

step "format" cargo fmt --all --check
if command -v shellcheck >/dev/null; then
  step "lints, shell" shell_lints
fi
# What of deploy/ can't be run here is looked at by those who read it elsewhere, where they are.
if command -v promtool >/dev/null; then
  step "alerts" rule_tests
fi
# The unit needs what version 251 brought.
if command -v systemd-analyze >/dev/null &&
  [ "$(systemd-analyze --version | sed -n '1s/^[^0-9]*\([0-9]*\).*/\1/p')" -ge 251 ]; then
  step "lints, systemd" unit_lints
fi
if command -v caddy >/dev/null; then
  step "lints, Caddy" caddy validate --adapter caddyfile --config deploy/caddy/Caddyfile
fi
step "lints, native" native_lints
step "lints, wasm" wasm_lints
if cargo deny --version >/dev/null 2>&1; then
  step "dependencies" cargo deny --log-level error check
fi
step "tests" rust_tests
step "tests, oldest and newest PostgreSQL" scripts/versions.sh quick
step "site" cargo xtask site
step "server" cargo build --quiet --package server
step "browser tests" browser_tests
# The other way to build the site, where it is installed, must give one that works as well.
if cargo leptos --version >/dev/null 2>&1; then
  step "site, by cargo-leptos" cargo leptos build
  step "browser tests, of that site" browser_tests live
fi
printf '\nall tests passed in %d s\n' "$SECONDS"
if [ "$left_out" != " " ]; then
  printf 'left out, for what they need is missing:%s\n' "$left_out"
fi
