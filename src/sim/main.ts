import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    agents: { type: 'string' },
    minutes: { type: 'string' },
    count: { type: 'string', default: '1' },
  },
});
for (let i = 0; i < Number(values.count); i++) {
  const seed = Number(values.seed) + i;
  const s = performance.now();
  const r = await simulate({
    seed,
    ...(values.agents ? { agentsCount: Number(values.agents) } : {}),
    ...(values.minutes ? { minutes: Number(values.minutes) } : {}),
  });
  const w = (performance.now() - s) / 1000;
  console.log(
    seed,
    'agents',
    r.plan.agentsCount,
    'happenings',
    r.plan.happenings.length,
    'virtual',
    (r.virtualMs / 1000).toFixed(0),
    's wall',
    w.toFixed(2),
    'rate',
    (r.virtualMs / 60000 / (w / 60)).toFixed(0),
    'inputs',
    r.inputsCount,
    'us',
    ((w * 1e6) / r.inputsCount).toFixed(1),
    'settled',
    r.settledAfterMs,
    r.traceHash.slice(0, 8),
  );
  if (r.violations.length) {
    if (process.env.STORY) console.log(r.story.slice(-Number(process.env.STORY)).join('\n'));
    for (const v of r.violations) console.log('   ', v.slice(0, 400));
  }
}
