/** The addresses on which a process listens, and the error for people when it cannot listen. */
import type { AddressInfo } from 'node:net';
import { flagOf } from '../core/arguments.ts';
import { Refusal, reasonOf } from '../core/report.ts';
import type { ListenOptions } from './connection-part.ts';

export type Addresses = Readonly<Record<string, { readonly address: string; readonly port: number }>>;

export function addressOf({ address, port }: AddressInfo) {
  return { address, port };
}

/** The addresses that are in use, without the ports that are closed. */
export function addressesOf(found: Readonly<Record<string, AddressInfo | undefined>>): Addresses {
  return Object.fromEntries(Object.entries(found).flatMap(([name, info]) => (info ? [[name, addressOf(info)]] : [])));
}

/** Writes an address and a port as one text: `127.0.0.1:5222`, `[::]:5222`. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The ports of a connection node, by the names of their options. */
export function portsOf(listen: ListenOptions): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(listen).filter((entry) => typeof entry[1] === 'number'));
}

interface ListenError extends NodeJS.ErrnoException {
  readonly port?: number;
  readonly address?: string;
}

/**
 * Runs work that listens, and turns its failure into an error for people.
 * @param ports the ports by the names of their options
 * @throws {Refusal} naming the port and its flag
 */
export async function listening<Result>(
  bind: string,
  ports: Readonly<Record<string, number>>,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const error = cause as ListenError;
    if (error.syscall !== 'listen') throw error;
    const name = Object.keys(ports).find((each) => ports[each] === error.port) ?? 'port';
    const address = error.address ?? bind;
    if (error.code === 'EADDRNOTAVAIL')
      throw new Refusal(
        `--${name === 'componentPort' ? 'component-bind' : 'bind'}: '${address}' is not an address of this machine`,
      );
    const what = hostPort(address, error.port ?? 0);
    throw new Refusal(`cannot listen on ${what} (${flagOf(name)}): ${reasonOf(error)}; choose another port with ${flagOf(name)}`);
  }
}
