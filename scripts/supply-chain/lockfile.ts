/**
 * What the lockfile has to hold to: exact versions, one of each package that agents speak to each other with, none
 * below what its advisories ask for, and nobody who may run code while it is installed but those that are named.
 *
 * Floors: CVE-2026-46679 (gossipsub), CVE-2022-23487 (libp2p), CVE-2022-25878, CVE-2023-36665, CVE-2026-41242 and
 * CVE-2026-44291 (protobufjs), CVE-2025-32442, CVE-2026-25223, CVE-2026-33806 and CVE-2026-3635 (fastify),
 * CVE-2026-1526 to 1528 and 2229 (undici), CVE-2022-36083 and CVE-2024-28176 (jose).
 */

export interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface Lockfile {
  /** By place, as `node_modules/a/node_modules/b`; the empty one is the project itself. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

/** Lowest version without a known advisory. */
const floors: Readonly<Record<string, string>> = {
  '@libp2p/gossipsub': '17.1.1',
  '@libp2p/crypto': '5.1.22',
  libp2p: '3.0.0',
  protobufjs: '8.0.1',
  fastify: '5.8.5',
  undici: '7.24.0',
  jose: '6.0.0',
};

/** Two versions of one of these in a process do not recognise each other's objects. */
const onlyOnce = [
  'libp2p',
  '@libp2p/crypto',
  '@libp2p/gossipsub',
  '@libp2p/interface',
  '@libp2p/kad-dht',
  '@libp2p/peer-id',
  '@libp2p/tcp',
  '@libp2p/utils',
  '@chainsafe/libp2p-noise',
  '@libp2p/yamux',
  '@multiformats/multiaddr',
  'protobufjs',
  'level',
  'fastify',
];

/** Left behind by their authors, and below the floors for ever. */
const abandoned = ['@chainsafe/libp2p-gossipsub', '@chainsafe/libp2p-yamux'];

/** @returns Each problem in a line, naming the package. */
export function lockfileProblems(lockfile: Lockfile, manifest: Manifest): readonly string[] {
  return [
    ...inexact(manifest),
    ...Object.entries(lockfile.packages).flatMap(([place, locked]) =>
      place === '' || locked.link === true ? [] : packageProblems(nameOf(place), locked, manifest),
    ),
    ...repeated(lockfile),
  ];
}

function packageProblems(name: string, locked: LockedPackage, { allowScripts }: Manifest): readonly string[] {
  const { version = '', integrity, hasInstallScript = false } = locked;
  const problems: string[] = [];
  const floor = floors[name];
  if (floor !== undefined && compareVersions(version, floor) < 0)
    problems.push(`${name} ${version} is below ${floor}, which its advisories ask for`);
  if (abandoned.includes(name)) problems.push(`${name} is no longer maintained`);
  if (integrity === undefined) problems.push(`${name} ${version} has no checksum`);
  if (hasInstallScript && allowScripts[name] !== true)
    problems.push(`${name} ${version} wants to run code while it is installed`);
  return problems;
}

function inexact({ dependencies, devDependencies }: Manifest): readonly string[] {
  return Object.entries({ ...devDependencies, ...dependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is asked for as ${version}, which is no exact version`);
}

function repeated({ packages }: Lockfile): readonly string[] {
  return onlyOnce.flatMap(name => {
    const versions = new Set<string>();
    for (const [place, { version = '', dev = false }] of Object.entries(packages))
      if (!dev && nameOf(place) === name) versions.add(version);
    return versions.size > 1
      ? [`${name} is there in ${versions.size} versions: ${[...versions].join(', ')}`]
      : [];
  });
}

function nameOf(place: string): string {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** By their numbers; what comes after a hyphen is not looked at. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map(version => (version.split('-')[0] ?? '').split('.').map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
