/** Registrations that a service signs, as the shim reads them; whose an entry is, the core decides. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { assert, describe, it } from 'vitest';
import { signedMaxAgeS } from '../../../src/http/signed-request.ts';
import { fixture, legacy } from './fixture.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const keyText = rawKey(publicKey);
const otherKeyText = rawKey(generateKeyPairSync('ed25519').publicKey);
const nowS = Math.floor(Date.now() / 1_000);
const last_updated = nowS;

function rawKey(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

function signed(...lines: readonly (string | number | boolean)[]): string {
  const text = ['firsthand/registration/1', ...lines].map(line => `${line}\n`).join('');
  return sign(null, Buffer.from(text), privateKey).toString('base64');
}

const defaults = ['10.0.0.1:8080', 9_090, 'backend', false, 'inference,model_serving,metrics_reporting'];
const heading = (action: string, time = last_updated) => ['default', action, 'backend-1', keyText, time];
const signature = signed(...heading('register'), ...defaults);
const proof = { public_key: keyText, last_updated, signature };

async function send(body: object, agent = fixture()) {
  const answer = await agent.app.inject({ method: 'POST', url: '/registration', payload: body });
  const { code, field, error } = answer.json();
  return { status: answer.statusCode, code, field, error, node: agent.agent.listing.get('backend-1') };
}

describe('http: a signed registration', () => {
  const { last_updated: _time, ...withoutTime } = proof;
  it.each([
    ['legacy with the three', { ...legacy, ...proof }],
    ['flat', { ...legacy, ...proof, node_type: ' Backend ', action: 'REGISTER' }],
    [
      'flat with an RFC 3339 time',
      {
        ...legacy,
        ...withoutTime,
        timestamp: new Date(nowS * 1_000 + 900).toISOString(),
      },
    ],
    ['envelope', { action: 'register', node: { ...legacy, ...proof } }],
    [
      'envelope, signed beside the node',
      {
        action: 'register',
        node: { ...legacy, last_updated },
        public_key: keyText,
        signature,
      },
    ],
    [
      'in base64url without padding',
      {
        ...legacy,
        last_updated,
        public_key: Buffer.from(keyText, 'base64').toString('base64url'),
        signature: Buffer.from(signature, 'base64').toString('base64url'),
      },
    ],
  ])('is taken in the form %s', async (_, body) => {
    const { status, node } = await send(body);

    assert.equal(status, 200);
    assert.equal(node?.publicKey, keyText);
  });

  const update = signed(...heading('update'), ...defaults);
  it.each([
    ['of another cluster', { signature: signed('staging', ...heading('register').slice(1), ...defaults) }],
    ['of another action', { signature: update }],
    ['of another key', { public_key: otherKeyText }],
    ['of another id', { id: 'backend-2' }],
    ['of another address', { address: '10.0.0.2:8080' }],
    ['of another metrics port', { metrics_port: 9_091 }],
    ['of another type', { node_type: 'governator' }],
    ['of another load balancer', { is_load_balancer: true }],
    ['of other capabilities', { capabilities: ['inference', 'model_serving'] }],
    ['of another time', { last_updated: nowS + 1 }],
    ['that is missing', { signature: undefined }],
    ['with a bit turned', { signature: `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}` }],
  ])('is refused with a signature %s', async (_, changes) => {
    const { status, code, field, node } = await send({ ...legacy, ...proof, ...changes });

    assert.deepEqual([status, code, field], [403, 'NOT_OWNER', 'signature']);
    assert.isUndefined(node);
  });

  it('is told what the agent reads, so that whoever signs can compare', async () => {
    const { error } = await send({ ...legacy, ...proof, address: ' 10.0.0.9:1 ' });

    const text = `firsthand/registration/1\\ndefault\\nregister\\nbackend-1\\n${keyText}\\n${last_updated}\\n10.0.0.9:1\\n`;
    assert.include(error, text);
  });

  it.each([
    ['a key of 31 bytes', { public_key: Buffer.alloc(31).toString('base64') }, 'INVALID_PUBLIC_KEY'],
    ['a key that is no base64', { public_key: 'x'.repeat(42).concat('!=') }, 'INVALID_PUBLIC_KEY'],
    ['an empty key', { public_key: '' }, 'INVALID_PUBLIC_KEY'],
    ['a signature without a key', { public_key: null }, 'INVALID_PUBLIC_KEY', 'public_key'],
    ['a key that is a number', { public_key: 5 }, 'INVALID_FORMAT', 'public_key'],
    [
      'a signature of 63 bytes',
      { signature: Buffer.alloc(63).toString('base64') },
      'INVALID_SIGNATURE',
      'signature',
    ],
    ['a signature that is a list', { signature: [signature] }, 'INVALID_FORMAT', 'signature'],
    ['no time', { last_updated: undefined }, 'INVALID_TIMESTAMP', 'last_updated'],
  ])('is refused with %s, by the field', async (_, changes, code, field = 'public_key') => {
    const answer = await send({ ...legacy, ...proof, ...changes });

    assert.deepEqual([answer.status, answer.code, answer.field], [400, code, field]);
    const prefix =
      code === 'INVALID_FORMAT' ? 'Invalid registration data format: ' : 'Input validation failed: ';
    assert.isTrue(answer.error.startsWith(prefix), answer.error);
  });

  it('counts for a quarter of an hour', async () => {
    const at = (time: number) => ({
      ...legacy,
      ...proof,
      last_updated: time,
      signature: signed(...heading('register', time), ...defaults),
    });

    const late = await send(at(nowS - signedMaxAgeS - 5));
    const inTime = await send(at(nowS - signedMaxAgeS + 60));

    assert.deepEqual([late.status, late.code, late.field], [409, 'STALE_UPDATE', 'last_updated']);
    assert.equal(inTime.status, 200);
  });
});

describe('http: a signed departure', () => {
  const departure = { public_key: keyText, last_updated, signature: signed(...heading('deregister')) };

  async function leave(payload: string | object | undefined) {
    const { app, agent } = fixture();
    await app.inject({ method: 'POST', url: '/registration', payload: legacy });
    const of: unknown[] = [];
    agent.onDeregister = by => of.push(by);
    const request = { method: 'DELETE', url: '/registration/backend-1' } as const;
    const answer = await app.inject(payload === undefined ? request : { ...request, payload });
    const { code, field } = answer.json();
    return { status: answer.statusCode, code, field, of };
  }

  it('hands on who signed it, and when; without a body it is nobody', async () => {
    const signedOne = await leave(departure);
    const plain = await leave(undefined);

    assert.deepEqual(signedOne.of, [{ publicKey: keyText, lastUpdatedS: last_updated }]);
    assert.deepEqual(plain.of, [undefined]);
  });

  it.each([
    [
      'one that is signed for another id',
      { signature: signed('default', 'deregister', 'b', keyText, nowS) },
      403,
      'NOT_OWNER',
    ],
    ['one that is signed as a registration', { signature }, 403, 'NOT_OWNER'],
    ['one without signature', { signature: null }, 403, 'NOT_OWNER'],
    ['one of another key', { public_key: otherKeyText }, 403, 'NOT_OWNER'],
    ['one of another time', { last_updated: nowS - 1 }, 403, 'NOT_OWNER'],
    ['one without time', { last_updated: null }, 400, 'INVALID_TIMESTAMP'],
    ['one with a time that is none', { last_updated: {} }, 400, 'INVALID_FORMAT'],
    ['one with half a key', { public_key: 'AAAA' }, 400, 'INVALID_PUBLIC_KEY'],
  ])('refuses %s', async (_, changes, status, code) => {
    const answer = await leave({ ...departure, ...changes });

    assert.deepEqual([answer.status, answer.code, answer.of], [status, code, []]);
  });

  it.each([
    ['{', 'INVALID_JSON'],
    ['[]', 'INVALID_FORMAT'],
    ['null', 'INVALID_FORMAT'],
  ])('refuses the body %s', async (text, code) => {
    const answer = await leave(text);

    assert.deepEqual([answer.status, answer.code], [400, code]);
  });
});
