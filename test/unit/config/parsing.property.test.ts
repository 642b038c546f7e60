import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { parseConfigText } from '../../../src/config/file.ts';
import { hostPort } from '../../../src/config/kinds.ts';
import { isListenAddress, isSeedAddress } from '../../../src/config/multiaddr.ts';
import { definitions } from '../../../src/config/settings.ts';
import { nearest } from '../../../src/config/suggestion.ts';

describe('config parsing', () => {
  it.each([...definitions])(
    '%s answers any value with a value or a problem, never a throw',
    (_key, { kind }) => {
      fc.assert(
        fc.property(fc.anything(), raw => {
          const parsed = kind.parse(raw);
          assert.isTrue(parsed.ok || parsed.problem.length > 0);
        }),
      );
    },
  );

  it.each([...definitions].filter(([, { default: value }]) => value !== undefined))(
    '%s accepts its own default, written as it is shown',
    (_key, { kind, default: value }) => {
      assert.deepEqual(kind.parse(kind.show(value)), { ok: true, value });
    },
  );

  it('answers any file text with entries or problems, never a throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), async text => {
        const content = await parseConfigText(text);
        assert.isArray(content.entries);
        assert.isTrue(content.problems.every(problem => !problem.text.includes('\n')));
      }),
    );
  });

  it('reads host and port back from what it shows', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'a-1.example'));
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const value = { host: name, port };
        assert.deepEqual(hostPort.parse(hostPort.show(value)), { ok: true, value });
      }),
    );
  });

  it('accepts every TCP listen address as a seed too, once it has a port', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), (ip, port) => {
        const address = `/ip4/${ip}/tcp/${port}`;
        assert.isTrue(isListenAddress(address) && isSeedAddress(address));
      }),
    );
  });

  it('suggests a name for that name with one letter changed', () => {
    const names = [...definitions.keys()].filter(name => name.length > 3);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, seed) => {
        const at = seed % name.length;
        assert.equal(nearest(`${name.slice(0, at)}#${name.slice(at + 1)}`, [name, 'something else']), name);
      }),
    );
  });
});
