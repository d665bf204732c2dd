/**
 * The block list of a model client (XEP-0191): occupants by their place in a room, a room, a service, accounts. One client of each account does so,
 * one request at a time, and what it was told is written down for all sessions of the account.
 */
import type { BlockHistory, BlockSpan } from './block-history.ts';
import type { Random } from './random.ts';
import { attribute } from './stanza-text.ts';

const NS = 'urn:xmpp:blocking';

export class ClientBlocks {
  readonly #history: BlockHistory;
  readonly #account: string;
  readonly #name: string;
  /** Addresses that it may block. The ones that come more often are in it more often. */
  readonly #addresses: readonly string[];
  readonly #open = new Map<string, BlockSpan>();
  #asked: { readonly id: string; readonly span: BlockSpan; readonly isEnd: boolean } | undefined;
  #number = 0;

  constructor(history: BlockHistory, account: string, name: string, addresses: readonly string[]) {
    this.#history = history;
    this.#account = account;
    this.#name = name;
    this.#addresses = addresses;
  }

  /** @returns a request, unless one waits for its answer, or there is nobody to block */
  next(random: Random, nowMs: number): string | undefined {
    if (this.#asked !== undefined || this.#addresses.length === 0) return undefined;
    const known = [...this.#open.values()];
    // Few at a time, so that most of what is said is to be heard.
    const isEnd = known.length > 0 && random.chance(0.5 + known.length / 6);
    const span = isEnd ? random.pick(known) : this.#begin(random.pick(this.#addresses), nowMs);
    if (isEnd) span.endAskedMs ??= nowMs;
    const id = `block.${this.#name}.${++this.#number}`;
    this.#asked = { id, span, isEnd };
    const name = isEnd ? 'unblock' : 'block';
    return `<iq xmlns='jabber:client' type='set' id='${id}'><${name} xmlns='${NS}'><item jid='${span.address}'/></${name}></iq>`;
  }

  #begin(address: string, nowMs: number): BlockSpan {
    const known = this.#open.get(address);
    if (known !== undefined) return known;
    const span = this.#history.begin(this.#account, address, nowMs);
    this.#open.set(address, span);
    return span;
  }

  /** A new session: what came of the last request nobody knows any more. */
  begin(): void {
    this.#asked = undefined;
  }

  heard(text: string, nowMs: number): void {
    const asked = this.#asked;
    const type = attribute(text, 'type');
    if (asked === undefined || attribute(text, 'id') !== asked.id || (type !== 'result' && type !== 'error')) return;
    this.#asked = undefined;
    const { span, isEnd } = asked;
    if (type === 'error') return;
    if (!isEnd) span.sureMs ??= nowMs;
    else {
      span.endMs = nowMs;
      this.#open.delete(span.address);
    }
  }
}
