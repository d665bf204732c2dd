/** Renewal with a store, a key and a clock of the test's own, and with a CA and a DNS that the test controls. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { DnsLookup } from '../../lib/ports/dns-records.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import type { RenewalDependencies } from '../../services/certificates/renewal.ts';
import { dns, makePem } from '../support/pem.ts';

export const zone = 'acme.operator.example';
export const dayMs = 24 * 60 * 60 * 1000;

export class RenewalGround {
  store!: Store;
  dependencies!: RenewalDependencies;
  /** How far the wall clock is ahead of the machine's, milliseconds. */
  aheadMs = 0;
  /** The orders that the CA received. */
  readonly orders: (readonly string[])[] = [];
  /** Failures that the CA answers next. */
  readonly failures: Error[] = [];
  readonly aliases = new Map<string, string>();
  isDnsAway = false;
  /** Called when an order arrives. */
  onOrder: (names: readonly string[]) => Promise<void> = async () => {};
  readonly #folder = mkdtempSync(join(tmpdir(), 'skylark-renewal-'));

  static async open(): Promise<RenewalGround> {
    const ground = new RenewalGround();
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + ground.aheadMs };
    ground.store = await openSqliteStore(ground.#folder, { clock: systemClock });
    const lookup: DnsLookup = {
      async alias(name) {
        if (ground.isDnsAway) throw new Unavailable('DNS does not say');
        return ground.aliases.get(name);
      },
      texts: async () => [],
    };
    ground.dependencies = {
      ...{ store: ground.store, clock, lookup, zone },
      keys: openFileKeys({ path: join(ground.#folder, 'one.key'), clock }),
      authority: {
        async obtain(names) {
          ground.orders.push(names);
          await ground.onOrder(names);
          const failure = ground.failures.shift();
          if (failure !== undefined) throw failure;
          const now = clock.now();
          const dates = { notBefore: new Date(now), notAfter: new Date(now + 90 * dayMs) };
          const { cert: chain, key } = await makePem(names[0]!, { names: dns(...names), ...dates });
          return { chain, key };
        },
      },
    };
    return ground;
  }

  async tenant(domain: string, ...delegated: string[]): Promise<void> {
    await new Tenants(this.store, systemClock).add(domain, { registration: 'closed', retentionDays: 0 });
    this.delegate(...delegated);
  }

  delegate(...names: string[]): void {
    for (const name of names) this.aliases.set(`_acme-challenge.${name}`, `${name}.${zone}`);
  }

  async close(): Promise<void> {
    await this.store.close();
    rmSync(this.#folder, { recursive: true });
  }
}
