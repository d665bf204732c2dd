/**
 * What stands between people of the two domains of a pair, as the presence that has left says it: who of ours is in which room there, and whose
 * presence was asked for. A peer that was away may have forgotten the one and changed the other without a word. So when it is back, rooms are
 * asked whether our people are inside (XEP-0410), and presence is asked for again (RFC 6121 §4.3), a few at a time.
 *
 * It is in memory alone: an owner that has just begun knows nothing of what was before.
 */
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { selfPingPrefix } from '../../../lib/runtime/pair-wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { federationLimits } from '../limits.ts';
import { type Entry, entryOf, withoutRow } from './departing.ts';

/** Whoever enters a room says so with it. */
const mucNs = 'http://jabber.org/protocol/muc';

interface Standpoint {
  /** The full JID of ours. */
  readonly from: string;
  /** The address in the room, or the bare JID of the contact. */
  readonly to: string;
  readonly isRoom: boolean;
}

export class Standing {
  readonly #known = new Map<string, Standpoint>();
  #rooms = 0;
  #due: string[] = [];
  #asked = 0;
  #batches = 0;

  /** Somebody of ours is in a room there, or something is to be asked. */
  get isNeeded(): boolean {
    return this.#rooms > 0 || this.isDue;
  }

  /** Something is to be asked. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /** Looks at what is on its way to the peer. */
  note({ departing }: Entry): void {
    for (const one of departing) if (one.isPresence) this.#note(one.stanza);
  }

  #note(stanza: Stanza): void {
    const { type, to } = stanza;
    const { from } = stanza.attributes;
    if (from === undefined || to === undefined) return;
    const key = `${from} ${to.bare}`;
    if (type === 'unavailable') this.#forget(key);
    else if (type === 'probe') this.#remember(key, { from, to: to.bare.toString(), isRoom: false });
    else if (type === undefined && to.resource !== '') {
      const before = this.#known.get(key);
      if (stanza.hasChild('x', mucNs)) this.#remember(key, { from, to: to.toString(), isRoom: true });
      else if (before?.isRoom && before.to !== to.toString()) this.#rename(from, before.to, to.toString());
    }
  }

  /** The peer was away, or may have been. */
  interrupt(): void {
    this.#due = [...this.#known.keys()];
  }

  /** The next questions. They have no row in the outbox: when the stream breaks before they were answered, all is asked again. */
  questions(clock: DeploymentClock): readonly Entry[] {
    const questions = this.#due.splice(0, federationLimits.standingPerTick).flatMap((key) => {
      const found = this.#known.get(key);
      return found === undefined ? [] : [this.#question(found)];
    });
    if (questions.length === 0) return [];
    return [entryOf({ key: `${withoutRow}${++this.#batches}`, at: clock.now(), sinceMs: clock.monotonic() }, questions, [])];
  }

  #question({ from, to, isRoom }: Standpoint): Buffer {
    const question = isRoom
      ? xml('iq', { type: 'get', id: `${selfPingPrefix}${++this.#asked}`, from, to }, xml('ping', { xmlns: 'urn:xmpp:ping' }))
      : xml('presence', { type: 'probe', from, to });
    return Buffer.from(question.toString());
  }

  #remember(key: string, standpoint: Standpoint): void {
    this.#forget(key);
    this.#known.set(key, standpoint);
    if (standpoint.isRoom) this.#rooms++;
    if (this.#known.size > federationLimits.standingMax) this.#forget(this.#known.keys().next().value!);
  }

  #forget(key: string): void {
    if (this.#known.get(key)?.isRoom) this.#rooms--;
    this.#known.delete(key);
  }

  /** XEP-0045 §7.6: sessions of one account share a nick, so all of them are renamed. */
  #rename(from: string, before: string, after: string): void {
    const account = bareOf(from);
    for (const [key, one] of this.#known) {
      if (one.to === before && bareOf(one.from) === account) this.#known.set(key, { ...one, to: after });
    }
  }
}

function bareOf(full: string): string {
  const slash = full.indexOf('/');
  return slash < 0 ? full : full.slice(0, slash);
}
