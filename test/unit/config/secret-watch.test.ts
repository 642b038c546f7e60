import { afterEach, assert, describe, it } from 'vitest';
import { Secret, type SecretsResult } from '../../../src/config/secret.ts';
import { SecretWatch } from '../../../src/config/secret-watch.ts';

const secrets = (...texts: readonly string[]): SecretsResult => ({
  ok: true,
  secrets: texts.map(text => new Secret(text)),
});

class Bench {
  there: SecretsResult = secrets('one');
  isUsed = true;
  readonly told: string[] = [];
  readonly problems: string[] = [];
  readonly watch = new SecretWatch({ intervalMs: 1e6 }, [new Secret('one')], {
    read: async () => this.there,
    onChange: async ([first]) => {
      this.told.push(first?.reveal() ?? '');
      return this.isUsed;
    },
    onProblem: problem => this.problems.push(problem),
  });
}

const watches: SecretWatch[] = [];

function benchOf(): Bench {
  const bench = new Bench();
  watches.push(bench.watch);
  return bench;
}

afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.stop();
});

describe('config/secret-watch', () => {
  it('tells of another secret once, and of none while it is the same', async () => {
    const bench = benchOf();

    await bench.watch.look();
    bench.there = secrets('two');
    await bench.watch.look();
    await bench.watch.look();

    assert.deepEqual(bench.told, ['two']);
  });

  it('tells again until somebody could use it', async () => {
    const bench = benchOf();
    bench.there = secrets('two');
    bench.isUsed = false;
    await bench.watch.look();
    bench.isUsed = true;

    await bench.watch.look();
    await bench.watch.look();

    assert.deepEqual(bench.told, ['two', 'two']);
  });

  it('goes on with the last one while none can be read, and says why once', async () => {
    const bench = benchOf();
    bench.there = { ok: false, problem: 'there is no such file' };

    await bench.watch.look();
    await bench.watch.look();
    bench.there = secrets('one');
    await bench.watch.look();

    assert.deepEqual(bench.told, []);
    assert.deepEqual(bench.problems, ['there is no such file']);
  });
});
