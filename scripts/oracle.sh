#!/usr/bin/env bash
# The oracle for as long as ORACLE_SECONDS says. A failure's seed and the shortest script found
# that fails as well are printed; ORACLE_SEED replays a seed.
set -euo pipefail
cd "$(dirname "$0")/.."

ROWCAST_PG_BIN=$(scripts/setup.sh where)
export ROWCAST_PG_BIN
exec cargo test --quiet --package server --test oracle every_list_equals_its_sql -- --nocapture
