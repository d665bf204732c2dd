/** Stream features whose stage for inactive clients (XEP-0352) has a bug. */
import type { StreamFeature } from '../../services/connection/core/stream-feature.ts';
import { streamFeatures } from '../../services/connection/features/index.ts';
import { clientState, clientStateWith, HeldBack } from '../../services/connection/features/xep0352-client-state.ts';
import type { PassOn } from '../../services/connection/session/outgoing-stages.ts';

function having(feature: StreamFeature): readonly StreamFeature[] {
  return streamFeatures.map((other) => (other === clientState ? feature : other));
}

/** When the session is parked, it forgets. */
class Forgetful extends HeldBack {
  #isTaking = false;

  constructor(passOn: PassOn, dropped: (bytes: Buffer) => void) {
    super((bytes, id) => (this.#isTaking || this.reader === undefined ? passOn(bytes, id) : dropped(bytes)), dropped);
  }

  override take(bytes: Buffer, id?: string): void {
    this.#isTaking = true;
    super.take(bytes, id);
    this.#isTaking = false;
  }
}

/** What is urgent does not wait for what was held back. */
class Hasty extends HeldBack {
  readonly #passOn: PassOn;
  #held: Parameters<PassOn>[] | undefined;

  constructor(passOn: PassOn, dropped: (bytes: Buffer) => void) {
    super((...stanza) => (this.#held === undefined ? passOn(...stanza) : void this.#held.push(stanza)), dropped);
    this.#passOn = passOn;
  }

  override take(bytes: Buffer, id?: string): void {
    const out: Parameters<PassOn>[] = [];
    this.#held = out;
    super.take(bytes, id);
    this.#held = undefined;
    for (const stanza of [...out.slice(-1), ...out.slice(0, -1)]) this.#passOn(...stanza);
  }
}

export const heldLost = having(clientStateWith((passOn, dropped) => new Forgetful(passOn, dropped)));
export const heldUnordered = having(clientStateWith((passOn, dropped) => new Hasty(passOn, dropped)));
