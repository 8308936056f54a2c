#!/usr/bin/env bash
# The tests that touch a database, compiled once and run with every version of PostgreSQL that is
# supported (scripts/setup.sh versions). What each test said is in target/versions/MAJOR.
#
#   scripts/versions.sh        all of them; VERSIONS="14 18" with those, TESTS="capture live" those
#   scripts/versions.sh quick  what is quickest and most likely to tell, with the oldest and the newest
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/left_out.sh
. scripts/left_out.sh
# Of a test binary, the parts that are run; all, where nothing is said.
declare -A parts=()
if [ "${1:-}" = quick ]; then
  VERSIONS="14 18"
  TESTS="capture live"
  parts=([capture]="statements::" [live]="changes:: newer::")
fi
# The versions are asked for one by one, so that one that can't be had leaves the others.
versions=()
absent=()
for major in ${VERSIONS:-14 15 16 17 18}; do
  if scripts/setup.sh versions "$major"; then versions+=("$major"); else absent+=("$major"); fi
done
# Not among them: what asks nothing of a database, or nothing that depends on it.
tests=()
for name in ${TESTS:-accounts around audit bus capture chaos cluster comments datum demo embedded failover \
  feed http live notifications openid operations oracle permissions pooler reads replica replication \
  replication_serving rules starting watching writes}; do
  [[ $left_out = *" $name "* ]] || tests+=("$name")
done
readonly versions absent tests
export ORACLE_SECONDS=${ORACLE_SECONDS:-20} ROWCAST_CHAOS_SECONDS=${ROWCAST_CHAOS_SECONDS:-30}

# The major version of the newest of a client's program; the same places as server/tests/support/cluster.rs.
client_version() {
  local program
  # Names with a space in them are none of the places that packages have.
  # shellcheck disable=SC2012
  program=$(ls -d "$(scripts/setup.sh where "$2")/$1" /usr/lib/postgresql/*/bin/"$1" 2>/dev/null | sort -rV | head -n 1) || true
  "${program:-$1}" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p' || true
}

# The tests whose programs no package here has for a version, as `name`, `why` after each other.
without_program() {
  local dump
  dump=$(client_version pg_dump "$1")
  if [ "${dump:-0}" -lt "$1" ]; then
    echo a_restored_dump_is_another_history_and_live "no pg_dump is as new as the server"
  fi
  if [ -z "$(client_version psql "$1")" ]; then
    echo no_author_and_no_lost_role_makes_a_write_fail "there is no psql"
  fi
}

declare -A executable
selected=()
for name in "${tests[@]}"; do selected+=(--test "$name"); done
# As scripts/test.sh compiles them, so that neither has the other compile again.
messages=$(cargo test --quiet --workspace --exclude frontend --no-run --message-format=json "${selected[@]}")
while read -r name path; do
  executable[$name]=$path
done < <(node -e '
  for (const line of require("node:fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const { executable, target } = JSON.parse(line);
    if (executable && target.kind[0] === "test") console.log(target.name, executable);
  }' <<<"$messages")

declare -A cell
failed=
for major in "${versions[@]}"; do
  directory=$PWD/target/versions/$major programs=$(scripts/setup.sh where "$major") begun=$SECONDS bad=()
  rm -rf "$directory"
  mkdir -p "$directory"
  without=()
  : >"$directory/left_out"
  while read -r name why; do
    without+=(--skip "$name")
    echo "left out: $name, for $why" >>"$directory/left_out"
  done < <(without_program "$major")
  for name in "${tests[@]}"; do
    log=$directory/$name.log
    # As cargo runs it. Parts are words. A version that hangs must not be waited for for ever.
    # shellcheck disable=SC2086
    (cd server && ROWCAST_PG_BIN=$programs CARGO_MANIFEST_DIR=$PWD \
      timeout 1200 "${executable[$name]}" ${parts[$name]:-} --show-output "${without[@]}" "${skipped[@]}" </dev/null >"$log" 2>&1) ||
      bad+=("$name")
    cell[$name $major]=$(sed -n 's/^test result: [^ ]* \([0-9]*\) passed; \([0-9]*\) failed.*/\1\/\2/p' "$log")
  done
  grep -hE '^left out: ' "$directory"/*.log | sort -u >>"$directory/left_out" || true
  if [ ${#bad[@]} = 0 ]; then said="all pass"; else said="FAILED: ${bad[*]}" failed=yes; fi
  printf '%s, %d s: %s\n' "$("$programs/postgres" --version)" $((SECONDS - begun)) "$said"
done

printf '\n%-14s' "passed/failed"
printf '%9s' "${versions[@]}"
for name in "${tests[@]}"; do
  printf '\n%-14s' "$name"
  for major in "${versions[@]}"; do printf '%9s' "${cell[$name $major]:-died}"; done
done
printf '\n'
for major in "${versions[@]}"; do sed "s/^/$major /" "target/versions/$major/left_out"; done
if [ "$left_out" != " " ]; then printf 'left out, for what they need is missing:%s\n' "$left_out"; fi
if [ ${#absent[@]} != 0 ]; then printf 'not tested, for it can'\''t be had here: PostgreSQL %s\n' "${absent[@]}"; fi
[ -z "$failed" ]
