/** Kinds of settings about who may do what. */
import { isIP } from 'node:net';
import { type Kind, refuse } from './kinds.ts';

const roles = ['read', 'register', 'operate', 'admin'] as const;

/** A role for a name, or for all that begin like it. */
export interface GrantValue {
  readonly role: (typeof roles)[number];
  readonly name: string;
}

/** `admin=ada`, `operate=ops-*`. */
export const grant: Kind<GrantValue> = {
  allowed: 'read, register, operate or admin, =, and a name or the beginning of one and *',
  form: 'value',
  placeholder: 'role=name',
  parse(raw) {
    const [, word, name] =
      /^\s*([a-z]+)=([\x21-\x7e]{1,256})\s*$/.exec(typeof raw === 'string' ? raw : '') ?? [];
    const role = roles.find(each => each === word);
    const isName = name !== undefined && !name.slice(0, -1).includes('*');
    return role === undefined || !isName ? refuse(raw, this.allowed) : { ok: true, value: { role, name } };
  },
  show: ({ role, name }) => `${role}=${name}`,
};

export const shortText = '1 to 256 characters of ASCII';

export function isShortText(value: string): boolean {
  return /^[\x20-\x7e]{1,256}$/.test(value);
}

/** Keys that come in the clear over a network would be anybody's keys. */
export function isKeyLocation(value: string): boolean {
  if (value === '' || value.includes('\0')) return false;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return true;
  const url = URL.parse(value);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname));
}

function isThisMachine(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}
