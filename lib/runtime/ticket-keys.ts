/**
 * Keys of TLS session tickets (RFC 5077, RFC 8446 §4.6.1), shared by all processes of a deployment and across restarts: so that clients
 * which all come back at once, to whatever process, do not need a full handshake. Changed after `runtimeLimits.ticketKeysMs`; tickets of the
 * old keys are good no more, and their clients make a full handshake once.
 */
import { type Clock, repeat, type Timer } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import { update } from './update.ts';

/** What Node takes: name, HMAC key and AES key of 16 bytes each. */
const keysBytes = 48;

const rows = collection<{ readonly keys: string; readonly since: number }>('ticket-keys', 'deployment', 'live');

export interface TicketKeysOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Called with the first keys, and whenever they change. */
  readonly use: (keys: Buffer) => void;
  readonly onError: (error: unknown) => void;
}

export class TicketKeys {
  readonly #options: TicketKeysOptions;
  #keys = '';
  #timer: Timer | undefined;

  private constructor(options: TicketKeysOptions) {
    this.#options = options;
  }

  /** Resolves when there are keys. @throws {Unavailable} */
  static async start(options: TicketKeysOptions): Promise<TicketKeys> {
    const keys = new TicketKeys(options);
    await keys.#look();
    // After an error, the keys that are known stay in use.
    keys.#timer = repeat(
      options.clock,
      () => runtimeLimits.ticketKeysPollMs,
      () => keys.#look(),
      options.onError,
    );
    return keys;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { store, clock, use } = this.#options;
    const now = clock.now();
    const row = await update(Rows.ofDeployment(store, 'tls'), rows, '', (there) =>
      there !== undefined && now - there.since < runtimeLimits.ticketKeysMs
        ? there
        : { keys: clock.randomBytes(keysBytes).toString('base64'), since: now },
    );
    if (row === undefined || row.keys === this.#keys) return;
    this.#keys = row.keys;
    use(Buffer.from(row.keys, 'base64'));
  }
}
