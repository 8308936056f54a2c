#!/usr/bin/env bash
# Servers, Redis, nginx and PostgreSQL fail one after another for as long as ROWCAST_CHAOS_SECONDS says.
# ROWCAST_CHAOS_SEED gives the same faults in the same order again. With "servers_are_replaced" servers are,
# each after ROWCAST_ROLLING_DRAIN seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN
exec cargo test --quiet --package server --test chaos "${1:-whatever_happens}" -- --nocapture
