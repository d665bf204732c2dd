/**
 * What routers answer to a stream that opens is the same for every stream to a domain under the same TLS, so it is kept for as long as the
 * router says (`StepReply.keepMs`), which is a moment: a storm of clients asks once. Refusals are never kept.
 */
import { limits } from '../../lib/limits.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { StepItem } from '../../lib/runtime/wire.ts';
import type { Answer } from './router-link.ts';

type Open = Extract<StepItem, { k: 'open' }>;

export class Greetings {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly answer: Answer; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of a stream that no router knows yet. */
  find(domain: string, open: Open): Answer | undefined {
    const kept = this.#kept.get(keyOf(domain, open));
    return kept !== undefined && kept.untilMs > this.#clock.monotonic() ? kept.answer : undefined;
  }

  keep(domain: string, open: Open, answer: Answer): void {
    const { keepMs, close } = answer.reply;
    if (keepMs === undefined || close !== undefined) return;
    if (this.#kept.size >= limits.greetingsMax) this.#kept.clear();
    // Its own bytes: those of the answer are part of what came over the bus.
    const own = { reply: answer.reply, bodies: answer.bodies.map((body) => Buffer.from(body)) };
    this.#kept.set(keyOf(domain, open), { answer: own, untilMs: this.#clock.monotonic() + keepMs });
  }
}

/** Of the binding the types alone count: the data is another for each connection. */
function keyOf(domain: string, { secure, binding }: Open): string {
  return `${domain} ${secure} ${Object.keys(binding)}`;
}
