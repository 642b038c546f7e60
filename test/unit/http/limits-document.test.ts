import { readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { httpDefaults } from '../../../src/http/options.ts';

const page = readFileSync('docs/LIMITS.md', 'utf8');
const section = page.slice(page.indexOf('## Callers of the HTTP shim'));
const metrics = readFileSync('src/telemetry/metrics/http.ts', 'utf8');
/** What, setting, default, counted by. */
const rows = section
  .split('\n')
  .filter(line => line.startsWith('| '))
  .map(line => line.split('|').map(cell => cell.trim()));

describe('docs/LIMITS.md: callers of the HTTP shim', () => {
  it('has every limit that is counted, and no other', () => {
    const declared = /export type HttpLimit =([^;]+);/.exec(metrics)?.[1] ?? '';
    const counted = [...declared.matchAll(/'([a-z_]+)'/g)].map(([, name]) => name);
    const named = [...section.matchAll(/hits`\{limit="([a-z_]+)"\}`/g)].map(([, name]) => name);

    assert.isAbove(named.length, 8);
    assert.sameMembers(named, counted);
  });

  it('has what is no setting as it is', () => {
    const defaultOf = (limit: string) => rows.find(row => row[1]?.startsWith(limit))?.[3];

    assert.equal(defaultOf('connections'), String(httpDefaults.connectionsMaxCount));
    assert.equal(defaultOf('of one address'), String(httpDefaults.connectionsPerAddressMaxCount));
    assert.equal(defaultOf('size of the headers'), `${httpDefaults.headersMaxBytes / 1_024} KiB`);
    assert.equal(defaultOf('number of headers'), String(httpDefaults.headersMaxCount));
    assert.equal(defaultOf('size of a body'), `${httpDefaults.bodyMaxBytes / 1_024} KiB`);
    assert.equal(defaultOf('time for a request'), `${httpDefaults.requestTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('idle connection'), `${httpDefaults.keepAliveTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('connection on which'), `${httpDefaults.inactivityTimeoutMs / 1_000} s`);
    assert.equal(defaultOf('event streams'), String(httpDefaults.eventStreamsMaxCount));
    assert.equal(defaultOf('events that wait'), String(httpDefaults.eventQueueMaxCount));
    assert.equal(defaultOf('time for an answer'), String(httpDefaults.answerTimeoutMs));
  });
});
