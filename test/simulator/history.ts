/** What the clients of a run have sent, received and been promised: all that the checks look at. */
import { BlockHistory } from './block-history.ts';
import type { TokenCounts } from './client-sign-in.ts';
import { NewsHistory } from './news-history.ts';
import { PushHistory } from './push-history.ts';
import { RemoteHistory } from './remote/remote-history.ts';

export type SentState = 'sent' | 'acknowledged' | 'refused';

export interface SentMessage {
  /** `<client>.<number>.<attempt>`; sent again in a new session it is another message. */
  readonly id: string;
  readonly number: number;
  /** `romeo@a.example/phone`. */
  readonly from: string;
  /** Bare JID of an account or a room. */
  readonly to: string;
  readonly isRoom: boolean;
  /** The address that it was written to: `to`, or an occupant's place in the room. */
  readonly recipient: string;
  /** To one occupant of the room (XEP-0045 §7.5), which is kept in no archive of the room. */
  readonly isPrivate: boolean;
  /** The bare JID of somebody whom it names (XEP-0372). */
  readonly mentions?: string | undefined;
  /** What the recipient sees as its sender: the account's bare JID, or the occupant's place in the room. */
  readonly seenAs: string;
  /** Which session of the sender, and at which node, it was first written to. */
  readonly session: number;
  readonly node: string;
  readonly atMs: number;
  state: SentState;
}

export interface ReceivedMessage {
  readonly id: string;
  /** From the archive, later (XEP-0203). */
  readonly isDelayed: boolean;
  /** XEP-0359, by the account or the room. */
  readonly stanzaId: string | undefined;
  readonly atMs: number;
  /** It was for all resources, and sent when the server knew that this one takes no such messages. */
  readonly isUnwanted: boolean;
}

/** From one bind to the next, over any number of resumptions. */
export interface ClientSession {
  readonly number: number;
  /** Bare JID. */
  readonly account: string;
  readonly client: string;
  readonly received: ReceivedMessage[];
  /** When it was told that it is in a room, by room. */
  readonly entered: Map<string, number[]>;
  resumptions: number;
}

/** A page that a client has read of its account's archive, and that ends with the entry `last`. */
export interface ArchiveRead {
  readonly askedMs: number;
  readonly last: string;
}

export class History {
  readonly sent = new Map<string, SentMessage>();
  readonly sessions: ClientSession[] = [];
  readonly blocks = new BlockHistory();
  readonly remote = new RemoteHistory();
  readonly push = new PushHistory();
  readonly news = new NewsHistory();
  /** By account. */
  readonly archiveReads = new Map<string, ArchiveRead[]>();
  readonly tokens: TokenCounts = { used: 0, faults: [] };
  /** The bare JID of each client, by its name. */
  readonly accountOf = new Map<string, string>();
  resumed = 0;
  resumedElsewhere = 0;
  resumeFailed = 0;

  readArchive(account: string, read: ArchiveRead): void {
    this.archiveReads.set(account, [...(this.archiveReads.get(account) ?? []), read]);
  }

  openSession(account: string, client: string): ClientSession {
    const session: ClientSession = {
      number: this.sessions.length + 1,
      account,
      client,
      received: [],
      entered: new Map(),
      resumptions: 0,
    };
    this.sessions.push(session);
    return session;
  }

  /** The session was told that it is in the room. */
  enter({ entered }: ClientSession, room: string, nowMs: number): void {
    entered.set(room, [...(entered.get(room) ?? []), nowMs]);
  }
}
