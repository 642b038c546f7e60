/** The Kubernetes manifests as `kubectl apply -k` would send them, with what of kustomize they use. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly patches?: readonly {
    readonly target: { readonly kind: string; readonly name: string };
    readonly patch: string;
  }[];
  readonly labels?: readonly { readonly pairs: Readonly<Record<string, string>> }[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
}

interface Operation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** Everything that a kustomization here may say; anything else would be left out in silence. */
const knownKeys = ['apiVersion', 'kind', 'resources', 'patches', 'labels', 'images'];

/** @throws Error for a patch that does not apply, or for a part of kustomize that is not known here. */
export function manifestsOf(directory: string): readonly Manifest[] {
  const kustomization = parse(readFileSync(join(directory, 'kustomization.yaml'), 'utf8')) as Kustomization;
  for (const key of Object.keys(kustomization)) {
    if (!knownKeys.includes(key)) throw new Error(`${directory}: ${key} is not known to the test`);
  }
  const manifests = kustomization.resources.flatMap(resource => {
    const path = join(directory, resource);
    if (!resource.endsWith('.yaml')) return manifestsOf(path);
    return parseAllDocuments(readFileSync(path, 'utf8')).map(document => document.toJS() as Manifest);
  });
  for (const { target, patch } of kustomization.patches ?? []) {
    const found = manifests.filter(
      ({ kind, metadata }) => kind === target.kind && metadata.name === target.name,
    );
    if (found.length !== 1)
      throw new Error(`${directory}: ${found.length} fit ${target.kind} ${target.name}`);
    for (const operation of parse(patch) as readonly Operation[]) apply(operation, found[0]);
  }
  for (const { pairs } of kustomization.labels ?? []) {
    for (const { metadata } of manifests)
      Object.assign(metadata, { labels: { ...metadata.labels, ...pairs } });
  }
  return manifests;
}

/** JSON Patch, RFC 6902: what must be there must be there. */
function apply({ op, path, value }: Operation, manifest: unknown): void {
  const steps = path.split('/').slice(1);
  const last = steps.pop() ?? '';
  const place = steps.reduce<unknown>(
    (at, step) => (at as Record<string, unknown> | undefined)?.[step],
    manifest,
  );
  if (typeof place !== 'object' || place === null) throw new Error(`${path}: there is no such place`);
  const holder = place as Record<string, unknown>;
  if (op !== 'add' && !Object.hasOwn(holder, last)) throw new Error(`${path}: nothing to ${op}`);
  if (op === 'remove') delete holder[last];
  else holder[last] = value;
}
