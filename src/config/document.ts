/** Writes docs/CONFIG.md from the schema, so that the page cannot go stale. */
import { deprecatedPrefix, deprecatedVariables } from './deprecated.ts';
import { fileKeyOf, flagOf, type Setting, variableOf } from './setting.ts';
import { definitions, type Room, schema } from './settings.ts';

const roomTitles: Readonly<Record<Room, string>> = {
  identity: 'Identity',
  node: 'What the agent advertises',
  net: 'Network',
  limits: 'What is taken of what others send',
  peering: 'Connections',
  membership: 'Liveness',
  records: 'Records',
  reputation: 'Reputation and bans',
  keys: 'Keys',
  gossip: 'Gossip and sync',
  store: 'Store',
  shim: 'HTTP',
  access: 'Certificates, tokens and roles',
  audit: 'Audit log',
  health: 'Health checks',
  authority: 'Membership',
  bridge: 'Peers that speak only HTTP',
  log: 'Logging',
};

const introduction = `# Settings

Every setting can be given in four places. The first one that has it wins:

1. a flag of \`firsthand start\` (where one is listed),
2. an environment variable,
3. a file named by \`--config\` or \`FIRSTHAND_CONFIG\`, YAML or JSON,
4. the default.

Names in the file are the ones below; \`seed\` and \`capability\`, as the flags are called, are taken too.
A list is a YAML list in the file, separated by commas in a variable, and a repeated flag on the command line.
Switches are \`--mdns\` and \`--no-mdns\`, or \`true\` and \`false\` elsewhere. An empty variable counts as not set.

Everything that was given is checked, and all that is wrong is reported at once, a line each, with exit code 2.
That includes names that do not exist, in the file and among the variables that begin with \`FIRSTHAND_\`.
\`firsthand config check FILE\` does it without starting; \`firsthand config print FILE\` shows each value and where it comes from.

"Basis" says where a default comes from: the contract with users, a paper, a measurement, another default, or a guess.

\`\`\`yaml
cluster: prod
type: proxy
listen:
  - /ip4/0.0.0.0/tcp/7946
seeds:
  - /dns4/agent-1.example/tcp/7946
http: 127.0.0.1:7980
auth: shared_secret
secret_file: /etc/firsthand/secret
\`\`\`
`;

const secrets = `## The secret

It is never a flag's value, so it never shows in \`ps\`, and it has no place in the configuration file.
\`--secret-file\`, \`FIRSTHAND_SECRET_FILE\` and \`secret_file\` name a file that holds it; \`FIRSTHAND_SECRET\` holds it itself.
Instead of a file it may be \`systemd:NAME\`, a credential of the unit, \`vault:MOUNT/PATH#FIELD\`, a field in HashiCorp Vault
(KV version 2; \`VAULT_ADDR\`, \`VAULT_TOKEN\` or \`VAULT_TOKEN_FILE\`, \`VAULT_NAMESPACE\`), or \`env:NAME\`. An agent looks again every
10 s (Vault: every minute) and takes a new one through the whole cluster; \`store_key\` likewise for the database.
The order is: flag, \`FIRSTHAND_SECRET_FILE\`, \`FIRSTHAND_SECRET\`, file. It is shown as \`[redacted]\` everywhere.
`;

export function configDocument(): string {
  const rooms = Object.entries(schema).map(
    ([room, settings]) => `## ${roomTitles[room as Room]}\n\n${roomTable(Object.entries(settings))}`,
  );
  return [introduction, ...rooms, secrets, clientSection, deprecatedSection()].join('\n');
}

function roomTable(settings: readonly (readonly [string, Setting<unknown>])[]): string {
  return table(
    ['setting', 'flag', 'default', 'allowed', 'meaning', 'basis'],
    settings.map(([key, definition]) => [
      `\`${fileKeyOf(key)}\`<br>\`${variableOf(key, definition)}\``,
      flagCell(key, definition),
      defaultCell(definition),
      definition.kind.allowed,
      definition.help,
      definition.basis,
    ]),
  );
}

function flagCell(key: string, definition: Setting<unknown>): string {
  const flag = flagOf(key, definition);
  if (flag === undefined) return '';
  if (definition.kind.form === 'switch') return `\`${flag}\`<br>\`--no-${flag.slice(2)}\``;
  return definition.kind.form === 'list' ? `\`${flag}\` (repeatable)` : `\`${flag}\``;
}

function defaultCell(definition: Setting<unknown>): string {
  if (definition.defaultText !== undefined) return definition.defaultText;
  const shown = definition.kind.show(definition.default);
  return shown === '' ? 'none' : `\`${shown}\``;
}

const clientSection = `## Client commands

| variable | flag | default | meaning |
| --- | --- | --- | --- |
| \`FIRSTHAND_AGENT\` | \`--agent\` | \`http://127.0.0.1:7980\` | The agent to ask. |
| \`FIRSTHAND_SECRET_FILE\`, \`FIRSTHAND_SECRET\` | \`--secret-file\` | none | The secret, where the agent wants one. |
| \`FIRSTHAND_TOKEN_FILE\`, \`FIRSTHAND_TOKEN\` | \`--token-file\` | none | A token, where the agent wants one; before the secret. |
| \`FIRSTHAND_CA_FILE\` | \`--ca-file\` | the system's | The authority of the agent's certificate, PEM. |
| \`FIRSTHAND_CERT_FILE\`, \`FIRSTHAND_KEY_FILE\` | \`--cert-file\`, \`--key-file\` | none | A certificate and its key, where the agent wants one. |
| \`FIRSTHAND_DEBUG\` | | | \`1\` shows where in the program an error came from. |
| \`NO_COLOR\` | | | When set to anything, output has no colour. |
`;

function deprecatedSection(): string {
  const rows = Object.entries(deprecatedVariables).map(([suffix, { key }]) => {
    const definition = key === 'secret' ? undefined : definitions.get(key);
    const use = definition === undefined ? 'FIRSTHAND_SECRET' : variableOf(key, definition);
    return [`\`${deprecatedPrefix}${suffix}\``, `\`${use}\``];
  });
  return `## Variables of the predecessor

Still read, below \`FIRSTHAND_*\` and above the file, with a \`deprecated_variable\` warning in the log. Their times are in seconds.

${table(['variable', 'use instead'], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => escapeCell(cell)).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Bars would end a cell, and angle brackets outside code would be taken for HTML. */
function escapeCell(cell: string): string {
  return cell
    .split('`')
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/<(?!br>)/g, '&lt;')))
    .join('`')
    .replaceAll('|', '\\|');
}
