/** The software bill of materials of a release, in CycloneDX's JSON form, made from bun.lock. */
import { join } from "node:path";
import manifest from "../package.json";

/** What a package of bun.lock is: name@version, registry, its own dependencies, checksum. */
type Entry = readonly [
  id: string,
  registry: string,
  details: { readonly dependencies?: Readonly<Record<string, string>> },
  integrity: string,
];

export interface Lock {
  readonly lockfileVersion: number;
  readonly configVersion: number;
  readonly packages: Readonly<Record<string, Entry>>;
}

/** Packages lie below the one that needs another version than the rest: "a/b" is a's own b. */
function resolve(lock: Lock, from: string, name: string): string {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
    const path = at === "" ? name : `${at}/${name}`;
    if (lock.packages[path] !== undefined) return path;
    if (at === "") throw new Error(`bun.lock has no ${name}, which ${from || "StormDB"} needs`);
  }
}

function split(id: string): [name: string, version: string] {
  const at = id.lastIndexOf("@");
  return [id.slice(0, at), id.slice(at + 1)];
}

/** The name for a package that all kinds of tools understand. */
function packageUrl(id: string): string {
  const [name, version] = split(id);
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** Where a package of the lock is installed, below node_modules. */
function folderOf(lock: Lock, path: string): string {
  const [name] = split(lock.packages[path]![0]);
  const parent = path.slice(0, -name.length - 1);
  return parent === "" ? name : join(folderOf(lock, parent), "node_modules", name);
}

/** What the package itself says of its licence, an SPDX id or expression; "" where it says nothing. */
export async function licenseOf(lock: Lock, path: string): Promise<string> {
  const folder = join(import.meta.dir, "../node_modules", folderOf(lock, path));
  const { license } = await Bun.file(join(folder, "package.json")).json();
  return typeof license === "string" ? license : "";
}

/** CycloneDX tells an id from an expression. */
function licenses(text: string): object {
  if (text === "") return {};
  return { licenses: [/^[\w.+-]+$/.test(text) ? { license: { id: text } } : { expression: text }] };
}

/** CycloneDX names the scope of a package apart. */
function groupAndName(full: string): object {
  const slash = full.indexOf("/");
  return slash < 0 ? { name: full } : { group: full.slice(0, slash), name: full.slice(slash + 1) };
}

/**
 * What is in a binary: StormDB, Bun, and the packages that StormDB depends on, with theirs; not
 * what only building and testing need. No time and no random number: the same lock, the same bill.
 */
export async function sbom(lock: Lock, licensed = licenseOf): Promise<object> {
  const needs = new Map<string, string[]>();
  const visit = (path: string): void => {
    if (needs.has(path)) return;
    const names = Object.keys(lock.packages[path]![2].dependencies ?? {});
    const below = names.map((name) => resolve(lock, path, name));
    needs.set(path, below);
    below.forEach(visit);
  };
  const direct = Object.keys(manifest.dependencies).map((name) => resolve(lock, "", name));
  direct.forEach(visit);
  needs.set("bun", []);

  const component = async (path: string): Promise<object> => {
    const [id, , , integrity] = lock.packages[path]!;
    const [name, version] = split(id);
    const content = Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
    return {
      type: name === "bun" ? "platform" : "library",
      "bom-ref": packageUrl(id),
      ...groupAndName(name),
      version,
      hashes: [{ alg: "SHA-512", content }],
      ...licenses(await licensed(lock, path)),
      purl: packageUrl(id),
    };
  };
  const components = await Promise.all([...needs.keys()].sort().map(component));
  const urlOf = (path: string) => packageUrl(lock.packages[path]![0]);
  const own = packageUrl(`${manifest.name}@${manifest.version}`);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: manifest.name,
        version: manifest.version,
        purl: own,
        ...licenses(manifest.license),
      },
    },
    components,
    dependencies: [
      { ref: own, dependsOn: [...direct, "bun"].map(urlOf).sort() },
      ...[...needs.keys()]
        .sort()
        .map((path) => ({ ref: urlOf(path), dependsOn: needs.get(path)!.map(urlOf).sort() })),
    ],
  };
}
