/**
 * Checks manifests as a strict API server would.
 *
 * The JSON schemas of Kubernetes say what a field may hold, but let unknown fields pass; a misspelt field is
 * what goes wrong most. So the same package's types are asked too, by the compiler, which refuses those.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { Manifest } from './manifests.ts';

const models = {
  'apps/v1 StatefulSet': { Model: StatefulSet, from: 'apps/v1' },
  'networking.k8s.io/v1 NetworkPolicy': { Model: NetworkPolicy, from: 'networking.k8s.io/v1' },
  'policy/v1 PodDisruptionBudget': { Model: PodDisruptionBudget, from: 'policy/v1' },
  'v1 Service': { Model: Service, from: 'v1' },
  'v1 ServiceAccount': { Model: ServiceAccount, from: 'v1' },
} as const;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One line for each thing that is wrong. */
export function problemsOf(manifests: readonly Manifest[]): readonly string[] {
  return [...manifests.flatMap(schemaProblems), ...typeProblems(manifests)];
}

function modelOf({ apiVersion, kind }: Manifest) {
  return models[`${apiVersion} ${kind}` as keyof typeof models];
}

function schemaProblems(manifest: Manifest): readonly string[] {
  const model = modelOf(manifest);
  if (model === undefined) return [`there is no kind ${manifest.kind} in ${manifest.apiVersion}`];
  try {
    new model.Model(manifest as never).validate();
    return [];
  } catch (error) {
    return [`${manifest.kind} ${manifest.metadata.name}: ${String(error)}`];
  }
}

function typeProblems(manifests: readonly Manifest[]): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'firsthand-manifests-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    const constants = manifests.flatMap((manifest, index) => {
      const model = modelOf(manifest);
      if (model === undefined) return []; // Told above.
      const type = `import('kubernetes-models/${model.from}').I${manifest.kind}`;
      return [`export const manifest${index}: ${type} = ${JSON.stringify(manifest, null, 2)};`];
    });
    writeFileSync(join(directory, 'manifests.ts'), constants.join('\n'));
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
    const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), [...options, 'manifests.ts'], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (tsc.error !== undefined) throw tsc.error;
    return tsc.status === 0 ? [] : tsc.stdout.split('\n').filter(line => line.includes('error'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
