/**
 * One batch of one session: (batch, session) → (rows, deliveries, replies, session'). Items are handled in order. Messages that
 * follow each other share one commit; every other item has a turn of its own.
 */
import { isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { added, nothing } from '../../lib/runtime/short-lists.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { Outgoing, StepItem, StepReply, StepRequest } from '../../lib/runtime/wire.ts';
import { StanzaError, StreamError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { moveCursor, readQueue, requeue } from './archive/cursor.ts';
import { Account, type OwnSession } from './core/account.ts';
import { type Dependencies, withDeadline } from './core/dependencies.ts';
import { Dropped } from './core/dropped.ts';
import type { Origin } from './core/origin.ts';
import { Prefetched } from './core/prefetch.ts';
import { emptyResult, errorWith, isAnswerable } from './core/replies.ts';
import type { Pending } from './core/stages.ts';
import { Turn } from './core/turn.ts';
import { Superseded, Writer } from './core/writers.ts';
import { registerOrShow } from './features/xep0445-preauth.ts';
import { greet } from './greeting.ts';
import { routerLimits } from './limits.ts';
import { type Sent, sendPresence } from './presence/presence.ts';
import { checkFrom } from './routing/check-from.ts';
import { sendIq } from './routing/iq.ts';
import { isSet } from './routing/is-set.ts';
import { sendMessage } from './routing/message.ts';
import { isSaslNs, saslStep } from './sasl/exchange.ts';
import { bind, endSession, tellBegun } from './sessions/bind.ts';
import { bind2, NS_BIND2 } from './sessions/bind2.ts';
import { moveHere, noteKept } from './sessions/move-here.ts';
import { newTerms } from './sessions/new-terms.ts';
import { parseState, type SessionState } from './sessions/session-state.ts';
import { bounceUnanswered, tellUnheard, tellUnread } from './sessions/unanswered.ts';

interface BodyItem {
  readonly item: StepItem;
  readonly body: Buffer;
}

const noBody = Buffer.alloc(0);

export class Step {
  readonly #dependencies: Dependencies;
  #timed: Dependencies | undefined;
  readonly #tenant: Tenant;
  readonly #request: StepRequest;
  readonly #before: SessionState;
  #state: SessionState;
  #out: Outgoing[] = [];
  #bodies: Buffer[] = [];
  #reply: Partial<Omit<StepReply, 'ok' | 'out'>> = {};
  #ownJid: Jid | undefined;
  #own: OwnSession | undefined;

  constructor(dependencies: Dependencies, tenant: Tenant, request: StepRequest) {
    // Messages may be written some time after the deadline: an entry contains its time, and a retry writes the same entry again.
    this.#dependencies = withDeadline(dependencies, request.deadline && request.deadline + routerLimits.lateWriteMs);
    this.#tenant = tenant;
    this.#request = request;
    this.#before = parseState(request.session);
    this.#state = this.#before;
  }

  /** @throws {Unavailable | Conflict} when the batch must be sent again */
  async run(bodies: readonly Buffer[]): Promise<{ reply: StepReply; bodies: readonly Buffer[] }> {
    let next = 0;
    const queue = this.#request.items.map((item): BodyItem => ({ item, body: 'body' in item ? bodies[next++]! : noBody }));
    // What the client has acknowledged does not depend on what it sends in the same batch, so both can be committed together.
    const { resource } = this.#state;
    const moving = resource !== undefined && queue.at(-1)?.item.kind === 'delivered' ? this.#item(queue.pop()!) : undefined;
    moving?.catch(() => {}); // it is awaited below unless the rest fails first
    try {
      for (let at = 0; at < queue.length; ) {
        const run = this.#messageRun(queue, at);
        if (run.length > 0) await this.#messages(run);
        else await this.#item(queue[at]!);
        at += Math.max(1, run.length);
      }
      if (moving !== undefined) await moving;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#say({ close: { condition: error.condition, text: error.text } });
    }
    const terms = newTerms(this.#state, this.#tenant, this.#request.items);
    if (terms !== undefined) this.#state = { ...this.#state, terms };
    const session = this.#state === this.#before ? undefined : JSON.stringify(this.#state);
    const reply = { ok: true, ...this.#reply, terms, out: this.#out, session, at: this.#dependencies.clock.now() };
    return { reply, bodies: this.#bodies };
  }

  /** For everything but messages: it must not be written after the deadline. */
  get #inTime(): Dependencies {
    this.#timed ??= withDeadline(this.#dependencies, this.#request.deadline);
    return this.#timed;
  }

  #say(more: Partial<Omit<StepReply, 'ok' | 'out'>>): void {
    this.#reply = { ...this.#reply, ...more };
  }

  #write(xmlBytes: Buffer, id?: string): void {
    this.#out.push({ id });
    this.#bodies.push(xmlBytes);
  }

  #messageRun(queue: readonly BodyItem[], start: number): readonly { id: string; stanza: Stanza }[] {
    let run: { id: string; stanza: Stanza }[] | undefined;
    if (this.#state.resource === undefined) return nothing;
    for (let at = start; at < queue.length; at++) {
      const { item, body } = queue[at]!;
      if (item.kind !== 'stanza') break;
      const stanza = Stanza.parse(body);
      if (stanza.name !== 'message') break;
      run = added(run, { id: item.id, stanza });
    }
    return run ?? nothing;
  }

  async #item({ item, body }: BodyItem): Promise<void> {
    switch (item.kind) {
      case 'open':
        return this.#open(item);
      case 'sasl':
        return this.#sasl(item, Stanza.parse(body));
      case 'bind':
        return this.#bind(Stanza.parse(body));
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
      case 'unheard':
        return tellUnheard(this.#account(new Turn(this.#inTime)), body);
      case 'unread':
        return tellUnread(this.#account(new Turn(this.#inTime)), false);
      case 'kept':
        return this.#state.resource === undefined ? undefined : noteKept(this.#ownAccount);
      case 'moved':
        return this.#state.local === undefined ? undefined : moveHere(this.#ownAccount);
      case 'end':
        return this.#end(item);
    }
  }

  async #open(item: Extract<StepItem, { kind: 'open' }>): Promise<void> {
    this.#state = { ...this.#state, secure: item.secure };
    if (this.#state.local !== undefined) {
      this.#write(Buffer.from(this.#dependencies.features.unboundFeatures(this.#tenant)));
      return;
    }
    const { features: offered, asksCertificate, ...known } = await greet(this.#dependencies, this.#tenant, item);
    this.#state = { ...this.#state, ...known };
    this.#write(Buffer.from(offered));
    const isForOthers = this.#request.session === '' && known.from === undefined;
    this.#say({ asksCertificate, ...(isForOthers && { keepMs: routerLimits.greetingKeepMs }) });
  }

  async #sasl(item: Extract<StepItem, { kind: 'sasl' }>, element: Stanza): Promise<void> {
    if (!isSaslNs(element.ns) || this.#state.local !== undefined) throw new StreamError('unsupported-stanza-type');
    const { secure, from, hashes } = this.#state;
    const { node, sid, address } = this.#request;
    const result = await saslStep(this.#dependencies, this.#tenant, this.#state.sasl, element, {
      ...{ secure, from, hashes, binding: item.binding, tls: item.tls, chain: item.chain, address, stream: `${node} ${sid}` },
    });
    this.#write(Buffer.from(result.reply));
    const { local, incarnation, client, endsInMs } = result;
    const failed = local === undefined && result.state === undefined;
    const failures = this.#state.failures + (failed && result.isGuess ? 1 : 0);
    const misfits = (this.#state.misfits ?? 0) + (failed && !result.isGuess ? 1 : 0);
    if (local === undefined) this.#state = { ...this.#state, failures, misfits, sasl: result.state };
    else {
      this.#state = { secure, failures, misfits, local, incarnation, client };
      const account = Jid.of(local, this.#tenant.domain).toString();
      this.#say({ account, endsInMs, features: this.#dependencies.features.unboundFeatures(this.#tenant) });
    }
    if (failures >= serviceLimits.saslFailuresMax || misfits >= routerLimits.saslMisfitsMax) {
      throw new StreamError('policy-violation', 'too many attempts to sign in have failed');
    }
  }

  /** XEP-0386: the node has the element from `<authenticate/>`. */
  async #bind(request: Stanza): Promise<void> {
    const { local, incarnation, client, resource } = this.#state;
    if (local === undefined || resource !== undefined || request.ns !== NS_BIND2)
      throw new StreamError('unsupported-stanza-type');
    const { jid, bound, row } = await bind2(this.#inTime, this.#tenant, { local, incarnation, client }, this.#request, request);
    this.#write(Buffer.from(bound));
    this.#state = { ...this.#state, resource: jid.resource };
    await tellBegun(this.#ownAccount, row);
    this.#say({ bound: jid.toString(), features: this.#dependencies.features.boundFeatures(this.#tenant) });
  }

  /** Before a resource is bound, a client may only register (XEP-0077), or bind after SASL (RFC 6120 §7.1). */
  async #beforeBind(stanza: Stanza): Promise<void> {
    const { local, incarnation, client } = this.#state;
    if (stanza.name !== 'iq') throw new StreamError('not-authorized', `bind a resource before you send a ${stanza.name}`);
    try {
      if (local === undefined) {
        const stream = { ...this.#state, address: this.#request.address };
        const { answer, shown = stream.invite } = await registerOrShow(this.#dependencies, this.#tenant, stanza, stream);
        this.#state = { ...this.#state, invite: shown };
        this.#write(Buffer.from(answer));
        return;
      }
      const { jid, reply, row } = await bind(this.#inTime, this.#tenant, { local, incarnation, client }, this.#request, stanza);
      this.#state = { ...this.#state, resource: jid.resource };
      await tellBegun(this.#ownAccount, row);
      this.#write(reply);
      this.#say({ bound: jid.toString() });
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#refuse(stanza, this.#permanent(stanza, error));
    }
  }

  get #ownAccount(): Account {
    return this.#account(new Turn(this.#inTime, this.#origin()));
  }

  #account(turn: Turn): Account {
    const { local, resource } = this.#state;
    const { node, sid, resumeMs } = this.#request;
    if (this.#own?.resource !== (resource ?? '')) this.#own = { node, sid, resource: resource ?? '', resumeMs };
    return new Account(turn, this.#tenant, local!, this.#own, resource === undefined ? undefined : this.#jid);
  }

  #origin(): Origin {
    const { node, sid } = this.#request;
    const jid = this.#jid;
    const { resource } = jid;
    const { incarnation } = this.#state;
    return {
      node,
      sid,
      resource,
      incarnation,
      jid: jid.toString(),
      address: { node, sid },
      reply: (bytes, id) => this.#write(bytes, id),
      turnPush: (push) => this.#say({ push }),
      lost: () => this.#say({ close: { condition: 'reset', text: 'the session has ended; sign in again' } }),
    };
  }

  /** The full JID, once a resource is bound. */
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

  /** If the commit or the delivery fails for good, each message is handled again with its id, so none of the others is lost or kept twice. */
  async #messages(run: readonly { id: string; stanza: Stanza }[]): Promise<void> {
    const written = this.#out.length;
    try {
      const options = { prefetched: await Prefetched.read(this.#dependencies, this.#tenant, this.#state.local!, run) };
      const origin = this.#origin();
      let turns: Turn[] | undefined;
      for (let at = 0; at < run.length; at++) {
        const { id, stanza } = run[at]!;
        // A turn is discarded if its message is refused. The others are committed together.
        const turn = new Turn(this.#dependencies, origin, options);
        const sending = this.#guarded(stanza, (checked) => sendMessage(this.#account(turn), checked, id));
        if (sending === true || (sending !== false && (await sending))) turns = added(turns, turn);
      }
      if (turns !== undefined) await Turn.finishAll(turns);
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#takeBack(written);
      if (run.length === 1) this.#refuse(run[0]!.stanza, this.#permanent(run[0]!.stanza, error));
      else for (const one of run) await this.#messages([one]);
    }
  }

  async #stanza(stanza: Stanza, { id, initial = false }: Extract<StepItem, { kind: 'stanza' }>): Promise<void> {
    const by = isSet(stanza) ? new Writer(this.#request.sid, id) : undefined;
    const turn = new Turn(this.#inTime, this.#origin(), { by });
    const account = this.#account(turn);
    const written = this.#out.length; // before the answer to an iq: it is taken back if the rows cannot be written
    const done = await this.#guarded(stanza, async (checked) => {
      if ((by !== undefined || this.#readsOwn(checked)) && !(await account.isHeld())) throw new Dropped();
      if (checked.name === 'iq') await sendIq(account, checked, id);
      else if (checked.name !== 'presence')
        throw new StreamError('unsupported-stanza-type', `<${checked.name}/> is not a stanza`);
      else this.#tellQueue(await sendPresence(account, checked, id, initial));
      await turn.drain();
    });
    if (!done) return;
    try {
      await turn.finish();
    } catch (error) {
      if (error instanceof StreamError || isOperating(error)) throw error;
      this.#takeBack(written);
      this.#refuse(stanza, this.#permanent(stanza, error));
    }
  }

  /** Turns an error into the answer for the sender. A programming error is logged and counted first. */
  #permanent({ name }: Stanza, error: unknown): StanzaError {
    report(this.#dependencies.log, error, 'could not handle a stanza', { stanza: name });
    return toStanzaError(error);
  }

  #takeBack(written: number): void {
    this.#out.length = written;
    this.#bodies.length = written;
  }

  /** Does the stanza ask for the account's own data? Another account may have its name by now. */
  #readsOwn({ name, type, to }: Stanza): boolean {
    return name === 'iq' && type === 'get' && (!to || to.equals(this.#jid.bare));
  }

  /** Refuses an iq whose answers do not fit into the batch's answer beside those before them. The client may ask again. */
  async #stanzaInBounds(stanza: Stanza, item: Extract<StepItem, { kind: 'stanza' }>): Promise<void> {
    const written = this.#out.length;
    await this.#stanza(stanza, item);
    if (stanza.name !== 'iq' || this.#answerBytes() <= routerLimits.answersBytesMax) return;
    this.#takeBack(written);
    this.#refuse(stanza, new StanzaError('resource-constraint', 'too many requests; try again in a moment'));
  }

  #answerBytes(): number {
    return this.#bodies.reduce((sum, { length }) => sum + length, 0);
  }

  /** @returns false if the stanza was refused or dropped, so that its effects are void */
  #guarded(stanza: Stanza, send: (stanza: Stanza) => Pending): Promise<boolean> | boolean {
    try {
      checkFrom(stanza, this.#jid);
      const sending = send(stanza);
      if (sending === undefined) return true;
      return sending.then(
        () => true,
        (error: unknown) => this.#failed(stanza, error),
      );
    } catch (error) {
      return this.#failed(stanza, error);
    }
  }

  /** @returns false: the stanza was refused or dropped. @throws what concerns more than this stanza */
  #failed(stanza: Stanza, error: unknown): false {
    if (error instanceof Superseded && stanza.name === 'iq') this.#write(emptyResult(stanza, this.#jid));
    if (error instanceof Dropped) return false;
    if (error instanceof StreamError || isOperating(error)) throw error;
    this.#refuse(stanza, this.#permanent(stanza, error));
    return false;
  }

  #tellQueue({ queue }: Sent): void {
    if (queue) this.#say({ queue: this.#reply.queue === 'opened' && queue === 'open' ? 'opened' : queue });
  }

  #refuse(stanza: Stanza, error: StanzaError): void {
    if (!isAnswerable(stanza)) return;
    // A malformed address would confuse clients.
    const from = error.condition === 'jid-malformed' ? undefined : stanza.attributes.to;
    this.#write(Buffer.from(errorWith(stanza, { from }, error).toString()));
  }

  async #catchUp({ after, seen, missed }: Extract<StepItem, { kind: 'catchUp' }>): Promise<void> {
    if (this.#state.resource === undefined) return;
    const page = await readQueue(this.#account(new Turn(this.#dependencies, this.#origin())), after, new Set(seen), missed);
    const bytes = page.stanzas.reduce((sum, { xml: { length } }) => sum + length, 0);
    const { queue } = page;
    if (this.#bodies.length > 0 && bytes + this.#answerBytes() > routerLimits.answersBytesMax) {
      this.#say({ queue, next: after });
      return;
    }
    for (const { id, xml: bytes } of page.stanzas) this.#write(bytes, id);
    this.#say({ queue, next: page.next });
  }
}
