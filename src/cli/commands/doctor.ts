/** `firsthand doctor`: finds what is wrong around the agent, and says how to mend it. */
import type { Command } from 'commander';
import type { DoctorBody } from '../bodies.ts';
import { clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';
import { count, safe } from '../display.ts';
import { exitCodes } from '../exit-codes.ts';
import { paint } from '../table.ts';

/** The agent sends, listens and waits for answers. */
const examinationLimitMs = 20_000;

export function define(command: Command, context: Context): void {
  command.action(async () => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const found = await client.request<DoctorBody>({ path: '/doctor', timeoutMs: examinationLimitMs });
    if (context.globals().json) await printJson(io, found);
    else await io.out(report(found, io.colour));
    if (!found.ok) context.setExitCode(exitCodes.checksFailed);
  });
}

function report({ checks }: DoctorBody, colour: boolean): string {
  const rows = checks.map(({ name, subject, ...check }) => ({
    ...check,
    what: safe(subject === undefined ? name.replaceAll('_', ' ') : `${name.replaceAll('_', ' ')} ${subject}`),
  }));
  const width = Math.max(0, ...rows.map(({ what }) => [...what].length));
  const lines = rows.flatMap(({ ok, what, detail, fix }) => {
    const mark = paint(ok ? 'ok' : 'WRONG', ok ? 'green' : 'red', colour) + (ok ? '   ' : '');
    const line = `${mark}  ${what}${' '.repeat(width - [...what].length)}  ${safe(detail)}`;
    return ok || fix === undefined ? [line] : [line, `       ${paint(`mend: ${safe(fix)}`, 'bold', colour)}`];
  });
  const wrongCount = checks.filter(({ ok }) => !ok).length;
  const verdict =
    wrongCount === 0
      ? paint('all well', 'green', colour)
      : paint(count(wrongCount, 'thing is wrong', 'things are wrong'), 'red', colour);
  return `${[...lines, verdict].join('\n')}\n`;
}
