/**
 * The Bus port: messages between the services, by subject.
 *
 * It behaves like NATS core: at most once, nothing durable, and a frozen receiver looks like a slow one. Every adapter passes
 * `test/contracts/bus.contract.ts`.
 */

/**
 * Answers a request: what it returns goes back to the requester, and is dropped for a `publish`. If it throws, no answer is sent.
 */
export type BusHandler = (payload: Uint8Array, subject: string) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

export interface Serving {
  stop(): Promise<void>;
}

export interface Bus {
  /**
   * Where the bus knows its participants: only this process may serve subjects whose last token is this one, letters and digits. Undefined
   * where everybody may serve what they like.
   */
  readonly identity?: string | undefined;
  /**
   * Resolves when messages published from now on will arrive. With `queue`, each message goes to only one of the handlers that
   * serve the subject under that queue's name. A subject is a list of tokens of `[A-Za-z0-9_-]` joined by dots.
   */
  serve(subject: string, handler: BusHandler, options?: { readonly queue?: string }): Promise<Serving>;
  /** @throws {Unavailable} after `timeoutMs`, or sooner when the adapter knows that nobody serves the subject */
  request(subject: string, payload: Uint8Array, options: { readonly timeoutMs: number }): Promise<Uint8Array>;
  /** Never throws when the connection is lost: what cannot be sent is lost. A payload has at most 1 MiB. */
  publish(subject: string, payload: Uint8Array): void;
  /** Waits (within a bound) for running handlers to finish, then leaves. Pending requests fail with {@link Unavailable}. */
  close(): Promise<void>;
}
