/**
 * How a model client signs in: by RFC 6120; by XEP-0388, which resumes its session in the same step; or by that with a token (XEP-0484)
 * once it has one, and binds in the same step, too (XEP-0386). A token is used once, because a new one is asked for each time.
 */
import { createHmac } from 'node:crypto';
import { say } from './client-text.ts';
import type { Random } from './random.ts';
import { clientFinal, clientFirst } from './scram-client.ts';
import { attribute } from './stanza-text.ts';

export type SignInKind = 'rfc6120' | 'sasl2' | 'token';

export interface TokenCounts {
  used: number;
  readonly faults: string[];
}

export class ClientSignIn {
  readonly #kind: SignInKind;
  readonly #local: string;
  readonly #name: string;
  readonly #resource: string;
  readonly #random: Random;
  readonly #counts: TokenCounts;
  readonly #agent: string;
  #first = '';
  #token: string | undefined;
  #count = 0;
  #isByToken = false;

  constructor(kind: SignInKind, jid: string, name: string, random: Random, counts: TokenCounts) {
    this.#kind = kind;
    this.#local = jid.slice(0, jid.indexOf('@'));
    this.#resource = jid.slice(jid.indexOf('/') + 1);
    this.#name = name;
    this.#random = random;
    this.#counts = counts;
    const hex = random.bytes(16).toString('hex');
    this.#agent = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  /** The stream does not open again. */
  get isInline(): boolean {
    return this.#kind !== 'rfc6120';
  }

  /** @param resume the request to resume a session, if there is one */
  begin(resume: string | undefined): string {
    this.#first = clientFirst(this.#local, this.#random.bytes(9).toString('base64'));
    this.#isByToken = this.#kind === 'token' && this.#token !== undefined;
    if (this.#kind === 'rfc6120') return say.auth(this.#first);
    if (this.#kind === 'sasl2') return say.authenticate('SCRAM-SHA-256', Buffer.from(this.#first), resume ?? '');
    const wanted = say.requestToken + (resume ?? '') + say.inlineBind(this.#resource);
    const agent = say.userAgent(this.#agent);
    if (!this.#isByToken) return say.authenticate('SCRAM-SHA-256', Buffer.from(this.#first), agent + wanted);
    const proof = createHmac('sha256', this.#token!).update('Initiator').digest();
    const initial = Buffer.concat([Buffer.from(`${this.#local}\0`), proof]);
    return say.authenticate('HT-SHA-256-NONE', initial, agent + say.fast(++this.#count) + wanted);
  }

  respond(challenge: string): string {
    return say.response(clientFinal(this.#first, challenge), this.isInline);
  }

  succeeded(text: string): void {
    if (this.#isByToken) this.#counts.used++;
    const token = /<token [^>]*>/.exec(text)?.[0];
    if (token !== undefined) [this.#token, this.#count] = [attribute(token, 'token'), 0];
  }

  /** The answer to a try that the client has given up is not heard. */
  refused(text: string): void {
    if (!this.#isByToken || !text.includes('not-authorized')) return;
    this.#counts.faults.push(`token: ${this.#name} was refused with the token that it was given last`);
    this.#token = undefined;
  }
}
