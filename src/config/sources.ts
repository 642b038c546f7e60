/**
 * Gathers what was given for each setting, highest rank first: flags (or the options of an embedding
 * program), then `FIRSTHAND_*` variables, then the predecessor's, then the file.
 */
import { deprecatedPrefix, deprecatedVariables } from './deprecated.ts';
import type { FileContent } from './file.ts';
import { fileKeyOf, flagOf, variableOf } from './setting.ts';
import { definitions, type SettingKey } from './settings.ts';
import { hint } from './suggestion.ts';

export interface Origin {
  readonly from: 'flag' | 'option' | 'variable' | 'file' | 'default';
  /** What to look for to change it: `--seed`, `FIRSTHAND_SEEDS`, `agent.yaml:3: seeds`; the file key for a default. */
  readonly name: string;
}

export interface Candidate {
  readonly key: SettingKey | 'secret';
  readonly raw: unknown;
  readonly origin: Origin;
}

export interface Gathered {
  readonly candidates: readonly Candidate[];
  /** Whole lines, each naming its source. */
  readonly problems: readonly string[];
}

export interface DeprecatedUse {
  readonly variable: string;
  /** The variable to set instead. */
  readonly use: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Values by setting, as they come from a command line or a program; `undefined` was not given. */
export type Given = Readonly<Record<string, unknown>>;

/** Variables that are not settings: the client commands', the file itself, the secret itself. */
const otherVariables = [
  'FIRSTHAND_AGENT',
  'FIRSTHAND_CA_FILE',
  'FIRSTHAND_CERT_FILE',
  'FIRSTHAND_CONFIG',
  'FIRSTHAND_DEBUG',
  'FIRSTHAND_KEY_FILE',
  'FIRSTHAND_SECRET',
  'FIRSTHAND_TOKEN',
  'FIRSTHAND_TOKEN_FILE',
];

export function fromFlags(given: Given): Gathered {
  return fromGiven(given, 'flag', key => {
    const definition = definitions.get(key);
    return (definition && flagOf(key, definition)) ?? fileKeyOf(key);
  });
}

export function fromOptions(given: Given): Gathered {
  return fromGiven(given, 'option', key => key);
}

function fromGiven(given: Given, from: 'flag' | 'option', nameOf: (key: SettingKey) => string): Gathered {
  const candidates: Candidate[] = [];
  const problems: string[] = [];
  for (const [key, raw] of Object.entries(given)) {
    if (raw === undefined) continue;
    if (isSettingKey(key)) {
      candidates.push({ key, raw, origin: { from, name: nameOf(key) } });
    } else if (key === 'secret') {
      candidates.push({ key, raw, origin: { from, name: key } });
    } else {
      problems.push(`${key}: there is no such setting${hint(key, [...definitions.keys(), 'secret'])}`);
    }
  }
  return { candidates, problems };
}

export function fromEnvironment(env: Environment): Gathered {
  const candidates: Candidate[] = [];
  const problems: string[] = [];
  const known = new Set(otherVariables);
  for (const [key, definition] of definitions) {
    const name = variableOf(key, definition);
    known.add(name);
    const raw = env[name];
    // Empty means unset: compose files and shells pass on variables that nobody has filled.
    if (raw === undefined || raw === '' || isServiceLink(name, raw)) continue;
    candidates.push({ key, raw, origin: { from: 'variable', name } });
  }
  const secret = env.FIRSTHAND_SECRET;
  if (secret !== undefined && secret !== '') {
    candidates.push({ key: 'secret', raw: secret, origin: { from: 'variable', name: 'FIRSTHAND_SECRET' } });
  }
  for (const [name, raw = ''] of Object.entries(env)) {
    if (!name.startsWith('FIRSTHAND_') || known.has(name) || isServiceLink(name, raw)) continue;
    problems.push(`${name}: there is no such variable${hint(name, known)}`);
  }
  return { candidates, problems };
}

/**
 * Kubernetes gives every container variables about services, `<SERVICE>_PORT=tcp://…` and the like;
 * beside a service called "firsthand" they would look like ours.
 */
function isServiceLink(name: string, raw: string): boolean {
  return /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)
    ? true
    : name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(raw);
}

export function fromDeprecated(env: Environment): Gathered & { readonly uses: readonly DeprecatedUse[] } {
  const candidates: Candidate[] = [];
  const problems: string[] = [];
  const uses: DeprecatedUse[] = [];
  for (const [suffix, { key, convert }] of Object.entries(deprecatedVariables)) {
    const name = deprecatedPrefix + suffix;
    const raw = env[name];
    if (raw === undefined || raw === '') continue;
    uses.push({ variable: name, use: replacementOf(key) });
    const converted = convert(raw);
    if (converted.ok) {
      candidates.push({ key, raw: converted.value, origin: { from: 'variable', name } });
    } else {
      problems.push(`${name}: ${converted.problem}`);
    }
  }
  return { candidates, problems, uses };
}

function replacementOf(key: SettingKey | 'secret'): string {
  const definition = key === 'secret' ? undefined : definitions.get(key);
  return definition === undefined ? 'FIRSTHAND_SECRET' : variableOf(key, definition);
}

export function fromFile(path: string, content: FileContent): Gathered {
  const candidates: Candidate[] = [];
  const problems = content.problems.map(({ line, text }) =>
    line === undefined ? `${path}: ${text}` : `${path}:${line}: ${text}`,
  );
  const firstLine = new Map<SettingKey, number>();
  for (const { key: fileKey, value, line } of content.entries) {
    const name = `${path}:${line}: ${fileKey}`;
    const key = fileKeys.get(fileKey);
    if (key === undefined) {
      problems.push(`${name}: ${unknownKey(fileKey)}`);
      continue;
    }
    if (firstLine.has(key)) {
      problems.push(`${name}: the same setting is on line ${firstLine.get(key)} already`);
      continue;
    }
    firstLine.set(key, line);
    if (value !== null) candidates.push({ key, raw: value, origin: { from: 'file', name } });
  }
  return { candidates, problems };
}

function unknownKey(fileKey: string): string {
  if (fileKey === 'secret') {
    return 'a secret has no place in this file; put it in a file of its own and name that with secret_file';
  }
  return `there is no such setting${hint(fileKey, fileKeys.keys())}`;
}

/** File keys are the settings' names; a flag's name is taken too where it differs (`seed` for `seeds`). */
const fileKeys: ReadonlyMap<string, SettingKey> = new Map(
  [...definitions].flatMap(([key, definition]) => {
    const names = new Set([fileKeyOf(key), flagOf(key, definition)?.slice(2).replaceAll('-', '_')]);
    return [...names].filter(name => name !== undefined).map(name => [name, key] as const);
  }),
);

function isSettingKey(key: string): key is SettingKey {
  return definitions.has(key as SettingKey);
}
