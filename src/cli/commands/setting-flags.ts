/** Flags of `start`, made from the schema of the settings. */
import { type Command, Option } from 'commander';
import { flagOf, type Setting, variableOf } from '../../config/setting.ts';
import { definitions } from '../../config/settings.ts';

/** @returns How to read the parsed options back as raw values by setting. */
export function addSettingFlags(
  command: Command,
): (options: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  const attributes = new Map<string, string>();
  for (const [key, definition] of definitions) {
    const flag = flagOf(key, definition);
    // The secret's file is an option of every command.
    if (flag === undefined || key === 'secretFile') continue;
    const option = flagOption(flag, helpOf(key, definition), definition.kind);
    command.addOption(option);
    if (definition.kind.form === 'switch') {
      command.addOption(new Option(`--no-${flag.slice(2)}`, `the opposite of ${flag}`));
    }
    attributes.set(key, option.attributeName());
  }
  return options => Object.fromEntries([...attributes].map(([key, attribute]) => [key, options[attribute]]));
}

function flagOption(flag: string, help: string, kind: Setting<unknown>['kind']): Option {
  if (kind.form === 'switch') return new Option(flag, help);
  const option = new Option(`${flag} <${kind.placeholder}>`, help);
  if (kind.form === 'list') {
    option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  }
  return option;
}

function helpOf(key: string, definition: Setting<unknown>): string {
  const [sentence = ''] = definition.help.split('. ');
  const shown = definition.defaultText ?? (definition.kind.show(definition.default) || 'none');
  const repeatable = definition.kind.form === 'list' ? 'repeatable; ' : '';
  const plain = shown.replaceAll('`', '');
  return `${sentence.replace(/\.$/, '').replaceAll('`', '')} (${repeatable}${variableOf(key, definition)}; default: ${plain})`;
}
