import { assert, describe, it } from 'vitest';
import { accessTable, roleSet, roles } from '../../../src/http/access-table.ts';
import { fixture, secret } from './fixture.ts';

describe('http/access-table', () => {
  it('has every operation that is served, and the document names the role of each', async () => {
    const { app } = fixture({ auth: { mode: 'shared_secret', secret } });
    const headers = { authorization: `Bearer ${secret}` };
    const { paths } = (await app.inject({ url: '/openapi.json', headers })).json();

    const documented = Object.values(paths as object).flatMap(methods =>
      Object.values(methods as Record<string, Record<string, string>>).map(operation => [
        operation.operationId?.replace(/Alias\d*$/, ''),
        operation['x-role'],
      ]),
    );

    assert.deepEqual(
      Object.fromEntries(documented),
      Object.fromEntries(Object.entries(accessTable).map(([operation, { role }]) => [operation, role])),
    );
  });

  it('asks more than to read for whatever is not a GET, and more than to register for whatever is under /admin', async () => {
    const { app } = fixture();
    const { paths } = (await app.inject({ url: '/openapi.json' })).json();

    for (const [path, methods] of Object.entries(
      paths as Record<string, Record<string, Record<string, string>>>,
    )) {
      for (const [method, operation] of Object.entries(methods)) {
        const role = operation['x-role'] as string;
        if (path.startsWith('/admin')) assert.include(['operate', 'admin'], role, path);
        else if (method !== 'get') assert.equal(role, 'register', path);
        else assert.equal(role, 'read', path);
      }
    }
  });

  it('lets every role read, and an admin do everything', () => {
    for (const role of roles) assert.isTrue(roleSet([role]).has('read'));
    assert.deepEqual([...roleSet(['admin'])].sort(), [...roles].sort());
    assert.isFalse(roleSet(['operate']).has('register'));
    assert.isFalse(roleSet(['register']).has('operate'));
    assert.equal(roleSet([]).size, 0);
  });

  it('lets no web page change anything in open mode, with whatever method', async () => {
    const { app, agent } = fixture();
    agent.put({ id: 'web' });
    const { paths } = (await app.inject({ url: '/openapi.json' })).json();
    const changes = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter(method => method !== 'get')
        .map(method => [method.toUpperCase(), path.replace('{id}', 'web')] as const),
    );

    assert.isAbove(changes.length, 4);
    for (const [method, url] of changes) {
      const call = {
        method: method as 'POST',
        url,
        headers: { origin: 'https://example.org' },
        payload: '{}',
      };
      assert.equal((await app.inject(call)).statusCode, 403, `${method} ${url}`);
    }
    assert.isDefined(agent.listing.get('web'));
  });
});
