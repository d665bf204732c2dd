/**
 * What a room says to occupants at other servers, and to those of components: rows of the outbox, with the stanza once for each server. They
 * are written in the commit of the room's batch, so what is in its archive also reaches those who are elsewhere.
 *
 * A message to all has a row of its own under its archive id. A worker that takes over and shows its room's last batch again writes the same
 * row, which the owner of the pair knows, so nobody gets the message twice.
 */
import { componentPair, type Departure, type OutboxBatch } from '../../../lib/runtime/outbox.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import { idBehind } from './archive-id.ts';
import type { Dependencies } from './dependencies.ts';
import type { Recipient, Sending } from './sending.ts';

/** One stanza for the occupants at one other server, or at one component. */
export interface ForPeer {
  readonly peer: string;
  /** Set when the peer is a component: its tenant. */
  readonly componentOf: Tenant | undefined;
  readonly sending: Sending;
  readonly recipients: Recipient[];
}

export type Lose = (recipient: Recipient, sending: Sending, isGone?: boolean) => void;

/** @returns the batches of the outbox, in order. @throws {Unavailable} */
export async function batchesFor(dependencies: Dependencies, leaving: readonly ForPeer[], lose: Lose): Promise<OutboxBatch[]> {
  const { outbox, tenants } = dependencies;
  if (outbox === undefined) return [];
  const ids = idsOf(dependencies, leaving);
  const batches: OutboxBatch[] = [];
  /** Others than messages to all, which go together. */
  let gathered: Departure[] = [];
  for (const [index, { peer, componentOf, sending, recipients }] of leaving.entries()) {
    const room = Stanza.parse(sending.bytes).from!;
    const tenant = componentOf ?? (await tenants.place(room.domain))?.tenant;
    if (tenant === undefined) continue;
    const refusal = componentOf === undefined ? refusalOf(dependencies, tenant, room, peer) : undefined;
    if (refusal !== undefined) {
      for (const recipient of recipients) lose(recipient, sending, refusal === 'not allowed');
      continue;
    }
    const pair = componentOf === undefined ? { host: room.domain, peer } : componentPair(peer);
    const parts = inParts(recipients.map(({ jid }) => jid.toString()));
    const departures = parts.map(
      (tos): Departure => ({ tenant: tenant.domain, ...pair, id: ids[index]!, xml: sending.bytes, tos }),
    );
    if (sending.dedupeKey === undefined) {
      gathered.push(...departures);
      continue;
    }
    batches.push(...outbox.batches(gathered));
    gathered = [];
    // Those who are there may have changed when the message is shown again, and it is for the same people as before at most.
    for (const departure of departures) batches.push(outbox.batch(departure, parts.length > 1));
  }
  return [...batches, ...outbox.batches(gathered)];
}

/** Rows are read in the order of their ids: what goes before a message has that message's id, with something before its end. */
function idsOf({ ids }: Dependencies, leaving: readonly ForPeer[]): string[] {
  const nextMessages: (string | undefined)[] = [];
  let next: string | undefined;
  for (const { sending } of [...leaving].reverse()) {
    next = sending.dedupeKey ?? next;
    nextMessages.unshift(next);
  }
  let last = '';
  return leaving.map(({ sending }, index) => {
    const message = nextMessages[index];
    if (sending.dedupeKey !== undefined) last = sending.dedupeKey;
    else if (message === undefined) last = idBehind(last, ids.mint());
    return message === undefined ? last : (sending.dedupeKey ?? `${message}!${ids.mint()}`);
  });
}

/** Why nothing leaves for another server. */
function refusalOf({ outbox }: Dependencies, tenant: Tenant, room: Jid, peer: string): 'not allowed' | 'too many' | undefined {
  if (!allowsPeer(tenant.policy, peer)) return 'not allowed';
  return outbox!.newPairs.mayUse(`${room.bare}`, tenant.domain, { host: room.domain, peer }) ? undefined : 'too many';
}

/** A row has to fit into the store, however many they are. */
function inParts(tos: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let characters = 0;
  for (const to of tos) {
    characters += to.length;
    if (characters > roomLimits.departingAddressesCharactersMax && parts.at(-1)!.length > 0) {
      parts.push([]);
      characters = to.length;
    }
    parts.at(-1)!.push(to);
  }
  return parts;
}
