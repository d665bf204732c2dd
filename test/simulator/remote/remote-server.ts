/**
 * A server that is not ours, with its accounts. What it has confirmed, its accounts have; what it has not confirmed it forgets when it
 * dies. It shares no code with the product.
 */

import { newsIn } from '../news-history.ts';
import type { SimProcess } from '../process.ts';
import type { Random } from '../random.ts';
import { attribute, readMessage, tagOf } from '../stanza-text.ts';
import type { World } from '../world.ts';
import { InboundToRemote } from './inbound-to-remote.ts';
import { OutboundFromRemote } from './outbound-from-remote.ts';
import { type FarEnd, Pipe } from './pipe.ts';
import type { RemoteHistory } from './remote-history.ts';

/** Where a remote server connects to us. */
export interface PeerDoor {
  /** undefined: nobody listens. */
  connect(far: FarEnd): Pipe | undefined;
}

/** How the server behaves at the moment; the faults of a run change it. */
export interface RemoteMood {
  /** How long it takes at most to confirm, ms. */
  confirmMs: number;
  /** It lets nobody in. */
  refuses: 'host-unknown' | 'not-allowed' | undefined;
  resetsAfterAuth: boolean;
  /** It says everything of its confirmations twice. */
  doubles: boolean;
}

export const fairMood: RemoteMood = { confirmMs: 40, refuses: undefined, resetsAfterAuth: false, doubles: false };

/** How it confirms: XEP-0198, answers to pings, or by its closing tag alone. */
export type Confirms = 'acks' | 'pings' | 'closing';

export interface RemoteOptions {
  readonly world: World;
  readonly random: Random;
  readonly history: RemoteHistory;
  readonly domain: string;
  /** Bare JIDs of ours that are in the rosters of all of its accounts. */
  readonly contacts: readonly string[];
  readonly accounts: readonly string[];
  readonly confirms: Confirms;
  /** Its accounts have what was received before it is confirmed. */
  readonly isEager: boolean;
  /** It asks back whether our keys of dialback are ours. */
  readonly verifies: boolean;
  readonly isDirectTls: boolean;
  /** It offers that streams of ours carry its stanzas, too (XEP-0288). */
  readonly isBothWays: boolean;
  readonly doors: () => readonly PeerDoor[];
  /** The process that owns a pair of domains, ours and this server's, by the row of its shard. */
  readonly ownerOf: (host: string, peer: string) => string | undefined;
}

export class RemoteServer {
  readonly options: RemoteOptions;
  readonly mood: RemoteMood = { ...fairMood };
  /** Where it is: what DNS says may be older. */
  address = 1;
  readonly dns = { address: 1, lateMs: 0, isAway: false };
  isUp = false;
  isFrozen = false;
  /** Some of its connections broke without a word: what came on them may be handled behind what came on later ones. */
  hasBrokenSilently = false;
  /** By account: full JID to status. */
  readonly views = new Map<string, Map<string, string>>();
  readonly #statuses = new Map<string, number>();
  readonly #outbound = new Map<string, OutboundFromRemote>();
  readonly #pipes = new Set<Pipe>();
  /** In the order in which they were opened. */
  readonly #inbound = new Set<InboundToRemote>();
  /** Keys of dialback that it has said, with the stream. */
  readonly keys = new Set<string>();
  #life = 0;
  #kept: (() => void)[] = [];
  #number = 0;

  constructor(options: RemoteOptions) {
    this.options = options;
  }

  get domain(): string {
    return this.options.domain;
  }

  /** Accounts by the JID of their only session. */
  get sessions(): readonly string[] {
    return this.options.accounts.map((account) => `${account}/pc`);
  }

  statusOf(account: string): string {
    return `r${this.#statuses.get(account) ?? 0}`;
  }

  start(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#life++;
    this.options.world.note(this.domain, 'is up at', this.address);
    for (const account of this.options.accounts) this.#signIn(account);
  }

  die(isHeard: boolean): void {
    if (!this.isUp) return;
    this.options.world.note(this.domain, 'dies');
    this.freeze(false);
    this.isUp = false;
    this.keys.clear();
    this.breakAll(isHeard);
    this.#outbound.clear();
    this.#inbound.clear();
    // Only now: what broken streams want to try again dies too.
    this.#life++;
    this.#kept = [];
    for (const account of this.options.accounts) this.views.delete(account);
  }

  /** All connections break. @param isHeard whether the other side is told */
  breakAll(isHeard: boolean): void {
    this.hasBrokenSilently ||= !isHeard;
    for (const pipe of [...this.#pipes]) pipe.reset(isHeard);
    this.#pipes.clear();
  }

  freeze(isFrozen: boolean): void {
    if (this.isFrozen === isFrozen || !this.isUp) return;
    this.options.world.note(this.domain, isFrozen ? 'freezes' : 'goes on');
    this.isFrozen = isFrozen;
    for (const pipe of [...this.#pipes]) pipe.freeze(isFrozen);
    if (!isFrozen) for (const run of this.#kept.splice(0)) run();
  }

  /** Runs unless the server has died meanwhile. */
  later(delayMs: number, run: () => void): void {
    const life = this.#life;
    const go = (): void => {
      if (life !== this.#life) return;
      if (this.isFrozen) this.#kept.push(go);
      else run();
    };
    this.options.world.after(delayMs, go);
  }

  /** What it has read first it handles first, whenever it confirms it. */
  streamsBefore(inbound: InboundToRemote): readonly InboundToRemote[] {
    const all = [...this.#inbound];
    return all.slice(0, all.indexOf(inbound)).filter(({ host }) => host === inbound.host);
  }

  leave(inbound: InboundToRemote): void {
    this.#inbound.delete(inbound);
  }

  /** A process of ours connects. */
  accept(process: SimProcess): Pipe {
    const { world, random } = this.options;
    const pipe = new Pipe(world, random.fork(`pipe ${world.events}`), process);
    const inbound = new InboundToRemote(this, pipe);
    this.#inbound.add(inbound);
    pipe.open(inbound);
    let host = '';
    pipe.onWrite = (text) => {
      host = /<stream:stream[^>]* from='([^']*)'/.exec(text)?.[1] ?? host;
      if (text.includes('<message ')) this.#wrote(process.name, host);
    };
    this.#hold(pipe);
    return pipe;
  }

  /** Only the owner of the pair may. */
  #wrote(process: string, host: string): void {
    const owner = this.options.ownerOf(host, this.domain);
    if (owner === process.split('#')[0]) return;
    this.options.history.faults.push(`fence: ${process} wrote to the stream of ${host} and ${this.domain}, which ${owner} owns`);
  }

  /** Connects to one of our nodes. */
  connect(far: FarEnd): Pipe | undefined {
    const pipe = this.options.random.pick(this.options.doors()).connect(far);
    if (pipe !== undefined) this.#hold(pipe);
    return pipe;
  }

  release(pipe: Pipe): void {
    this.#pipes.delete(pipe);
  }

  /** A stanza goes to one of our domains. */
  send(host: string, text: string): void {
    this.to(host).push(text);
  }

  to(host: string): OutboundFromRemote {
    let stream = this.#outbound.get(host);
    if (stream === undefined) {
      stream = new OutboundFromRemote(this, host);
      this.#outbound.set(host, stream);
    }
    return stream;
  }

  // What its accounts do.

  sendMessage(account: string, to: string): void {
    if (!this.isUp || this.isFrozen) return;
    const number = ++this.#number;
    const from = `${account}/pc`;
    const id = `${account.split('@')[0]}.${number}.0`;
    this.options.history.sent.set(id, { id, number, from, to, sent: 0, isConfirmed: false, isBounced: false });
    this.options.world.note(`  ${id} to ${to}`);
    this.send(domainOf(to), `<message type='chat' from='${from}' to='${to}' id='${id}'><body>${id}</body></message>`);
  }

  changePresence(account: string): void {
    if (!this.isUp || this.isFrozen) return;
    this.#statuses.set(account, (this.#statuses.get(account) ?? 0) + 1);
    for (const contact of this.options.contacts) this.#show(account, contact);
  }

  #signIn(account: string): void {
    this.views.set(account, new Map());
    this.changePresence(account);
    for (const contact of this.options.contacts) {
      this.send(domainOf(contact), `<presence type='probe' from='${account}' to='${contact}'/>`);
    }
  }

  #show(account: string, to: string): void {
    this.send(domainOf(to), `<presence from='${account}/pc' to='${to}'><status>${this.statusOf(account)}</status></presence>`);
  }

  // What comes from us.

  /** @returns the message, if it is one to an account here */
  take(text: string, openedMs: number, process: string): void {
    const { history, world } = this.options;
    const tag = tagOf(text);
    const to = attribute(text, 'to') ?? '';
    const from = attribute(text, 'from') ?? '';
    const account = to.split('/')[0]!;
    world.trace?.push(`${(world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.domain} takes ${text}`);
    if (tag === 'message') {
      const { id, type, body } = readMessage(text);
      const own = history.sent.get(id);
      if (type === 'error') {
        if (own !== undefined) own.isBounced = true;
        return;
      }
      const news = newsIn(text);
      if (news !== undefined) this.#takeNews(`${news} ${account}`, from, account, openedMs, process);
      if (body === undefined) return;
      const before = history.lastOf(id)?.heard;
      if (before?.process === process && before.atMs < openedMs)
        history.faults.push(`doubled: ${process} sent ${id} again, which it knew to be confirmed`);
      history.take({ id, from, to: account, atMs: world.nowMs, heard: undefined });
    } else if (tag === 'presence') this.#heardPresence(text, account, from);
    else if (tag === 'iq') this.#answer(text, from, to);
  }

  /** What a service of ours tells a subscriber. */
  #takeNews(id: string, from: string, to: string, openedMs: number, process: string): void {
    const { history, world } = this.options;
    const before = history.lastOf(id)?.heard;
    if (before?.process === process && before.atMs < openedMs)
      history.faults.push(`doubled: ${process} sent ${id} again, which it knew to be confirmed`);
    history.take({ id, from, to, atMs: world.nowMs, heard: undefined });
  }

  #heardPresence(text: string, account: string, from: string): void {
    const type = attribute(text, 'type');
    const view = this.views.get(account);
    if (view === undefined) return;
    if (type === 'probe') this.#show(account, from);
    else if (type === undefined) view.set(from, /<status>([^<]*)</.exec(text)?.[1] ?? '');
    else if (type === 'unavailable') {
      for (const jid of view.keys()) if (jid === from || jid.startsWith(`${from}/`)) view.delete(jid);
    }
  }

  #answer(text: string, from: string, to: string): void {
    const type = attribute(text, 'type');
    const id = attribute(text, 'id') ?? '';
    if (type === 'result' || type === 'error') {
      this.#outbound.get(domainOf(from))?.pong(id);
      return;
    }
    const condition = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    this.send(domainOf(from), `<iq type='error' id='${id}' from='${to}' to='${from}'>${condition}</iq>`);
  }

  #hold(pipe: Pipe): void {
    this.#pipes.add(pipe);
    if (this.isFrozen) pipe.freeze(true);
  }
}

export function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1).split('/')[0]!;
}
