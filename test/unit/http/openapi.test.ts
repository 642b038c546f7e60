import { Check } from 'typebox/schema';
import { assert, describe, it } from 'vitest';
import { errorCodes } from '../../../src/errors.ts';
import { operations } from '../../../src/http/operations.ts';
import { statusOf } from '../../../src/http/status-codes.ts';
import { FakeFaults, partialView } from './fake-agent.ts';
import { FakeAuthority } from './fake-authority.ts';
import { fixture, legacy, secret } from './fixture.ts';

interface Media {
  readonly schema: object;
}
interface OperationObject {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content: Readonly<Record<string, Media>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
}

interface Call {
  readonly method?: 'POST' | 'DELETE';
  readonly url: string;
  /** As in the document, when it differs. */
  readonly path?: string;
  readonly payload?: string;
  readonly status: number;
}

async function documented(options: Parameters<typeof fixture>[0] = {}) {
  const context = fixture(options);
  const headers = { authorization: `Bearer ${secret}` };
  const response = await context.app.inject({ url: '/openapi.json', headers });
  return { ...context, document: response.json() as Document };
}

function everyOperation(document: Document) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
}

describe('http/openapi', () => {
  it('is an OpenAPI 3.1 document in which every operation is complete', async () => {
    const { document } = await documented();

    assert.match(document.openapi, /^3\.1\.\d+$/);
    assert.equal(document.info.version, '0.1.0');
    const ids = everyOperation(document).map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
    for (const { path, operation } of everyOperation(document)) {
      const inPath = [...path.matchAll(/\{([a-z]+)\}/g)].map(match => match[1]);
      const declared = (operation.parameters ?? []).filter(parameter => parameter.in === 'path');
      assert.deepEqual(
        declared.map(parameter => parameter.name),
        inPath,
        path,
      );
      assert.isTrue(
        declared.every(parameter => parameter.required),
        path,
      );
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        assert.match(status, /^[2-5]\d\d$/);
        assert.isNotEmpty(description);
        for (const { schema } of Object.values(content)) assert.isObject(schema);
      }
    }
    assert.notInclude(JSON.stringify(document), '"$ref"', 'nothing refers to what is not there');
  });

  it('has every operation, and every path in it is served', async () => {
    const { app, document } = await documented();
    const ids = everyOperation(document).map(({ operation }) => operation.operationId.replace(/Alias$/, ''));

    assert.deepEqual([...new Set(ids)].sort(), Object.keys(operations).sort());
    for (const { path, method } of everyOperation(document)) {
      assert.isTrue(app.hasRoute({ method: method as 'GET', url: path.replace('{id}', ':id') }), path);
    }
  });

  it('has every route that is served', async () => {
    const { app, document } = await documented();
    await app.ready();
    const served = app
      .printRoutes({ commonPrefix: false })
      .split('\n')
      .flatMap(line => {
        // What begins as another path does is shown below that one, without what they have in common.
        const match = /([/-]\S*) \(([A-Z, ]+)\)$/.exec(line);
        return match === null
          ? []
          : [{ path: match[1] as string, methods: (match[2] as string).split(', ') }];
      });

    assert.isAbove(served.length, 15);
    const known = everyOperation(document).length;
    const count = served.flatMap(({ methods }) => methods.filter(method => method !== 'HEAD')).length;
    assert.equal(count, known);
  });

  it('asks for the secret where the server does', async () => {
    const open = (await documented()).document;
    const { document } = await documented({ auth: { mode: 'shared_secret', secret } });

    assert.deepEqual(document.paths['/peers']?.get?.security, [{ secret: [] }]);
    assert.deepEqual(document.paths['/health']?.get?.security, []);
    assert.deepEqual(open.paths['/peers']?.get?.security, []);
  });

  it('is made once', async () => {
    const { app, document } = await documented();

    assert.deepEqual((await app.inject({ url: '/openapi.json' })).json(), document);
  });

  it('places every code that callers can meet in the schema of its status', async () => {
    const { document } = await documented();
    const text = JSON.stringify(document);

    for (const code of errorCodes) {
      const status = statusOf(code);
      // With another method there is no operation to describe; other codes of 500 never leave the agent.
      const hidden = status === 405 || (status === 500 && code !== 'INTERNAL');
      assert.equal(text.includes(`"${code}"`), !hidden, code);
    }
  });

  it('describes the bodies that are accepted', async () => {
    const { document } = await documented();
    const schema = document.paths['/registration']?.post?.requestBody?.content['application/json']?.schema;
    assert.isDefined(schema);

    assert.isTrue(Check(schema as object, legacy));
    assert.isTrue(Check(schema as object, { action: 'register', node: { ...legacy, capabilities: [] } }));
    assert.isFalse(Check(schema as object, { ...legacy, metrics_port: 80 }));
    const public_key = Buffer.alloc(32).toString('base64url');
    const signed = { ...legacy, public_key, signature: Buffer.alloc(64).toString('base64') };
    assert.isTrue(Check(schema as object, signed));
  });

  it('describes a departure as one that needs no body, and a signed one as it is accepted', async () => {
    const { document } = await documented();
    const body = document.paths['/registration/{id}']?.delete?.requestBody;
    const schema = body?.content['application/json']?.schema as object;

    assert.isFalse(body?.required);
    assert.isTrue(Check(schema, { public_key: Buffer.alloc(32).toString('base64'), last_updated: 1 }));
    assert.isFalse(Check(schema, { public_key: 'AAAA' }));
  });

  it('describes every answer exactly', async () => {
    const { app, agent, document } = await documented();
    agent.put({ id: 'agent-1', nodeType: 'proxy', peerId: '12D3KooWSelf' });
    agent.put({ id: 'b1', status: 'suspect' });
    agent.faults = new FakeFaults();
    agent.authority = new FakeAuthority();
    const json = (payload: unknown) => ({ payload: JSON.stringify(payload) });
    const calls: readonly Call[] = [
      { method: 'POST', url: '/registration', path: '/registration', ...json(legacy), status: 200 },
      { method: 'POST', url: '/service-discovery/register', ...json({ ...legacy, id: 'x' }), status: 200 },
      {
        method: 'POST',
        url: '/registration?confirm=all&rollback=1',
        path: '/registration',
        ...json({ ...legacy, id: 'y' }),
        status: 202,
      },
      { method: 'POST', url: '/registration', payload: '{', status: 400 },
      { method: 'POST', url: '/registration', ...json({ ...legacy, id: '' }), status: 400 },
      {
        method: 'POST',
        url: '/registration',
        ...json({ ...legacy, id: 'no', action: 'update' }),
        status: 404,
      },
      { method: 'POST', url: '/registration', ...json({ ...legacy, last_updated: 1 }), status: 409 },
      { method: 'POST', url: '/registration', payload: ' '.repeat(40_000), status: 413 },
      { method: 'DELETE', url: '/registration/x', path: '/registration/{id}', status: 200 },
      { method: 'DELETE', url: '/registration/x', path: '/registration/{id}', status: 404 },
      { url: '/peers', status: 200 },
      { url: '/peers?type=backend', status: 200 },
      { url: '/peers?type=x', status: 400 },
      { url: '/peers?require=all', status: 400 },
      { url: '/service-discovery/peers', status: 200 },
      { url: '/backends', status: 200 },
      { url: '/backends?require=majority', status: 503 },
      { url: '/backends?format=detail', status: 200 },
      { url: '/sd/prometheus', status: 200 },
      { url: '/metrics', status: 200 },
      { url: '/health/live', status: 200 },
      { url: '/health/ready', status: 200 },
      { url: '/service-discovery/health', status: 200 },
      { url: '/service-discovery/status', status: 200 },
      { url: '/records', status: 200 },
      { url: '/records?limit=1', status: 200 },
      { url: '/records/b1', path: '/records/{id}', status: 200 },
      { url: '/records/none', path: '/records/{id}', status: 404 },
      { url: '/clock', status: 200 },
      { url: '/confirmations', status: 200 },
      { url: '/mesh', status: 200 },
      { url: '/status', status: 200 },
      { url: '/detector', status: 200 },
      { url: '/outbox', status: 200 },
      { url: '/doctor', status: 200 },
      { method: 'POST', url: '/admin/faults', ...json({ rules: [{ cut: true, from: ['x'] }] }), status: 200 },
      { method: 'POST', url: '/admin/faults', ...json({ rules: [{ loss: 2 }] }), status: 400 },
      { url: '/admin/faults', status: 200 },
      { url: '/admin/membership', status: 200 },
      { method: 'POST', url: '/admin/revocations', ...json({ record: 'AAAA' }), status: 200 },
      { method: 'POST', url: '/admin/revocations', ...json({ record: 7 }), status: 400 },
      { method: 'POST', url: '/admin/remove/agent-3', path: '/admin/remove/{id}', status: 200 },
      { method: 'POST', url: '/admin/remove/agent-2', path: '/admin/remove/{id}', status: 409 },
      { method: 'POST', url: '/admin/remove/nobody', path: '/admin/remove/{id}', status: 404 },
      { method: 'POST', url: '/admin/remove/a%20b', path: '/admin/remove/{id}', status: 400 },
      { url: '/openapi.json', status: 200 },
      { method: 'POST', url: '/admin/leave', status: 200 },
      // From here on the agent is stopping.
      { url: '/health/ready', status: 503 },
      { method: 'POST', url: '/registration', ...json(legacy), status: 503 },
    ];

    agent.partitionView = partialView(5);
    agent.health = [...agent.health, { name: 'partition', ok: true, detail: '7 agents are silent' }];
    agent.checks = [
      ...agent.checks,
      { name: 'open_files', ok: false, detail: 'at most 256', fix: 'ulimit -n 65536' },
    ];
    for (const { method = 'GET', url, path, payload, status } of calls) {
      const call = { method, url, ...(payload === undefined ? {} : { payload }) };
      const response = await app.inject(call);
      assert.equal(response.statusCode, status, `${method} ${url}`);
      const operation = document.paths[path ?? (url.split('?')[0] as string)]?.[method.toLowerCase()];
      const schema = operation?.responses[status]?.content['application/json']?.schema;
      assert.isDefined(schema, `${method} ${url} ${status} is documented`);
      assert.isTrue(Check(schema as object, response.json()), `${method} ${url} ${status}: ${response.body}`);
    }
  });
});
