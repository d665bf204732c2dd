/**
 * What a tenant's domain says of itself at its pubsub service (XEP-0485): with which other domains it has streams, once an hour, if the tenant wants it.
 *
 *     <domain>/t      serverInfo/     when it is to be done next, and which of the others may be named
 *     #work-<number>  work/<time> …   that it is to be done then (lib/runtime/work-lists.ts)
 *
 * Whoever does it writes first when it is done next; so it goes on whoever dies, and two who do it at once do it once.
 *
 * Privacy: a domain is named only while it says itself, by service discovery, that it takes part. Others are counted, without a name.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { type PairsRequest, pairsAnswer } from '../../../lib/runtime/pair-wire.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { hasPubsub, pubsubDomain, type Tenant, type TenantSettings } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { shardCount } from '../../../lib/runtime/wire.ts';
import { putWork, type Work } from '../../../lib/runtime/work-lists.ts';
import { emptySubmission } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { HostContext } from '../core/host.ts';
import { Turn } from '../core/turn.ts';
import { findNode } from '../pep/nodes.ts';
import { deleteNode, publishAt } from '../pep/publish.ts';
import { ServicePlace, serverInfoNode } from '../pubsub/service-place.ts';
import { laterLimits } from './limits.ts';

export const NS_SERVER_INFO = 'urn:xmpp:serverinfo:0';
const NS_INFO = 'http://jabber.org/protocol/disco#info';
const itemId = 'current';

interface Peer {
  /** It takes part, as it has said. */
  readonly isNamed: boolean;
  /** When it is asked again, ms. */
  readonly untilMs: number;
  /** The id of the question that is under way. */
  readonly asked?: string | undefined;
}

interface InfoRow {
  readonly nextMs: number;
  /** By domain. */
  readonly peers: Readonly<Record<string, Peer>>;
  /** What was published last. */
  readonly said?: string | undefined;
}

const rowsOfInfo = collection<InfoRow>('serverInfo', 'tenant');

/** Does the tenant's domain take part? */
export function isShown(tenant: TenantSettings): boolean {
  return tenant.policy.serverInfo === 'on' && hasPubsub(tenant);
}

function workOf({ domain }: Tenant): Work {
  return { kind: 'serverInfo', domain, id: 'serverInfo' };
}

/** The policy has changed. It is done in some seconds, when all routers know it. @throws {Unavailable} */
export async function serverInfoChanged({ store, clock }: Dependencies, before: Tenant, tenant: Tenant): Promise<void> {
  if (before.policy.serverInfo === tenant.policy.serverInfo && before.policy.pubsub === tenant.policy.pubsub) return;
  if (before.policy.serverInfo === 'off' && tenant.policy.serverInfo === 'off') return;
  await update(Rows.ofTenant(store, tenant.domain), rowsOfInfo, '', (row) => row && { ...row, nextMs: 0 });
  await putWork(store, clock.now(), workOf(tenant));
}

/** @returns true: it is done, or another router does it. @throws {Unavailable} */
export async function publishServerInfo(dependencies: Dependencies, domain: string): Promise<boolean> {
  const { store, clock, tenants } = dependencies;
  const tenant = await tenants.find(domain);
  if (tenant === undefined) return true;
  const rows = Rows.ofTenant(store, domain);
  const known = (await rows.get(rowsOfInfo, ''))?.value;
  if (!isShown(tenant)) {
    await takeBack(dependencies, tenant);
    await rows.delete(rowsOfInfo, '');
    return true;
  }
  const now = clock.now();
  if (known !== undefined && known.nextMs > now) return true;
  const open = await openPeers(dependencies, tenant);
  const toAsk = open.filter((peer) => (known?.peers[peer]?.untilMs ?? 0) <= now).slice(0, laterLimits.infoAsksMax);
  const nextMs = now + (toAsk.length > 0 ? laterLimits.infoSoonMs : laterLimits.infoMs);
  await putWork(store, nextMs, workOf(tenant));
  const asked = new Map(toAsk.map((peer) => [peer, `info-${clock.randomBytes(laterLimits.infoIdBytes).toString('hex')}`]));
  const isOurs = (there: InfoRow | undefined) => (there?.nextMs ?? 0) === (known?.nextMs ?? 0);
  let isDone = false;
  const row = await update(rows, rowsOfInfo, '', (there) => {
    isDone = !isOurs(there);
    return isDone ? there : { ...there, nextMs, peers: withAsked(there?.peers ?? {}, asked, now) };
  });
  if (isDone || row === undefined) return true;
  await askPeers(dependencies, tenant, asked);
  await say(dependencies, tenant, open, row);
  return true;
}

/** What was not asked about for long is forgotten. */
function withAsked(peers: InfoRow['peers'], asked: ReadonlyMap<string, string>, now: number): InfoRow['peers'] {
  const kept = Object.entries(peers).filter(([, { untilMs }]) => now - untilMs < laterLimits.infoKeepMs);
  const untilMs = now + laterLimits.infoMs;
  const added = [...asked].map(([peer, id]) => [peer, { isNamed: false, untilMs, asked: id }] as const);
  return Object.fromEntries([...kept, ...added].slice(-laterLimits.infoPeersMax));
}

/** Domains to which the tenant's domain has a stream. */
async function openPeers({ bus, isFederated }: Dependencies, { domain }: Tenant): Promise<readonly string[]> {
  if (!isFederated) return [];
  const found = await Promise.allSettled(
    Array.from({ length: shardCount }, async (_, shard) => {
      const request: PairsRequest = { kind: 'pairs', shard, tenant: domain };
      const answer = await ask(bus, pairsAnswer, `s2s.${shard}`, encodeFrame(request), laterLimits.infoAnswerMs);
      answer.take('isMore');
      return answer.take('pairs');
    }),
  );
  const pairs = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  const open = pairs.filter(({ host, state }) => host === domain && state === 'open').map(({ peer }) => peer);
  return [...new Set(open)].sort().slice(0, laterLimits.infoPeersMax);
}

async function askPeers(dependencies: Dependencies, tenant: Tenant, asked: ReadonlyMap<string, string>): Promise<void> {
  if (asked.size === 0) return;
  const turn = new Turn(dependencies);
  for (const [to, id] of asked) {
    const iq = xml('iq', { type: 'get', from: tenant.domain, to, id }, xml('query', { xmlns: NS_INFO }));
    turn.post(tenant, Buffer.from(iq.toString()), dependencies.ids.mint());
  }
  await turn.finish();
}

/** @returns true for the answer of a domain that was asked whether it takes part */
export async function takeInfoAnswer({ dependencies }: Turn, tenant: Tenant, iq: Stanza): Promise<boolean> {
  const { from, id } = iq;
  if (!isShown(tenant) || !id?.startsWith('info-') || from?.local !== '' || from.resource !== '') return false;
  const query = iq.type === 'result' ? iq.child('query', NS_INFO) : undefined;
  const isNamed = query?.getChildren('feature').some(({ attrs }) => attrs.var === NS_SERVER_INFO) === true;
  const rows = Rows.ofTenant(dependencies.store, tenant.domain);
  let isAsked = false;
  await update(rows, rowsOfInfo, '', (row) => {
    isAsked = row?.peers[from.domain]?.asked === id;
    if (row === undefined || !isAsked) return row;
    const untilMs = dependencies.clock.now() + laterLimits.infoKnownMs;
    return { ...row, peers: { ...row.peers, [from.domain]: { isNamed, untilMs } } };
  });
  return isAsked;
}

async function say(dependencies: Dependencies, tenant: Tenant, open: readonly string[], row: InfoRow): Promise<void> {
  const now = dependencies.clock.now();
  const isNamed = (peer: string) => row.peers[peer]?.isNamed === true && row.peers[peer].untilMs > now;
  const names = [...open.filter(isNamed), ...open.filter((peer) => !isNamed(peer)).map(() => undefined)];
  const payload = describe(tenant, names).toString();
  const place = await ownPlace(dependencies, tenant);
  const node = await findNode(place.holder(serverInfoNode), serverInfoNode);
  if (node !== undefined && row.said === payload) return;
  if (node !== undefined && node.madeBy !== tenant.domain) {
    dependencies.log.warn({ domain: tenant.domain, madeBy: node.madeBy }, `somebody else has made the node '${serverInfoNode}'`);
    return;
  }
  await publishAt(place, serverInfoNode, { id: itemId, payload, publisher: tenant.domain }, emptySubmission);
  await place.turn.finish();
  const rows = Rows.ofTenant(dependencies.store, tenant.domain);
  await update(rows, rowsOfInfo, '', (there) => there && { ...there, said: payload });
}

/** §4. */
function describe({ domain }: Tenant, names: readonly (string | undefined)[]): Element {
  const remotes = names.map((name) => xml('remote-domain', { name }, xml('connection', { type: 'outgoing' })));
  return xml('serverinfo', { xmlns: NS_SERVER_INFO }, xml('domain', { name: domain }, xml('federation', {}, ...remotes)));
}

async function takeBack(dependencies: Dependencies, tenant: Tenant): Promise<void> {
  const place = await ownPlace(dependencies, tenant);
  const node = await findNode(place.holder(serverInfoNode), serverInfoNode);
  if (node?.madeBy !== tenant.domain) return;
  await deleteNode(place, node);
  await place.turn.finish();
}

/** The tenant's domain at its own service. */
async function ownPlace(dependencies: Dependencies, tenant: Tenant): Promise<ServicePlace> {
  return new OwnPlace(new HostContext(new Turn(dependencies), tenant), Jid.of('', tenant.domain));
}

class OwnPlace extends ServicePlace {
  override async checkCreator(): Promise<void> {}
}

/** The address of the node (XEP-0060 §12.22). */
export function serverInfoUri(domain: string): string {
  return `xmpp:${pubsubDomain(domain)}?;node=${serverInfoNode}`;
}
