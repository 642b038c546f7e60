import { inspect } from 'node:util';
import { assert, describe, it } from 'vitest';
import type { DerivationHost } from '../../../src/config/derivation.ts';
import { type LoadRequest, loadSettings } from '../../../src/config/load.ts';
import { temporaryFile } from './temporary-file.ts';

const host: DerivationHost = { homeDir: '/home/ada', stateHome: undefined, isTerminal: false };

function load(request: Partial<LoadRequest>) {
  return loadSettings({ env: {}, host, ...request });
}

const secretText = 'correct horse battery';

describe('config/load', () => {
  it('starts from the defaults of the contract', async () => {
    const { settings } = await load({});

    assert.deepEqual(settings.identity, {
      id: undefined,
      cluster: 'default',
      dataDir: '/home/ada/.local/state/firsthand/default/agent',
    });
    assert.deepEqual(settings.node, {
      type: 'backend',
      loadBalancer: false,
      address: undefined,
      metricsPort: undefined,
      capabilities: ['inference', 'model_serving', 'metrics_reporting'],
    });
    assert.deepEqual(settings.net, {
      listen: ['/ip4/0.0.0.0/tcp/7946'],
      probeListen: undefined,
      seeds: [],
      mdns: true,
      dht: true,
      faultInjection: false,
    });
    assert.deepEqual(settings.shim.http, { host: '127.0.0.1', port: 7980 });
    assert.equal(settings.shim.auth, 'open');
    assert.equal(settings.records.leaseMs, 900_000);
    assert.equal(settings.records.hostedMaxCount, 10_000);
    assert.deepEqual(settings.log, { logLevel: 'info', logFormat: 'json' });
  });

  it('prefers a flag to a variable, that to a deprecated one, that to the file, that to the default', async () => {
    const file = temporaryFile('agent.yaml', 'auth: open\nhealth_check_interval_ms: 9000\ncluster: file\n');
    const deprecated = { INFERNO_SERVICE_DISCOVERY_HEALTH_CHECK_INTERVAL: '8' };
    const variable = { ...deprecated, FIRSTHAND_HEALTH_CHECK_INTERVAL_MS: '7000' };

    const intervals = [];
    for (const request of [
      {},
      { file },
      { file, env: deprecated },
      { file, env: variable },
      { file, env: variable, flags: { healthCheckIntervalMs: '6000' } },
    ]) {
      intervals.push((await load(request)).settings.health.healthCheckIntervalMs);
    }

    assert.deepEqual(intervals, [5_000, 9_000, 8_000, 7_000, 6_000]);
  });

  it('says of each setting where its value comes from', async () => {
    const file = temporaryFile(
      'agent.yaml',
      '# a comment\n\ncluster: prod\nseed: [/ip4/10.0.0.1/tcp/7946]\n',
    );

    const { origins } = await load({ file, env: { FIRSTHAND_TYPE: 'proxy' }, flags: { mdns: false } });

    assert.deepEqual(origins.cluster, { from: 'file', name: `${file}:3: cluster` });
    assert.deepEqual(origins.seeds, { from: 'file', name: `${file}:4: seed` });
    assert.deepEqual(origins.type, { from: 'variable', name: 'FIRSTHAND_TYPE' });
    assert.deepEqual(origins.mdns, { from: 'flag', name: '--mdns' });
    assert.deepEqual(origins.dht, { from: 'default', name: 'dht' });
  });

  it('takes the file that FIRSTHAND_CONFIG names, unless a flag names another', async () => {
    const first = temporaryFile('first.yaml', 'cluster: first\n');
    const second = temporaryFile('second.json', '{\n\t"cluster": "second"\n}\n');
    const env = { FIRSTHAND_CONFIG: first };

    assert.equal((await load({ env })).settings.identity.cluster, 'first');
    assert.equal((await load({ env, file: second })).settings.identity.cluster, 'second');
  });

  it('derives load balancer, capabilities, data directory and log format from what they depend on', async () => {
    const { settings } = await load({
      flags: { type: 'PROXY', cluster: 'prod', id: 'lb-1' },
      host: { homeDir: '/home/ada', stateHome: '/state', isTerminal: true },
    });

    assert.equal(settings.node.loadBalancer, true);
    assert.deepEqual(settings.node.capabilities, [
      'load_balancing',
      'health_checking',
      'request_routing',
      'service_discovery',
    ]);
    assert.equal(settings.identity.dataDir, '/state/firsthand/prod/lb-1');
    assert.equal(settings.log.logFormat, 'pretty');
  });

  it('ignores a relative XDG_STATE_HOME, as its rule demands', async () => {
    const { settings } = await load({ host: { ...host, stateHome: 'state' } });

    assert.equal(settings.identity.dataDir, '/home/ada/.local/state/firsthand/default/agent');
  });

  it('reads lists from repeated flags, comma-separated variables and YAML lists alike', async () => {
    const file = temporaryFile('agent.yaml', 'capabilities:\n  - a\n  - b\n');
    const expected = ['a', 'b'];

    for (const request of [
      { flags: { capabilities: ['a', 'b'] } },
      { env: { FIRSTHAND_CAPABILITIES: 'a, b' } },
      { file },
    ]) {
      assert.deepEqual((await load(request)).settings.node.capabilities, expected);
    }
  });

  it('takes an empty variable and an empty file entry for not given', async () => {
    const file = temporaryFile('agent.yaml', 'cluster:\n');

    const { settings } = await load({ file, env: { FIRSTHAND_SEEDS: '', FIRSTHAND_CONFIG: '' } });

    assert.equal(settings.identity.cluster, 'default');
    assert.deepEqual(settings.net.seeds, []);
  });

  it('takes an empty file for one that sets nothing', async () => {
    const { settings } = await load({ file: temporaryFile('agent.yaml', '# nothing yet\n') });

    assert.equal(settings.identity.cluster, 'default');
  });

  it('reads every variable of the predecessor and names the new one', async () => {
    const { settings, deprecated } = await load({
      env: {
        INFERNO_SERVICE_DISCOVERY_AUTH_MODE: 'shared_secret',
        INFERNO_SERVICE_DISCOVERY_SHARED_SECRET: secretText,
        INFERNO_SERVICE_DISCOVERY_HEALTH_CHECK_INTERVAL: '10',
        INFERNO_SERVICE_DISCOVERY_HEALTH_CHECK_TIMEOUT: '3',
        INFERNO_SERVICE_DISCOVERY_FAILURE_THRESHOLD: '5',
        INFERNO_SERVICE_DISCOVERY_RECOVERY_THRESHOLD: '4',
        INFERNO_SERVICE_DISCOVERY_REGISTRATION_TIMEOUT: '30',
        INFERNO_SERVICE_DISCOVERY_ENABLE_LOGGING: 'true',
      },
    });

    assert.equal(settings.shim.auth, 'shared_secret');
    assert.equal(settings.shim.secret?.reveal(), secretText);
    assert.deepEqual(settings.health, {
      healthCheckIntervalMs: 10_000,
      healthCheckTimeoutMs: 3_000,
      failureThreshold: 5,
      recoveryThreshold: 4,
      healthChecksMaxCount: 32,
    });
    assert.equal(settings.gossip.joinTimeoutMs, 30_000);
    assert.equal(settings.log.logLevel, 'debug');
    assert.deepEqual(
      deprecated.map(
        ({ variable, use }) => `${variable.replace('INFERNO_SERVICE_DISCOVERY_', '')} -> ${use}`,
      ),
      [
        'AUTH_MODE -> FIRSTHAND_AUTH',
        'SHARED_SECRET -> FIRSTHAND_SECRET',
        'HEALTH_CHECK_INTERVAL -> FIRSTHAND_HEALTH_CHECK_INTERVAL_MS',
        'HEALTH_CHECK_TIMEOUT -> FIRSTHAND_HEALTH_CHECK_TIMEOUT_MS',
        'FAILURE_THRESHOLD -> FIRSTHAND_FAILURE_THRESHOLD',
        'RECOVERY_THRESHOLD -> FIRSTHAND_RECOVERY_THRESHOLD',
        'REGISTRATION_TIMEOUT -> FIRSTHAND_JOIN_TIMEOUT_MS',
        'ENABLE_LOGGING -> FIRSTHAND_LOG_LEVEL',
      ],
    );
  });

  it('prefers a flag for the secret to both variables, and a file variable to the secret itself', async () => {
    const byFlag = temporaryFile('flag', 'secret-named-by-the-flag\n');
    const byVariable = temporaryFile('variable', 'secret-named-by-a-variable\r\n');
    const env = { FIRSTHAND_AUTH: 'shared_secret', FIRSTHAND_SECRET: secretText };
    const both = { ...env, FIRSTHAND_SECRET_FILE: byVariable };

    const secrets = [];
    for (const request of [{ env }, { env: both }, { env: both, flags: { secretFile: byFlag } }]) {
      secrets.push((await load(request)).settings.shim.secret?.reveal());
    }

    assert.deepEqual(secrets, [secretText, 'secret-named-by-a-variable', 'secret-named-by-the-flag']);
  });

  it('shows the secret in no way of printing the settings', async () => {
    const { settings } = await load({ options: { auth: 'shared_secret', secret: secretText } });

    const shown = [
      inspect(settings, { depth: 9 }),
      JSON.stringify(settings),
      `${settings.shim.secret}`,
    ].join();

    assert.include(shown, '[redacted]');
    assert.notInclude(shown, secretText);
  });

  it("leaves Kubernetes' variables about a service called firsthand alone", async () => {
    const { settings } = await load({
      env: {
        FIRSTHAND_PORT: 'tcp://10.0.0.1:7980',
        FIRSTHAND_SERVICE_HOST: '10.0.0.1',
        FIRSTHAND_SERVICE_PORT_HTTP: '7980',
        FIRSTHAND_PORT_7980_TCP_ADDR: '10.0.0.1',
        FIRSTHAND_METRICS_PORT: 'tcp://10.0.0.2:9090',
      },
    });

    assert.equal(settings.node.metricsPort, undefined);
  });

  it('takes the values of an embedding program by name', async () => {
    const { settings, origins } = await load({
      options: {
        cluster: 'demo',
        listen: ['/ip4/127.0.0.1/tcp/0'],
        http: '127.0.0.1:0',
        mdns: false,
        probeIntervalMs: 500,
      },
    });

    assert.deepEqual(settings.net.listen, ['/ip4/127.0.0.1/tcp/0']);
    assert.deepEqual(settings.shim.http, { host: '127.0.0.1', port: 0 });
    assert.equal(settings.membership.probeIntervalMs, 500);
    assert.deepEqual(origins.probeIntervalMs, { from: 'option', name: 'probeIntervalMs' });
  });
});
