/** What a client has sent and no router has answered, in order, and how much of it goes into the next batch. */

import type { Allowance } from '../../../lib/runtime/allowance.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { added } from '../../../lib/runtime/short-lists.ts';
import { type Stanza, spliceAttributes } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';

export interface Received {
  /** Minted when the stanza was read. */
  readonly id: string;
  readonly stanza: Stanza;
  /** In canonical form. */
  readonly bytes: Buffer;
  /** The number of the stanza, as XEP-0198 counts; 0 before `<enable/>`. */
  readonly number: number;
}

/** @param lang the language of the stream, for a stanza that names none (RFC 6120 §8.1.5) */
function canonical(stanza: Stanza, lang: string | undefined): Buffer {
  const { attributes } = stanza;
  const bytes = stanza.declaresNothing ? stanza.bytes : stanza.render(attributes);
  if (lang === undefined || attributes['xml:lang'] !== undefined) return bytes;
  return spliceAttributes(bytes, ` xml:lang='${lang}'`);
}

export class Inbox {
  readonly #allowance: Allowance;
  readonly #wake: () => void;
  #queue: Received[] = [];
  #bytes = 0;
  #batch: readonly Received[] = [];
  /** True when nothing waits and no batch is under way. */
  isEmpty = true;

  /** @param wake is called when the account may send again */
  constructor(allowance: Allowance, wake: () => void) {
    this.#allowance = allowance;
    this.#wake = wake;
  }

  /** The batch under way counts. @param isStalled true when no router answers, so that all sessions of the node may fill up */
  isFull(isStalled: boolean): boolean {
    if (this.#allowance.waitMs > 0) return this.#waitForAllowance();
    return this.#isAtBound(isStalled);
  }

  #waitForAllowance(): true {
    this.#allowance.wait(this.#wake);
    return true;
  }

  #isAtBound(isStalled: boolean): boolean {
    const bytesMax = isStalled ? connectionLimits.stalledIngressBytesMax : connectionLimits.ingressBytesMax;
    return this.#queue.length + this.#batch.length >= connectionLimits.ingressStanzasMax || this.#bytes >= bytesMax;
  }

  /** @param lang the language of the stream. @returns the new `isFull` */
  add(stanza: Stanza, lang: string | undefined, id: string, number: number, isStalled: boolean): boolean {
    const bytes = canonical(stanza, lang);
    this.#queue = added(this.#queue, { id, stanza, bytes, number });
    this.isEmpty = false;
    this.#bytes += bytes.length;
    const isAtBound = this.#isAtBound(isStalled);
    return this.#allowance.spend(bytes.length) > 0 ? this.#waitForAllowance() : isAtBound;
  }

  /** Takes everything that waits, up to the bounds of a batch. It counts as waiting until `settle`. */
  take(): readonly Received[] {
    let bytes = 0;
    let count = 0;
    for (const received of this.#queue) {
      bytes += received.bytes.length;
      if (count > 0 && (bytes > serviceLimits.batchBytesMax || count >= serviceLimits.batchStanzasMax)) break;
      count++;
    }
    if (count < this.#queue.length) this.#batch = this.#queue.splice(0, count);
    else {
      this.#batch = this.#queue;
      this.#queue = [];
    }
    return this.#batch;
  }

  /** The batch was answered or given up. */
  settle(): void {
    for (const { bytes } of this.#batch) this.#bytes -= bytes.length;
    this.#batch = [];
    this.isEmpty = this.#queue.length === 0;
  }

  /** Forgets what is not in a batch, because a client that resumes sends it again. */
  drop(): void {
    for (const { bytes } of this.#queue) this.#bytes -= bytes.length;
    this.#queue = [];
    this.isEmpty = this.#batch.length === 0;
    this.#allowance.stop();
  }
}
