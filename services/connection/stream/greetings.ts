/**
 * What routers answer to a stream that opens is the same for every stream to a domain under the same TLS, so it is kept for as long as the
 * router says (`StepReply.keepMs`), which is a moment: a storm of clients asks once. Refusals are never kept.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';

type Open = Extract<StepItem, { kind: 'open' }>;

/** What a stream that has opened is told. */
export interface Greeting {
  readonly features: string;
  /** {@link StepRequest.session} from now on. */
  readonly session: string;
  /** {@link StepReply.keepMs} */
  readonly keepMs: number | undefined;
}

export class Greetings {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly greeting: Greeting; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To a stream that no router knows yet. @param ask asks a router. @throws what it throws */
  async get(domain: string, open: Open, ask: () => Promise<Greeting>): Promise<Greeting> {
    const key = keyOf(domain, open);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonic()) return kept.greeting;
    const greeting = await ask();
    this.#keep(key, greeting);
    return greeting;
  }

  #keep(key: string, greeting: Greeting): void {
    if (greeting.keepMs === undefined) return;
    if (this.#kept.size >= connectionLimits.greetingsMax) this.#kept.clear();
    this.#kept.set(key, { greeting, untilMs: this.#clock.monotonic() + greeting.keepMs });
  }
}

/** Of the binding the types alone count: the data is another for each connection. */
function keyOf(domain: string, { secure, binding }: Open): string {
  return `${domain} ${secure} ${Object.keys(binding)}`;
}
