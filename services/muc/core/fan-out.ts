/**
 * Sends what a batch has queued, in order. Sessions of this tenant are reached by the Deliverer, everybody else by the routers of
 * their tenant, which get complete stanzas.
 */

import type { Target } from '../../../lib/runtime/deliverer.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { componentPair, type Departure as Departing } from '../../../lib/runtime/outbox.ts';
import { allowsPeer } from '../../../lib/runtime/policy/peer-policy.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type InboundRequest, inboundAnswer, routerSubject } from '../../../lib/runtime/wire.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
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

/** Resolves when everything was handed over or given up. It never rejects. */
export async function fanOut(dependencies: Dependencies, sendings: readonly Sending[]): Promise<FannedOut> {
  const unheard: Unheard[] = [];
  const lost = new Map<string, Undelivered>();
  const lose = (recipient: Recipient, sending: Sending, isGone = false) => {
    const known = lost.get(recipient.jid.toString());
    if (known) known.stanzas.push(sending);
    else lost.set(recipient.jid.toString(), { recipient, isGone, stanzas: [sending] });
  };
  const remotes: Sending[] = [];
  // All calls of `deliver` happen in this turn of the event loop, so that nothing comes between them.
  const local = sendings.map(async (sending) => {
    const { bytes, recipients, dedupeKey } = sending;
    const [near, remote]: [Recipient[], Recipient[]] = [[], []];
    const targets: Target[] = [];
    for (const recipient of recipients) {
      const { jid, address } = recipient;
      (address === undefined ? remote : near).push(recipient);
      if (address !== undefined) targets.push({ node: address.node, sid: address.sid, to: jid.toString() });
    }
    if (remote.length > 0) remotes.push({ bytes, recipients: remote, dedupeKey });
    if (targets.length === 0) return;
    const away = new Set<string>();
    const watcher = { away: (sid: string) => void away.add(sid) };
    const failures = await dependencies.deliverer.deliver({ targets, xml: bytes, dedupeKey, watcher });
    for (const recipient of away.size > 0 ? near : []) if (away.has(recipient.address!.sid)) unheard.push({ recipient, sending });
    if (failures.length === 0) return;
    const failed = new Set(failures.map(({ node, sid }) => `${node} ${sid}`));
    for (const [index, { node, sid }] of targets.entries()) if (failed.has(`${node} ${sid}`)) lose(near[index]!, sending);
  });
  const note = (recipient: Recipient, sending: Sending) => void unheard.push({ recipient, sending });
  await Promise.all([...local, sendAway(dependencies, remotes, { lose, note })]);
  return { undelivered: [...lost.values()], unheard };
}

interface Departure {
  readonly id: string;
  readonly body: Buffer;
  readonly recipient: Recipient;
  readonly sending: Sending;
}

type Lose = (recipient: Recipient, sending: Sending, isGone?: boolean) => void;

interface Notes {
  readonly lose: Lose;
  /** {@link Unheard} */
  readonly note: (recipient: Recipient, sending: Sending) => void;
}

async function sendAway(dependencies: Dependencies, sendings: readonly Sending[], notes: Notes): Promise<void> {
  const { lose } = notes;
  const lanes = new Map<string, Departure[]>();
  const leaving = new Map<string, ForPeer>();
  for (const sending of sendings) {
    for (const recipient of sending.recipients) {
      const { domain } = recipient.jid;
      const place = await dependencies.tenants.place(domain);
      const isOutside = place === undefined ? dependencies.isFederated : place.service === 'component';
      if (isOutside && dependencies.outbox !== undefined) {
        const key = `${domain} ${sendings.indexOf(sending)}`;
        const forPeer = leaving.get(key) ?? { peer: domain, componentOf: place?.tenant.domain, sending, recipients: [] };
        leaving.set(key, forPeer);
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
  }
  await Promise.all([
    depart(dependencies, [...leaving.values()], lose),
    ...[...lanes].map(([domain, lane]) => sendLane(dependencies, domain, lane, notes)),
  ]);
}

/** One stanza for the occupants at one other server, or at one component. */
interface ForPeer {
  readonly peer: string;
  /** Set when the peer is a component: the domain of its tenant. */
  readonly componentOf: string | undefined;
  readonly sending: Sending;
  readonly recipients: Recipient[];
}

/** The stanza once for each server, in the outbox. The request that it answers is confirmed when the row is there. */
async function depart(dependencies: Dependencies, leaving: readonly ForPeer[], lose: Lose): Promise<void> {
  const { outbox, store, ids, log } = dependencies;
  if (outbox === undefined || leaving.length === 0) return;
  try {
    const departures: Departing[] = [];
    for (const { peer, componentOf, sending, recipients } of leaving) {
      const tos = recipients.map(({ jid }) => jid.toString());
      if (componentOf !== undefined) {
        departures.push({ tenant: componentOf, ...componentPair(peer), id: ids.mint(), xml: sending.bytes, tos });
        continue;
      }
      const room = Stanza.parse(sending.bytes).from!;
      const host = room.domain;
      const tenant = (await dependencies.tenants.place(host))?.tenant;
      if (tenant === undefined) continue;
      if (!allowsPeer(tenant.policy, peer)) {
        for (const recipient of recipients) lose(recipient, sending, true);
        continue;
      }
      if (!outbox.newPairs.mayUse(`${room.bare}`, tenant.domain, { host, peer })) {
        for (const recipient of recipients) lose(recipient, sending);
        continue;
      }
      departures.push({ tenant: tenant.domain, host, peer, id: ids.mint(), xml: sending.bytes, tos });
    }
    const batches = outbox.batches(departures);
    await store.batchPut(outbox.puts(batches));
    outbox.written(batches);
    await outbox.handOver(batches);
  } catch (error) {
    log.warn({ err: error, stanzas: leaving.length }, 'the outbox did not accept stanzas of a room');
    for (const { recipients, sending } of leaving) for (const recipient of recipients) lose(recipient, sending);
  }
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
