#!/usr/bin/env bash
# Builds what is given to others, in target/dist:
#
#   rowcast-VERSION-TARGET.tar.gz        the program with the site in it, the documents, deploy/
#   rowcast-VERSION-TARGET.cdx.json      what it is made of (CycloneDX)
#   SHA256SUMS                           their checksums
#
#   scripts/release.sh [TARGET]
#
# TARGET is this machine's, linked statically (x86_64-unknown-linux-musl), unless another one is
# given. The archive is the same, byte by byte, whenever the same program and site are in it. What
# is in target/dist from before is replaced.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly target=${1:-$(uname -m)-unknown-linux-musl}
readonly program=target/$target/release/rowcast
readonly dist=target/dist

say() { printf 'release: %s\n' "$*"; }
fail() {
  printf 'release: %s\n' "$*" >&2
  exit 1
}

# Runs a program, with a database of its own, and has one of its files.
serves_its_site() (
  directory=$(mktemp -d)
  trap 'kill "$server" 2>/dev/null && wait "$server"; rm -rf "$directory"' EXIT
  # PostgreSQL runs as another user where this is root.
  chmod 755 "$directory"
  mkfifo "$directory/said"
  ROWCAST_PG_BIN=$(scripts/setup.sh where) ROWCAST_DATA_DIR=$directory/data ROWCAST_ADDR=127.0.0.1:0 \
    ROWCAST_AUTH=off "$1" serve >"$directory/said" &
  server=$!
  address=$(grep --only-matching --max-count=1 'http://127[^ ]*' "$directory/said") || return
  node -e '
    const [file, address] = process.argv.slice(1);
    fetch(new URL("/pkg/rowcast.js", address)).then(async answer => {
      const served = Buffer.from(await answer.arrayBuffer());
      process.exit(served.equals(require("node:fs").readFileSync(file)) ? 0 : 1);
    });
  ' target/site/pkg/rowcast.js "$address"
)

# What is released can be had again from its commit.
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
version=$(cargo metadata --format-version=1 --locked --no-deps |
  node -e 'const all = JSON.parse(require("node:fs").readFileSync(0)).packages;
    console.log(all.find(one => one.name === "server").version)')
readonly version name=rowcast-$version-$target

say "building the site"
cargo xtask site --release
say "building $program"
cargo build --release --locked --package server --features embedded-site --target "$target"
case $target in
  *-musl)
    if readelf --program-headers "$program" | grep -q INTERP; then
      fail "$program is not static: it needs a loader of the machine that it runs on"
    fi
    ;;
esac

say "gathering $dist/$name"
rm -rf "$dist"
mkdir -p "$dist/$name/bin"
install -m 755 "$program" "$dist/$name/bin/rowcast"
git archive HEAD README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT docs deploy | tar -x -C "$dist/$name"
node scripts/sbom.mjs "$target" >"$dist/$name.cdx.json"
cp "$dist/$name.cdx.json" "$dist/$name/sbom.cdx.json"

say "packing $dist/$name.tar.gz"
# Neither who packs it nor when makes a difference.
tar --create --directory "$dist" --sort=name --mtime="@$(git log -1 --format=%ct)" \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$name" |
  gzip --no-name --best >"$dist/$name.tar.gz"
rm -r "${dist:?}/$name"
(cd "$dist" && sha256sum "$name.tar.gz" "$name.cdx.json" >SHA256SUMS)

say "looking at what was packed"
(cd "$dist" && sha256sum --check --quiet SHA256SUMS)
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar --extract --gzip --file "$dist/$name.tar.gz" --directory "$unpacked"
case $target in
  "$(uname -m)"-*)
    said=$("$unpacked/$name/bin/rowcast" --version)
    [ "$said" = "rowcast $version" ] || fail "the packed program says it is '$said'"
    serves_its_site "$unpacked/$name/bin/rowcast" || fail "the packed program does not serve the site"
    ;;
  *) say "the program is for another machine, so it was not run" ;;
esac
say "done: $dist/SHA256SUMS"
