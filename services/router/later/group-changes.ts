/**
 * Tells members of shared roster groups who are online of a change: roster pushes, and the presence that they are shown or shown no more.
 *
 *     <domain>/t      groupChange/<id>   how the groups were before a change, until everybody was told
 *     #work-<number>  work/<time> …      that there is something to be told (lib/runtime/work-lists.ts)
 *
 * The row is written before the tenant's. What is told is how the groups are now against how they were, so it may be told twice, and by whoever
 * goes on behind a router that has died. It is told when all routers know the groups: a client that reads its roster before that is told, too.
 */
import { sleep } from '../../../lib/ports/clock.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { type RosterGroup, type SharedView, sharedView } from '../../../lib/runtime/roster-groups.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import { type Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import { putWork, removeWork, type Work } from '../../../lib/runtime/work-lists.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import { blocklist, isBlocked } from '../core/blocklist.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { readListeners } from '../presence/presence-audience.ts';
import { isVisible, unavailableFrom } from '../presence/shown-presence.ts';
import { findContacts, interested, pushElement, unknownContact } from '../roster/roster.ts';
import { readVersion } from '../roster/roster-change.ts';
import { versionText } from '../roster/shared-groups.ts';
import { hasTo } from '../roster/subscription-state.ts';
import { laterLimits } from './limits.ts';

const groupChanges = collection<{ readonly before: readonly RosterGroup[] }>('groupChange', 'tenant', 'live');

/**
 * Changes the groups of a tenant, and has the members told.
 * @param change gets the groups and returns the new ones; the same ones: nothing is done. It may be called again, and may throw
 * @returns the groups as they are then; undefined when there is no such tenant
 * @throws what `change` throws. @throws {Unavailable}
 */
export async function changeGroups(
  dependencies: Dependencies,
  domain: string,
  change: (groups: readonly RosterGroup[]) => readonly RosterGroup[],
): Promise<readonly RosterGroup[] | undefined> {
  const { store, clock, ids, later } = dependencies;
  const tenants = new Tenants(store, clock); // what a cache knew a second ago may be changed by now
  const before = (await tenants.find(domain))?.rosterGroups?.groups ?? [];
  if (change(before) === before) return before;
  const id = ids.mint();
  // This process begins at once. Others look when it should have been done.
  const atMs = clock.now() + laterLimits.groupChangeMs;
  const work: Work = { kind: 'rosterGroup', domain, id };
  const expiresAtMs = atMs + laterLimits.groupChangeKeepMs;
  await putWork(store, atMs, work, expiresAtMs);
  await Rows.ofTenant(store, domain).put(groupChanges, id, { before }, undefined, expiresAtMs);
  const changed = await tenants.setRosterGroups(domain, change);
  if (changed === undefined) await removeWork(store, atMs, work);
  else later?.soon(work, atMs);
  return changed?.rosterGroups?.groups;
}

/** @returns false when whatever says that there is something to tell has to stay. @throws {Unavailable} */
export async function tellGroupChange(
  dependencies: Dependencies,
  { domain, id }: { readonly domain: string; readonly id: string },
): Promise<boolean> {
  const { store, clock } = dependencies;
  const rows = Rows.ofTenant(store, domain);
  const found = await rows.get(groupChanges, id);
  if (found === undefined) return clock.now() - timeOfId(id) > laterLimits.unsureMs;
  await sleep(clock, 2 * runtimeLimits.tenantCacheMs); // until then another router may not know the change
  const tenant = await dependencies.tenants.find(domain);
  if (tenant !== undefined) await new Telling(dependencies, tenant, found.value.before).run();
  await rows.delete(groupChanges, id);
  return true;
}

class Telling {
  readonly #dependencies: Dependencies;
  readonly #tenant: Tenant;
  readonly #before: readonly RosterGroup[];
  readonly #now: readonly RosterGroup[];

  constructor(dependencies: Dependencies, tenant: Tenant, before: readonly RosterGroup[]) {
    this.#dependencies = dependencies;
    this.#tenant = tenant;
    this.#before = before;
    this.#now = tenant.rosterGroups?.groups ?? [];
  }

  async run(): Promise<void> {
    const people = new Set([...this.#before, ...this.#now].flatMap(({ members }) => members.map(({ local }) => local)));
    for (const local of people) {
      const changed = changesOf(sharedView(this.#before, local), sharedView(this.#now, local));
      if (changed.length > 0) await this.#tell(local, changed);
    }
  }

  /** @param changed the contacts whose items have changed */
  async #tell(local: string, changed: readonly string[]): Promise<void> {
    const { store } = this.#dependencies;
    const turn = new Turn(this.#dependencies);
    const account = new Account(turn, this.#tenant, local);
    const jids = changed.map((one) => Jid.of(one, this.#tenant.domain));
    const [own] = await readSessions(store, [account]);
    if (!own!.some((entry) => entry.available || interested.of(entry))) return;
    const number = await readVersion(account);
    const found = await findContacts(account, jids);
    const known = new Map(found.map(({ jid, item }) => [jid.local, item]));
    for (const [at, jid] of jids.entries()) {
      // A client that is cut off in between asks for the whole roster.
      const ver = at === jids.length - 1 ? versionText(account, number) : `${number}-`;
      account.push(
        pushElement(account, { jid, item: known.get(jid.local) ?? unknownContact }, ver),
        (entry) => interested.of(entry) === true,
      );
    }
    const blocked = await account.get(blocklist);
    const shown = jids.filter((jid) => !isBlocked(blocked, jid));
    const contacts = shown.map((jid) => ({ jid, item: known.get(jid.local) ?? unknownContact }));
    const listeners = await readListeners(account, account.jid, contacts); // without those who block the account
    const takers = own!.filter(({ available }) => available);
    turn.amongDeliveries(() => {
      for (const { jid, item, sessions } of listeners) {
        for (const entry of sessions.filter(isVisible)) {
          const isShown = hasTo(item);
          const bytes = isShown ? Buffer.from(entry.presence!) : unavailableFrom(jid.withResource(entry.resource));
          account.deliverTo(takers, bytes, true);
        }
      }
    });
    await turn.finish();
  }
}

/** Whose items are others. */
function changesOf(before: SharedView | undefined, now: SharedView | undefined): readonly string[] {
  const people = new Set([...(before?.contacts.keys() ?? []), ...(now?.contacts.keys() ?? [])]);
  return [...people].filter((local) => JSON.stringify(before?.contacts.get(local)) !== JSON.stringify(now?.contacts.get(local)));
}
