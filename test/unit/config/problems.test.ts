import { assert, describe, it } from 'vitest';
import { type LoadRequest, loadSettings } from '../../../src/config/load.ts';
import { flagOf, variableOf } from '../../../src/config/setting.ts';
import { definitions } from '../../../src/config/settings.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { temporaryFile } from './temporary-file.ts';

const host = { homeDir: '/home/ada', stateHome: undefined, isTerminal: false };

async function problemsOf(request: Partial<LoadRequest>): Promise<readonly string[]> {
  try {
    await loadSettings({ env: {}, host, ...request });
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.equal(error.message, (error.details.problems as readonly string[]).join('\n'));
    return error.details.problems as readonly string[];
  }
  return [];
}

/** For every setting a value that it must refuse, and what the refusal has to mention. */
const badValues: Readonly<Record<string, readonly [bad: string, allowed: string]>> = {
  id: ['a b', '1 to 128 of A-Z a-z 0-9 . _ -'],
  cluster: ['a/b', '1 to 64 of A-Z a-z 0-9 . _ -'],
  dataDir: ['a\0b', 'a path'],
  type: ['frontend', 'proxy, backend or governator'],
  loadBalancer: ['maybe', 'true or false'],
  address: ['10.0.0.1', 'host:port'],
  metricsPort: ['80', '1024 to 65535'],
  capabilities: ['a b', '1 to 64 of A-Z a-z 0-9 _ -'],
  listen: ['0.0.0.0:7946', '/ip4/<address>/tcp/<port>'],
  probeListen: ['7946', 'host:port'],
  seeds: ['10.0.0.1:7946', '/ip4, /ip6'],
  mdns: ['2', 'true or false'],
  dht: ['nope', 'true or false'],
  faultInjection: ['nope', 'true or false'],
  join: ['12D3KooW', 'firsthand invite'],
  membership: ['\0', 'a path'],
  authorities: ['12D3KooW', 'peer id of an authority'],
  caDir: ['\0', 'a path'],
  caPassphraseFile: ['\0', 'a path'],
  connectionsMaxCount: ['15', '16 to 100000'],
  hostConnectionsPerSecond: ['0', '1 to 100000'],
  pendingConnectionsMaxCount: ['0', '1 to 10000'],
  hostPendingMaxCount: ['0', '1 to 10000'],
  admissionTimeoutMs: ['99', '100 to 60000'],
  sourceDatagramsPerSecond: ['0', '1 to 1000000'],
  strangerDatagramsPerSecond: ['0', '1 to 1000000'],
  syncStreamsMaxCount: ['0', '1 to 32'],
  gossipStreamsMaxCount: ['33', '1 to 32'],
  gossipSubscriptionsMaxCount: ['0', '1 to 1000'],
  oldSecretAcceptMs: ['-1', '0 to 2592000000'],
  fullMeshMaxCount: ['0', '1 to 1000'],
  partialMeshCount: ['1', '4 to 1000'],
  redialMaxMs: ['-1', '500 to 600000'],
  detectorProfile: ['swift', 'lan, fast or wan'],
  probeIntervalMs: ['5s', '50 to 60000'],
  ackTimeoutMaxMs: ['1.5', '20 to 60000'],
  suspicionMult: ['0', '1 to 100'],
  strikesMaxCount: ['101', '1 to 100'],
  strikeBackoffMinMs: ['99', '100 to 3600000'],
  strikeBackoffMaxMs: ['3600001', '100 to 3600000'],
  bootstrap: ['perhaps', 'true or false'],
  deadRetentionMs: ['1', '60000 to 2592000000'],
  proxyRetentionMs: ['never', '60000 to 2592000000'],
  backendRetentionMs: ['59999', '60000 to 2592000000'],
  governatorRetentionMs: ['2592000001', '60000 to 2592000000'],
  leaseMs: ['999', '1000 to 604800000'],
  hostedMaxCount: ['100001', '1 to 100000'],
  subjectsPerAuthorMaxCount: ['0', '1 to 1000000'],
  tombstoneRetentionMs: ['1e9', '60000 to 2592000000'],
  driftMaxMs: ['300001', '0 to 300000'],
  reputationHalfLifeMs: ['1', '60000 to 604800000'],
  reputationThrottleAt: ['0', '1 to 1000000'],
  reputationNoMeshAt: ['0', '1 to 1000000'],
  reputationQuarantineAt: ['many', '1 to 1000000'],
  reputationQuarantineMs: ['1', '1000 to 604800000'],
  membersMaxCount: ['1', '2 to 100000'],
  membersPerHostMaxCount: ['0', '1 to 100000'],
  newMembersPerSecond: ['0', '1 to 100000'],
  banIssuers: ['web-1', 'a peer id (12D3…)'],
  keyOverlapMs: ['999', '1000 to 86400000'],
  joinTimeoutMs: ['forever', '0 to 600000'],
  syncIntervalMs: ['99', '100 to 3600000'],
  authorRecordsPerSecond: ['0', '1 to 1000000'],
  authorBurstCount: ['0', '1 to 10000000'],
  peerMessagesPerSecond: ['0', '1 to 1000000'],
  peerBurstCount: ['0', '1 to 10000000'],
  registerWith: ['http://a?b', 'http:// or https://'],
  httpPeerRefreshMs: ['999', '1000 to 3600000'],
  httpPeersMaxCount: ['0', '1 to 1000'],
  httpPeerTimeoutMs: ['9', '10 to 60000'],
  httpPeerConnectionsMaxCount: ['1', '2 to 500'],
  durability: ['none', 'process or power'],
  ballastBytes: ['-1', '0 to 1073741824'],
  outboxMaxCount: ['9', '10 to 1000000'],
  outboxMaxBytes: ['1', '65536 to 4294967296'],
  outboxMaxAgeMs: ['1', '1000 to 2592000000'],
  http: ['7980', 'host:port'],
  auth: ['basic', 'open, shared_secret, jwt or mtls'],
  httpAuth: ['none', 'open, shared_secret, jwt or mtls'],
  secretFile: ['/no/such/file', 'there is no such file'],
  storeKey: ['/no/such/file', 'there is no such file'],
  publicVitals: ['x', 'true or false'],
  callerRequestsPerSecond: ['-1', '0 to 1000000'],
  totalRequestsPerSecond: ['many', '0 to 1000000'],
  authFailuresPerSecond: ['0', '1 to 100000'],
  httpConnectionsPerAddressMaxCount: ['-1', '0 to 100000'],
  httpAnswerTimeoutMs: ['999', '1000 to 3600000'],
  httpCertFile: ['a\0b', 'a path'],
  httpKeyFile: ['a\0b', 'a path'],
  httpClientCaFile: ['a\0b', 'a path'],
  httpClientPins: ['sha256/abc', 'sha256/ and the SHA-256'],
  grants: ['root=ada', 'read, register, operate or admin'],
  namePrefix: ['a b', '1 to 200 printable characters'],
  jwtIssuer: ['Zoë', '1 to 256 characters'],
  jwtAudience: ['Zoë', '1 to 256 characters'],
  jwtKeys: ['http://example.org/keys', 'an https:// URL'],
  jwtAlgorithms: ['HS256', 'EdDSA, ES256 or RS256'],
  jwtRolesClaim: ['Zoë', '1 to 256 characters'],
  jwtAgeMaxMs: ['0', '1000 to 2592000000'],
  jwtClockToleranceMs: ['300001', '0 to 300000'],
  jwtKeysRefreshMs: ['29999', '30000 to 86400000'],
  jwtKeysStaleMaxMs: ['0', '60000 to 2592000000'],
  auditLevel: ['some', 'off, operator, changes or all'],
  auditFileMaxBytes: ['1', '65536 to 1073741824'],
  auditFilesMaxCount: ['1', '2 to 10000'],
  oauthTokenUrl: ['ftp://a', 'http:// or https://'],
  oauthClientId: ['Zoë', '1 to 256 characters'],
  oauthClientSecretFile: ['a\0b', 'a path'],
  oauthScope: ['Zoë', '1 to 256 characters'],
  oauthAudience: ['Zoë', '1 to 256 characters'],
  healthCheckIntervalMs: ['1', '100 to 3600000'],
  healthCheckTimeoutMs: ['1', '10 to 300000'],
  failureThreshold: ['0', '1 to 100'],
  recoveryThreshold: ['101', '1 to 100'],
  healthChecksMaxCount: ['0', '1 to 1000'],
  logLevel: ['loud', 'trace, debug, info, warn, error or silent'],
  logFormat: ['xml', 'pretty or json'],
};

describe('config problems', () => {
  it('has a refused value in this table for every setting', () => {
    assert.sameMembers(Object.keys(badValues), [...definitions.keys()]);
  });

  describe.each(Object.entries(badValues))('%s', (key, [bad, allowed]) => {
    const definition = [...definitions].find(([name]) => name === key)?.[1];
    if (definition === undefined) throw new TypeError(key);
    const shown = JSON.stringify(bad).slice(1, -1);

    it(`refuses ${JSON.stringify(bad)} from a variable and names variable, value and range`, async () => {
      const name = variableOf(key, definition);

      const [problem = '', ...more] = await problemsOf({ env: { [name]: bad } });

      assert.deepEqual(more, []);
      assert.isTrue(problem.startsWith(`${name}: `), problem);
      // An invite lets somebody in, so it is repeated nowhere.
      assert.equal(problem.includes(shown), key !== 'join', problem);
      assert.include(problem, allowed);
    });

    it(`refuses ${JSON.stringify(bad)} from a file and names file, line and key`, async () => {
      const fileKey = key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
      const value = definition.kind.form === 'list' ? [bad] : bad;
      const file = temporaryFile('agent.yaml', `# first line\n${fileKey}: ${JSON.stringify(value)}\n`);

      const [problem = '', ...more] = await problemsOf({ file });

      assert.deepEqual(more, []);
      assert.isTrue(problem.startsWith(`${file}:2: ${fileKey}: `), problem);
      assert.include(problem, allowed);
    });

    const flag = flagOf(key, definition);
    if (flag === undefined) return;
    it(`refuses ${JSON.stringify(bad)} from its flag and names it`, async () => {
      const value = definition.kind.form === 'list' ? [bad] : bad;

      const [problem = '', ...more] = await problemsOf({ flags: { [key]: value } });

      assert.deepEqual(more, []);
      assert.isTrue(problem.startsWith(`${flag}: `), problem);
    });
  });

  it('reports everything that is wrong at once, whatever source it is in', async () => {
    const file = temporaryFile('agent.yaml', 'typ: proxy\nlease_ms: 5\n');

    const problems = await problemsOf({
      file,
      flags: { id: 'a b', listen: ['x'] },
      env: { FIRSTHAND_HTTP: 'x', FIRSTHAND_CLUSTRE: 'a' },
    });

    assert.sameMembers(
      problems.map(problem => problem.slice(0, problem.indexOf(': ')).replace(file, 'file')),
      ['--id', '--listen', 'FIRSTHAND_HTTP', 'FIRSTHAND_CLUSTRE', 'file:1', 'file:2'],
    );
  });

  it('reports a bad value in a file although a flag overrides it', async () => {
    const file = temporaryFile('agent.yaml', 'type: frontend\n');

    const problems = await problemsOf({ file, flags: { type: 'proxy' } });

    assert.deepEqual(problems, [`${file}:1: type: "frontend" is not proxy, backend or governator`]);
  });

  it.each([
    ['an unknown key', 'clustre: a\n', '1: clustre: there is no such setting; did you mean cluster?'],
    ['a hyphenated key', 'data-dir: /x\n', '1: data-dir: there is no such setting; did you mean data_dir?'],
    ['a key that is like no other', 'zzzzzzzz: 1\n', '1: zzzzzzzz: there is no such setting'],
    [
      'one setting under two names',
      'seeds: []\nseed: []\n',
      '2: seed: the same setting is on line 1 already',
    ],
    ['a key given twice', 'id: a\nid: b\n', '2: Map keys must be unique'],
    ['a number where text belongs', 'id: 42\n', '1: id: 42 is a number here: put it in quotes'],
    ['a map where a list belongs', 'seeds: {a: 1}\n', '1: seeds: { a: 1 } is not a list of 0 to 64'],
    ['a list instead of settings', '- a\n', 'must be a map of settings'],
    ['broken YAML', 'id: "a\ncluster: b\n', '3: Missing closing "quote'],
    [
      'a secret in the file',
      'secret: hunter2hunter2hunter2\n',
      '1: secret: a secret has no place in this file',
    ],
    [
      'a peer that is no base URL',
      'register_with: [http://u:p@a]\n',
      '1: register_with: "http://u:p@a" is not http:// or https://',
    ],
  ])('tells %s with its line', async (_what, text, expected) => {
    const file = temporaryFile('agent.yaml', text);

    const [problem = ''] = await problemsOf({ file });

    assert.include(problem, expected);
    assert.isTrue(problem.startsWith(`${file}:`), problem);
    assert.notInclude(problem, 'hunter2');
  });

  it('refuses aliases that multiply beyond reason', async () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
seeds: [*c, *c, *c, *c, *c, *c, *c, *c, *c]
`;
    const problems = await problemsOf({ file: temporaryFile('agent.yaml', bomb) });

    assert.isTrue(
      problems.some(problem => problem.endsWith(':4: too many aliases')),
      problems.join('\n'),
    );
  });

  it('tells a file that is not there, a directory, and one that is far too large', async () => {
    const large = temporaryFile('agent.yaml', 'x'.repeat(1_048_577));

    assert.deepEqual(await problemsOf({ file: '/no/such.yaml' }), [
      '/no/such.yaml: cannot be read: there is no such file',
    ]);
    assert.deepEqual(await problemsOf({ file: '/' }), ['/: cannot be read: it is a directory']);
    assert.deepEqual(await problemsOf({ file: large }), [
      `${large}: has 1048577 bytes; a configuration file has at most 1048576`,
    ]);
  });

  it.each([
    [{ auth: 'jwt' }, '--auth: jwt needs jwt_issuer and jwt_keys; http_auth can be another mode than auth'],
    [{ httpAuth: 'jwt', jwtIssuer: 'https://id.example' }, '--http-auth: jwt needs jwt_keys'],
    [
      { auth: 'mtls' },
      '--auth: mtls needs http_cert_file and http_client_ca_file; http_auth can be another mode than auth',
    ],
    [{ httpCertFile: 'cert.pem' }, '--http-cert-file: needs http_key_file too'],
    [{ httpKeyFile: 'key.pem' }, '--http-key-file: needs http_cert_file too'],
    [{ httpClientCaFile: 'ca.pem' }, '--http-client-ca-file: needs http_cert_file too'],
    [
      { httpClientPins: [`sha256/${'A'.repeat(43)}=`] },
      'http_client_pins: has no effect unless http_auth is mtls',
    ],
    [
      { httpAuth: 'shared_secret' },
      '--http-auth: shared_secret needs a secret; give --secret-file, FIRSTHAND_SECRET_FILE or FIRSTHAND_SECRET',
    ],
    [
      { auth: 'shared-secret' },
      '--auth: "shared-secret" is not open, shared_secret, jwt or mtls; did you mean shared_secret?',
    ],
    [
      { auth: 'shared_secret' },
      '--auth: shared_secret needs a secret; give --secret-file, FIRSTHAND_SECRET_FILE or FIRSTHAND_SECRET',
    ],
    [
      { registerWith: ['http://a:1/?b'] },
      '--register-with: "http://a:1/?b" is not http:// or https:// and host, without credentials, query and fragment; at most 256 characters',
    ],
    [
      { healthCheckTimeoutMs: '6000' },
      'health_check_timeout_ms: 6000 ms must be at most health_check_interval_ms, which is 5000 ms',
    ],
    [
      { ackTimeoutMaxMs: '1500' },
      'ack_timeout_max_ms: 1500 ms must be at most probe_interval_ms, which is 1000 ms',
    ],
    [
      { detectorProfile: 'fast', ackTimeoutMaxMs: '600' },
      'ack_timeout_max_ms: 600 ms must be at most probe_interval_ms, which is 500 ms',
    ],
    [
      { strikeBackoffMinMs: '40000' },
      'strike_backoff_min_ms: 40000 ms must be at most strike_backoff_max_ms, which is 30000 ms',
    ],
    [{ http: '0.0.0.0:80' }, 'metrics_port: must be given, because the HTTP port 80 is below 1024'],
    [{ id: '..' }, 'data_dir: must be given, because the id .. is no directory name'],
    [{ listen: [] }, '--listen: has 0 values; it must have 1 to 8'],
  ])('refuses %j', async (flags, expected) => {
    assert.deepEqual(await problemsOf({ flags }), [expected]);
  });

  it.each([
    ['fifteen bytes', 'x'.repeat(15), 'the secret has 15 bytes; it must have 16 to 1024'],
    ['a newline that does not make it longer', `${'x'.repeat(15)}\n`, 'the secret has 15 bytes'],
    ['too many bytes', 'x'.repeat(1_025), 'the secret has 1025 bytes'],
    ['two lines', `${'x'.repeat(16)}\nmore`, 'one line of printable ASCII'],
    ['a space at its end', `${'x'.repeat(16)} \n`, 'one line of printable ASCII'],
  ])('refuses a secret with %s', async (_what, text, expected) => {
    const secretFile = temporaryFile('secret', text);

    const [problem = '', ...more] = await problemsOf({ flags: { secretFile, auth: 'shared_secret' } });

    assert.deepEqual(more, []);
    assert.isTrue(problem.startsWith('--secret-file: '), problem);
    assert.include(problem, expected);
    assert.notInclude(problem, 'xxxx');
  });

  it('refuses a secret for an open agent, which would not ask for it', async () => {
    const secretFile = temporaryFile('secret', 'x'.repeat(16));

    const problems = await problemsOf({ flags: { secretFile } });

    assert.deepEqual(problems, [
      '--secret-file: has no effect while auth is open; set auth to shared_secret',
    ]);
  });

  it('allows a secret variable beside an open agent, because it may be there for the client commands', async () => {
    assert.deepEqual(await problemsOf({ env: { FIRSTHAND_SECRET: 'x'.repeat(16) } }), []);
  });

  it('needs a data directory from a user without a home', async () => {
    const problems = await problemsOf({ host: { ...host, homeDir: undefined } });

    assert.deepEqual(problems, ['data_dir: must be given, because this user has no home directory']);
  });

  it('complains of a value in seconds in the unit it was written in', async () => {
    const name = 'INFERNO_SERVICE_DISCOVERY_HEALTH_CHECK_INTERVAL';

    assert.deepEqual(await problemsOf({ env: { [name]: '5s' } }), [
      `${name}: "5s" is not a whole number of seconds`,
    ]);
  });

  it('refuses an option that does not exist', async () => {
    assert.deepEqual(await problemsOf({ options: { clusterName: 'x', seds: [] } }), [
      'clusterName: there is no such setting',
      'seds: there is no such setting; did you mean seeds?',
    ]);
  });

  it('lets no control character of a value reach the message', async () => {
    const [problem = ''] = await problemsOf({ flags: { id: 'a\u001b[2J\u009b' } });

    assert.notMatch(problem, /\p{Cc}/u);
  });
});
