// Writes what a release is made of, as CycloneDX 1.5 JSON, to standard output:
//
//   node scripts/sbom.mjs TARGET
//
// That is every crate that the server for TARGET or the browser's part is compiled from, at the
// version and with the checksum of Cargo.lock. The same sources give the same text.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [target] = process.argv.slice(2);
if (!target) {
  console.error("usage: node scripts/sbom.mjs TARGET");
  process.exit(2);
}

// Each root with what it is compiled for.
const roots = [["server", target], ["frontend", "wasm32-unknown-unknown"]];

/** The packages of a workspace, and what each depends on, for one target. */
function metadata(platform) {
  const text = execFileSync(
    "cargo",
    ["metadata", "--format-version=1", "--locked", "--filter-platform", platform],
    { maxBuffer: 1 << 28 },
  );
  const { packages, resolve } = JSON.parse(text);
  return {
    packages: new Map(packages.map((one) => [one.id, one])),
    nodes: new Map(resolve.nodes.map((one) => [one.id, one])),
  };
}

/** What is linked to: neither for tests nor for builds alone. */
const linked = (node) =>
  node.deps.filter((one) => one.dep_kinds.some(({ kind }) => kind === null)).map((one) => one.pkg);

/** The checksums of Cargo.lock, by name and version. */
function checksums() {
  const found = new Map();
  for (const part of readFileSync("Cargo.lock", "utf8").split("[[package]]\n").slice(1)) {
    const value = (name) => part.match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
    found.set(`${value("name")}@${value("version")}`, value("checksum"));
  }
  return found;
}

const reference = ({ name, version }) => `pkg:cargo/${name}@${version}`;
const sums = checksums();
const components = new Map();
const dependencies = new Map();
let version;

for (const [root, platform] of roots) {
  const { packages, nodes } = metadata(platform);
  const first = [...packages.values()].find((one) => one.name === root && one.source === null);
  if (root === "server") version = first.version;
  const waiting = [first.id];
  const seen = new Set(waiting);
  while (waiting.length > 0) {
    const id = waiting.pop();
    const one = packages.get(id);
    const next = linked(nodes.get(id));
    const known = dependencies.get(reference(one)) ?? new Set();
    for (const other of next) known.add(reference(packages.get(other)));
    dependencies.set(reference(one), known);
    const sum = sums.get(`${one.name}@${one.version}`);
    components.set(reference(one), {
      type: "library",
      "bom-ref": reference(one),
      name: one.name,
      version: one.version,
      ...(one.description && { description: one.description.trim() }),
      ...(sum && { hashes: [{ alg: "SHA-256", content: sum }] }),
      // Older crates write a slash where SPDX has OR.
      ...(one.license && { licenses: [{ expression: one.license.replaceAll("/", " OR ") }] }),
      purl: reference(one),
    });
    for (const other of next) {
      if (seen.has(other)) continue;
      seen.add(other);
      waiting.push(other);
    }
  }
}

const sorted = (map) => [...map.keys()].sort().map((key) => [key, map.get(key)]);
const product = `rowcast@${version}`;
const bom = {
  $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  version: 1,
  metadata: {
    component: {
      type: "application",
      "bom-ref": product,
      name: "rowcast",
      version,
      properties: [{ name: "target", value: target }],
    },
  },
  components: sorted(components).map(([, one]) => one),
  dependencies: [
    { ref: product, dependsOn: roots.map(([name]) => reference({ name, version })).sort() },
    ...sorted(dependencies).map(([ref, on]) => ({ ref, dependsOn: [...on].sort() })),
  ],
};
// Named after what it says: a random name would differ from build to build.
const digest = createHash("sha256").update(JSON.stringify(bom)).digest("hex");
const parts = [[0, 8], [8, 12], [13, 16], [17, 20], [20, 32]].map(([a, b]) => digest.slice(a, b));
bom.serialNumber = `urn:uuid:${parts[0]}-${parts[1]}-8${parts[2]}-8${parts[3]}-${parts[4]}`;
console.log(JSON.stringify(bom, null, 2));
