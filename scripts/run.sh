#!/usr/bin/env bash
# Builds Rowcast for development and starts it on demo data that keeps changing.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo xtask site
cargo build --package server
exec target/debug/rowcast demo --serve "$@"
