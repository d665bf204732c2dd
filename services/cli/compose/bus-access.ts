/** Keys of the bus of a cluster on one machine: new ones with each start, in files that only its user can read. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeNatsKey, type NatsAccess, natsTrustConfig } from '../../../lib/adapters/nats-access.ts';
import { type BusTier, busRightsOf } from '../../../lib/runtime/bus-rights.ts';

/** Kinds of processes of a cluster, and the tiers whose work they do: one node takes streams of clients and of other servers. */
const kinds = {
  connection: ['connection', 'peers'],
  router: ['router'],
  muc: ['muc'],
  federation: ['federation'],
  web: ['web'],
  cluster: ['operator'],
} as const satisfies Readonly<Record<string, readonly BusTier[]>>;

/** A file for each kind of process. */
export type BusAccess = Readonly<Record<keyof typeof kinds, string>>;

/** @returns the files: the server's configuration, and what signs processes in */
export async function makeBusAccess(folder: string): Promise<{ readonly config: string; readonly access: BusAccess }> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const account = makeNatsKey('account');
  const keys = Object.entries(kinds).map(([kind, tiers]) => ({ kind, tiers, key: makeNatsKey('account') }));
  const signers = keys.map(({ kind, tiers, key }) => ({ name: kind, publicKey: key.publicKey, rights: busRightsOf(tiers) }));
  const config = join(folder, 'nats.conf');
  writeFileSync(config, await natsTrustConfig({ operator: makeNatsKey('operator'), account, signers }), { mode: 0o600 });
  const files = keys.map(({ kind, key }) => {
    const file = join(folder, `${kind}.json`);
    writeFileSync(file, JSON.stringify({ account: account.publicKey, seed: key.seed } satisfies NatsAccess), { mode: 0o600 });
    return [kind, file];
  });
  return { config, access: Object.fromEntries(files) as BusAccess };
}
