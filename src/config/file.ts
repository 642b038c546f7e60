/** Reads a configuration file, YAML or JSON, into keys with their lines. */
import { readFileSync, statSync } from 'node:fs';
import { reasonOf } from './secret-source.ts';

export interface FileEntry {
  readonly key: string;
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

export interface FileProblem {
  readonly line?: number;
  /** Without subject and full stop. */
  readonly text: string;
}

export interface FileContent {
  readonly entries: readonly FileEntry[];
  readonly problems: readonly FileProblem[];
}

/** Far above any real file; keeps a wrong path (a log, a disk image) from being read into memory. */
const fileMaxBytes = 1_048_576;

export async function readConfigFile(path: string): Promise<FileContent> {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > fileMaxBytes) {
      return failed(`has ${size} bytes; a configuration file has at most ${fileMaxBytes}`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return failed(`cannot be read: ${reasonOf(error)}`);
  }
  return parseConfigText(text);
}

/** Never throws: whatever the text is, the problems say so. */
export async function parseConfigText(text: string): Promise<FileContent> {
  // Only those who have a file pay for the parser.
  // As its default: bundled, a CommonJS package that is loaded late has no other export.
  const { default: yaml } = await import('yaml');
  const { isMap, isScalar, LineCounter, parseDocument } = yaml;
  const lineCounter = new LineCounter();
  // JSON is YAML, but for the tabs that may indent it.
  const document = parseDocument(text.replaceAll('\t', ' '), { lineCounter, prettyErrors: false });
  const lineAt = (offset: number | undefined) => lineCounter.linePos(offset ?? 0).line;

  const problems = document.errors.map(error => ({
    line: lineAt(error.pos[0]),
    text: firstSentence(error.message),
  }));
  if (problems.length > 0) return { entries: [], problems };
  if (document.contents === null) return { entries: [], problems };
  if (!isMap(document.contents)) return failed('must be a map of settings: one "name: value" a line');

  const entries: FileEntry[] = [];
  for (const pair of document.contents.items) {
    const line = lineAt(isScalar(pair.key) ? pair.key.range?.[0] : undefined);
    if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
      problems.push({ line, text: 'a setting must have a name' });
      continue;
    }
    const value = plainValue(pair.value, document);
    if (value === tooManyAliases) {
      problems.push({ line, text: 'too many aliases' });
    } else {
      entries.push({ key: pair.key.value, value, line });
    }
  }
  return { entries, problems };
}

const tooManyAliases = Symbol('too many aliases');

/** The library refuses documents whose aliases multiply beyond reason by throwing. */
function plainValue(node: unknown, document: unknown): unknown {
  if (typeof node !== 'object' || node === null || !('toJS' in node)) return null;
  try {
    return (node as { toJS(document: unknown): unknown }).toJS(document);
  } catch (error) {
    if (error instanceof ReferenceError) return tooManyAliases;
    throw error;
  }
}

function firstSentence(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/[.:]?\s*$/, '');
}

function failed(text: string): FileContent {
  return { entries: [], problems: [{ text }] };
}
