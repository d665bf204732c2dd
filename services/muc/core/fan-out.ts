/**
 * Sends what a batch has queued, in order. Sessions of this tenant are reached by the Deliverer, everybody else by the routers of
 * their tenant, which get complete stanzas.
 */

import type { Target } from '../../../lib/runtime/deliverer.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import type { OutboxBatch } from '../../../lib/runtime/outbox.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type InboundRequest, inboundAnswer, routerSubject } from '../../../lib/runtime/wire.ts';
import { spliceTo } from '../../../lib/xmpp/stanza.ts';
import { batchesFor, type ForPeer, type Lose } from './departures.ts';
import type { Dependencies } from './dependencies.ts';
import type { Recipient, Sending } from './sending.ts';

/** A recipient that was not reached where it was thought to be, and what it did not get. */
export interface Undelivered {
  readonly recipient: Recipient;
  /** Nothing can reach it any more: its domain belongs to nobody here, or the policy does not allow the other server that has it. */
  readonly isGone: boolean;
  readonly stanzas: Sending[];
}

/** A recipient whose session has the stanza, and whose client does not hear. */
export interface Unheard {
  readonly recipient: Recipient;
  readonly sending: Sending;
}

export interface FannedOut {
  readonly undelivered: readonly Undelivered[];
  readonly unheard: readonly Unheard[];
}

/** What is to be sent, by the way that it takes. */
export interface SortedOut {
  readonly near: readonly Near[];
  /** By the tenant whose routers have them, in order. */
  readonly lanes: ReadonlyMap<string, readonly Departure[]>;
  /** What leaves for other servers and for components. */
  readonly batches: readonly OutboxBatch[];
  readonly lost: ReadonlyMap<string, Undelivered>;
  readonly lose: Lose;
}

/** For sessions of this tenant. */
interface Near {
  readonly sending: Sending;
  readonly recipients: readonly Recipient[];
  readonly targets: readonly Target[];
}

interface Notes {
  readonly lose: Lose;
  /** {@link Unheard} */
  readonly note: (recipient: Recipient, sending: Sending) => void;
}

interface Departure {
  readonly id: string;
  readonly body: Buffer;
  readonly recipient: Recipient;
  readonly sending: Sending;
}

/** What no batch of a room writes. Resolves when everything was handed over or given up. @throws {Unavailable} */
export async function fanOut(dependencies: Dependencies, sendings: readonly Sending[]): Promise<FannedOut> {
  return writeAndSend(dependencies, sendings, await sortOut(dependencies, sendings));
}

/** The same of what was sorted out before. It never rejects. */
export async function writeAndSend(
  dependencies: Dependencies,
  sendings: readonly Sending[],
  sorted: SortedOut,
): Promise<FannedOut> {
  const { batches, lost, lose } = sorted;
  const { outbox, store, log } = dependencies;
  if (batches.length === 0 || outbox === undefined) return send(dependencies, sorted);
  try {
    await store.batchPut(outbox.puts(batches));
    outbox.written(batches);
    return await send(dependencies, sorted);
  } catch (error) {
    log.warn({ err: error, stanzas: sendings.length }, 'the outbox did not accept stanzas of a room');
    for (const sending of sendings)
      for (const recipient of sending.recipients) if (recipient.address === undefined) lose(recipient, sending);
    return { undelivered: [...lost.values()], unheard: [] };
  }
}

/** @throws {Unavailable} */
export async function sortOut(dependencies: Dependencies, sendings: readonly Sending[]): Promise<SortedOut> {
  const lost = new Map<string, Undelivered>();
  const lose: Lose = (recipient, sending, isGone = false) => {
    const known = lost.get(recipient.jid.toString());
    if (known) known.stanzas.push(sending);
    else lost.set(recipient.jid.toString(), { recipient, isGone, stanzas: [sending] });
  };
  const away: Sending[] = [];
  const near: Near[] = [];
  for (const sending of sendings) {
    const { bytes, recipients, dedupeKey } = sending;
    const [here, remote]: [Recipient[], Recipient[]] = [[], []];
    const targets: Target[] = [];
    for (const recipient of recipients) {
      const { jid, address } = recipient;
      (address === undefined ? remote : here).push(recipient);
      if (address !== undefined) targets.push({ node: address.node, sid: address.sid, to: jid.toString() });
    }
    if (remote.length > 0) away.push({ bytes, recipients: remote, dedupeKey });
    if (targets.length > 0) near.push({ sending, recipients: here, targets });
  }
  const lanes = new Map<string, Departure[]>();
  if (away.length === 0) return { near, lanes, batches: [], lost, lose };
  const leaving = await sortAway(dependencies, away, lanes, lose);
  return { near, lanes, batches: await batchesFor(dependencies, leaving, lose), lost, lose };
}

/** @returns what leaves this deployment */
async function sortAway(
  dependencies: Dependencies,
  sendings: readonly Sending[],
  lanes: Map<string, Departure[]>,
  lose: Lose,
): Promise<ForPeer[]> {
  const leaving: ForPeer[] = [];
  for (const sending of sendings) {
    const peers = new Map<string, ForPeer>();
    for (const recipient of sending.recipients) {
      const { domain } = recipient.jid;
      const place = await dependencies.tenants.place(domain);
      const isOutside = place === undefined ? dependencies.isFederated : place.service === 'component';
      if (isOutside && dependencies.outbox !== undefined) {
        const forPeer = peers.get(domain) ?? { peer: domain, componentOf: place?.tenant, sending, recipients: [] };
        peers.set(domain, forPeer);
        forPeer.recipients.push(recipient);
        continue;
      }
      if (place?.service !== 'accounts') {
        lose(recipient, sending, true);
        continue;
      }
      const lane = lanes.get(place.tenant.domain) ?? [];
      lanes.set(place.tenant.domain, lane);
      lane.push({ id: dependencies.ids.mint(), body: spliceTo(sending.bytes, recipient.jid.toString()), recipient, sending });
    }
    leaving.push(...peers.values());
  }
  return leaving;
}

/**
 * Resolves when everything was handed over or given up.
 * @throws {Unavailable} when the owner of another server's pair did not hear of a row, and no mark says so: it has to be told again
 */
export async function send(dependencies: Dependencies, sorted: SortedOut): Promise<FannedOut> {
  const { near, lanes, batches, lost, lose } = sorted;
  const unheard: Unheard[] = [];
  const note = (recipient: Recipient, sending: Sending) => void unheard.push({ recipient, sending });
  // All calls of `deliver` happen in this turn of the event loop, so that nothing comes between them.
  const local = near.map((one) => {
    const { sending, targets } = one;
    const { bytes, dedupeKey } = sending;
    const away = new Set<string>();
    const watcher = { away: (sid: string) => void away.add(sid) };
    return { ...one, away, failing: dependencies.deliverer.deliver({ targets, xml: bytes, dedupeKey, watcher }) };
  });
  // What was lost is noted in the order in which it was sent, because it is delivered again in the order of the notes.
  const noteLocal = async () => {
    for (const { sending, recipients, targets, away, failing } of local) {
      const failures = await failing;
      for (const recipient of away.size > 0 ? recipients : []) if (away.has(recipient.address!.sid)) note(recipient, sending);
      if (failures.length === 0) continue;
      const failed = new Set(failures.map(({ node, sid }) => `${node} ${sid}`));
      for (const [index, { node, sid }] of targets.entries()) if (failed.has(`${node} ${sid}`)) lose(recipients[index]!, sending);
    }
  };
  const [told] = await Promise.allSettled([
    dependencies.outbox?.handOver(batches),
    noteLocal(),
    ...[...lanes].map(([domain, lane]) => sendLane(dependencies, domain, lane, { lose, note })),
  ]);
  if (told.status === 'rejected') throw told.reason;
  return { undelivered: [...lost.values()], unheard };
}

/** Sends one request after the other, so that the order is kept. */
async function sendLane(
  dependencies: Dependencies,
  domain: string,
  lane: readonly Departure[],
  { lose, note }: Notes,
): Promise<void> {
  for (let at = 0; at < lane.length; ) {
    const batch = lane.slice(at, endOfBatch(lane, at));
    try {
      const { missed, away } = await forward(dependencies, domain, batch);
      for (const index of missed) lose(batch[index]!.recipient, batch[index]!.sending);
      for (const index of away) note(batch[index]!.recipient, batch[index]!.sending);
    } catch (error) {
      // If the room waited for one domain, all others would have to wait, too.
      dependencies.log.warn({ err: error, domain, stanzas: lane.length - at }, 'a router did not accept stanzas of a room');
      for (const { recipient, sending } of lane.slice(at)) lose(recipient, sending);
      return;
    }
    at += batch.length;
  }
}

function endOfBatch(lane: readonly Departure[], start: number): number {
  let end = start;
  for (let bytes = 0; end < lane.length && end - start < serviceLimits.batchStanzasMax; end++) {
    bytes += lane[end]!.body.length;
    if (bytes > serviceLimits.batchBytesMax && end > start) break;
  }
  return end;
}

/** @returns the places of the stanzas that did not reach a session, and of those whose client does not hear. @throws {Unavailable} */
async function forward(dependencies: Dependencies, domain: string, batch: readonly Departure[]) {
  const request: InboundRequest = {
    kind: 'inbound',
    domain,
    ids: batch.map(({ id }) => id),
    dedupeKey: batch.map(({ sending }) => sending.dedupeKey ?? ''),
    at: dependencies.clock.now(),
    tellsMissed: true,
  };
  const bodies = batch.map(({ body }) => body);
  const answer = await ask(
    dependencies.bus,
    inboundAnswer,
    routerSubject,
    encodeFrame(request, bodies),
    serviceLimits.forwardTimeoutMs,
  );
  dependencies.clock.observe(answer.take('at'));
  checkDone(answer, routerSubject);
  return { missed: answer.take('missed') ?? [], away: answer.take('away') ?? [] };
}
