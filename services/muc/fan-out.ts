/**
 * Sends what a batch has queued, in order: to sessions of this tenant by the Deliverer, to everyone else as complete stanzas to the
 * routers of their tenant (DESIGN §2 rule 4).
 */
import { limits } from '../../lib/limits.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type DoneReply, type InboundRequest, routerSubject } from '../../lib/runtime/wire.ts';
import { spliceTo } from '../../lib/xmpp/stanza.ts';
import type { Parts } from './parts.ts';
import type { Recipient, Sending } from './sending.ts';

/** A recipient that cannot be reached where we thought it was, and what it did not get. */
export interface Undelivered {
  readonly recipient: Recipient;
  readonly stanzas: Sending[];
}

/** Resolves when all was handed over or given up; never rejects. */
export async function fanOut(parts: Parts, sendings: readonly Sending[]): Promise<Undelivered[]> {
  const lost = new Map<string, Undelivered>();
  const lose = (recipient: Recipient, sending: Sending) => {
    const known = lost.get(recipient.jid.toString());
    if (known) known.stanzas.push(sending);
    else lost.set(recipient.jid.toString(), { recipient, stanzas: [sending] });
  };
  const away: Sending[] = [];
  // All calls of `deliver` happen in this turn of the event loop, so that nothing comes between them.
  const local = sendings.map(async (sending) => {
    const { bytes, recipients, once } = sending;
    const remote = recipients.filter(({ address }) => address === undefined);
    if (remote.length > 0) away.push({ bytes, recipients: remote, once });
    const near = recipients.filter(({ address }) => address !== undefined);
    if (near.length === 0) return;
    const targets = near.map(({ jid, address }) => ({ ...address!, to: jid.toString() }));
    const failures = await parts.deliverer.deliver({ targets, xml: bytes, once });
    if (failures.length === 0) return;
    const failed = new Set(failures.map(({ node, sid }) => `${node} ${sid}`));
    for (const recipient of near) {
      if (failed.has(`${recipient.address!.node} ${recipient.address!.sid}`)) lose(recipient, sending);
    }
  });
  await Promise.all([...local, sendAway(parts, away, lose)]);
  return [...lost.values()];
}

interface Lane {
  ids: string[];
  once: string[];
  bodies: Buffer[];
}

async function sendAway(
  parts: Parts,
  sendings: readonly Sending[],
  lose: (to: Recipient, sending: Sending) => void,
): Promise<void> {
  const lanes = new Map<string, Lane>();
  for (const sending of sendings) {
    const { bytes, recipients } = sending;
    for (const recipient of recipients) {
      const place = await parts.tenants.place(recipient.jid.domain);
      if (place?.service !== 'accounts') {
        lose(recipient, sending);
        continue;
      }
      const lane = lanes.get(place.tenant.domain) ?? { ids: [], once: [], bodies: [] };
      lanes.set(place.tenant.domain, lane);
      lane.ids.push(parts.ids.mint());
      lane.once.push(sending.once ?? '');
      lane.bodies.push(spliceTo(bytes, recipient.jid.toString()));
    }
  }
  await Promise.all([...lanes].map(([domain, lane]) => sendLane(parts, domain, lane)));
}

/** One request after the other, for the order. */
async function sendLane(parts: Parts, domain: string, { ids, once, bodies }: Lane): Promise<void> {
  for (let at = 0; at < bodies.length; ) {
    let end = at;
    for (let bytes = 0; end < bodies.length && end - at < limits.batchStanzasMax; end++) {
      bytes += bodies[end]!.length;
      if (bytes > limits.batchBytesMax && end > at) break;
    }
    const request: InboundRequest = { kind: 'inbound', domain, ids: ids.slice(at, end), once: once.slice(at, end) };
    try {
      const reply = await parts.bus.request(routerSubject, encodeFrame(request, bodies.slice(at, end)), {
        timeoutMs: limits.hopTimeoutMs,
      });
      const { ok, error } = decodeFrame<DoneReply>(reply).header;
      if (!ok) throw new Unavailable(`a router answered: ${error}`);
    } catch (error) {
      // The room's archive has what matters; holding up the room for one domain would punish all others.
      parts.log.warn({ err: error, domain, stanzas: bodies.length - at }, 'a router did not take stanzas of a room');
      return;
    }
    at = end;
  }
}
