/**
 * XEP-0352: Client State Indication. While the user is not looking, what can wait is held back (session/urgency.ts); whatever is
 * urgent takes it along, in order, and so does a bound (session/outgoing-stages.ts). Of presence, chat states and news, only the
 * last is sent.
 *
 * What is held back is not counted by XEP-0198 yet, and never has an entry in the account's archive: those are always urgent. So the
 * cursor of the queue waits for nothing here, and a node that dies loses only what dies with the session anyway, or is in the
 * archive of a room. A session that loses its stream goes on holding back until its client resumes, then active (§5.2), or until
 * it leaves the node, with everything in its outbox.
 */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { FeatureStream, StreamFeature } from '../core/stream-feature.ts';
import type { OutgoingStage, PassOn, StageKind } from '../session/outgoing-stages.ts';
import type { Session } from '../session/session.ts';
import { type Reader, type Waits, waits } from '../session/urgency.ts';

const NS = 'urn:xmpp:csi:0';

export class HeldBack implements OutgoingStage {
  readonly #passOn: PassOn;
  readonly #dropped: (bytes: Buffer) => void;
  /** In the order in which they are sent. */
  readonly #held = new Map<string, Buffer>();
  /** By group: how often a stanza without a name has come. */
  readonly #fixed = new Map<string, number>();
  #nameless = 0;
  /** Set while the client is inactive. */
  reader: Reader | undefined;

  constructor(passOn: PassOn, dropped: (bytes: Buffer) => void) {
    this.#passOn = passOn;
    this.#dropped = dropped;
  }

  take(bytes: Buffer, id?: string): void {
    const waiting = this.reader === undefined || id !== undefined ? undefined : waits(bytes, this.reader);
    if (waiting === undefined) {
      this.flush();
      this.#passOn(bytes, id);
      return;
    }
    const key = this.#keyOf(waiting);
    const older = this.#held.get(key);
    if (older !== undefined) {
      this.#held.delete(key);
      this.#dropped(older);
    }
    this.#held.set(key, bytes);
  }

  flush(): void {
    if (this.#held.size === 0) return;
    const held = [...this.#held.values()];
    this.#held.clear();
    this.#fixed.clear();
    for (const bytes of held) this.#passOn(bytes);
  }

  #keyOf({ group = '', name }: Waits): string {
    const times = this.#fixed.get(group) ?? 0;
    if (name !== undefined) return `${times} ${group} ${name}`;
    this.#fixed.set(group, times + 1);
    return `${this.#nameless++}`;
  }
}

type MakeStage = StageKind<HeldBack>['make'];

/** The feature with its stage. */
export function clientStateWith(make: MakeStage): StreamFeature {
  const kind: StageKind<HeldBack> = { make, isOnDemand: true };
  const handle = (isActive: boolean) => {
    return (_element: Stanza, { session }: FeatureStream): undefined => {
      if (session !== undefined) turn(kind, session, isActive);
    };
  };
  return {
    specs: [
      {
        spec: 'XEP-0352',
        version: '1.0.0',
        title: 'Client State Indication',
        note:
          'An inactive client is sent presence, lone chat states, news of PEP nodes, and messages of rooms that do not name it ' +
          'only with what is urgent.',
      },
    ],
    requires: ['signedIn'],
    advertise: () => `<csi xmlns='${NS}'/>`,
    elements: [
      { ns: NS, name: 'active', handle: handle(true) },
      { ns: NS, name: 'inactive', handle: handle(false) },
    ],
    inBind: {
      ns: NS,
      names: ['active', 'inactive'],
      handle(element, { session }) {
        turn(kind, session!, element.getName() === 'active');
        return '';
      },
    },
    outgoing: kind,
  };
}

/** What was held back goes out before anything that follows (§5.1). */
function turn(kind: StageKind<HeldBack>, session: Session, isActive: boolean): void {
  const stage = session.egress.stage(kind);
  if (stage === undefined) return;
  stage.reader = isActive ? undefined : { account: session.account.toString(), nickIn: (room) => session.client.nicks?.in(room) };
  if (isActive) stage.flush();
}

export const clientState: StreamFeature = clientStateWith((passOn, dropped) => new HeldBack(passOn, dropped));
