import { readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { fileKeyOf } from '../../../src/config/setting.ts';
import { definitions } from '../../../src/config/settings.ts';
import { httpDefaults } from '../../../src/http/options.ts';

const page = readFileSync(new URL('../../../docs/LIMITS-http.md', import.meta.url), 'utf8');
const metrics = readFileSync(new URL('../../../src/telemetry/metrics/http.ts', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| limit') && !line.startsWith('| ---'))
  .map(line => line.split('|').map(cell => cell.trim()));

describe('docs/LIMITS-http.md', () => {
  it('names settings that there are, with their defaults', () => {
    const byFileKey = new Map(
      [...definitions].map(([key, definition]) => [fileKeyOf(key), definition.default]),
    );
    const named = rows.flatMap(([, , settings = '', shown = '']) =>
      [...settings.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => ({ name, shown })),
    );

    assert.isAbove(named.length, 5);
    for (const { name, shown } of named) {
      assert.isTrue(byFileKey.has(name), name);
      const value = byFileKey.get(name);
      assert.include(shown, value === 0 ? 'none' : String(value), name);
    }
  });

  it('has every limit that is counted, and no other', () => {
    const declared = /export type HttpLimit =([^;]+);/.exec(metrics)?.[1] ?? '';
    const counted = [...declared.matchAll(/'([a-z_]+)'/g)].map(([, name]) => name);

    assert.sameMembers(
      rows.flatMap(row => /^`([a-z_]+)`$/.exec(row[5] ?? '')?.[1] ?? []),
      counted.filter(name => name !== undefined),
    );
  });

  it('has the constants of the shim as they are', () => {
    const defaultOf = (limit: string) => rows.find(row => row[1]?.startsWith(limit))?.[3];

    assert.equal(defaultOf('connections'), String(httpDefaults.connectionsMaxCount));
    assert.equal(defaultOf('connections of one address'), String(httpDefaults.connectionsPerAddressMaxCount));
    assert.equal(defaultOf('size of the headers'), `${httpDefaults.headersMaxBytes / 1_024} KiB`);
    assert.equal(defaultOf('number of headers'), String(httpDefaults.headersMaxCount));
    assert.equal(defaultOf('size of a body'), `${httpDefaults.bodyMaxBytes / 1_024} KiB`);
    assert.equal(defaultOf('time for a request'), `${httpDefaults.requestTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('idle connection'), `${httpDefaults.keepAliveTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('connection on which'), `${httpDefaults.inactivityTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('event streams'), String(httpDefaults.eventStreamsMaxCount));
    assert.equal(defaultOf('events that wait'), String(httpDefaults.eventQueueMaxCount));
    assert.equal(defaultOf('time for an answer'), `${httpDefaults.answerTimeoutMs} ms`);
  });
});
