#!/usr/bin/env bash
# Builds Rowcast for development and starts it on demo data that keeps changing.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo xtask site
cargo build --package server
# It is this machine's alone, and made up: nobody has to sign in, unless that is asked for.
export ROWCAST_AUTH=${ROWCAST_AUTH:-off}
exec target/debug/rowcast demo --serve "$@"
