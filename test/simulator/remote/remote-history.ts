/** What remote accounts have got and sent, as far as the checks look at it. */

/** A message of ours that a remote server has taken. */
export interface TakenMessage {
  readonly id: string;
  /** Full JID. */
  readonly from: string;
  /** Bare JID. */
  readonly to: string;
  readonly atMs: number;
  /** When a process has read that it was confirmed, and which. */
  heard: { readonly process: string; readonly atMs: number } | undefined;
}

/** A message that a remote account has sent to one of ours. */
export interface RemoteMessage {
  readonly id: string;
  readonly number: number;
  /** Full JID. */
  readonly from: string;
  /** Bare JID. */
  readonly to: string;
  /** How often it was written to a stream. */
  sent: number;
  /** We have said that we have it. */
  isConfirmed: boolean;
  /** We have said that it could not be delivered. */
  isBounced: boolean;
}

export class RemoteHistory {
  /** In the order in which they were taken. */
  readonly taken: TakenMessage[] = [];
  readonly sent = new Map<string, RemoteMessage>();
  /** Messages of ours of which somebody was told that they were not delivered. */
  readonly bounced = new Set<string>();
  /** What must never happen, as it happens. */
  readonly faults: string[] = [];
  readonly counts = { streams: 0, broken: 0 };
  readonly #last = new Map<string, TakenMessage>();

  take(message: TakenMessage): void {
    this.taken.push(message);
    this.#last.set(message.id, message);
  }

  /** How the message was taken the last time. */
  lastOf(id: string): TakenMessage | undefined {
    return this.#last.get(id);
  }
}
