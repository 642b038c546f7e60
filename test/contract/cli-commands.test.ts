import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, describe, it, onTestFinished } from 'vitest';
import { FakeIo, run } from '../unit/cli/fake-io.ts';
import { temporaryFile } from '../unit/config/temporary-file.ts';
import { type Answer, cliAgent } from './cli-agent.ts';
import {
  bob,
  clock,
  detector,
  examination,
  mesh,
  outbox,
  peers,
  records,
  status,
  subject,
  suspected,
  sync,
} from './cli-documents.ts';

const registered = { status: 'registered', message: 'ok', peers };

const wellExamination = { ok: true, checks: examination.checks.filter(({ ok }) => ok) };
const reputation = [{ peer: 'key-of-web-3', standing: 'throttled', points: 30, faults: [] }];
const bans = [{ peer: 'key-of-web-3', issuer: 'me', issued_at_ms: 1, reason: '', state: 'in-force' }];
const banned = { status: 'banned', peer: 'key-of-web-3' };
const pardoned = { status: 'pardoned', peer: 'key-of-web-3' };
const removed = { status: 'removed', message: 'web-3 is out of the cluster' };

const everything: Readonly<Record<string, Answer>> = {
  'GET /peers': { json: peers },
  'GET /status': { json: status },
  'GET /clock': { json: clock },
  'GET /mesh': { json: mesh },
  'GET /detector': { json: detector },
  'GET /sync': { json: sync },
  'GET /outbox': { json: outbox },
  'GET /doctor': { json: wellExamination },
  'GET /records': { json: records },
  'GET /records/backend-1': { json: subject },
  'POST /registration': { json: registered },
  'GET /reputation': { json: reputation },
  'GET /admin/bans': { json: bans },
  'POST /admin/bans': { json: banned },
  'DELETE /admin/bans/web-3': { json: pardoned },
  'POST /admin/remove/web-3': { json: removed },
  'DELETE /registration/backend-1': { json: { status: 'deregistered', id: 'backend-1' } },
};

describe('cli commands against an agent', () => {
  it('peers: prints a table in order of id, with ages', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout, stderr } = await run(`peers --agent ${agent.url}`);

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.equal(
      stdout,
      [
        'ID         TYPE     ADDRESS        METRICS  STATUS   LB   CAPABILITIES                    UPDATED',
        'backend-1  backend  10.0.0.2:8080     9100  suspect  no   inference,model_serving  2 h 20 min ago',
        'web-1      proxy    10.0.0.1:7980     7980  alive    yes  load_balancing                 12 s ago',
        '',
      ].join('\n'),
    );
  });

  it('peers: hands filters to the agent', async () => {
    const agent = await cliAgent({ 'GET /peers': { json: [] } });

    const { stdout } = await run(
      `--agent ${agent.url} peers --type Backend --capability a --capability b --status alive`,
    );

    assert.equal(agent.asked[0]?.what, 'GET /peers?type=backend&capability=a&capability=b&status=alive');
    assert.equal(stdout, 'no such node\n');
  });

  it('peers: notes on standard error that only a part of the cluster speaks', async () => {
    const answering = (view: string): Record<string, Answer> => ({
      'GET /peers': (_request, response) =>
        response.writeHead(200, { 'firsthand-view': view }).end(JSON.stringify(peers)),
    });
    const partial = await cliAgent(answering('7/12'));
    const whole = await cliAgent(answering('12/12'));
    const nonsense = await cliAgent(answering('/12'));

    const noted = await run(`peers --json --agent ${partial.url}`);

    assert.equal(noted.code, 0);
    assert.equal(noted.stderr, 'firsthand: this agent reaches 7 of 12 known agents\n');
    assert.equal(JSON.parse(noted.stdout).length, 2);
    for (const { url } of [whole, nonsense]) assert.equal((await run(`peers --agent ${url}`)).stderr, '');
  });

  it('peers: ends with 5 where a majority is required and not there', async () => {
    const agent = await cliAgent({
      'GET /peers?type=proxy&require=majority': {
        status: 503,
        json: { error: 'this agent reaches 5 of 12 known agents, no majority', code: 'NO_MAJORITY' },
      },
    });

    const outcome = await run(`peers --require-majority --type proxy --agent ${agent.url}`);

    assert.deepEqual(outcome, {
      code: 5,
      stdout: '',
      stderr: 'firsthand: this agent reaches 5 of 12 known agents, no majority\n',
    });
  });

  it('peers: has colour on a terminal only', async () => {
    const agent = await cliAgent(everything);
    const line = `peers --agent ${agent.url}`;

    const plain = await run(line, new FakeIo());
    const coloured = await run(line, new FakeIo({ colour: true }));
    const json = await run(`${line} --json`, new FakeIo({ colour: true }));

    assert.notInclude(plain.stdout, '\u001b');
    assert.include(coloured.stdout, '\u001b[32malive\u001b[0m');
    assert.notInclude(json.stdout, '\u001b');
  });

  it('peers: lets no control character of a peer reach the terminal', async () => {
    const evil = [{ ...peers[0], id: 'a\u001b]0;owned\u0007', address: 'b\u009b2J' }];
    const agent = await cliAgent({ 'GET /peers': { json: evil } });

    const text = await run(`peers --agent ${agent.url}`);
    const json = await run(`peers --json --agent ${agent.url}`);

    assert.notMatch(text.stdout.replaceAll('\n', ''), /\p{Cc}/u);
    assert.notMatch(json.stdout.replaceAll('\n', ''), /\p{Cc}/u);
    assert.equal(JSON.parse(json.stdout)[0].id, evil[0]?.id);
  });

  it('status: says first that the cluster is well, then shows everything', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`status --agent ${agent.url}`);

    assert.equal(code, 0);
    const [first = ''] = stdout.split('\n');
    assert.equal(first, 'cluster prod: well');
    for (const fact of [
      'web-1 (proxy), 12D3…Alice1, version 0.1.0',
      'ready, up 3 h 20 min, epoch 4',
      '2 of 2 reachable',
      '3 listed, 1 hosted here, 0 suspect, 0 unhealthy',
      'store        writes are durable',
      'web-2  alive       1 min',
    ]) {
      assert.include(stdout, fact);
    }
  });

  it.each([
    [['one agent is suspect'], [], 'cluster prod: one agent is suspect'],
    [['a', 'b'], [], 'cluster prod: 2 things are not well'],
    [[], [{ name: 'store', ok: false, detail: 'the disk is full' }], 'cluster prod: store: the disk is full'],
  ] as const)('status: says first what is not well: %j %j', async (findings, components, expected) => {
    const agent = await cliAgent({ 'GET /status': { json: { ...status, findings, components } } });

    const { code, stdout } = await run(`status --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.equal(stdout.split('\n')[0], expected);
    for (const finding of findings) assert.include(stdout, finding);
  });

  it('inspect records: follows the pages to the end and shows what decided', async () => {
    const agent = await cliAgent({
      'GET /records?limit=500': { json: { records: [{ ...subject, id: 'b/2' }], next: 'b/2' } },
      'GET /records?limit=500&after=b%2F2': { json: { records: [{ ...subject, id: 'a' }], next: null } },
    });

    const { code, stdout } = await run(`inspect records --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split('\n').map(line => line.replace(/ {2,}/g, '|')),
      [
        'ID|STATE|AUTHOR|AUTHORITY|VERSION|DECIDED BY|RECORDS|CONFLICT',
        'a|entry|12D3…Alice1|host|4/2|only|1|no',
        'b/2|entry|12D3…Alice1|host|4/2|only|1|no',
        '',
      ],
    );
  });

  it('inspect record: explains it, with the names of the authors', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`inspect record backend-1 --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.match(stdout, /^backend-1: what web-1 \(12D3…Alice1\) says counts, because it is the only record/);
  });

  it('inspect clock: shows its own time and the latest of every author by name', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`inspect clock --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.match(
      stdout,
      /^author {3}12D3KooWa+Alice1\nversion {2}4\/2\ntime {5}2025-11-2\d \d\d:\d\d:20\.000 \+1\n\n/,
    );
    assert.match(stdout, /\nweb-1 +4 +2 {2}12D3KooWa+Alice1\nweb-2 +1 +9 {2}12D3KooWb+Bobby2\n$/);
  });

  it('inspect mesh: shows links, seeds without an answer, and strangers', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`inspect mesh --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.include(stdout, 'topic firsthand/prod/records/1\nagents of other clusters refused: 3\n');
    assert.include(stdout, 'seed without an answer: /dns4/nowhere/tcp/7946, 2 tries, no such host\n');
    assert.match(
      stdout,
      /\nweb-2 +connected +alive +0\.4 ms +in +1\.3 +to \/ip4\/10\.0\.0\.3\/tcp\/7946 +seed,record +- +12D3KooWb+Bobby2\n\n/,
    );
    assert.deepEqual(stdout.split('\n').slice(-4), [
      'HTTP PEER          STATE      KNOWN FROM     LAST ANSWER  LISTS       FAILURES  NEXT TRY  LAST ERROR',
      'http://old-1:8080  answering  configuration    1.2 s ago      3              1    58.8 s',
      'http://old-2:8080  failing    list                     -      0  7, 2 in a row         -  nobody listens there',
      '',
    ]);
  });

  it('inspect detector: shows members with who accuses them, and hosted backends', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`inspect detector --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n'), [
      'profile      lan, own incarnation 3',
      'local health well',
      'probes       every 1 s, an answer is due within 500 ms',
      'suspicion    a suspect has 4.5 s to 24 s to answer',
      'verdicts     given when that time is over',
      'view         2 of 2 known agents reachable, a majority',
      '',
      'AGENT  STATE    SINCE  LAST ACK      RTT  SCORE       HISTORY  STRIKES  UDP  TCP  PING  HTTP    SKEW  INC',
      'web-2  alive      3 h     0.7 s  12.3 ms    100          UUUU        0  ok   ok   ok    ok    +2.5 s    0',
      'web-3  suspect  1.5 s     3.2 s   0.4 ms     72  UUUUUUUUILxx        2  no   ok   ok    -     -12 ms    7',
      '  accused by web-1 (suspect) 1.5 s ago',
      '  accused by 12D3…Bobby2 (dead, refused) 1.2 s ago',
      '  declared dead in 2.9 s unless it answers',
      '  udp failed 0.3 s ago: no answer within 500 ms',
      'HISTORY: newest probe last; U by UDP, I through helpers, L over the link only, x failed. INC: incarnation.',
      '',
      'BACKEND    STATE      SINCE  CHECKS  FAILED  IN A ROW  LAST CHECK  RESULT                URL',
      'llama-70b  unhealthy   12 s      40       5         3       0.8 s  no answer within 2 s  http://10.0.0.7:9100/metrics',
      'whisper    healthy    1 min       0       0         0           -  not checked yet       http://10.0.0.8:9100/metrics',
      '',
    ]);
  });

  it('inspect detector: says who is silent, and that nobody is declared dead meanwhile', async () => {
    const [suspect] = detector.members;
    const { verdict_in_ms: _heldBack, ...held } = suspect ?? assert.fail('the sample has a suspect');
    const partition = { ...suspected, is_majority: false };
    const json = { ...detector, partition, is_frozen: true, local_health: 2, members: [held], backends: [] };
    const agent = await cliAgent({ 'GET /detector': { json } });

    const { stdout } = await run(`inspect detector --agent ${agent.url}`);

    for (const line of [
      'local health 2 against itself: it waits longer before it accuses others',
      'verdicts     held back: most members fell silent, so none of them is declared dead',
      'view         7 of 12 known agents reachable, no majority',
      'partition    suspected since 12 s',
      '  here       web-1, web-2',
      '  silent     web-3, web-4',
      '  no verdict while most members are silent',
    ]) {
      assert.include(stdout, `${line}\n`);
    }
    assert.notInclude(stdout, 'BACKEND');
    assert.notInclude(stdout, 'declared dead in');
  });

  it('inspect detector: counts the accusers of a member that half the cluster accuses', async () => {
    const accusers = Array.from({ length: 11 }, (_, index) => ({
      by: index === 0 ? bob : `agent-with-a-long-name-${index}`,
      says: 'dead',
      refused: false,
      ago_ms: 100,
    }));
    const members = [{ ...detector.members[1], state: 'dead', accusers, last_ack_ms: undefined }];
    const agent = await cliAgent({ 'GET /detector': { json: { ...detector, members } } });

    const { stdout } = await run(`inspect detector --agent ${agent.url}`);

    assert.equal(stdout.match(/^ {2}accused by /gm)?.length, 8);
    assert.include(stdout, '  accused by agent-with-a-long-name-7 (dead) 0.1 s ago\n  and by 3 more\n');
  });

  it('inspect detector: says that nobody else is known', async () => {
    const json = { ...detector, members: [], backends: [] };
    const agent = await cliAgent({ 'GET /detector': { json } });

    const { stdout } = await run(`inspect detector --agent ${agent.url}`);

    assert.match(stdout, /a majority\n\nno other agent is known\n$/);
  });

  it('doctor: prints a line for each check, says how to mend what is wrong, and ends with 7', async () => {
    const agent = await cliAgent({ 'GET /doctor': { json: examination } });

    const outcome = await run(`doctor --agent ${agent.url}`);

    assert.deepEqual(outcome, {
      code: 7,
      stdout: [
        'ok     clock         within 3 ms of the others',
        'WRONG  mdns docker0  what was sent did not come back',
        '       mend: mdns_interfaces: [eth0]',
        'WRONG  open files    at most 256 may be open',
        '       mend: ulimit -n 65536',
        '2 things are wrong',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('doctor: ends with 7 for programs too', async () => {
    const agent = await cliAgent({ 'GET /doctor': { json: examination } });

    const { code, stdout } = await run(`doctor --json --agent ${agent.url}`);

    assert.equal(code, 7);
    assert.deepEqual(JSON.parse(stdout), examination);
  });

  it('doctor: says when all is well', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`doctor --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.equal(stdout, 'ok     clock  within 3 ms of the others\nall well\n');
  });

  it('remove: takes an agent out by its id', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`remove web-3 --agent ${agent.url}`);

    assert.deepEqual(
      { code, stdout },
      { code: 0, stdout: 'removed web-3 from the cluster, here and everywhere\n' },
    );
    assert.deepEqual(
      agent.asked.map(({ what }) => what),
      ['POST /admin/remove/web-3'],
    );
  });

  it('remove: tells why an agent stays', async () => {
    const json = { error: 'web-2 is alive; it can leave by itself', code: 'STILL_ALIVE' };
    const agent = await cliAgent({ 'POST /admin/remove/web-2': { status: 409, json } });

    const outcome = await run(`remove web-2 --agent ${agent.url}`);

    assert.deepEqual(outcome, {
      code: 1,
      stdout: '',
      stderr: 'firsthand: web-2 is alive; it can leave by itself\n',
    });
  });

  it('register: sends the envelope and says what happened', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(
      `register --id backend-1 --address 10.0.0.2:8080 --metrics-port 9100 --type Backend --no-load-balancer --capability a --capability b --agent ${agent.url}`,
    );

    assert.equal(code, 0);
    assert.equal(
      stdout,
      `registered backend-1 at 10.0.0.2:8080 with the agent at ${agent.url}; it knows 2 other nodes\n`,
    );
    assert.deepEqual(agent.asked[0]?.body, {
      action: 'register',
      node: {
        id: 'backend-1',
        address: '10.0.0.2:8080',
        metrics_port: 9100,
        node_type: 'backend',
        is_load_balancer: false,
        capabilities: ['a', 'b'],
      },
    });
  });

  const unconfirmed = {
    ...registered,
    confirmation: { wanted: 'all', confirmed: ['a'], missing: ['b'], needed: 2, took_ms: 2_000 },
  };

  it('register: with --confirm says who is missing, and ends with 5', async () => {
    const agent = await cliAgent({ ...everything, 'POST /registration': { status: 202, json: unconfirmed } });

    const { code, stdout } = await run(
      `register --id x --address h:1 --metrics-port 9100 --confirm all --timeout 2s --agent ${agent.url}`,
    );

    assert.equal(code, 5);
    assert.match(stdout, /; only 1 of 2 members hold it, not yet b, it keeps spreading\n$/);
    assert.equal(agent.asked[0]?.what, 'POST /registration?confirm=all&timeout=2000');
  });

  it('register: with --confirm says how many hold it, and ends with 0', async () => {
    const confirmation = {
      wanted: 'majority',
      confirmed: ['a', 'b'],
      missing: ['c'],
      needed: 2,
      took_ms: 30,
    };
    const agent = await cliAgent({
      ...everything,
      'POST /registration': { json: { ...registered, confirmation } },
    });

    const { code, stdout } = await run(
      `register --id x --address h:1 --metrics-port 9100 --confirm majority --agent ${agent.url}`,
    );

    assert.equal(code, 0);
    assert.match(stdout, /; 2 of 3 members hold it\n$/);
  });

  it('update: with --rollback says that it was rolled back', async () => {
    const agent = await cliAgent({
      ...everything,
      'POST /registration': { status: 202, json: { ...unconfirmed, rolled_back: true } },
    });

    const { code, stdout } = await run(
      `update --id backend-1 --metrics-port 9200 --confirm all --rollback --agent ${agent.url}`,
    );

    assert.equal(code, 5);
    assert.match(stdout, /so it was rolled back\n$/);
    assert.equal(agent.asked[1]?.what, 'POST /registration?confirm=all&timeout=5000&rollback=true');
  });

  it.each([
    ['--confirm quorum', /--confirm: "quorum" is not one of majority, all/],
    ['--confirm all --timeout 61s', /--timeout: "61s" is not a time like 5s/],
    ['--timeout 5s', /--timeout: has a meaning only with --confirm/],
    ['--rollback', /--rollback: has a meaning only with --confirm/],
  ])('register: refuses %s', async (options, reason) => {
    const { code, stderr } = await run(`register --id x --address h:1 --metrics-port 9100 ${options}`);

    assert.equal(code, 2);
    assert.match(stderr, reason);
  });

  it('register: leaves out what was not given, so that the agent fills in its defaults', async () => {
    const agent = await cliAgent(everything);

    await run(`register --id x --address h:1 --metrics-port 9100 --agent ${agent.url}`);

    assert.deepEqual(agent.asked[0]?.body, {
      action: 'register',
      node: { id: 'x', address: 'h:1', metrics_port: 9100 },
    });
  });

  describe('--key', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = (key: KeyObject, options: object = {}) => {
      const directory = mkdtempSync(join(tmpdir(), 'firsthand-key-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const path = join(directory, 'key.pem');
      const type = key.type === 'public' ? 'spki' : 'pkcs8';
      writeFileSync(path, key.export({ format: 'pem', type, ...options } as never) as unknown as string);
      return path;
    };

    it('register: signs the cluster that the agent names, the defaults and the time', async () => {
      const unknown = { status: 404, json: { error: 'there is no record about x', code: 'UNKNOWN_NODE' } };
      const agent = await cliAgent({ ...everything, 'GET /records/x': unknown });

      const { code } = await run(
        `register --id x --address h:1 --metrics-port 9100 --key ${pem(privateKey)} --agent ${agent.url}`,
      );

      assert.equal(code, 0);
      const { body } = agent.asked.at(-1) as { readonly body: { readonly node: Record<string, string> } };
      const { signature = '', public_key, last_updated, ...node } = body.node;
      assert.deepEqual(node as object, { id: 'x', address: 'h:1', metrics_port: 9100 });
      const more = 'h:1\n9100\nbackend\nfalse\ninference,model_serving,metrics_reporting\n';
      const heading = `firsthand/registration/1\n${status.identity.cluster}\nregister\nx`;
      const text = Buffer.from(`${heading}\n${public_key}\n${last_updated}\n${more}`);
      assert.isTrue(verify(null, text, publicKey, Buffer.from(signature, 'base64')));
    });

    it('deregister: signs a time after whatever the key has said', async () => {
      const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
      const lastS = Math.floor(Date.now() / 1_000) + 20;
      const [known] = subject.records;
      const node = { ...known?.node, public_key: key, last_updated: lastS };
      const owner = { public_key: key, last_updated: lastS + 10 };
      const agent = await cliAgent({
        ...everything,
        'GET /records/backend-1': {
          json: {
            ...subject,
            records: [
              { ...known, node },
              { ...known, owner },
            ],
          },
        },
      });

      await run(`deregister --id backend-1 --key ${pem(privateKey)} --agent ${agent.url}`);

      const { body } = agent.asked.at(-1) as { readonly body: Record<string, string> };
      const { signature = '', last_updated } = body;
      assert.equal(Number(last_updated), lastS + 11);
      const { cluster } = status.identity;
      const lines = ['firsthand/registration/1', cluster, 'deregister', 'backend-1', key, last_updated];
      const text = Buffer.from(lines.map(line => `${line}\n`).join(''));
      assert.isTrue(verify(null, text, publicKey, Buffer.from(signature, 'base64')));
    });

    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    const sealed = { cipher: 'aes-256-cbc', passphrase: 'x' };
    it.each([
      ['there is no file', () => '/no/such', /--key: cannot read "\/no\/such": there is no such file/],
      ['it is public', () => pem(publicKey), /--key: ".*" has no unencrypted private key in PEM form/],
      ['it is encrypted', () => pem(privateKey, sealed), /--key: ".*" has no unencrypted private key/],
      ['it is of another kind', () => pem(rsa), /--key: ".*" holds no private Ed25519 key; openssl genpkey/],
    ])('says what is wrong with the file when %s, and asks nobody', async (_, path, reason) => {
      const agent = await cliAgent(everything);

      const { code, stderr } = await run(`deregister --id x --key ${path()} --agent ${agent.url}`);

      assert.equal(code, 2);
      assert.match(stderr, reason);
      assert.deepEqual(agent.asked, []);
    });
  });

  it('update: changes what was given and keeps the rest', async () => {
    const agent = await cliAgent({
      ...everything,
      'POST /registration': { json: { ...registered, status: 'updated' } },
    });

    const { code, stdout } = await run(
      `update --id backend-1 --metrics-port 9200 --load-balancer --agent ${agent.url}`,
    );

    assert.equal(code, 0);
    assert.equal(stdout, 'updated backend-1: metrics_port, is_load_balancer\n');
    assert.deepEqual(agent.asked[1]?.body, {
      action: 'update',
      node: {
        id: 'backend-1',
        address: '10.0.0.2:8080',
        metrics_port: 9200,
        node_type: 'backend',
        is_load_balancer: true,
        capabilities: ['inference', 'model_serving'],
      },
    });
  });

  it('update: does not find what nobody registered', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout, stderr } = await run(`update --id nobody --address h:1 --agent ${agent.url}`);

    assert.deepEqual(
      { code, stdout, stderr },
      { code: 4, stdout: '', stderr: 'firsthand: nobody registered nobody\n' },
    );
  });

  it('deregister: takes the service out', async () => {
    const agent = await cliAgent(everything);

    const { code, stdout } = await run(`deregister --id backend-1 --agent ${agent.url}`);

    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'deregistered backend-1\n' });
    assert.equal(agent.asked[0]?.what, 'DELETE /registration/backend-1');
  });

  it('leave: is done when the agent is gone', async () => {
    let looksCount = 0;
    const agent = await cliAgent({
      ...everything,
      'POST /admin/leave': { status: 202, json: {} },
      'GET /health/live': (_request, response) => {
        looksCount += 1;
        if (looksCount === 2) agent.close();
        else response.writeHead(503).end('{}');
      },
    });

    const { code, stdout } = await run(`leave --agent ${agent.url}`);

    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'web-1 has left the cluster prod and stopped\n' });
    assert.isAtLeast(looksCount, 2);
  });

  const verbs: readonly (readonly [line: string, document: unknown])[] = [
    ['peers', [...peers].reverse()],
    ['status', status],
    ['inspect records', { records: records.records }],
    ['inspect record backend-1', subject],
    ['inspect clock', clock],
    ['inspect mesh', mesh],
    ['inspect detector', detector],
    ['inspect sync', sync],
    ['inspect outbox', outbox],
    ['inspect reputation', reputation],
    ['bans', bans],
    ['ban web-3', banned],
    ['pardon web-3', pardoned],
    ['doctor', wellExamination],
    ['remove web-3', removed],
    ['register --id backend-1 --address h:1 --metrics-port 9100', registered],
    ['update --id backend-1 --address h:1', registered],
    ['deregister --id backend-1', { status: 'deregistered', id: 'backend-1' }],
  ];

  it('tries --json with every command that asks the agent', async () => {
    // These have tests of their own: streams, the end of the agent, and what needs no agent.
    const others = [
      'start',
      'watch',
      'leave',
      'audit',
      'config',
      'store',
      'chaos',
      'simulate',
      'help',
      'inspect',
      'diff',
      'keys',
      'evidence',
      'ca',
      'invite',
    ];
    const names = async (line: string) =>
      [...(await run(line)).stdout.matchAll(/^ {2}([a-z]+) .*$/gm)].map(match => match[1] ?? '');
    const listed = (await names('--help')).filter(name => !others.includes(name));
    const inspected = (await names('inspect --help')).filter(name => name !== 'help');
    const expected = [...listed, ...inspected.map(name => `inspect ${name}`)].sort();

    const tried = verbs.map(([line]) => /^inspect \w+|^\w+/.exec(line)?.[0] ?? '');

    assert.deepEqual(tried.sort(), expected);
  });

  it.each(verbs)('%s --json prints one document and nothing else', async (line, document) => {
    const agent = await cliAgent(everything);

    const { code, stdout, stderr } = await run(`${line} --json --agent ${agent.url}`);

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.deepEqual(JSON.parse(stdout), document);
  });

  it.each(verbs)('%s ends with 3 when nobody listens', async line => {
    const agent = await cliAgent({});
    agent.close();

    const { code, stdout, stderr } = await run(`${line} --agent ${agent.url}`);

    assert.deepEqual({ code, stdout }, { code: 3, stdout: '' });
    assert.equal(
      stderr,
      `firsthand: cannot reach the agent at ${agent.url} (connection refused); is it running there? --agent or FIRSTHAND_AGENT names another one\n`,
    );
  });

  it.each([
    [400, 'INVALID_ADDRESS', 2],
    [400, 'A_CODE_OF_A_LATER_VERSION', 2],
    [401, 'AUTHENTICATION_REQUIRED', 6],
    [403, 'NOT_OWNER', 6],
    [404, 'UNKNOWN_NODE', 4],
    [409, 'STALE_UPDATE', 1],
    [409, 'STILL_ALIVE', 1],
    [413, 'PAYLOAD_TOO_LARGE', 2],
    [429, 'RATE_LIMITED', 1],
    [500, 'INTERNAL', 1],
    [503, 'NOT_READY', 1],
    [503, 'NO_MAJORITY', 5],
    [507, 'REGISTRY_FULL', 1],
  ])('tells the sentence of an answer %d %s and ends with %d', async (httpStatus, errorCode, expected) => {
    const json = { error: 'what the agent says', code: errorCode, request_id: 'r' };
    const agent = await cliAgent({ 'POST /registration': { status: httpStatus, json } });

    const { code, stdout, stderr } = await run(
      `register --id x --address h:1 --metrics-port 9100 --agent ${agent.url}`,
    );

    assert.deepEqual({ code, stdout }, { code: expected, stdout: '' });
    assert.match(stderr, /^firsthand: what the agent says.*\n$/);
  });

  it('ends with 5 when a gateway gave up waiting', async () => {
    const agent = await cliAgent({
      'GET /peers': (_request, response) => response.writeHead(504).end('<html>'),
    });

    const { code, stderr } = await run(`peers --agent ${agent.url}`);

    assert.equal(code, 5);
    assert.equal(stderr, `firsthand: ${agent.url} answered 504; is it an agent?\n`);
  });

  it.each([
    ['is not JSON', (body: string) => body, '<html>'],
    ['is cut off', (body: string) => body, '[{"id":'],
  ])('ends with 1 when the answer %s', async (_what, make, body) => {
    const agent = await cliAgent({ 'GET /peers': (_request, response) => response.end(make(body)) });

    const { code, stderr } = await run(`peers --agent ${agent.url}`);

    assert.equal(code, 1);
    assert.equal(stderr, `firsthand: ${agent.url} did not answer with JSON; is it an agent?\n`);
  });

  it('does not follow a redirect, which could carry the secret away', async () => {
    const other = await cliAgent(everything);
    const agent = await cliAgent({
      'GET /peers': (_request, response) => response.writeHead(307, { location: `${other.url}/peers` }).end(),
    });
    const io = new FakeIo({ env: { FIRSTHAND_SECRET: 'x'.repeat(16) } });

    const { code } = await run(`peers --agent ${agent.url}`, io);

    assert.equal(code, 1);
    assert.deepEqual(other.asked, []);
  });

  it('tells a closed connection from one that was refused', async () => {
    const server = createServer((_request, response) => response.destroy()).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));

    const { code, stderr } = await run(
      `peers --agent http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    server.close();

    assert.equal(code, 3);
    assert.include(stderr, '(it closed the connection)');
  });

  it('sends the secret of the flag, else of a variable, and nothing without one', async () => {
    const agent = await cliAgent(everything);
    const secretFile = temporaryFile('secret', 'secret-from-the-flag\n');
    const env = { FIRSTHAND_AGENT: agent.url, FIRSTHAND_SECRET: 'secret-from-variable' };

    await run('peers', new FakeIo({ env: { FIRSTHAND_AGENT: agent.url } }));
    await run('peers', new FakeIo({ env }));
    await run(`peers --secret-file ${secretFile}`, new FakeIo({ env }));

    assert.deepEqual(
      agent.asked.map(({ headers }) => headers.authorization),
      [undefined, 'Bearer secret-from-variable', 'Bearer secret-from-the-flag'],
    );
  });

  it('keeps a path in the URL of the agent', async () => {
    const agent = await cliAgent({ 'GET /agents/1/peers': { json: peers } });

    const { code } = await run(`peers --agent ${agent.url}/agents/1/`);

    assert.equal(code, 0);
  });
});
