/** `firsthand keys`: the keys of this agent, and the secret of its cluster. */
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { defineRotateSecret } from './keys-rotate-secret.ts';

export function define(command: Command, context: Context): void {
  defineRotateSecret(command, context);
}
