/**
 * From the database of an earlier version to this one's.
 *
 * Each migration takes one version to the next, row by row. All of them together are one batch, so a process
 * that is killed meanwhile leaves the old database or the new one. Before that the whole database is copied,
 * so that the earlier version can be gone back to. Rows of a kind that an earlier version does not know are
 * no reason for a new version: it leaves them alone.
 */
import { cp, rename, rm } from 'node:fs/promises';
import type { Row } from './layout.ts';
import { schemaVersion } from './layout.ts';

export interface Migration {
  /** It makes version `from + 1` out of this one. */
  readonly from: number;
  /** What becomes of a row; the schema row is not among them. */
  readonly migrate: (key: string, value: Buffer) => readonly Row[];
}

export interface Schema {
  readonly version: number;
  /** In order, one for each version that can still be read. */
  readonly migrations: readonly Migration[];
}

export const currentSchema: Schema = { version: schemaVersion, migrations: [] };

/** The steps from a version to the present one; `undefined` where there is no way. */
export function stepsFrom(found: number, { version, migrations }: Schema): readonly Migration[] | undefined {
  const steps: Migration[] = [];
  for (let at = found; at < version; at++) {
    const step = migrations.find(({ from }) => from === at);
    if (step === undefined) return undefined;
    steps.push(step);
  }
  return steps;
}

/** What has to be written so that the rows are those of the last step. */
export function migrated(rows: ReadonlyMap<string, Buffer>, steps: readonly Migration[]): readonly Row[] {
  let present = rows;
  for (const { migrate } of steps) {
    const next = new Map<string, Buffer>();
    for (const [key, value] of present) {
      for (const row of migrate(key, value)) if (row.value !== undefined) next.set(row.key, row.value);
    }
    present = next;
  }
  const gone = [...rows.keys()].filter(key => !present.has(key)).map(key => ({ key }));
  const changed = [...present].filter(([key, value]) => !rows.get(key)?.equals(value));
  return [...gone, ...changed.map(([key, value]) => ({ key, value }))];
}

/** Whole or absent. @returns Where the copy is. */
export async function backUp(location: string, version: number, now: Date): Promise<string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const backup = `${location}.backup-v${version}-${time}`;
  const draft = `${backup}.tmp`;
  try {
    await cp(location, draft, { recursive: true, errorOnExist: true, force: false });
    await rename(draft, backup);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return backup;
}
