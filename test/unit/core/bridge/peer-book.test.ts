import { assert, describe, it } from 'vitest';
import type { PeerOutcome } from '../../../../src/core/bridge/outcome.ts';
import { PeerBook } from '../../../../src/core/bridge/peer-book.ts';

const well: PeerOutcome = { ok: true, latencyMs: 1, peers: [], leftOutCount: 0 };
const refused: PeerOutcome = { ok: false, reason: 'refused', detail: 'nobody listens there', latencyMs: 1 };

/** Without jitter: the whole pause. */
function book(urls: readonly string[] = ['p'], maxCount = 10): PeerBook {
  return new PeerBook({ urls, refreshMs: 60_000, maxCount }, { random: { next: () => 1 } });
}

function due(peers: PeerBook, monoMs: number): readonly string[] {
  return peers.takeDue(monoMs).map(({ url }) => url);
}

describe('core/bridge/peer-book', () => {
  it('has every configured peer due at once, and each once until it has answered', () => {
    const peers = book(['p', 'q']);

    assert.deepEqual(due(peers, 0), ['p', 'q']);
    assert.deepEqual(due(peers, 1e9), []);
  });

  it('tries a configured peer that fails again after 1, 2, 4, 8 and then every 8 s', () => {
    const peers = book();
    const pauses: number[] = [];

    let monoMs = 0;
    for (let i = 0; i < 6; i++) {
      peers.takeDue(monoMs);
      peers.answered('p', refused, monoMs);
      const next = peers.get('p')?.dueMonoMs ?? 0;
      pauses.push(next - monoMs);
      monoMs = next;
    }

    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it('lets a learnt one that fails wait up to ten intervals, because it may take no registrations at all', () => {
    const peers = book([]);
    peers.learn('p', 0);

    for (let i = 0; i < 20; i++) peers.answered('p', refused, 0);

    assert.equal(peers.get('p')?.dueMonoMs, 600_000);
  });

  it('registers anew after the interval with who answers, and starts over after a failure', () => {
    const peers = book();
    peers.answered('p', refused, 0);
    peers.answered('p', refused, 0);

    peers.answered('p', well, 0);

    assert.equal(peers.get('p')?.dueMonoMs, 60_000);
    peers.answered('p', refused, 60_000);
    assert.equal(peers.get('p')?.dueMonoMs, 61_000);
  });

  it('spreads the pauses by chance, from three quarters on', () => {
    const peers = new PeerBook(
      { urls: ['p'], refreshMs: 60_000, maxCount: 1 },
      { random: { next: () => 0 } },
    );

    peers.answered('p', well, 0);

    assert.equal(peers.get('p')?.dueMonoMs, 45_000);
  });

  it('says once that a peer has turned', () => {
    const peers = book();

    const turns = [refused, refused, well, well, refused].map(
      outcome => peers.answered('p', outcome, 0)?.turned,
    );

    assert.deepEqual(turns, ['failing', undefined, 'answering', undefined, 'failing']);
    assert.isUndefined(peers.answered('unknown', well, 0));
  });

  it('has joined once every configured peer has answered or failed to; learnt ones are not waited for', () => {
    const peers = book(['p', 'q']);
    peers.learn('r', 0);
    peers.answered('p', refused, 0);
    assert.isFalse(peers.isJoined);

    peers.answered('q', well, 0);

    assert.isTrue(peers.isJoined);
    assert.isTrue(book([]).isJoined);
  });

  it('learns each peer once, as many as have room, and forgets those that no list leads to', () => {
    const peers = book(['p'], 3);

    const learnt = ['p', 'q', 'q', 'r', 's'].map(url => peers.learn(url, 0));

    assert.deepEqual(learnt, [false, true, false, true, false]);
    assert.equal(peers.refusedCount, 1);
    assert.deepEqual(peers.forgetUnlisted(new Set(['r'])), ['q']);
    assert.equal(peers.learn('s', 0), true);
  });

  it('shows each peer by URL', () => {
    const peers = book(['q', 'p']);
    peers.takeDue(0);
    peers.answered('q', well, 1_000);
    peers.answered('p', refused, 1_000);

    const views = peers.views(url => (url === 'q' ? 7 : 0), 1_500);

    assert.deepEqual(views, [
      {
        url: 'p',
        state: 'failing',
        isConfigured: true,
        failures: 1,
        failuresInRow: 1,
        nextTryInMs: 500,
        lastError: 'nobody listens there',
        listed: 0,
      },
      {
        url: 'q',
        state: 'answering',
        isConfigured: true,
        lastAnswerMs: 500,
        failures: 0,
        failuresInRow: 0,
        nextTryInMs: 59_500,
        listed: 7,
      },
    ]);
  });
});
