/**
 * Real-time block lists: strangers at other servers who are on a list that the tenant heeds are refused when they write for the first time.
 *
 * A list is a node of a pubsub service (XEP-0060), and an item of it is the SHA-256 of an address or a domain. The tenant's domain subscribes
 * to the node and reads its items page by page: when the policy names it, and later when a stranger comes and an hour has passed. What
 * the service says meanwhile changes the list at once. A service that does not answer leaves the list as it is; without a list, nobody is refused.
 *
 * A list is one row: the first 8 bytes of each hash. Routers keep lists for some seconds.
 */
import { hash as hashOnce } from 'node:crypto';
import { collection } from '../../../lib/runtime/collection.ts';
import { type BlockListSource, parseBlockList } from '../../../lib/runtime/policy/block-lists.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { listLimits } from './limits.ts';

const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
const NS_EVENT = `${NS_PUBSUB}#event`;
const NS_RSM = 'http://jabber.org/protocol/rsm';
const keyCharacters = 16;
const shortCharacters = 16;

interface ListRow {
  /** The items that are known, sorted, without anything between them. */
  readonly hashes: string;
  /** When it is to be read again, ms. */
  readonly nextMs: number;
  /** The id of the request that is under way. Nobody else knows it, so nobody else can answer. */
  readonly asked?: string | undefined;
  /** What the pages so far have said. */
  readonly pages?: string | undefined;
}

const lists = collection<ListRow>('blockList', 'tenant');

interface Source extends BlockListSource {
  /** The key of its row. */
  readonly key: string;
}

interface Known {
  readonly untilMs: number;
  readonly nextMs: number;
  readonly hashes: ReadonlySet<string>;
}

/** By the tenant's policy, which is the same object until the tenant is read again. */
const sources = new WeakMap<Tenant['policy'], readonly Source[]>();
/** By the store, so that each router of a process has its own. */
const kept = new WeakMap<Dependencies['deliverer'], Map<string, Known>>();

function sourcesOf({ policy }: Tenant): readonly Source[] {
  let found = sources.get(policy);
  if (found === undefined) {
    found = policy.blockLists.flatMap((uri) => {
      const source = parseBlockList(uri);
      return source ? [{ ...source, key: hashOnce('sha256', `${source.service} ${source.node}`).slice(0, keyCharacters) }] : [];
    });
    sources.set(policy, found);
  }
  return found;
}

/** Is the address, or its domain, on a list that the tenant heeds? @throws {Unavailable} */
export async function isListed(dependencies: Dependencies, tenant: Tenant, from: Jid): Promise<boolean> {
  const heeded = sourcesOf(tenant);
  if (heeded.length === 0) return false;
  const now = dependencies.clock.now();
  const wanted = [`${from.bare}`, from.domain].map(shortHash);
  let isFound = false;
  for (const source of heeded) {
    const { hashes, nextMs } = await knownList(dependencies, tenant, source);
    if (nextMs <= now) readLists(dependencies, tenant);
    isFound ||= wanted.some((hash) => hashes.has(hash));
  }
  return isFound;
}

function shortHash(address: string): string {
  return hashOnce('sha256', address).slice(0, shortCharacters);
}

async function knownList(dependencies: Dependencies, { domain }: Tenant, { key }: Source): Promise<Known> {
  const { store, clock, deliverer } = dependencies;
  const cache = kept.get(deliverer) ?? new Map<string, Known>();
  kept.set(deliverer, cache);
  const name = `${domain} ${key}`;
  const known = cache.get(name);
  if (known !== undefined && known.untilMs > clock.monotonic()) return known;
  const row = (await Rows.ofTenant(store, domain).get(lists, key))?.value;
  const untilMs = clock.monotonic() + listLimits.listKeptMs;
  const read = { untilMs, nextMs: row?.nextMs ?? 0, hashes: new Set(split(row?.hashes ?? '')) };
  if (cache.size >= listLimits.listsKeptMax) cache.clear();
  cache.set(name, read);
  return read;
}

function split(hashes: string): readonly string[] {
  return hashes.match(/.{16}/g) ?? [];
}

function joined(hashes: Iterable<string>): string {
  return [...new Set(hashes)].sort().slice(0, listLimits.listEntriesMax).join('');
}

/** Reads the tenant's lists in the background, as far as their time has come and nobody else reads them. */
export function readLists(dependencies: Dependencies, tenant: Tenant): void {
  const lasting = withoutDeadline(dependencies);
  for (const source of sourcesOf(tenant)) {
    ask(lasting, tenant, source).catch((error: unknown) => {
      dependencies.log.warn({ err: error, domain: tenant.domain, list: `${source.service}` }, 'a block list cannot be read');
    });
  }
}

async function ask(dependencies: Dependencies, tenant: Tenant, source: Source): Promise<void> {
  const { clock, store, ids } = dependencies;
  const now = clock.now();
  const id = `list-${clock.randomBytes(listLimits.listIdBytes).toString('hex')}`;
  const row = await update(Rows.ofTenant(store, tenant.domain), lists, source.key, (before) => {
    if (before !== undefined && before.nextMs > now) return before;
    return { hashes: before?.hashes ?? '', nextMs: now + listLimits.listReadMs, asked: id, pages: '' };
  });
  if (row?.asked !== id) return;
  const turn = new Turn(dependencies);
  const send = (name: string, type: string, child: Element, more: readonly Element[] = []) => {
    const request = xml('pubsub', { xmlns: NS_PUBSUB }, child, more);
    const iq = xml('iq', { type, from: tenant.domain, to: `${source.service}`, id: name }, request);
    turn.post(tenant, Buffer.from(iq.toString()), ids.mint());
  };
  send(`${id}-s`, 'set', xml('subscribe', { node: source.node, jid: tenant.domain }));
  send(id, 'get', xml('items', { node: source.node }), [pageAfter(undefined)]);
  await turn.finish();
}

function pageAfter(after: string | undefined): Element {
  const max = xml('max', {}, `${listLimits.listPageMax}`);
  return xml('set', { xmlns: NS_RSM }, max, after === undefined ? undefined : xml('after', {}, after));
}

/** @returns true for a stanza to the tenant's domain that is a list's answer or news, which nobody else is to see */
export async function takeListStanza(turn: Turn, tenant: Tenant, stanza: Stanza): Promise<boolean> {
  const from = stanza.from!;
  const ofService = sourcesOf(tenant).filter(({ service }) => service.equals(from.bare) && from.isBare);
  if (ofService.length === 0) return false;
  if (stanza.name === 'message') return takeNews(turn, tenant, stanza, ofService);
  if (stanza.name !== 'iq' || stanza.type !== 'result') return false;
  const items = stanza.child('pubsub', NS_PUBSUB)?.getChild('items');
  const source = ofService.find(({ node }) => node === items?.attrs.node);
  if (items === undefined || source === undefined) return false;
  await takePage(turn, tenant, source, stanza, items as Element);
  return true;
}

async function takePage(turn: Turn, tenant: Tenant, source: Source, iq: Stanza, items: Element): Promise<void> {
  const { dependencies } = turn;
  const found = items.getChildren('item').flatMap(({ attrs }) => hashOf(attrs.id));
  const last = iq.child('pubsub', NS_PUBSUB)?.getChild('set', NS_RSM)?.getChildText('last') ?? undefined;
  const isMore = last !== undefined && items.getChildren('item').length >= listLimits.listPageMax;
  const next = `list-${dependencies.clock.randomBytes(listLimits.listIdBytes).toString('hex')}`;
  const rows = Rows.ofTenant(dependencies.store, tenant.domain);
  const row = await update(rows, lists, source.key, (before) => {
    if (before?.asked === undefined || before.asked !== iq.id) return before;
    const pages = joined([...split(before.pages ?? ''), ...found]);
    const isFull = pages.length >= listLimits.listEntriesMax * shortCharacters;
    if (isMore && !isFull) return { ...before, asked: next, pages };
    return { ...before, hashes: pages, asked: undefined, pages: undefined };
  });
  if (row?.asked !== next) return;
  const request = xml('pubsub', { xmlns: NS_PUBSUB }, xml('items', { node: source.node }), pageAfter(last));
  const more = xml('iq', { type: 'get', from: tenant.domain, to: `${source.service}`, id: next }, request);
  turn.post(tenant, Buffer.from(more.toString()), dependencies.ids.mint());
}

function hashOf(id: unknown): readonly string[] {
  return typeof id === 'string' && /^[0-9a-f]{64}$/i.test(id) ? [id.toLowerCase().slice(0, shortCharacters)] : [];
}

/** XEP-0060 §7.1.2, §7.2.2, §8.5. */
async function takeNews(turn: Turn, tenant: Tenant, message: Stanza, ofService: readonly Source[]): Promise<boolean> {
  const event = message.child('event', NS_EVENT);
  const [said] = event?.getChildElements() ?? [];
  const source = ofService.find(({ node }) => node === said?.attrs.node);
  if (said === undefined || source === undefined) return false;
  const added = said.getChildren('item').flatMap(({ attrs }) => hashOf(attrs.id));
  const removed = new Set(said.getChildren('retract').flatMap(({ attrs }) => hashOf(attrs.id)));
  const isPurge = said.getName() === 'purge';
  if (said.getName() !== 'items' && !isPurge) return true;
  const change = (hashes: string) => joined([...(isPurge ? [] : split(hashes).filter((hash) => !removed.has(hash))), ...added]);
  await update(Rows.ofTenant(turn.dependencies.store, tenant.domain), lists, source.key, (before) => {
    if (before === undefined) return before;
    return { ...before, hashes: change(before.hashes), pages: before.pages === undefined ? undefined : change(before.pages) };
  });
  return true;
}
