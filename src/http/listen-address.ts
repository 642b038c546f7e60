/** `host:port` of the HTTP shim: `127.0.0.1:7980`, `[::1]:7980`, `localhost:0`. */
import { FirsthandError } from '../errors.ts';

export interface ListenAddress {
  /** Without brackets. */
  readonly host: string;
  /** 0 lets the system pick a free one. */
  readonly port: number;
}

/** @throws FirsthandError ADDRESS_UNAVAILABLE when this is no address. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|([^\s:[\]]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new FirsthandError('ADDRESS_UNAVAILABLE', {
      text: `the HTTP address "${text}" is not host:port with a port from 0 to 65535`,
      address: text,
    });
  }
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
