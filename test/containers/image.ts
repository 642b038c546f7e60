/** What compose/Dockerfile sets for every agent. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';

export const composeDirectory = fileURLToPath(new URL('../../compose', import.meta.url));

export function imageEnvironment(): Readonly<Record<string, string>> {
  const text = readFileSync(`${composeDirectory}/Dockerfile`, 'utf8');
  const lastStage = text.slice(text.lastIndexOf('\nFROM '));
  const lines = [...lastStage.matchAll(/^ENV (.+)$/gm)].map(([, line = '']) => line);
  const pairs = lines.flatMap(line => [...line.matchAll(/([A-Z_]+)=(?:"([^"]*)"|(\S+))/g)]);
  return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name, quoted ?? plain ?? '']));
}

/** @throws FirsthandError CONFIG_INVALID for a variable that agents do not have, or a value out of range. */
export async function settingsInContainer(env: Readonly<Record<string, string>>): Promise<Settings> {
  return (await loadSettings({ env: { ...imageEnvironment(), ...env } })).settings;
}
