import { globSync, readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { fileKeyOf } from '../../../src/config/setting.ts';
import { definitions, schema } from '../../../src/config/settings.ts';
import { logEvents } from '../../../src/telemetry/log-events.ts';

const page = readFileSync('docs/LIMITS.md', 'utf8');
const metrics = globSync('src/telemetry/metrics/*.ts')
  .map(file => readFileSync(file, 'utf8'))
  .join('\n');

/** What, setting, default, counted by. */
const rows = page
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| what'))
  .map(line => line.slice(2, -2).split(' | '));

describe('docs/LIMITS.md', () => {
  it('has every setting of the room for limits', () => {
    const named = rows.map(([, setting = '']) => setting.replaceAll('`', ''));

    const missing = Object.keys(schema.limits).filter(key => !named.includes(fileKeyOf(key)));

    assert.deepEqual(missing, []);
  });

  it.each(rows.filter(([, setting = '']) => setting.startsWith('`')))(
    'tells the default of what %s is set by',
    (_what, setting = '', value = '') => {
      const found = [...definitions].find(([key]) => `\`${fileKeyOf(key)}\`` === setting);

      assert.equal(String(found?.[1].default), value);
    },
  );

  it('names metrics and events that there are', () => {
    const named = rows.flatMap(([, , , counter = '']) => [...counter.matchAll(/`(firsthand_[a-z_]+)/g)]);
    const events = [...page.matchAll(/log event `([a-z_]+)`/g)].map(([, event = '']) => event);

    const wrong = named.map(([, name = '']) => name).filter(name => !metrics.includes(`'${name}'`));

    assert.deepEqual(wrong, []);
    assert.isAbove(named.length, 10);
    assert.deepEqual(
      events.filter(event => !(event in logEvents)),
      [],
    );
  });
});
