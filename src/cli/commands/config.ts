/** `firsthand config`: checks a configuration, or shows what an agent would run with and why. */
import type { Command } from 'commander';
import { type Loaded, loadSettings } from '../../config/load.ts';
import { fileKeyOf } from '../../config/setting.ts';
import { definitions, type SettingKey, type Settings, type Values } from '../../config/settings.ts';
import { FirsthandError } from '../../errors.ts';
import { type Context, printJson } from '../context.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { renderTable } from '../table.ts';

const fileHelp = 'YAML or JSON file (FIRSTHAND_CONFIG); without one, variables and defaults alone';

export function define(command: Command, context: Context): void {
  const { io } = context;
  command
    .command('check')
    .description('check a file together with the variables that are set now')
    .argument('[file]', fileHelp)
    .action(async (file: string | undefined) => {
      const name = file ?? io.env.FIRSTHAND_CONFIG ?? null;
      try {
        await load(file, context);
      } catch (error) {
        const problems = error instanceof FirsthandError ? error.details.problems : undefined;
        if (!context.globals().json || problems === undefined) throw error;
        await printJson(io, { file: name, ok: false, problems });
        context.setExitCode(exitCodeOf(error));
        return;
      }
      if (context.globals().json) await printJson(io, { file: name, ok: true, problems: [] });
      else await io.out(`${name ?? 'the environment'}: well\n`);
    });
  command
    .command('print')
    .description('print every setting with its value and where it comes from')
    .argument('[file]', fileHelp)
    .action(async (file: string | undefined) => {
      const rows = settingRows(await load(file, context));
      if (context.globals().json) {
        const document = rows.map(({ key, value, from, name }) => [key, { value, from, name }]);
        await printJson(io, Object.fromEntries(document));
      } else {
        await io.out(
          renderTable(
            [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }],
            rows.map(({ key, shown, from, name }) => [key, shown, from === 'default' ? 'default' : name]),
            io.colour,
          ),
        );
      }
    });
}

function load(file: string | undefined, context: Context): Promise<Loaded> {
  const { secretFile } = context.globals();
  return loadSettings({ flags: { secretFile }, file, env: context.io.env });
}

function settingRows({ settings, origins }: Loaded) {
  const values = flat(settings);
  const rows = [...definitions].map(([key, { kind, defaultText }]) => {
    const value = values[key];
    // What only a running agent can know has no value yet, but a rule.
    const shown = value === undefined ? `(${(defaultText ?? 'none').replaceAll('`', '')})` : kind.show(value);
    return { key: fileKeyOf(key), value: value ?? null, shown, ...origins[key] };
  });
  const secret = settings.shim.secret === undefined ? null : '[redacted]';
  return [...rows, { key: 'secret', value: secret, shown: secret ?? '(none)', ...origins.secret }];
}

function flat(settings: Settings): Partial<Values> {
  const rooms = Object.values(settings) as readonly Readonly<Partial<Record<SettingKey, unknown>>>[];
  return Object.assign({}, ...rooms);
}
