/**
 * Caches what routers answer to a stream that opens, because it is the same for every stream to a domain under the same kind of
 * TLS. The router says for how long (`StepReply.keepMs`), which is a moment: so a storm of clients asks once. Refusals are never
 * cached.
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
  /** {@link StepReply.asksCertificate} */
  readonly asksCertificate: boolean;
  /** {@link StepReply.keepMs} */
  readonly keepMs: number | undefined;
}

export class Greetings {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly greeting: Greeting; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For a stream that no router knows yet. @param ask asks a router. @throws what `ask` throws */
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

/** Only the types of the binding are part of the key, because the data differs between connections. */
function keyOf(domain: string, { secure, binding }: Open): string {
  return `${domain} ${secure} ${Object.keys(binding)}`;
}
