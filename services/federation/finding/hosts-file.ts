/** The system's file of hosts, where people on a laptop write addresses of names that DNS does not know. `hosts(5)` */
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../../lib/ports/clock.ts';
import { findingLimits } from './limits.ts';

export const systemHostsFile = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';

export class HostsFile {
  readonly #clock: Clock;
  readonly #path: string;
  #read: { readonly hosts: Promise<ReadonlyMap<string, readonly string[]>>; readonly atMs: number } | undefined;

  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.#path = path;
  }

  /** @param name in lower case. @returns its addresses, of both families; undefined when the file does not name it */
  async find(name: string): Promise<readonly string[] | undefined> {
    const now = this.#clock.monotonic();
    if (this.#read === undefined || now - this.#read.atMs > findingLimits.hostsMs)
      this.#read = { hosts: readHosts(this.#path), atMs: now };
    return (await this.#read.hosts).get(name);
  }
}

/** A file that is not there, or is too large, names nothing. */
async function readHosts(path: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const hosts = new Map<string, string[]>();
  try {
    if ((await stat(path)).size > findingLimits.hostsBytesMax) return hosts;
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      if (isIP(address) === 0) continue;
      for (const name of names) {
        const key = name.toLowerCase();
        const addresses = hosts.get(key) ?? [];
        if (addresses.length < findingLimits.addressesMax) addresses.push(address);
        hosts.set(key, addresses);
      }
    }
  } catch {
    // as if it were empty
  }
  return hosts;
}
