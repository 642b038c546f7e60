import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { assert, describe, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { listenHostPort } from '../../src/config/multiaddr.ts';
import { composeDirectory, settingsInContainer } from './image.ts';
import { problemsOf } from './kubernetes-schemas.ts';
import { type Manifest, manifestsOf } from './manifests.ts';

interface Port {
  readonly name: string;
  readonly protocol: string;
}
interface ServicePort extends Port {
  readonly port: number;
  readonly targetPort: string;
}
interface ServiceSpec {
  readonly clusterIP?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly (Port & { readonly containerPort: number })[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: unknown;
}
interface Labelled {
  readonly matchLabels: Readonly<Record<string, string>>;
}
interface StatefulSetSpec {
  readonly serviceName: string;
  readonly replicas: number;
  readonly selector: Labelled;
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  readonly template: {
    readonly metadata: { readonly labels: Readonly<Record<string, string>> };
    readonly spec: {
      readonly serviceAccountName: string;
      readonly automountServiceAccountToken: boolean;
      readonly enableServiceLinks: boolean;
      readonly terminationGracePeriodSeconds: number;
      readonly securityContext: unknown;
      readonly topologySpreadConstraints: readonly { readonly labelSelector: Labelled }[];
      readonly volumes?: readonly { readonly name: string }[];
      readonly containers: readonly [Container];
    };
  };
}
interface NetworkPolicySpec {
  readonly podSelector: Labelled;
  readonly ingress: readonly {
    readonly ports: readonly { readonly port: number; readonly protocol: string }[];
  }[];
  readonly egress: readonly {
    readonly ports?: readonly { readonly port: number; readonly protocol: string }[];
  }[];
}

const variants = ['base', 'large'] as const;
const directoryOf = (variant: string) => join(composeDirectory, 'kubernetes', variant);

function specOf<Spec>(manifests: readonly Manifest[], kind: string, name: string): Spec {
  const found = manifests.find(manifest => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found.spec as Spec;
}

for (const variant of variants) {
  describe(`compose/kubernetes/${variant}`, () => {
    const manifests = manifestsOf(directoryOf(variant));
    const set = specOf<StatefulSetSpec>(manifests, 'StatefulSet', 'firsthand');
    const { metadata, spec: pod } = set.template;
    const [container] = pod.containers;
    const numberOf = (name: string) => container.ports.find(port => port.name === name)?.containerPort;

    it('is what the schemas of Kubernetes allow, field by field', () => {
      assert.deepEqual(problemsOf(manifests), []);
    });

    it('selects the pods of its own stateful set with every selector', () => {
      const services = manifests
        .filter(({ kind }) => kind === 'Service')
        .map(({ spec }) => spec as ServiceSpec);
      const policy = specOf<NetworkPolicySpec>(manifests, 'NetworkPolicy', 'firsthand');
      const budget = specOf<{ readonly selector: Labelled }>(manifests, 'PodDisruptionBudget', 'firsthand');
      const selectors = [
        ...services.map(({ selector }) => selector),
        ...pod.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
        policy.podSelector.matchLabels,
        budget.selector.matchLabels,
        set.selector.matchLabels,
      ];

      for (const selector of selectors)
        assert.deepEqual({ ...metadata.labels, ...selector }, metadata.labels);
      assert.isTrue(selectors.every(selector => Object.keys(selector).length > 0));
    });

    it('names ports that the container has, on services and probes', () => {
      const services = manifests
        .filter(({ kind }) => kind === 'Service')
        .map(({ spec }) => spec as ServiceSpec);
      const { startupProbe, livenessProbe, readinessProbe } = container;

      for (const port of services.flatMap(({ ports }) => ports)) {
        const target = container.ports.find(({ name }) => name === port.targetPort);
        assert.equal(target?.protocol, port.protocol, port.name);
      }
      for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe])
        assert.equal(httpGet.port, 'http');
    });

    it('restarts only who does not answer, and takes out of the service whoever is alone', () => {
      const { startupProbe, livenessProbe, readinessProbe } = container;

      assert.deepEqual(
        [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path),
        ['/health/live', '/health/live', '/health/ready'],
      );
    });

    it('gives agents only variables that they have, with values in range', async () => {
      const settings = await settingsIn(container);

      assert.equal(settings.identity.id, 'firsthand-0');
      assert.isFalse(settings.net.mdns);
    });

    it('opens the ports that the agents listen on', async () => {
      const settings = await settingsIn(container);

      assert.equal(numberOf('gossip'), listenHostPort(settings.net.listen[0] ?? '').port);
      assert.equal(numberOf('probes'), listenHostPort(settings.net.listen[0] ?? '').port);
      assert.deepEqual(settings.shim.http, { host: '0.0.0.0', port: numberOf('http') });
    });

    it('seeds agents with the headless service, which lists them before they are ready', async () => {
      const [seed = '', ...others] = (await settingsIn(container)).net.seeds;
      const [, , host = '', , port] = seed.split('/');
      const service = specOf<ServiceSpec>(manifests, 'Service', host);

      assert.deepEqual(others, []);
      assert.equal(host, set.serviceName);
      assert.equal(service.clusterIP, 'None');
      assert.isTrue(service.publishNotReadyAddresses);
      assert.isTrue(service.ports.some(each => each.protocol === 'TCP' && String(each.port) === port));
    });

    it('lets through agents to agents on TCP and UDP, and clients to the HTTP port only', () => {
      const { ingress, egress } = specOf<NetworkPolicySpec>(manifests, 'NetworkPolicy', 'firsthand');
      const open = container.ports.map(({ containerPort, protocol }) => ({ port: containerPort, protocol }));

      assert.deepEqual(ingress[0]?.ports, open);
      assert.deepEqual(ingress[1]?.ports, [{ port: numberOf('http') ?? 0, protocol: 'TCP' }]);
      assert.equal(ingress.length, 2);
      assert.deepEqual(egress[0]?.ports, open);
    });

    it('keeps the data where the image expects it', async () => {
      const { identity } = await settingsIn(container);
      const provided = [
        ...(set.volumeClaimTemplates ?? []).map(claim => claim.metadata.name),
        ...(pod.volumes ?? []).map(volume => volume.name),
      ];

      assert.deepEqual(container.volumeMounts, [{ name: 'data', mountPath: identity.dataDir }]);
      assert.deepEqual(provided, ['data']);
    });

    it('needs no right: no root, no capability, no writable root, no token', () => {
      assert.deepInclude(pod.securityContext as object, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      assert.deepEqual<unknown>(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.isFalse(pod.automountServiceAccountToken);
      assert.isFalse(pod.enableServiceLinks);
      assert.isDefined(
        manifests.find(
          each => each.kind === 'ServiceAccount' && each.metadata.name === pod.serviceAccountName,
        ),
      );
    });

    it('gives an agent the 10 s that it may take to end', () => {
      assert.isAbove(pod.terminationGracePeriodSeconds, 10);
    });

    it('is what kubectl makes of it', context => {
      const { error, status, stdout, stderr } = spawnSync('kubectl', ['kustomize', directoryOf(variant)], {
        encoding: 'utf8',
      });
      if (error !== undefined) {
        console.warn(
          'the kustomizations were not compared with what kubectl makes of them: there is no kubectl',
        );
        context.skip();
      }
      assert.equal(status, 0, stderr);
      const made = parseAllDocuments(stdout).map(document => document.toJS() as Manifest);

      assert.deepEqual(made.toSorted(byName).map(withTag), manifests.toSorted(byName).map(withTag));
    });
  });
}

describe('compose/kubernetes', () => {
  it('has seven agents, and fifty without disks of their own in the large variant', () => {
    const sets = variants.map(variant =>
      specOf<StatefulSetSpec>(manifestsOf(directoryOf(variant)), 'StatefulSet', 'firsthand'),
    );

    assert.deepEqual(
      sets.map(({ replicas, volumeClaimTemplates }) => [replicas, volumeClaimTemplates?.length]),
      [
        [7, 1],
        [50, undefined],
      ],
    );
  });
});

describe('the check of manifests', () => {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'x' } };
  for (const { title, manifest, expected } of [
    {
      title: 'a misspelt field',
      manifest: { ...account, ...{ automountServiceAccountTokens: false } },
      expected: /automountServiceAccountTokens/,
    },
    {
      title: 'a value of another type',
      manifest: { ...account, ...{ automountServiceAccountToken: 'no' } },
      expected: /boolean/,
    },
    { title: 'an unknown kind', manifest: { ...account, kind: 'Account' }, expected: /no kind Account/ },
  ]) {
    it(`finds ${title}`, () => {
      assert.match(problemsOf([manifest]).join('\n'), expected);
    });
  }
});

/** The settings of the pod with the number 0. */
function settingsIn({ env }: Container) {
  const values = env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  const filled = values.map(([name, value]) => [name, value.replace('$(POD_NAME)', 'firsthand-0')] as const);
  return settingsInContainer(Object.fromEntries(filled));
}

function byName(a: Manifest, b: Manifest): number {
  return `${a.kind} ${a.metadata.name}` < `${b.kind} ${b.metadata.name}` ? -1 : 1;
}

/** kubectl writes the tag of the image as `images` says; the test's own reading does not. */
function withTag(manifest: Manifest): unknown {
  return JSON.parse(JSON.stringify(manifest).replace('"image":"firsthand"', '"image":"firsthand:local"'));
}
