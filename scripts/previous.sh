#!/usr/bin/env bash
# Builds the program and the site of another commit, in target/previous/COMMIT, and prints where the
# program is. What was built once is taken again.
#
#   scripts/previous.sh REVISION
set -euo pipefail
cd "$(dirname "$0")/.."

commit=$(git rev-parse --verify --quiet "${1:?a revision is missing}^{commit}") || {
  printf 'previous: %s is no commit of this repository\n' "$1" >&2
  exit 1
}
readonly commit directory=$PWD/target/previous/$commit
readonly program=$directory/target/debug/rowcast

if ! [ -x "$program" ]; then
  printf 'previous: building %s in %s, once\n' "$1" "$directory" >&2
  if ! [ -d "$directory" ]; then
    mkdir -p "$directory.new"
    git archive "$commit" | tar -x -C "$directory.new"
    mv "$directory.new" "$directory"
  fi
  (
    cd "$directory"
    scripts/setup.sh run
    cargo xtask site
    cargo build --quiet --package server
  ) >&2
fi
printf '%s\n' "$program"
