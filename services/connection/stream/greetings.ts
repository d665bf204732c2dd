/**
 * What routers answer to a stream that opens is the same for every stream to a domain under the same TLS, so it is kept for as long as the
 * router says (`StepReply.keepMs`), which is a moment: a storm of clients asks once. Refusals are never kept.
 */
import { limits } from '../../../lib/limits.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import type { Answer } from '../session/router-link.ts';

type Open = Extract<StepItem, { k: 'open' }>;

export class Greetings {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly answer: Answer; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To a stream that no router knows yet. @param ask asks a router; undefined: none answers */
  async get(domain: string, open: Open, ask: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
    const key = keyOf(domain, open);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonic()) return kept.answer;
    const answer = await ask();
    if (answer !== undefined) this.#keep(key, answer);
    return answer;
  }

  #keep(key: string, { reply, bodies }: Answer): void {
    if (reply.keepMs === undefined || reply.close !== undefined) return;
    if (this.#kept.size >= limits.greetingsMax) this.#kept.clear();
    // Bytes of their own: those of the answer are part of what came over the bus.
    const answer = { reply, bodies: bodies.map((body) => Buffer.from(body)) };
    this.#kept.set(key, { answer, untilMs: this.#clock.monotonic() + reply.keepMs });
  }
}

/** Of the binding the types alone count: the data is another for each connection. */
function keyOf(domain: string, { secure, binding }: Open): string {
  return `${domain} ${secure} ${Object.keys(binding)}`;
}
