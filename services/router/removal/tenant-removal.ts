/** The removal of a tenant, step by step; each may be done again by whoever goes on where another process died. */
import { sleep } from '../../../lib/ports/clock.ts';
import { Certificates } from '../../../lib/runtime/certificates.ts';
import type { OwnerKind } from '../../../lib/runtime/collection.ts';
import { accountNames, directoryParts, nodeNames, pagesOfNames, roomNames } from '../../../lib/runtime/directory.ts';
import { erasePartition } from '../../../lib/runtime/erase.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { eraseDue } from '../../../lib/runtime/outbox.ts';
import type { RemovalLease } from '../../../lib/runtime/removals.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { pubsubDomain, roomsDomain, type Tenant, uploadsDomain } from '../../../lib/runtime/tenants.ts';
import { shardCount } from '../../../lib/runtime/wire.ts';
import { eraseWork } from '../../../lib/runtime/work-lists.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { guestTenantRows, guestTenants } from '../core/guests.ts';
import { routerLimits } from '../limits.ts';
import { endAccount, eraseAccount, waitForRequests } from './account-removal.ts';
import { askRoom, type ElsewhereWalks } from './elsewhere.ts';
import { forgetLeaving } from './leaving.ts';

interface Context {
  readonly dependencies: Dependencies;
  readonly lease: RemovalLease;
  readonly tenant: Tenant;
}

/** Kinds of partitions that begin with a tenant's domain. */
type TenantKind = Exclude<OwnerKind, 'deployment'>;

/** How all partitions of a kind are erased, in this order: the directory, by which accounts, rooms and nodes are found, is the last. */
const erasers: Readonly<Record<TenantKind, (context: Context) => Promise<void>>> = {
  async account({ dependencies, lease, tenant }) {
    for await (const locals of pagesOfNames(dependencies.store, tenant.domain, accountNames, runtimeLimits.adminPageMax)) {
      for (const local of locals) await eraseAccount(dependencies, lease, tenant, local);
    }
  },
  /** A room is its worker's to erase, who may have it in memory, and has the right to its rows. */
  async room({ dependencies, lease, tenant: { domain } }) {
    let count = 0;
    for await (const rooms of pagesOfNames(dependencies.store, domain, roomNames, routerLimits.forgetPageMax)) {
      lease.check();
      await Promise.all(rooms.map((room) => askRoom(dependencies, { kind: 'erase', domain, room, addresses: [] })));
      count += rooms.length;
      await lease.beat(`erased ${count} rooms`);
    }
  },
  async pubsub({ dependencies: { store }, lease: { beat, check }, tenant: { domain } }) {
    for await (const names of pagesOfNames(store, domain, nodeNames, routerLimits.forgetPageMax)) {
      for (const name of names) await erasePartition(store, Rows.ofPubsub(store, domain, name), { mayDelete: check });
      await beat('erasing the nodes of pubsub');
    }
  },
  async certificate({ dependencies: { store }, lease, tenant: { domain } }) {
    await new Certificates(store).remove(domain);
    await erasePartition(store, Rows.ofCertificate(store, domain), { mayDelete: lease.check });
  },
  federation: ({ dependencies: { store }, lease, tenant: { domain } }) =>
    erasePartition(store, Rows.ofFederation(store, domain), { mayDelete: lease.check }),
  async outbox({ dependencies: { store }, lease: { beat, check }, tenant: { domain } }) {
    for (let shard = 0; shard < shardCount; shard++) {
      await beat('erasing what waits for other servers');
      await erasePartition(store, Rows.ofOutbox(store, domain, shard), { mayDelete: check });
    }
    await eraseDue(store, domain, check);
    await eraseWork(store, domain, check);
  },
  async tenant({ dependencies: { store }, lease, tenant: { domain } }) {
    await forgetLeaving(store, domain);
    await guestTenantRows({ store }).delete(guestTenants, domain);
    await erasePartition(store, Rows.ofTenant(store, domain), { mayDelete: lease.check });
  },
  async directory({ dependencies: { store }, lease: { beat, check }, tenant: { domain } }) {
    for (let part = 0; part < directoryParts; part++) {
      const onPage = () => beat('erasing the directory');
      await erasePartition(store, Rows.ofDirectory(store, domain, part), { onPage, mayDelete: check });
    }
  },
};

/**
 * Resolves when the domain is free.
 * @param finishAccounts carries to their end the removals of accounts of the tenant that are under way
 * @throws {Unavailable}
 */
export async function removeTenant(context: Context, walks: ElsewhereWalks, finishAccounts: () => Promise<void>): Promise<void> {
  const { dependencies, lease, tenant } = context;
  const { domain } = tenant;
  await dependencies.tenants.remove(tenant);
  await sleep(dependencies.clock, runtimeLimits.tenantCacheMs); // until then other processes may still serve it
  await finishAccounts();
  await endAccounts(context);
  await waitForRequests(dependencies, lease);
  await endAccounts(context);
  await dependencies.blobs?.deleteAll(domain, () => lease.beat('deleting files'));
  for (const erase of Object.values(erasers)) await erase(context);
  await walks.forget([domain, roomsDomain(domain), uploadsDomain(domain), pubsubDomain(domain)], lease.beat);
  await lease.end();
}

/** Their entries in the directory stay until all else is erased: by them whoever goes on finds the accounts. */
async function endAccounts({ dependencies, lease, tenant }: Context): Promise<void> {
  let count = 0;
  for await (const locals of pagesOfNames(dependencies.store, tenant.domain, accountNames, runtimeLimits.adminPageMax)) {
    for (const local of locals) {
      lease.check();
      await endAccount(dependencies, tenant, local);
      await lease.beat(`ended ${++count} accounts`);
    }
  }
}
