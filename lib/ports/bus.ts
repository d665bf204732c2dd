/**
 * The Bus port: subjects between the services (DESIGN §1, §4).
 *
 * Like NATS core: at most once, nothing durable, a frozen receiver looks like a slow one. Every adapter passes
 * `test/contracts/bus.contract.ts`.
 */

/** Answers a request; what it returns goes back to a requester, and is dropped for a `publish`. A throw answers nothing. */
export type BusHandler = (payload: Uint8Array, subject: string) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

export interface Serving {
  stop(): Promise<void>;
}

export interface Bus {
  /**
   * Resolves when messages published from now on will arrive. With `queue`, each message goes to one of those that serve the
   * subject under that queue's name. A subject is tokens of `[A-Za-z0-9_-]` joined by dots.
   */
  serve(subject: string, handler: BusHandler, options?: { readonly queue?: string }): Promise<Serving>;
  /** @throws {Unavailable} after `timeoutMs`, or sooner when the adapter knows that no one serves the subject. */
  request(subject: string, payload: Uint8Array, options: { readonly timeoutMs: number }): Promise<Uint8Array>;
  /** Never throws for a lost connection; what cannot be sent is lost. At most 1 MiB. */
  publish(subject: string, payload: Uint8Array): void;
  /** Lets handlers that run finish (bounded), then leaves. Requests under way fail with {@link Unavailable}. */
  close(): Promise<void>;
}
