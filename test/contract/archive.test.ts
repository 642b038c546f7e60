/** Databases out of their files, back into new ones, and what is wrong with them. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { exportStore, importStore } from '../../src/archive/archive.ts';
import { checkStore } from '../../src/archive/check.ts';
import { lineMaxBytes } from '../../src/archive/line.ts';
import type { StoreOperation } from '../../src/core/effects.ts';
import { Outbox } from '../../src/core/outbox/outbox.ts';
import { FirsthandError } from '../../src/errors.ts';
import { SignedProbeCodec } from '../../src/identity/probe-codec.ts';
import { linkOf } from '../../src/runtime/outbox-link.ts';
import type { StoredState } from '../../src/runtime/ports.ts';
import { seededRandom } from '../../src/runtime/seeded-random.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { at, keyNumber, nodeFields, Speaker, startWallMs, testCluster } from '../record-builder.ts';
import { ban } from './store-samples.ts';

const wallMs = startWallMs;
let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'firsthand-archive-'));
  directory = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function withStore<T>(path: string, work: (store: LevelStore) => Promise<T>): Promise<T> {
  const store = await LevelStore.open({ directory: path }, { log: silentLog });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const publicKey = Buffer.alloc(32, 7).toString('base64');
const keyed = nodeFields({ publicKey });
const owner = { publicKey, lastUpdatedS: 5 };

/** One row of every kind, and a few records. */
function everything(): readonly StoreOperation[] {
  const [a, b] = [new Speaker(1), new Speaker(2)];
  const twice = new Speaker(2);
  const [first, second] = [b.say({ subject: 'x' }), twice.say({ subject: 'y' })];
  const claims = new SignedProbeCodec({ cluster: testCluster }, { key: keyNumber(1) });
  const draft = {
    kind: 'removed',
    issuer: a.peer,
    subject: b.peer,
    epoch: 3,
    incarnation: 0,
    refused: false,
  } as const;
  return [
    { type: 'put-record', record: a.introduce('me') },
    { type: 'put-record', record: a.say({ subject: 'svc', body: { type: 'entry', node: keyed } }) },
    {
      type: 'put-record',
      record: a.say({ subject: 'gone', body: { type: 'departure', reason: 'deregistered', owner } }),
    },
    { type: 'put-floor', subject: 'reaped', floor: [{ author: b.peer, epoch: 1, sequence: 9 }] },
    { type: 'put-clock', author: a.peer, dot: { epoch: 1, sequence: 3 } },
    { type: 'put-contact', contact: { peer: b.peer, multiaddrs: [b.multiaddr], seenAtMs: wallMs } },
    { type: 'put-proof', author: b.peer, first: first.wire, second: second.wire },
    { type: 'put-reachability', peer: b.peer, reachability: { history: 'UUx', credibility: 1 } },
    { type: 'put-removal', claim: claims.sealClaim(draft) },
    { type: 'put-ban', ban },
    {
      type: 'put-confirmation',
      confirmation: {
        id: 4,
        subject: 'svc',
        digest: first.digest,
        wanted: 'majority',
        deadlineWallMs: wallMs,
        rollback: true,
        previous: keyed,
      },
    },
    { type: 'put-meta', name: 'epoch', value: wallMs },
    { type: 'put-meta', name: 'alive-at-ms', value: wallMs },
  ];
}

async function exported(path = directory): Promise<string[]> {
  const lines: string[] = [];
  await exportStore({ directory: path, cluster: undefined, wallMs }, line => lines.push(line));
  return lines;
}

async function importing(lines: readonly string[], cluster?: string) {
  const file = join(root, 'export.jsonl');
  await writeFile(file, lines.join(''));
  return importStore({ file, directory: join(root, 'new'), cluster, wallMs });
}

async function refusal(act: () => Promise<unknown>): Promise<FirsthandError> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError, String(error));
    return error;
  }
  assert.fail('it was not refused');
}

function load(path: string): Promise<StoredState> {
  return withStore(path, store => store.load());
}

describe('archive', { timeout: 60_000 }, () => {
  it('brings everything back that was in the database', async () => {
    await withStore(directory, store => store.write(everything()));

    const lines = await exported();
    const { counts } = await importing(lines);

    assert.deepEqual(await load(join(root, 'new')), await load(directory));
    assert.deepInclude(counts, { record: 3, floor: 1, removal: 1, ban: 1, confirmation: 1, meta: 2 });
    assert.deepEqual((await exported(join(root, 'new'))).slice(1), lines.slice(1));
  });

  it('shows in each record what it says, without the key that signed it', async () => {
    await withStore(directory, store => store.write(everything()));

    const lines = await exported();

    const record = lines.map(line => JSON.parse(line)).find(({ subject }) => subject === 'svc');
    assert.deepInclude(record, {
      kind: 'record',
      author: keyNumber(1).peerId,
      authority: 'host',
      sequence: 2,
    });
    assert.equal(record.says.address, nodeFields().address);
    assert.notInclude(lines.join(''), 'PRIVATE');
  });

  it('brings an empty database back empty', async () => {
    await withStore(directory, async () => {});

    await importing(await exported());

    assert.deepEqual((await load(join(root, 'new'))).records, []);
  });

  it('never writes into a directory in which something lies', async () => {
    await withStore(directory, store => store.write(everything()));
    const lines = await exported();
    await mkdir(join(root, 'new'));
    await writeFile(join(root, 'new', 'mine'), 'mine');

    const error = await refusal(() => importing(lines));

    assert.match(error.message, /is not empty/);
    assert.deepEqual(await readdir(join(root, 'new')), ['mine']);
  });

  it('takes an empty directory', async () => {
    await withStore(directory, store => store.write(everything()));
    await mkdir(join(root, 'new'));

    await importing(await exported());

    assert.lengthOf((await load(join(root, 'new'))).records, 3);
  });

  describe('refuses, with the number of the line and nothing left behind,', () => {
    const edit = (line: number, change: (fields: Record<string, unknown>) => object) => (lines: string[]) => {
      lines[line - 1] = `${JSON.stringify(change(JSON.parse(lines[line - 1] ?? '')))}\n`;
    };
    const stranger = new Speaker(3, 'elsewhere').say();
    const flipped = (text: unknown) => {
      const bytes = Buffer.from(String(text), 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes.toString('base64');
    };
    const at = (kind: string) => everything().findIndex(({ type }) => type === `put-${kind}`) + 2;

    it.each<[string, number, RegExp, (lines: string[]) => void]>([
      ['garbage', 3, /is no JSON;/, lines => lines.splice(2, 0, 'garbage\n')],
      ['an empty line', 3, /is no JSON;/, lines => lines.splice(2, 0, '\n')],
      ['a number', 3, /is no JSON object/, lines => lines.splice(2, 0, '7\n')],
      ['null', 3, /is no JSON object/, lines => lines.splice(2, 0, 'null\n')],
      ['a list', 3, /is no JSON object/, lines => lines.splice(2, 0, '[]\n')],
      ['a kind nobody knows', 3, /not known: "spell"/, lines => lines.splice(2, 0, '{"kind":"spell"}\n')],
      ['a file that begins in the middle', 1, /is not the first line/, lines => lines.shift()],
      ['a format of the future', 1, /has format 2/, edit(1, fields => ({ ...fields, format: 2 }))],
      ['no cluster', 1, /names no cluster/, edit(1, fields => ({ ...fields, cluster: 'a b' }))],
      [
        'another cluster than its records',
        2,
        /belongs to cluster test/,
        edit(1, fields => ({ ...fields, cluster: 'x' })),
      ],
      [
        'a record of another cluster',
        2,
        /belongs to cluster elsewhere/,
        edit(2, fields => ({ ...fields, envelope: Buffer.from(stranger.wire).toString('base64') })),
      ],
      [
        'a forged signature',
        3,
        /has a wrong signature/,
        edit(3, fields => ({ ...fields, envelope: flipped(fields.envelope) })),
      ],
      ['a record without bytes', 2, /has no bytes/, edit(2, ({ kind }) => ({ kind }))],
      ['a record that is none', 2, /is no record/, edit(2, ({ kind }) => ({ kind, envelope: 'AAAA' }))],
      [
        'a huge line',
        2,
        /is longer than 256 KiB/,
        lines => lines.splice(1, 0, `"${'x'.repeat(lineMaxBytes)}"\n`),
      ],
      [
        'a huge line without an end',
        2,
        /is longer/,
        lines => lines.splice(1, 99, 'x'.repeat(lineMaxBytes + 1)),
      ],
      ['the same row twice', 3, /says again/, lines => lines.splice(2, 0, lines[1] ?? '')],
      ['a cut-off file', 14, /is missing: the export was cut off/, lines => lines.splice(13)],
      ['lines that somebody took out', 14, /counts 15 lines/, lines => lines.splice(5, 1)],
      ['what comes after the end', 16, /comes after the end/, lines => lines.push('{"kind":"meta"}\n')],
      [
        'a proof of nothing',
        at('proof'),
        /proves nothing/,
        edit(at('proof'), f => ({ ...f, second: f.first })),
      ],
      [
        'a forged removal',
        at('removal'),
        /wrong signature/,
        edit(at('removal'), f => ({ ...f, claim: flipped(f.claim) })),
      ],
      ['a forged ban', at('ban'), /wrong signature/, edit(at('ban'), f => ({ ...f, ban: flipped(f.ban) }))],
      [
        'an epoch at the end of time',
        14,
        /more than a year ahead/,
        edit(14, f => ({ ...f, value: 2 ** 53 - 1 })),
      ],
      [
        'a clock at the end of time',
        at('clock'),
        /more than a year/,
        edit(at('clock'), f => ({ ...f, epoch: 2 ** 53 - 1 })),
      ],
      [
        'a floor of nobody',
        at('floor'),
        /names no key/,
        edit(at('floor'), f => ({ ...f, floor: [{ epoch: 1, sequence: 1 }] })),
      ],
      [
        'a number below nothing',
        at('clock'),
        /whole number/,
        edit(at('clock'), f => ({ ...f, sequence: -1 })),
      ],
      [
        'a confirmation of garbage',
        at('confirmation'),
        /count again/,
        edit(at('confirmation'), f => ({ ...f, previous: { address: 7 } })),
      ],
    ])('%s', async (_, line, reason, change) => {
      await withStore(directory, store => store.write(everything()));
      const lines = await exported();
      change(lines);

      const error = await refusal(() => importing(lines));

      assert.equal(error.code, 'IMPORT_REFUSED');
      assert.match(error.message, reason);
      assert.include(error.message, `line ${line} `);
      assert.deepEqual((await readdir(root)).sort(), ['data', 'export.jsonl']);
    });

    it('an export of another cluster than was asked for', async () => {
      await withStore(directory, store => store.write(everything()));
      const lines = await exported();

      assert.match((await refusal(() => importing(lines, 'mine'))).message, /is of cluster test, not mine/);
    });

    it('a file that is not there', async () => {
      const file = join(root, 'nothing');

      const error = await refusal(() => importStore({ file, directory, cluster: undefined, wallMs }));

      assert.match(error.message, /ENOENT/);
      assert.deepEqual(await readdir(root), []);
    });
  });

  describe('check', () => {
    const check = () => checkStore({ directory, cluster: undefined });

    async function behindItsBack(work: (rows: Level<string, Buffer>) => Promise<void>): Promise<void> {
      const rows = new Level<string, Buffer>(join(directory, 'store'), { valueEncoding: 'buffer' });
      await rows.open();
      await work(rows);
      await rows.close();
    }

    it('finds a whole database well, and counts it', async () => {
      await withStore(directory, store => store.write(everything()));

      const { problems, counts, cluster } = await check();

      assert.deepEqual(problems, []);
      assert.equal(cluster, testCluster);
      assert.deepInclude(counts, { records: 3, floors: 1, proofs: 1 });
    });

    it('names a damaged row, and leaves it as it is', async () => {
      await withStore(directory, store => store.write(everything()));
      await behindItsBack(async rows => rows.put('m!epoch', Buffer.from('rubbish')));

      for (const time of ['first', 'second']) {
        const { problems } = await check();
        assert.deepEqual(problems, ['row "m!epoch" is damaged; an agent that starts leaves it out'], time);
      }
    });

    it('names a record with a wrong signature, though its sum fits', async () => {
      const record = new Speaker(1).say();
      const wire = Buffer.from(record.wire);
      wire[wire.length - 1] = (wire.at(-1) ?? 0) ^ 1;
      await withStore(directory, store => store.write([{ type: 'put-record', record: { ...record, wire } }]));

      assert.deepEqual((await check()).problems, ['record 1 of 1 has a wrong signature']);
    });

    it('names a record under a key that is not its own', async () => {
      const record = new Speaker(1).say();
      await withStore(directory, store =>
        store.write([{ type: 'put-record', record: { ...record, wire: record.wire, subject: 'another' } }]),
      );

      assert.match((await check()).problems.join(), /stands under another key/);
    });

    it('names a queue of the outbox that has lost a delivery', async () => {
      const outbox = new Outbox({}, { random: seededRandom(1), linkOf, storeProblem: () => undefined });
      const receiver = 'http:http://10.0.0.7:8080';
      for (const subject of ['a', 'b']) {
        const payload = new Uint8Array(8);
        const enqueued = outbox.enqueue(
          {
            receiver,
            subject,
            priority: 'normal',
            kind: 'x',
            payload,
            expiresAfterMs: 60_000,
            digest: subject,
          },
          at(0),
        );
        assert.isTrue(enqueued.ok);
        if (!enqueued.ok) return;
        const operations = enqueued.effects.flatMap(each => (each.type === 'persist' ? each.operations : []));
        await withStore(directory, store => store.write(operations));
      }
      const well = await check();
      await withStore(directory, store => store.write([{ type: 'delete-delivery', receiver, sequence: 1 }]));

      const { problems } = await check();

      assert.deepInclude(well, { problems: [] });
      assert.equal(well.counts.deliveries, 2);
      assert.lengthOf(problems, 1);
      assert.match(
        problems[0] ?? '',
        /^the queue for http:http:\/\/10\.0\.0\.7:8080, 1 deliveries, is damaged/,
      );
    });

    it('names what lies below a floor, and two records with one number', async () => {
      const [a, again] = [new Speaker(1), new Speaker(1)];
      const [first, low] = [a.say({ subject: 'p' }), a.say({ subject: 'svc' })];
      await withStore(directory, store =>
        store.write([
          { type: 'put-record', record: first },
          { type: 'put-record', record: low },
          { type: 'put-record', record: again.say({ subject: 'q' }) },
          { type: 'put-floor', subject: 'svc', floor: [{ author: a.peer, epoch: 1, sequence: 5 }] },
        ]),
      );

      const { problems } = await check();

      assert.match(problems.join('\n'), /about svc .* lies below/);
      assert.match(problems.join('\n'), /have the same number/);
    });

    it('names records of a cluster that was not asked for', async () => {
      await withStore(directory, store =>
        store.write([{ type: 'put-record', record: new Speaker(1).say() }]),
      );

      const { problems } = await checkStore({ directory, cluster: 'mine' });

      assert.match(problems.join(), /belongs to cluster test, not mine/);
    });
  });

  describe('command line', () => {
    const firsthand = (...args: readonly string[]) =>
      spawnSync('scripts/firsthand', ['store', ...args], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: root },
      });

    it('checks, exports to a new file that only its owner reads, and imports', async () => {
      await withStore(directory, store => store.write(everything()));
      const file = join(root, 'out.jsonl');

      const checked = firsthand('check', '--data-dir', directory);
      const out = firsthand('export', '--data-dir', directory, '--output', file);
      const again = firsthand('export', '--data-dir', directory, '--output', file);
      const back = firsthand('import', file, '--data-dir', join(root, 'back'));

      assert.deepEqual(
        [checked.status, out.status, again.status, back.status],
        [0, 0, 2, 0],
        back.stderr + again.stderr,
      );
      assert.match(checked.stdout, /3 records.*\nall well\n$/);
      assert.match(again.stderr, /is not overwritten/);
      assert.match(back.stdout, /imported 3 record/);
      const [first = ''] = (await readFile(file, 'utf8')).split('\n');
      assert.equal(JSON.parse(first).kind, 'firsthand-export');
    });

    it('ends with 7 when something is wrong', async () => {
      await withStore(directory, store =>
        store.write([{ type: 'put-record', record: new Speaker(1).say() }]),
      );

      const { status, stdout } = firsthand('check', '--data-dir', directory, '--cluster', 'mine', '--json');

      assert.equal(status, 7);
      assert.isFalse(JSON.parse(stdout).ok);
    });

    it('refuses while somebody holds the directory, and where there is none, and makes none', async () => {
      await withStore(directory, async () => {
        const held = firsthand('check', '--data-dir', directory);

        assert.equal(held.status, 1);
        assert.match(held.stderr, /^firsthand: another process holds the data directory .*\n$/);
      });
      const none = firsthand('export', '--data-dir', join(root, 'none'));

      assert.equal(none.status, 1);
      assert.match(none.stderr, /^firsthand: there is no database in .*\n$/);
      assert.notInclude(await readdir(root), 'none');
    });
  });
});
