/** What has to hold after any drill, once every fault has ended. */
import type { Condition, Scene } from './drill.ts';
import { type Listed, shown } from './registrations.ts';
import type { FalseVerdict, Figures } from './verdict.ts';

/** By the agents' promises: without an operator, after any fault. Source: docs/DESIGN.md. */
const settleLimitMs = 60_000;

/** Waits for what has to come, and looks at what must not be. */
export async function settle(scene: Scene): Promise<void> {
  const { ids, observer, registrations, stage } = scene;
  await scene.expect({
    name: 'every agent lists every agent as alive',
    withinMs: settleLimitMs,
    ask: () => missingPairs(scene),
    holds: missing => missing.length === 0,
    tell: missing => `still missing: ${shown(missing)}`,
  });
  await scene.expect({
    name: 'all agents hold the same table',
    withinMs: settleLimitMs,
    ask: () => rootsOf(scene),
    holds: roots => new Set(roots).size === 1,
    tell: roots => `${new Set(roots).size} different roots`,
  });
  const { acknowledged, refused, unanswered } = registrations.counts;
  const forgotten =
    observer.forgottenCount === 0
      ? ''
      : `; ${observer.forgottenCount} departures were told just before a crash and not known just after it`;
  await scene.expect({
    name: 'every agent lists what was acknowledged, and nothing that was taken out',
    withinMs: settleLimitMs,
    ask: () => wrongLists(scene),
    holds: wrong => wrong.length === 0,
    tell: shown,
  });
  scene.conclude({
    name: 'nothing that was taken out came back',
    kind: 'safety',
    holds: observer.resurrected.length === 0,
    seen:
      observer.resurrected.length === 0
        ? `${acknowledged} calls acknowledged, ${refused} refused, ${unanswered} unanswered${forgotten}`
        : shown(observer.resurrected),
  });
  const ends = stage.unexpectedEnds();
  scene.conclude({
    name: 'no agent ended by itself',
    kind: 'safety',
    holds: ends.length === 0,
    seen: ends.length === 0 ? 'none did' : ends.join(', '),
  });
  const bugs = ids.flatMap(id => bugsIn(stage.log(id)).map(line => `${id}: ${line}`));
  scene.conclude({
    name: 'no agent logged a bug of its own',
    kind: 'safety',
    holds: bugs.length === 0,
    seen: bugs.length === 0 ? 'none did' : shown(bugs),
  });
}

/** What the timeline shows once it is complete. */
export function verdictConditions(figures: Figures): readonly Condition[] {
  const { falseDeaths } = figures;
  return [
    {
      name: 'no agent that could be heard was declared dead',
      kind: 'safety',
      holds: falseDeaths.length === 0,
      seen: falseDeaths.length === 0 ? 'none was' : shown(falseDeaths.map(told)),
    },
  ];
}

function told({ atMs, observer, subject }: FalseVerdict): string {
  return `${subject} by ${observer} at ${(atMs / 1_000).toFixed(1)} s`;
}

async function missingPairs(scene: Scene): Promise<readonly string[]> {
  const { ids } = scene;
  const lists = await Promise.all(
    ids.map(async id => {
      const { body } = await scene.get<readonly { readonly id: string; readonly status: string }[]>(
        id,
        '/peers',
      );
      const alive = new Set(body.filter(({ status }) => status === 'alive').map(peer => peer.id));
      return ids.filter(other => !alive.has(other)).map(other => `${other} at ${id}`);
    }),
  );
  return lists.flat();
}

/** Each look is written down too: it may be the moment at which they become equal. */
export function rootsOf(scene: Scene): Promise<readonly string[]> {
  return Promise.all(
    scene.ids.map(async id => {
      const { root } = (await scene.get<{ readonly root: string }>(id, '/sync')).body;
      scene.recorder.root(id, root);
      return root;
    }),
  );
}

async function wrongLists(scene: Scene): Promise<readonly string[]> {
  const { ids, registrations } = scene;
  const lists = await Promise.all(
    ids.map(async id => {
      const { body } = await scene.get<readonly Listed[]>(id, '/peers');
      return registrations.wrongIn(body).map(wrong => `${wrong} at ${id}`);
    }),
  );
  return lists.flat();
}

const stackShownLines = 8;
const lineMaxLength = 200;

/**
 * What the program prints before it ends by a bug, with where it came from, and how it logs one in a request.
 * Agents of a drill are started so that they tell where.
 */
function bugsIn(log: string): readonly string[] {
  const lines = log.split('\n');
  return lines.flatMap((line, index) => {
    if (!/unexpected failure|"event":"http_request_failed"/.test(line)) return [];
    const stack = lines.slice(index + 1, index + 1 + stackShownLines).filter(next => !next.startsWith('{'));
    return [[line.slice(0, lineMaxLength), ...stack.map(next => next.trim())].join(' / ')];
  });
}
