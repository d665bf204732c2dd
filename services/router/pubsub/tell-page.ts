/**
 * Tells some subscribers of an event. Those of this deployment get it as a message of any other domain: their routers, their blocklists and
 * their sessions decide. What is for other servers and components is a row of the outbox for each server, with the message once.
 *
 * A page that is sent again has the same ids, so nodes drop what a session has been given, and the outbox writes the same rows.
 */
import { Count } from '../../../lib/runtime/counts.ts';
import { componentPair, type OutboxBatch } from '../../../lib/runtime/outbox.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { type OwnMessage, sendTogether } from '../core/messages-together.ts';
import { readersAmong } from '../pep/access.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { findNode } from '../pep/nodes.ts';
import type { ServiceNode } from '../pep/service-node.ts';
import type { Subscriber } from '../pep/subscriptions.ts';
import type { FanOut } from './fan-out-rows.ts';

export const pubsubNotifications = new Count(
  'pubsub_notifications_total',
  'Notifications of pubsub services, by where they go: this deployment, a component, or another server',
  ['destination'],
);

/** @throws {Unavailable} when the page must be told again */
export async function tellPage(
  dependencies: Dependencies,
  holder: ServiceNode,
  fanOut: FanOut,
  subscribers: readonly Subscriber[],
): Promise<void> {
  const awake = subscribers.filter(({ options }) => options?.isDelivered !== false).map(({ jid }) => Jid.parse(jid));
  const readers = await allowed(holder, fanOut, awake);
  const bytes = Buffer.from(fanOut.xml!);
  const near: OwnMessage[] = [];
  const peers = new Map<string, Peer>();
  const counts = new Map<string, number>();
  for (const jid of readers) {
    const place = await dependencies.tenants.place(jid.domain);
    const person = jid.bare.toString();
    const count = counts.get(person) ?? 0;
    counts.set(person, count + 1);
    if (place === undefined || place.service === 'component') {
      const peer = peers.get(jid.domain) ?? { domain: jid.domain, componentOf: place?.tenant, tos: [] };
      peers.set(jid.domain, peer);
      peer.tos.push(jid.toString());
    } else near.push({ id: fanOut.ids![count % fanOut.ids!.length]!, stanza: Stanza.parse(spliceTo(bytes, jid.toString())) });
  }
  await Promise.all([
    sendTogether(dependencies, holder.tenant, near).then((count) =>
      pubsubNotifications.add(holder.tenant.domain, count, 'deployment'),
    ),
    tellPeers(dependencies, holder, fanOut, [...peers.values()], bytes),
  ]);
}

/** At one other server, or of one component. */
interface Peer {
  readonly domain: string;
  /** The tenant whose component it is. */
  readonly componentOf: Tenant | undefined;
  readonly tos: string[];
}

/** Those who may know it now. Of a node that is gone everybody may know that; of what it has said before, those whom everybody may see. */
async function allowed(holder: ServiceNode, { key, isDeletion }: FanOut, people: readonly Jid[]): Promise<readonly Jid[]> {
  if (isDeletion) return people;
  const node = await findNode(holder, holder.name);
  if (node?.key !== key) return [];
  const readers = await readersAmong(holder, node, people);
  return people.filter((jid) => readers.has(jid.bare.toString()));
}

/** @throws {Unavailable} */
async function tellPeers(
  { outbox, store, isFederated }: Dependencies,
  { tenant, jid }: ServiceNode,
  { ids }: FanOut,
  peers: readonly Peer[],
  xml: Buffer,
): Promise<void> {
  if (outbox === undefined) return;
  const batches: OutboxBatch[] = [];
  for (const { domain, componentOf, tos } of peers) {
    if (componentOf === undefined && (!isFederated || !allowsPeer(tenant.policy, domain))) continue;
    const pair = componentOf === undefined ? { host: jid.domain, peer: domain } : componentPair(domain);
    // They have asked us for it, so they cost nobody's share of new servers.
    outbox.newPairs.know(pair);
    const parts = inParts(tos);
    // Another page has other ids. Who is subscribed may have changed when a page is sent again; then it is for whoever is on it now.
    for (const part of parts) {
      const departure = { tenant: (componentOf ?? tenant).domain, ...pair, id: ids![0]!, xml, tos: part };
      batches.push(outbox.batch(departure, parts.length > 1));
    }
    pubsubNotifications.add(tenant.domain, tos.length, componentOf === undefined ? 'server' : 'component');
  }
  if (batches.length === 0) return;
  await store.batchPut(outbox.puts(batches));
  outbox.written(batches);
  await outbox.handOver(batches);
}

/** A row has to fit into the store, however long the addresses are. */
function inParts(tos: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let characters = 0;
  for (const to of tos) {
    characters += to.length;
    if (characters > pubsubLimits.pageAddressesCharactersMax && parts.at(-1)!.length > 0) {
      parts.push([]);
      characters = to.length;
    }
    parts.at(-1)!.push(to);
  }
  return parts;
}
