/** Stanzas on their way to another server, as rows of the outbox hold them. */
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { OutboxRow } from '../../../lib/runtime/outbox.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';

const secondLetter = { i: 0x69, p: 0x70 };

/** One stanza for one address. A message that goes its way is never read here. */
export class Departing {
  readonly bytes: Buffer;
  /** Its place among the stanzas of the stream that it was sent on last; 0: it is to be sent. */
  place = 0;
  #stanza: Stanza | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get stanza(): Stanza {
    this.#stanza ??= Stanza.parse(this.bytes);
    return this.#stanza;
  }

  get isIq(): boolean {
    return this.bytes[1] === secondLetter.i;
  }

  get isPresence(): boolean {
    return this.bytes[1] === secondLetter.p;
  }

  /** Only the last one counts. */
  get isState(): boolean {
    return this.isPresence && isState(this.stanza);
  }

  /** The sender and the recipient, as a key. */
  get addresses(): string {
    const { from, to } = this.stanza.attributes;
    return `${from} ${to}`;
  }

  /** The bare address of the sender. */
  get sender(): string {
    return bare(this.stanza.attributes.from);
  }

  /** The accounts of both, as a key. */
  get accounts(): string {
    const { from, to } = this.stanza.attributes;
    return `${bare(from)} ${bare(to)}`;
  }

  /** It says that nobody is there of an account, as the answer to a probe does (RFC 6121 §4.3.2). What any of its sessions says later replaces it. */
  get saysNobody(): boolean {
    return this.isState && this.stanza.type === 'unavailable' && this.stanza.attributes.from?.includes('/') === false;
  }
}

function bare(jid = ''): string {
  return jid.split('/', 1)[0]!;
}

/** One row. What is settled, one way or the other, is taken out; the row goes when nothing is left. */
export interface Entry {
  readonly key: string;
  /** When the row was written, by the deployment's clock. */
  readonly at: number;
  /** The same by the monotonic clock, which does not jump. */
  readonly sinceMs: number;
  departing: Departing[];
  /** Bytes of its XML. */
  readonly bytes: number;
}

/** Keys of entries that have no row in the outbox begin so; those of rows are ids, which do not. */
export const withoutRow = '~';

/** @param at by the deployment's clock @returns the same by the monotonic clock, ms */
export function sinceMs(clock: DeploymentClock, at: number): number {
  return clock.monotonic() - Math.max(0, clock.now() - at);
}

/** @param bodies of the row @param tos one per body: whom it is for; none: as it says itself */
export function entryOf(
  { key, at, sinceMs }: Pick<Entry, 'key' | 'at' | 'sinceMs'>,
  bodies: readonly Buffer[],
  tos: readonly (readonly string[])[],
): Entry {
  const departing = bodies.flatMap((body, index) => {
    const addresses = tos[index] ?? [];
    const all = addresses.length === 0 ? [body] : addresses.map((to) => spliceTo(body, to));
    return all.map((bytes) => new Departing(bytes));
  });
  return { key, at, sinceMs, departing, bytes: departing.reduce((sum, one) => sum + one.bytes.length, 0) };
}

export function entryOfRow(key: string, { at, items }: OutboxRow, sinceMs: number): Entry {
  const bodies = items.map(({ xml }) => Buffer.from(xml));
  const tos = items.map((item) => item.tos ?? []);
  return entryOf({ key, at, sinceMs }, bodies, tos);
}

/** Only the last one counts. */
function isState({ name, type }: Stanza): boolean {
  return name === 'presence' && (type === undefined || type === 'unavailable');
}

/** What a presence does, as far as it matters to another one. */
export type Shows = 'entry' | 'end' | 'status';

export function showsOf(stanza: Stanza): Shows {
  if (stanza.type === 'unavailable') return 'end';
  return stanza.hasChild('x', 'http://jabber.org/protocol/muc') ? 'entry' : 'status';
}

/** Does the later of two presences say all that matters? A room is entered by the first, which a mere change of status does not repeat. */
export function replaces(later: Shows, earlier: Shows): boolean {
  return later !== 'status' || earlier !== 'entry';
}

/**
 * Is whoever sent it told when it cannot be delivered? Errors never bounce (RFC 6120 §8.3.1). Of presence to contacts nothing is said: it
 * is sent to bare addresses, and one who is shown nobody is shown just that. Whoever enters a room sends to a full address.
 */
export function isBounced({ name, type, attributes }: Stanza): boolean {
  if (name === 'iq') return type === 'get' || type === 'set';
  if (name === 'message') return type !== 'error';
  return type === 'subscribe' || type === 'subscribed' || (type === undefined && attributes.to?.includes('/') === true);
}

export function bounceOf({ name, attributes }: Stanza, error: StanzaError): Buffer {
  const { id, from, to } = attributes;
  return Buffer.from(xml(name, { id, from: to, to: from, type: 'error' }, error.toElement()).toString());
}

/** XEP-0203: as it was to be sent, with the time when. Stanzas that are stamped already keep the older time. */
export function stamped(stanza: Stanza, host: string, at: number): Buffer {
  if (stanza.name === 'iq' || stanza.hasChild('delay', 'urn:xmpp:delay')) return stanza.bytes;
  const delay = xml('delay', { xmlns: 'urn:xmpp:delay', from: host, stamp: new Date(at).toISOString() });
  return stanza.render(stanza.attributes, { append: delay.toString() });
}
