/**
 * Turns flags, variables and a file into settings, or into a list of everything that is wrong.
 *
 * Every value that was given is checked, also one that a higher source overrides: a mistake in a
 * file must not wait for the day when its override goes away.
 */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { FirsthandError } from '../errors.ts';
import { crossCheck } from './cross-check.ts';
import { type DerivationHost, derive } from './derivation.ts';
import { readConfigFile } from './file.ts';
import { Secret, secretFrom, secretFromText, secretsFrom } from './secret.ts';
import { fileKeyOf } from './setting.ts';
import { definitions, type SettingKey, type Settings, schema, type Values } from './settings.ts';
import {
  type Candidate,
  type DeprecatedUse,
  type Environment,
  fromDeprecated,
  fromEnvironment,
  fromFile,
  fromFlags,
  fromOptions,
  type Gathered,
  type Given,
  type Origin,
} from './sources.ts';

export interface LoadRequest {
  /** Raw values of flags, by setting. */
  readonly flags?: Given;
  /** Values of an embedding program, by setting, and `secret`. */
  readonly options?: Given;
  /** Path of the file; without it `FIRSTHAND_CONFIG` counts. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** Values that count where nobody gives another one: what an invite says. */
  readonly fallback?: Given;
  readonly host?: DerivationHost;
}

export interface Loaded {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingKey | 'secret', Origin>>;
  /** Variables of the predecessor that were met, to be warned about. */
  readonly deprecated: readonly DeprecatedUse[];
}

/** @throws FirsthandError CONFIG_INVALID, with one line a problem in `text` and all of them in `problems` */
export async function loadSettings(request: LoadRequest): Promise<Loaded> {
  const { env } = request;
  const file = request.file ?? (env.FIRSTHAND_CONFIG || undefined);
  const deprecated = fromDeprecated(env);
  const layers: readonly Gathered[] = [
    fromFlags(request.flags ?? {}),
    fromOptions(request.options ?? {}),
    fromEnvironment(env),
    deprecated,
    file === undefined ? { candidates: [], problems: [] } : fromFile(file, await readConfigFile(file)),
    fromOptions(request.fallback ?? {}),
  ];
  const problems = layers.flatMap(layer => layer.problems);
  const candidates = layers.flatMap(layer => layer.candidates);
  const resolved = await resolveValues(candidates, env);
  problems.push(...resolved.problems);

  const host = request.host ?? thisHost(env);
  const derived = derive(resolved.values, host);
  const values = { ...derived.values, dataDir: resolve(derived.values.dataDir) };
  const origins = originsOf(resolved.origins);
  const nameOf = (key: SettingKey) => origins[key].name;
  problems.push(
    ...derived.problems.filter(problem => !resolved.broken.has(problem.key)).map(problem => problem.line),
  );
  problems.push(
    ...crossCheck({
      values,
      secret: resolved.secret,
      secretOrigin: origins.secret,
      broken: resolved.broken,
      nameOf,
    }),
  );
  if (problems.length > 0) {
    throw new FirsthandError('CONFIG_INVALID', { text: problems.join('\n'), problems });
  }
  return { settings: byRoom(values, resolved), origins, deprecated: deprecated.uses };
}

interface Resolved {
  readonly values: Partial<Values>;
  readonly secret: Secret | undefined;
  readonly storeKeys: readonly Secret[];
  readonly origins: ReadonlyMap<SettingKey | 'secret', Origin>;
  readonly problems: readonly string[];
  /** Keys for which something unacceptable was given; no other complaint about them makes sense. */
  readonly broken: ReadonlySet<SettingKey | 'secret'>;
}

/** `candidates` come in order of rank. */
async function resolveValues(candidates: readonly Candidate[], env: Environment): Promise<Resolved> {
  const values: Record<string, unknown> = {};
  const origins = new Map<SettingKey | 'secret', Origin>();
  const problems: string[] = [];
  const broken = new Set<SettingKey | 'secret'>();

  for (const { key, raw, origin } of candidates) {
    const definition = key === 'secret' ? undefined : definitions.get(key);
    if (definition === undefined) continue;
    const parsed = definition.kind.parse(raw);
    if (!parsed.ok) {
      problems.push(`${origin.name}: ${parsed.problem}`);
      broken.add(key);
    } else if (!origins.has(key)) {
      origins.set(key, origin);
      values[key] = parsed.value;
    }
  }

  // A file with the secret and the secret itself are two ways to say one thing: the higher rank counts.
  const from = candidates.find(each => each.key === 'secret' || each.key === 'secretFile');
  let secret: Secret | undefined;
  if (from !== undefined && !broken.has('secretFile')) {
    const result =
      from.key === 'secretFile'
        ? await secretFrom(String(values.secretFile), env)
        : secretFromRaw(from.raw, from.origin.name);
    if (result.ok) {
      secret = result.secret;
      origins.set('secret', from.origin);
    } else {
      problems.push(`${from.origin.name}: ${result.problem}`);
      broken.add('secret');
    }
    if (from.key === 'secret') {
      delete values.secretFile;
      origins.delete('secretFile');
    }
  }
  if (broken.has('secretFile')) broken.add('secret');
  const storeKeys = await storeKeysOf(values.storeKey, env);
  if (!storeKeys.ok) {
    problems.push(`${origins.get('storeKey')?.name}: ${storeKeys.problem}`);
    broken.add('storeKey');
  }
  return {
    values: values as Partial<Values>,
    secret,
    storeKeys: storeKeys.ok ? storeKeys.secrets : [],
    origins,
    problems,
    broken,
  };
}

async function storeKeysOf(source: unknown, env: Environment) {
  return typeof source === 'string' ? secretsFrom(source, env) : ({ ok: true, secrets: [] } as const);
}

function secretFromRaw(raw: unknown, source: string) {
  return raw instanceof Secret ? { ok: true as const, secret: raw } : secretFromText(String(raw), source);
}

function originsOf(given: ReadonlyMap<SettingKey | 'secret', Origin>): Loaded['origins'] {
  const keys = [...definitions.keys(), 'secret' as const];
  return Object.fromEntries(
    keys.map(key => [key, given.get(key) ?? { from: 'default', name: fileKeyOf(key) }]),
  ) as unknown as Loaded['origins'];
}

function byRoom(values: Values, { secret, storeKeys }: Pick<Resolved, 'secret' | 'storeKeys'>): Settings {
  const rooms = Object.entries(schema).map(([room, settings]) => [
    room,
    Object.fromEntries(Object.keys(settings).map(key => [key, values[key as SettingKey]])),
  ]);
  const settings = Object.fromEntries(rooms) as Settings;
  return {
    ...settings,
    store: { ...settings.store, keys: storeKeys },
    shim: { ...settings.shim, secret },
  };
}

function thisHost(env: Environment): DerivationHost {
  return {
    homeDir: homeDirectory(),
    stateHome: env.XDG_STATE_HOME,
    isTerminal: process.stderr.isTTY === true,
  };
}

function homeDirectory(): string | undefined {
  try {
    return homedir();
  } catch {
    // Thrown for a user that the system does not know; only matters when the data directory is not given.
    return undefined;
  }
}
