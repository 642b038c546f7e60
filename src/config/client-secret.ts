/** The secret of this agent as a client of an OAuth 2 server. */
import { readFileSync } from 'node:fs';
import { reasonOf } from './secret-source.ts';

const secretMaxBytes = 4_096;

/** @throws Error that says what is wrong with the file, and never what is in it. */
export function clientSecretIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`the secret of the client cannot be read from ${path}: ${reasonOf(error)}`);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '' || secret.length > secretMaxBytes) {
    throw new Error(`the secret of the client in ${path} must have 1 to ${secretMaxBytes} bytes`);
  }
  return secret;
}
