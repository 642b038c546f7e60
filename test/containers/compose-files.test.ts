import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, describe, it } from 'vitest';
import { parse } from 'yaml';
import { composeDirectory, settingsInContainer } from './image.ts';

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly build?: unknown;
  readonly image?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
}

function servicesOf(file: string): Readonly<Record<string, Service>> {
  const text = readFileSync(join(composeDirectory, file), 'utf8');
  return (parse(text, { merge: true }) as { readonly services: Readonly<Record<string, Service>> }).services;
}

const services = servicesOf('cluster.yaml');
const withRole = (role: string) =>
  Object.entries(services).filter(([, { labels }]) => labels?.['firsthand.role'] === role);

describe('compose/cluster.yaml', () => {
  it('has two proxies, four backends and a governator, each under the name of its service', async () => {
    const found: string[][] = [];
    for (const [name, { environment = {} }] of withRole('agent')) {
      const { identity, node } = await settingsInContainer(environment);
      assert.equal(identity.id, name);
      assert.equal(node.address, `${name}:7980`);
      found.push([name, node.type]);
    }

    assert.deepEqual(found.sort(), [
      ['backend-1', 'backend'],
      ['backend-2', 'backend'],
      ['backend-3', 'backend'],
      ['backend-4', 'backend'],
      ['governator-1', 'governator'],
      ['proxy-1', 'proxy'],
      ['proxy-2', 'proxy'],
    ]);
  });

  it('puts a service behind each backend, registered with the agent of its number', () => {
    const pairs = withRole('demo').map(([name, { environment = {} }]) => [name, environment.AGENT_URL]);

    assert.deepEqual(
      pairs,
      [1, 2, 3, 4].map(number => [`demo-${number}`, `http://backend-${number}:7980`]),
    );
  });

  it('gives nobody a right, and a volume of its own to each agent', () => {
    for (const [name, { read_only, cap_drop }] of Object.entries(services)) {
      assert.isTrue(read_only, name);
      assert.deepEqual(cap_drop, ['ALL'], name);
    }
    for (const [name, { volumes }] of withRole('agent')) assert.deepEqual(volumes, [`${name}:/data`]);
  });

  it('publishes ports on loopback only', () => {
    const ports = Object.values(services).flatMap(service => service.ports ?? []);

    assert.isNotEmpty(ports);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  it('builds each image once', () => {
    const built = Object.values(services).flatMap(({ build, image }) => (build === undefined ? [] : [image]));

    assert.sameMembers(built, [...new Set(Object.values(services).map(({ image }) => image))]);
  });
});

describe('compose/mdns.yaml', () => {
  it('takes the seeds from every agent and lets it find others on the network', async () => {
    const overrides = servicesOf('mdns.yaml');

    assert.sameMembers(
      Object.keys(overrides),
      withRole('agent').map(([name]) => name),
    );
    for (const [name, { environment = {} }] of withRole('agent')) {
      const { net } = await settingsInContainer({ ...environment, ...overrides[name]?.environment });
      assert.deepEqual(net.seeds, []);
      assert.isTrue(net.mdns);
    }
  });
});
