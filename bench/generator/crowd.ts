/** Many clients that sign in at a pace that servers with storm control accept. */
import { pause } from '../pause.ts';
import { Client, type ClientOptions } from './client.ts';
import type { Account, Endpoint } from './endpoint.ts';

/** Below what a Skylark node accepts from one tenant (`opensPerTenant…` in services/connection/limits.ts). All servers get the same pace. */
const burst = 1_800;
const perSecond = 190;
const atOnce = 16;

/** Each server has its own pace, which remembers earlier sign-ins. */
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

/** Client n uses account n. When there are more clients than accounts, they get further resources. */
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

/** Runs at most `width` at once; the first error ends it. */
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

/** Counts streams that end while a benchmark runs: without that, its figures would be for less work. */
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
