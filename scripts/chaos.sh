#!/usr/bin/env bash
# Servers, Redis, nginx and PostgreSQL fail one after another for as long as ROWCAST_CHAOS_SECONDS says.
# ROWCAST_CHAOS_SEED gives the same faults in the same order again. With "servers_are_replaced" servers are,
# each after ROWCAST_ROLLING_DRAIN seconds; FROM is the revision that they run at first.
set -euo pipefail
cd "$(dirname "$0")/.."

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN
if [ -n "${FROM:-}" ]; then
  ROWCAST_ROLLING_FROM=$(scripts/previous.sh "$FROM")
  export ROWCAST_ROLLING_FROM
fi
exec cargo test --quiet --package server --test chaos "${1:-whatever_happens}" -- --nocapture
