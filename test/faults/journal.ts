/** What the clients of the fault script have said, got and lived through, in the order in which it happened. */

export interface Said {
  /** `<from>.<conversation>.<number>`: also the text, and the order within its conversation. */
  readonly id: string;
  readonly from: string;
  /** The recipient's account or the room. */
  readonly to: string;
  readonly isGroup: boolean;
  /** To an account at another server. */
  readonly isAbroad: boolean;
  readonly number: number;
  readonly round: number;
  readonly saidMs: number;
  /** Sent as a new stanza: again only after a session was lost with it unacknowledged. */
  copies: number;
  /** Sent again on a resumed stream: the server has said that it had not handled it. */
  repeats: number;
  ackedMs?: number;
  /** The condition of the error that it was answered with. */
  refused?: string;
}

export interface Got {
  readonly id: string;
  /** The id in the recipient's archive, or in the room's. */
  readonly stanzaId: string | undefined;
  /** The sender's account, or the room. */
  readonly from: string;
  readonly isGroup: boolean;
  /** Counts the sessions of the recipient: the same one when it was resumed. */
  readonly session: number;
  /** `archive`: the client has asked a room's archive, as after a new session. */
  readonly way: 'live' | 'delayed' | 'archive';
  readonly atMs: number;
}

export interface Loss {
  readonly who: string;
  readonly why: string;
  readonly round: number;
  readonly lostMs: number;
  outcome?: 'resumed' | 'rebound';
  backMs?: number;
}

export class Journal {
  readonly said = new Map<string, Said>();
  readonly got = new Map<string, Got[]>();
  readonly losses: Loss[] = [];
  /** Rooms entered again, with the reason. */
  readonly rejoins: { readonly who: string; readonly room: string; readonly why: string; readonly round: number }[] = [];
  /** What a server must never do, such as acknowledging more than was sent. */
  readonly violations: string[] = [];
  /** When somebody got something last. */
  lastGotMs = 0;

  hear(who: string, got: Got): void {
    const list = this.got.get(who);
    if (list) list.push(got);
    else this.got.set(who, [got]);
    this.lastGotMs = got.atMs;
  }

  ofRound(round: number): Said[] {
    return [...this.said.values()].filter((said) => said.round === round);
  }
}
