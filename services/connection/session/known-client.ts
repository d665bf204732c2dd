/**
 * What the node knows of a client beyond its stream: its nicks in rooms, and, when it can be woken (XEP-0357), whether it hears what it
 * is sent. A client does not hear when its connection is lost, or when it does not answer `<r/>`. Then routers are told what it has
 * not acknowledged, and with each further delivery that it is away. So either a router knows before it answers the sender that
 * the client must be woken, or this node tells one until it is heard.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Allowance } from '../../../lib/runtime/allowance.ts';
import { presetTerms, type SessionTerms } from '../../../lib/runtime/session-terms.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { ratesOf } from './account-allowances.ts';
import { type Batch, bare, unheardBatch } from './batch.ts';
import type { Egress } from './egress.ts';
import { OwnNicks } from './own-nicks.ts';
import type { SessionOwner } from './session-owner.ts';
import { type Counters, StreamManagement } from './stream-management.ts';

export class KnownClient {
  /** Undefined until the client sends directed presence, as most clients of a large node never do. */
  nicks: OwnNicks | undefined;
  readonly #egress: Egress;
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly allowance: Allowance;
  #hasPush = false;
  #pushResumeMs = presetTerms.pushResumeMs;
  /** True when routers are to be told what it has not heard. */
  #isDue = false;
  /** True when routers are to be told that its session is kept for another time. */
  #isKeptDue = false;

  /** @param wake is called when there is something to tell routers */
  constructor(
    egress: Egress,
    { allowances, clock }: Pick<SessionOwner<never>, 'allowances' | 'clock'>,
    account: string,
    wake: () => void,
  ) {
    this.#egress = egress;
    this.#clock = clock;
    this.allowance = allowances.of(account);
    this.#wake = wake;
  }

  /** The client sends presence. */
  sent(presence: Stanza): void {
    if (presence.attributes.to !== undefined) this.nicks = OwnNicks.after(this.nicks, presence);
  }

  /** {@link StepReply.push} */
  get hasPush(): boolean {
    return this.#hasPush;
  }

  /** It can be woken, and does not hear what it is sent. */
  get isAway(): boolean {
    return this.#hasPush && (this.#egress.isParked || this.#egress.sm?.isSilent === true);
  }

  /** @param isOn undefined: as before */
  turnPush(isOn: boolean | undefined): void {
    if (isOn === undefined) return;
    this.#hasPush = isOn;
    this.#keep();
    if (isOn && this.#egress.isParked) this.lost();
  }

  /** The tenant's policy has changed, or the node has just heard of it. */
  heed(terms: SessionTerms): void {
    this.allowance.setRates(ratesOf(terms));
    this.#pushResumeMs = terms.pushResumeMs;
    this.#keep();
  }

  /** The session of a client that can be woken is kept for longer, also when the client was told of less (XEP-0198 §3). */
  #keep(): void {
    const { sm } = this.#egress;
    if (sm === undefined) return;
    const before = sm.resumeMs;
    sm.hasPush = this.#hasPush;
    sm.pushResumeMs = this.#pushResumeMs;
    if (sm.resumeMs === before) return;
    this.#isKeptDue = true;
    this.#wake();
  }

  /** Begins XEP-0198. */
  manage(token: string, askedMs: number, counters?: Counters): StreamManagement {
    const write = (text: string): void => this.#egress.stream?.sendElement(text);
    const push = { hasPush: this.#hasPush, pushResumeMs: this.#pushResumeMs };
    const options = { clock: this.#clock, token, askedMs, ...push, write, silent: () => this.lost(), counters };
    const sm = new StreamManagement(options);
    this.#egress.sm = sm;
    return sm;
  }

  /** No router has answered this. */
  retry({ kind }: Batch): void {
    if (kind === 'unheard') this.lost();
    else if (kind === 'kept') this.#isKeptDue = true;
  }

  /** It does not hear any more. */
  lost(): void {
    if (!this.#hasPush) return;
    this.#isDue = true;
    this.#wake();
  }

  /** What routers are to be told. */
  next(): Batch | undefined {
    if (this.#isKeptDue) {
      this.#isKeptDue = false;
      return { ...bare, kind: 'kept', items: [{ kind: 'kept' }] };
    }
    if (!this.#isDue) return undefined;
    this.#isDue = false;
    return this.#unheard();
  }

  /**
   * What routers are to be told when the session leaves this node for the store: then nobody notices any more that the client does not hear.
   * @param wasAway they were told before, unless that is still due
   */
  leaving(wasAway: boolean): Batch | undefined {
    return this.#hasPush && (!wasAway || this.#isDue) ? this.#unheard() : undefined;
  }

  #unheard(): Batch | undefined {
    const { unheard, needsCatchUp, catchUp } = this.#egress;
    const isUnread = needsCatchUp || catchUp.phase !== 'off';
    return unheard.length > 0 || isUnread ? unheardBatch(unheard, isUnread) : undefined;
  }
}
