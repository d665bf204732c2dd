/**
 * One batch of one session: (batch, session) → (rows, deliveries, replies, session'). Items are handled in order;
 * messages that follow each other share one commit, everything else is a turn of its own.
 */
import { isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { unpark } from '../../lib/runtime/parked.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { markHeld, unmarkHeld, updateSession } from '../../lib/runtime/sessions.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { Outgoing, StepItem, StepReply, StepRequest } from '../../lib/runtime/wire.ts';
import { StanzaError, StreamError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { moveCursor, readQueue, requeue } from './archive/cursor.ts';
import { Account } from './core/account.ts';
import { type Dependencies, timely } from './core/dependencies.ts';
import { Dropped } from './core/dropped.ts';
import { Prefetched } from './core/prefetch.ts';
import { emptyResult, errorWith, isAnswerable } from './core/replies.ts';
import { type Origin, Turn } from './core/turn.ts';
import { Superseded, Writer } from './core/writers.ts';
import { registerBeforeAuth, registerStreamFeature } from './features/xep0077-registration.ts';
import { routerLimits } from './limits.ts';
import { type Sent, sendPresence } from './presence/presence.ts';
import { refresh } from './presence/presence-broadcast.ts';
import { isSubscriptionType } from './roster/subscription-state.ts';
import { sendIq } from './routing/iq.ts';
import { sendMessage } from './routing/message.ts';
import { mechanisms, saslStep } from './sasl/exchange.ts';
import { bind, endSession } from './sessions/bind.ts';
import { parseState, type SessionState } from './sessions/session-state.ts';
import { bounceUnanswered } from './sessions/unanswered.ts';

const saslNs = 'urn:ietf:params:xml:ns:xmpp-sasl';

interface BodyItem {
  readonly item: StepItem;
  readonly body: Buffer;
}

export class Step {
  readonly #dependencies: Dependencies;
  #timely: Dependencies | undefined;
  readonly #tenant: Tenant;
  readonly #request: StepRequest;
  readonly #before: SessionState;
  #state: SessionState;
  #out: Outgoing[] = [];
  #bodies: Buffer[] = [];
  #reply: Partial<Omit<StepReply, 'ok' | 'out'>> = {};
  #ownJid: Jid | undefined;

  constructor(dependencies: Dependencies, tenant: Tenant, request: StepRequest) {
    // Messages may be written late, for their entries bear their time and are written again as they are; but not for ever.
    this.#dependencies = timely(dependencies, request.deadline && request.deadline + routerLimits.lateWriteMs);
    this.#tenant = tenant;
    this.#request = request;
    this.#before = parseState(request.session);
    this.#state = this.#before;
  }

  /** @throws {Unavailable | Conflict} when the batch is to be sent again */
  async run(bodies: readonly Buffer[]): Promise<{ reply: StepReply; bodies: readonly Buffer[] }> {
    let next = 0;
    const queue = this.#request.items.map(
      (item): BodyItem => ({ item, body: 'body' in item ? bodies[next++]! : Buffer.alloc(0) }),
    );
    // What the client has got has nothing to do with what it sends in the same batch: one commit for both.
    const { resource } = this.#state;
    const moving = resource !== undefined && queue.at(-1)?.item.kind === 'delivered' ? this.#item(queue.pop()!) : undefined;
    moving?.catch(() => {}); // awaited below, when the rest has not failed before
    try {
      for (let at = 0; at < queue.length; ) {
        const run = this.#messageRun(queue, at);
        if (run.length > 0) await this.#messages(run);
        else await this.#item(queue[at]!);
        at += Math.max(1, run.length);
      }
      await moving;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#reply = { ...this.#reply, close: { condition: error.condition, text: error.text } };
    }
    const session = this.#state === this.#before ? undefined : JSON.stringify(this.#state);
    const reply = { ok: true, ...this.#reply, out: this.#out, session };
    return { reply, bodies: this.#bodies };
  }

  /** For what must not be done late: all but messages, whose entries bear their time and are written again as they are. */
  get #inTime(): Dependencies {
    this.#timely ??= timely(this.#dependencies, this.#request.deadline);
    return this.#timely;
  }

  #write(xmlBytes: Buffer, id?: string): void {
    this.#out.push({ id });
    this.#bodies.push(xmlBytes);
  }

  #messageRun(queue: readonly BodyItem[], start: number): readonly { id: string; stanza: Stanza }[] {
    const run: { id: string; stanza: Stanza }[] = [];
    if (this.#state.resource === undefined) return run;
    for (let at = start; at < queue.length; at++) {
      const { item, body } = queue[at]!;
      if (item.kind !== 'stanza') break;
      const stanza = Stanza.parse(body);
      if (stanza.name !== 'message') break;
      run.push({ id: item.id, stanza });
    }
    return run;
  }

  async #item({ item, body }: BodyItem): Promise<void> {
    switch (item.kind) {
      case 'open':
        this.#state = { ...this.#state, secure: item.secure };
        this.#write(Buffer.from(this.#features(item)));
        if (this.#request.session === '') this.#reply = { ...this.#reply, keepMs: routerLimits.greetingKeepMs };
        return;
      case 'sasl':
        return this.#sasl(item, Stanza.parse(body));
      case 'stanza':
        return this.#state.resource === undefined
          ? this.#beforeBind(Stanza.parse(body))
          : this.#stanzaInBounds(Stanza.parse(body), item);
      case 'delivered':
        return this.#state.local === undefined
          ? undefined
          : moveCursor(this.#account(new Turn(this.#dependencies)), item.ids, item.aside);
      case 'catchUp':
        return this.#catchUp(item);
      case 'unanswered':
        return this.#state.resource === undefined
          ? undefined
          : bounceUnanswered(this.#account(new Turn(this.#dependencies)), [body]);
      case 'moved':
        return this.#moved();
      case 'end':
        return this.#end(item);
    }
  }

  #features(item: Extract<StepItem, { kind: 'open' }>): string {
    if (this.#state.local === undefined) return mechanisms(this.#tenant, item) + registerStreamFeature(this.#tenant, item);
    return this.#dependencies.features.streamFeatures;
  }

  async #sasl(item: Extract<StepItem, { kind: 'sasl' }>, element: Stanza): Promise<void> {
    if (element.ns !== saslNs || this.#state.local !== undefined) throw new StreamError('unsupported-stanza-type');
    const { secure } = this.#state;
    const result = await saslStep(this.#dependencies, this.#tenant, this.#state.sasl, element, {
      secure,
      binding: item.binding,
      address: this.#request.address,
    });
    this.#write(Buffer.from(result.reply));
    const { local, incarnation } = result;
    const failed = local === undefined && result.state === undefined;
    const failures = this.#state.failures + (failed && result.isGuess ? 1 : 0);
    const misfits = (this.#state.misfits ?? 0) + (failed && !result.isGuess ? 1 : 0);
    this.#state = { secure, failures, misfits, sasl: result.state, local, incarnation };
    if (local !== undefined) {
      const account = Jid.of(local, this.#tenant.domain).toString();
      this.#reply = { ...this.#reply, account, features: this.#dependencies.features.streamFeatures };
    }
    if (failures >= serviceLimits.saslFailuresMax || misfits >= routerLimits.saslMisfitsMax) {
      throw new StreamError('policy-violation', 'too many failed attempts to sign in');
    }
  }

  /** Before bind the only stanzas are registration (XEP-0077), and bind itself after SASL (RFC 6120 §7.1). */
  async #beforeBind(stanza: Stanza): Promise<void> {
    const { local, incarnation } = this.#state;
    if (stanza.name !== 'iq') throw new StreamError('not-authorized', `a ${stanza.name} before the resource is bound`);
    try {
      if (local === undefined) {
        if (!stanza.hasChild('query', 'jabber:iq:register')) throw new StreamError('not-authorized', 'sign in first');
        if (!this.#state.secure) throw new StanzaError('not-allowed', 'passwords pass over TLS only');
        this.#write(Buffer.from(await registerBeforeAuth(this.#dependencies, this.#tenant, stanza, this.#request.address)));
        return;
      }
      const { jid, reply } = await bind(this.#inTime, this.#tenant, { local, incarnation }, this.#request, stanza);
      this.#write(reply);
      this.#state = { ...this.#state, resource: jid.resource };
      this.#reply = { ...this.#reply, bound: jid.toString() };
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#refuse(stanza, this.#permanent(stanza, error));
    }
  }

  #account(turn: Turn): Account {
    const { local, resource } = this.#state;
    const { node, sid, resumeMs } = this.#request;
    const address = resource === undefined ? undefined : this.#jid;
    return new Account(turn, this.#tenant, local!, { node, sid, resource: resource ?? '', resumeMs }, address);
  }

  #origin(): Origin {
    const { node, sid } = this.#request;
    const jid = this.#jid;
    const { resource } = jid;
    const { incarnation } = this.#state;
    return {
      ...{ node, sid, resource, incarnation, jid: jid.toString(), address: { node, sid } },
      reply: (bytes, id) => this.#write(bytes, id),
      lost: () => this.#lost(),
    };
  }

  /** Full, from bind on. */
  get #jid(): Jid {
    this.#ownJid ??= Jid.of(this.#state.local!, this.#tenant.domain, this.#state.resource);
    return this.#ownJid;
  }

  async #end({ undelivered, missed }: Extract<StepItem, { kind: 'end' }>): Promise<void> {
    const { local, resource } = this.#state;
    if (local === undefined) return;
    if (resource !== undefined && (undelivered !== undefined || missed !== undefined)) {
      await requeue(this.#account(new Turn(this.#dependencies)), { resource, undelivered, missed });
    }
    await endSession(this.#dependencies, this.#tenant, local, this.#request);
  }

  /** See {@link Account.checkHeld}. */
  #lost(): void {
    this.#reply = { ...this.#reply, close: { condition: 'reset', text: 'the session is over; sign in again' } };
  }

  /**
   * What fails for good when it is committed or delivered fails for one message of the run: each is handled again by itself, with the ids
   * that it had, so that the others are neither lost nor kept twice.
   */
  async #messages(run: readonly { id: string; stanza: Stanza }[]): Promise<void> {
    const written = this.#out.length;
    try {
      await this.#together(run);
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#takeBack(written);
      if (run.length === 1) this.#refuse(run[0]!.stanza, this.#permanent(run[0]!.stanza, error));
      else for (const one of run) await this.#messages([one]);
    }
  }

  /** Each message has effects of its own, discarded when it is refused; what stands is committed and delivered together. */
  async #together(run: readonly { id: string; stanza: Stanza }[]): Promise<void> {
    const stanzas = run.map(({ stanza }) => stanza);
    const prefetched = await Prefetched.read(this.#dependencies, this.#tenant, this.#state.local!, stanzas);
    const origin = this.#origin();
    const turns: Turn[] = [];
    for (const { id, stanza } of run) {
      const turn = new Turn(this.#dependencies, origin, { prefetched });
      if (await this.#guarded(stanza, (checked) => sendMessage(this.#account(turn), checked, id))) turns.push(turn);
    }
    await Turn.finishAll(turns);
  }

  async #stanza(stanza: Stanza, { id, initial = false }: Extract<StepItem, { kind: 'stanza' }>): Promise<void> {
    const by = isSet(stanza) ? new Writer(this.#request.sid, id) : undefined;
    const turn = new Turn(this.#inTime, this.#origin(), { by });
    const account = this.#account(turn);
    const done = await this.#guarded(stanza, async (checked) => {
      if ((by !== undefined || this.#readsOwn(checked)) && !(await account.isHeld())) throw new Dropped();
      if (checked.name === 'iq') await sendIq(account, checked, id);
      else if (checked.name !== 'presence')
        throw new StreamError('unsupported-stanza-type', `<${checked.name}/> is not a stanza`);
      else this.#tellQueue(await sendPresence(account, checked, id, initial));
      await turn.drain();
    });
    if (!done) return;
    const written = this.#out.length;
    try {
      await turn.finish();
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#takeBack(written);
      this.#refuse(stanza, this.#permanent(stanza, error));
    }
  }

  /** Programming errors are logged and counted: a permanent error ends this stanza, and nothing else. */
  #permanent({ name }: Stanza, error: unknown): StanzaError {
    report(this.#dependencies.log, error, 'a stanza could not be handled', { stanza: name });
    return toStanzaError(error);
  }

  #takeBack(written: number): void {
    this.#out.length = written;
    this.#bodies.length = written;
  }

  /** What is the account's: there may be another account of its name by now. */
  #readsOwn({ name, type, to }: Stanza): boolean {
    return name === 'iq' && type === 'get' && (!to || to.equals(this.#jid.bare));
  }

  /** An iq's answers must leave room for those before them in one message on the bus; else it is to be asked again by itself. */
  async #stanzaInBounds(stanza: Stanza, item: Extract<StepItem, { kind: 'stanza' }>): Promise<void> {
    const written = this.#out.length;
    await this.#stanza(stanza, item);
    if (stanza.name !== 'iq' || this.#answerBytes() <= routerLimits.answersBytesMax) return;
    this.#takeBack(written);
    this.#refuse(stanza, new StanzaError('resource-constraint', 'too much was asked for at once'));
  }

  #answerBytes(): number {
    return this.#bodies.reduce((sum, { length }) => sum + length, 0);
  }

  /** @returns false when the stanza was refused or dropped: its effects are void */
  async #guarded(stanza: Stanza, send: (stanza: Stanza) => Promise<void>): Promise<boolean> {
    try {
      this.#checkFrom(stanza);
      await send(stanza);
      return true;
    } catch (error) {
      if (error instanceof Superseded && stanza.name === 'iq') this.#write(emptyResult(stanza, this.#jid));
      if (error instanceof Dropped) return false;
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#refuse(stanza, this.#permanent(stanza, error));
      return false;
    }
  }

  #tellQueue({ queue }: Sent): void {
    if (queue) this.#reply = { ...this.#reply, queue: this.#reply.queue === 'opened' && queue === 'open' ? 'opened' : queue };
  }

  /** RFC 6120 §8.1.2.1. */
  #checkFrom(stanza: Stanza): void {
    const { from } = stanza;
    if (!from) return;
    const own = this.#jid;
    if (!from.equals(own) && !from.equals(own.bare)) throw new StreamError('invalid-from', `'${from}' is not ${own}`);
  }

  #refuse(stanza: Stanza, error: StanzaError): void {
    if (!isAnswerable(stanza)) return;
    const from = error.condition === 'jid-malformed' ? undefined : stanza.attributes.to; // clients choke on a malformed address
    this.#write(Buffer.from(errorWith(stanza, { from }, error).toString()));
  }

  async #catchUp({ after, seen, missed }: Extract<StepItem, { kind: 'catchUp' }>): Promise<void> {
    if (this.#state.resource === undefined) return;
    const page = await readQueue(this.#account(new Turn(this.#dependencies)), after, new Set(seen), missed);
    const bytes = page.stanzas.reduce((sum, { xml: { length } }) => sum + length, 0);
    const { queue } = page;
    if (this.#bodies.length > 0 && bytes + this.#answerBytes() > routerLimits.answersBytesMax) {
      this.#reply = { ...this.#reply, queue, next: after };
      return;
    }
    for (const { id, xml: bytes } of page.stanzas) this.#write(bytes, id);
    this.#reply = { ...this.#reply, queue, next: page.next };
  }

  /** The reaper of the old node must not find the session, nor that of the new one miss it. */
  async #moved(): Promise<void> {
    const { local } = this.#state;
    if (local === undefined) return;
    const { node, sid } = this.#request;
    const owner = { domain: this.#tenant.domain, local };
    const { store } = this.#inTime;
    await markHeld(store, { node, sid }, owner);
    let before: string | undefined;
    let deadline: number | undefined;
    const sessions = await updateSession(store, owner, sid, (entry) => {
      before = entry.node;
      deadline = entry.parked?.deadline;
      return entry.node === node ? entry : { ...entry, node, parked: undefined };
    });
    if (before === undefined) {
      await unmarkHeld(store, { node, sid });
      throw new StreamError('reset', 'the session has ended meanwhile');
    }
    if (deadline !== undefined) await unpark(store, owner, sid, deadline);
    else if (before !== node) await unmarkHeld(store, { node: before, sid });
    const entry = sessions.find((other) => other.sid === sid);
    if (!entry?.available) return;
    const turn = new Turn(this.#inTime, this.#origin());
    const account = this.#account(turn);
    await refresh(account, entry, sessions);
    for (const { moved } of this.#dependencies.features.all) await moved?.(account, entry);
    await turn.finish();
  }
}

/** Of which the last one counts: it changes rows that are there. (A query of an archive is an iq of type `set`, and changes nothing.) */
function isSet(stanza: Stanza): boolean {
  const { name, type } = stanza;
  if (name === 'presence') return isSubscriptionType(type);
  return name === 'iq' && type === 'set' && !stanza.hasChild('query', 'urn:xmpp:mam:2');
}
