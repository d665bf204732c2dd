/**
 * Announcements: an operator's message from the tenant's domain to all of its accounts, or to those that are online (XEP-0133 §4.23).
 *
 *     <domain>/t      announcement/<id>   an announcement and how far it has come; it is kept for some weeks as a record
 *     #work-<number>  work/<time> …       that there is something to be done for it (lib/runtime/work-lists.ts)
 *
 * The accounts are told a page at a time, in the order of their names. Before a page is told, the row says where it ends and under which id:
 * whoever goes on tells the same accounts with the same id, which writes the same rows and is dropped by nodes that have delivered it. One router
 * at a time has an announcement. It gives it back after a while, so that those of other tenants have their turn.
 */
import { sleep } from '../../../lib/ports/clock.ts';
import { Conflict } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Count } from '../../../lib/runtime/counts.ts';
import { accountNames, listRows } from '../../../lib/runtime/directory.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { putWork, type Work } from '../../../lib/runtime/work-lists.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type Dependencies, withDeadline } from '../core/dependencies.ts';
import { sendTogether } from '../core/messages-together.ts';
import { noticeOf } from '../core/notices.ts';
import { laterLimits } from './limits.ts';

export const announcementMessages = new Count(
  'announcement_messages_total',
  'Messages of announcements, by whom they are for: `online` or `all` accounts of a tenant',
  ['target'],
);

export const announcementTargets = ['online', 'all'] as const;

type ListedAccount = Item<{ readonly createdAt: string }>;

/** A page that is being told: the last account of it, and the id of its messages. */
interface Page {
  readonly upTo: string;
  readonly id: string;
}

export interface Announcement {
  /** `online`: as a headline to sessions that are available; `all`: as a message that waits for whoever is away. */
  readonly target: (typeof announcementTargets)[number];
  readonly subject?: string | undefined;
  readonly text: string;
  readonly by: string;
  /** Accounts that are made later are not told. */
  readonly atMs: number;
  /** Messages that were sent. */
  readonly told: number;
  /** The last account of the pages that were told. */
  readonly cursor?: string | undefined;
  readonly page?: Page | undefined;
  /** The router that has it, and until when. */
  readonly holder?: string | undefined;
  readonly untilMs?: number | undefined;
  readonly endedMs?: number | undefined;
  readonly isCancelled?: true | undefined;
}

export const announcements = collection<Announcement>('announcement', 'tenant', 'live');

/** What a router works on. */
export interface Telling {
  readonly domain: string;
  readonly id: string;
  /** Names the router. */
  readonly by: string;
  /** True when it should give the announcement back. */
  isStopping(): boolean;
}

export function announcementRows({ store }: Pick<Dependencies, 'store'>, domain: string): Rows {
  return Rows.ofTenant(store, domain);
}

/** @returns when its row goes, ms */
export function keptUntilMs({ atMs }: Pick<Announcement, 'atMs'>): number {
  return atMs + laterLimits.announcementKeepMs;
}

export function isOver({ endedMs, isCancelled }: Announcement): boolean {
  return endedMs !== undefined || isCancelled === true;
}

/** Writes it, and begins to tell it. @param id was minted for it. @throws {Unavailable} */
export async function announce(
  dependencies: Dependencies,
  { domain }: Tenant,
  id: string,
  announcement: Announcement,
): Promise<void> {
  const { store, later } = dependencies;
  const { atMs } = announcement;
  const work: Work = { kind: 'announcement', domain, id };
  const keepUntilMs = keptUntilMs(announcement);
  // The work comes first: without the announcement it does nothing, and an announcement without it would never be told.
  await putWork(store, atMs, work, keepUntilMs);
  await announcementRows(dependencies, domain).put(announcements, id, announcement, 'absent', keepUntilMs);
  later?.soon(work, atMs);
}

/**
 * Tells some pages.
 * @returns false when another router has it: whatever says that there is something to do has to stay
 * @throws {Unavailable}
 */
export async function tellAnnouncement(dependencies: Dependencies, telling: Telling): Promise<boolean> {
  const { domain, id } = telling;
  const tenant = await dependencies.tenants.find(domain);
  if (tenant === undefined) return true;
  const found = await announcementRows(dependencies, domain).get(announcements, id);
  // Whoever makes one writes the work first.
  if (found === undefined) return dependencies.clock.now() - timeOfId(id) > laterLimits.unsureMs;
  const { holder, untilMs = 0 } = found.value;
  if (isOver(found.value)) return true;
  if (holder !== undefined && holder !== telling.by && untilMs > dependencies.clock.now()) return false;
  return new Teller(dependencies, tenant, telling, found).run();
}

class Teller {
  readonly #dependencies: Dependencies;
  readonly #tenant: Tenant;
  readonly #telling: Telling;
  readonly #sliceEndsMs: number;
  #item: Item<Announcement>;

  constructor(dependencies: Dependencies, tenant: Tenant, telling: Telling, item: Item<Announcement>) {
    this.#dependencies = dependencies;
    this.#tenant = tenant;
    this.#telling = telling;
    this.#item = item;
    this.#sliceEndsMs = dependencies.clock.now() + laterLimits.announcementSliceMs;
  }

  /** @returns as {@link tellAnnouncement} */
  async run(): Promise<boolean> {
    const { clock } = this.#dependencies;
    try {
      for (;;) {
        const accounts = await this.#takePage();
        if (accounts === undefined) return true;
        const told = await this.#tell(accounts);
        await this.#write({ told: this.#item.value.told + told, cursor: this.#item.value.page!.upTo, page: undefined });
        if (this.#telling.isStopping() || clock.now() >= this.#sliceEndsMs) return await this.#giveBack();
        await sleep(clock, laterLimits.announcementPauseMs);
      }
    } catch (error) {
      // Somebody has cancelled it, or this router stood still and another one has it: whoever looks next sees.
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  /** Names a page before it is told, or takes the one that was being told. @returns undefined when all were told */
  async #takePage(): Promise<readonly string[] | undefined> {
    const { clock, ids } = this.#dependencies;
    const { cursor, page: begun } = this.#item.value;
    const first = begun === undefined ? await this.#listAfter(cursor) : [];
    const upTo = begun?.upTo ?? first.at(-1)?.key;
    if (upTo === undefined) {
      await this.#write({ endedMs: clock.now(), holder: undefined, untilMs: undefined });
      return undefined;
    }
    const page = begun ?? { upTo, id: ids.mint() };
    await this.#write({ page, holder: this.#telling.by, untilMs: clock.now() + laterLimits.announcementLeaseMs });
    const listed = begun === undefined ? first : await this.#listUpTo(cursor, upTo);
    const { atMs } = this.#item.value;
    return listed.filter(({ value }) => Date.parse(value.createdAt) <= atMs).map(({ key }) => key);
  }

  #listAfter(after: string | undefined): Promise<ListedAccount[]> {
    const { store } = this.#dependencies;
    return listRows(store, this.#tenant.domain, accountNames, { limit: laterLimits.announcementPageMax, after });
  }

  /** Accounts may have been made among those of the page, so they may be more than one page. */
  async #listUpTo(cursor: string | undefined, upTo: string): Promise<ListedAccount[]> {
    const end = Buffer.from(upTo);
    const found: ListedAccount[] = [];
    for (let after = cursor; ; ) {
      const listed = await this.#listAfter(after);
      const inside = listed.filter(({ key }) => Buffer.compare(Buffer.from(key), end) <= 0);
      found.push(...inside);
      if (inside.length < laterLimits.announcementPageMax) return found;
      after = inside.at(-1)!.key;
    }
  }

  /** @returns how many messages were sent */
  async #tell(locals: readonly string[]): Promise<number> {
    const { target, subject, text, page, untilMs } = this.#item.value;
    // Who has stood still for longer does nothing any more: somebody else goes on.
    const timely = withDeadline(this.#dependencies, untilMs);
    const people = target === 'all' ? locals : await this.#onlineAmong(locals);
    const type = target === 'online' ? 'headline' : 'normal';
    const messages = people.map((local) => ({
      id: page!.id,
      stanza: noticeOf(this.#tenant, Jid.of(local, this.#tenant.domain), { id: page!.id, type, subject, text }),
    }));
    const sent = await sendTogether(timely, this.#tenant, messages);
    announcementMessages.add(this.#tenant.domain, sent, target);
    return sent;
  }

  async #onlineAmong(locals: readonly string[]): Promise<readonly string[]> {
    const { store } = this.#dependencies;
    const owners = locals.map((local) => ({ local, domain: this.#tenant.domain }));
    const sessions = await readSessions(store, owners);
    return locals.filter((_, at) => sessions[at]!.some(({ available, priority }) => available && priority >= 0));
  }

  /** Others may have their turn; there is more to do. */
  async #giveBack(): Promise<boolean> {
    const { store, clock, later } = this.#dependencies;
    const { domain, id } = this.#telling;
    const work: Work = { kind: 'announcement', domain, id };
    const nowMs = clock.now();
    await putWork(store, nowMs, work, keptUntilMs(this.#item.value));
    await this.#write({ holder: undefined, untilMs: undefined });
    if (!this.#telling.isStopping()) later?.soon(work, nowMs);
    return true;
  }

  /** @throws {Conflict} when somebody else has changed it */
  async #write(change: Partial<Announcement>): Promise<void> {
    const { key, value: before, version: seen } = this.#item;
    const value = { ...before, ...change };
    const rows = announcementRows(this.#dependencies, this.#tenant.domain);
    const version = await rows.put(announcements, key, value, { version: seen }, keptUntilMs(before));
    this.#item = { key, value, version };
  }
}
