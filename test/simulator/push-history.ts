/** What a run shows of push (XEP-0357): who could be woken since when, who slept, and who was woken. */

/** A phone that does not come back by itself. */
export interface Sleep {
  /** Since when it got what is for all resources. */
  readonly openMs: number;
  readonly fromMs: number;
  toMs: number;
  /** The rooms that it was in. */
  readonly rooms: readonly string[];
}

/** When a client was woken, and of how many messages it was told. */
export interface Push {
  /** The id of the iq. A bus that doubles what it carries brings it again. */
  readonly id: string;
  readonly atMs: number;
  readonly count: number;
}

export class PushHistory {
  /** By the name of the client. */
  readonly pushes = new Map<string, Push[]>();
  readonly sleeps = new Map<string, Sleep[]>();
  /** When clocks stepped by more than sessions are kept, which may have ended sessions. */
  readonly dayStepsMs: number[] = [];
  /** Called with the name of a client that is woken. */
  onPush: (client: string) => void = () => {};

  push(client: string, push: Push): void {
    this.pushes.set(client, [...(this.pushes.get(client) ?? []), push]);
    this.onPush(client);
  }

  sleep(client: string, from: Omit<Sleep, 'toMs'>): Sleep {
    const sleep: Sleep = { ...from, toMs: Number.POSITIVE_INFINITY };
    this.sleeps.set(client, [...(this.sleeps.get(client) ?? []), sleep]);
    return sleep;
  }

  get counts(): { readonly pushes: number; readonly sleeps: number } {
    const sum = (lists: Iterable<readonly unknown[]>) => [...lists].reduce((count, { length }) => count + length, 0);
    return { pushes: sum(this.pushes.values()), sleeps: sum(this.sleeps.values()) };
  }
}
