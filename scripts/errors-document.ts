/** docs/ERRORS.md: every code with what it means for whoever meets it. */
import { exitCodeOf } from '../src/cli/exit-codes.ts';
import { errorCodes, errorKind, FirsthandError } from '../src/errors.ts';
import { statusOf } from '../src/http/status-codes.ts';

export function errorsDocument(): string {
  const rows = errorCodes.map(code => {
    const { text, done, retry } = errorKind(code);
    const exit = exitCodeOf(new FirsthandError(code));
    return `| \`${code}\` | ${text} | ${statusOf(code)} | ${exit} | ${done} | ${retry ? 'yes' : 'no'} |`;
  });
  return `# Errors

Codes are stable, texts are not: programs match \`code\`. *Done* answers whether the thing happened; after
\`unknown\` a retry must be idempotent. *Retry* says whether the same call may succeed later without anybody
changing anything. *HTTP* is the status of an answer, *exit* what the command line ends with. What is not a
caller's business has HTTP 500: it is answered as \`INTERNAL\` and logged.

Made by \`npm run docs\`.

| code | meaning | HTTP | exit | done | retry |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
