import { assert, beforeEach, describe, it } from 'vitest';
import { Hosting } from '../../../../src/core/hosting/hosting.ts';
import { Author } from '../../../../src/core/record/author.ts';
import { Table } from '../../../../src/core/record/table.ts';
import { at, entryAt, nodeFields, record } from '../../../record-builder.ts';
import { published } from '../protocol-bench.ts';

describe('core/hosting: rollback', () => {
  let table: Table;
  let hosting: Hosting;
  beforeEach(() => {
    const livenessOf = (author: string) => (author === 'gone' ? 'dead' : 'alive');
    table = new Table({}, { self: 'me', livenessOf });
    hosting = new Hosting(
      {},
      {
        selfId: 'my-id',
        author: new Author({ peer: 'me', epoch: 1 }, { seal: draft => record(draft) }),
        table,
        livenessOf,
        nameOf: peer => peer,
        onOwn: () => {},
      },
    );
  });

  function register(address: string): void {
    hosting.register(
      { type: 'register', ticket: 1, action: 'register', id: 'svc', node: nodeFields({ address }) },
      at(0),
    );
  }

  it('says the content before anew, and goes on hosting it', () => {
    register('10.0.0.1:1');
    register('10.0.0.2:2');

    const effects = hosting.rollBack('svc', nodeFields({ address: '10.0.0.1:1' }), at(1));

    assert.lengthOf(published(effects), 1);
    assert.equal(table.listing.get('svc')?.address, '10.0.0.1:1');
    assert.deepEqual([...hosting.hostedIds()], ['svc']);
  });

  it('withdraws what was new', () => {
    register('10.0.0.1:1');

    hosting.rollBack('svc', undefined, at(1));

    assert.isUndefined(table.listing.get('svc'));
    assert.deepEqual([...hosting.hostedIds()], []);
  });

  it('lets show again what another agent had said, which the new one had overruled', () => {
    const theirs = record({ author: 'gone', body: entryAt('10.0.0.9:9') });
    table.take(theirs, at(0));
    register('10.0.0.1:1');
    assert.notEqual(table.ledger.resolution('svc').winner, theirs);

    hosting.rollBack('svc', undefined, at(1));

    assert.equal(table.ledger.resolution('svc').winner, theirs);
  });

  it('leaves alone what has departed meanwhile', () => {
    register('10.0.0.1:1');
    hosting.deregister({ type: 'deregister', ticket: 1, id: 'svc' }, at(1));

    assert.deepEqual(hosting.rollBack('svc', nodeFields(), at(2)), []);
  });
});
