/** Many clients that sign in at a pace that servers with storm control take. */
import { pause } from '../pause.ts';
import { Client, type ClientOptions } from './client.ts';
import type { Account, Endpoint } from './endpoint.ts';

/** Below what a Skylark node takes of one tenant (`opensPerTenant…` in lib/limits.ts); for all servers alike. */
const burst = 1_800;
const perSecond = 190;
const atOnce = 16;

/** For each server: it remembers who came before. */
export class Pace {
  #tokens = burst;
  #filledMs = performance.now();

  async turn(): Promise<void> {
    for (;;) {
      const now = performance.now();
      this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledMs) / 1000) * perSecond);
      this.#filledMs = now;
      if (this.#tokens >= 1) break;
      await pause(20);
    }
    this.#tokens--;
  }
}

export interface CrowdOptions extends ClientOptions {
  readonly prefix?: string;
}

/** The index of a client is that of its account; more clients than accounts get further resources. */
export async function gather(
  endpoint: Endpoint,
  accounts: readonly Account[],
  count: number,
  pace: Pace,
  options: CrowdOptions = {},
): Promise<Client[]> {
  const resource = options.prefix ?? 'bench';
  const clients = Array.from({ length: count }, (_, index) => {
    const account = accounts[index % accounts.length]!;
    return new Client(endpoint, account, `${resource}${Math.floor(index / accounts.length)}`, options);
  });
  await forEach(clients, atOnce, async (client) => {
    await pace.turn();
    await client.start();
  });
  return clients;
}

/** At most `width` at once; the first error ends it. */
export async function forEach<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}

/** Streams that end while a benchmark runs are counted: figures without them would be of less work. */
export function watchLosses(clients: readonly Client[]): { readonly count: () => number; readonly first: () => string } {
  let [count, first] = [0, ''];
  for (const client of clients) {
    client.onLost = (error) => {
      count++;
      first ||= `${client.jid}: ${error?.message}`;
    };
  }
  return { count: () => count, first: () => first };
}

export async function disperse(clients: readonly Client[]): Promise<void> {
  for (const client of clients) client.stop();
  await pause(300);
}
