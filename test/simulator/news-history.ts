/** What clients have published at a node of a pubsub service, and who was told: all that the checks look at. */
import type { ClientSession } from './history.ts';

export interface Publication {
  /** `<client>.news<number>`: the id of the request and of the item. */
  readonly id: string;
  readonly number: number;
  /** Which session of the client, and at which node, it was written to. */
  readonly session: number;
  readonly node: string;
  state: 'sent' | 'confirmed' | 'refused';
}

export interface HeardNews {
  readonly id: string;
  readonly isDelayed: boolean;
  readonly stanzaId: string | undefined;
}

export class NewsHistory {
  readonly published = new Map<string, Publication>();
  /** Bare JIDs of accounts of ours that are subscribed, and of those at remote servers. */
  readonly subscribers: string[] = [];
  readonly strangers: string[] = [];
  /** By session, in order. */
  readonly heard = new Map<ClientSession, HeardNews[]>();
  /** Ids of messages by the item that they tell of. */
  readonly messageOf = new Map<string, string>();

  /** @returns false when the session has the entry of its archive already */
  hear(session: ClientSession, news: HeardNews): boolean {
    const all = this.heard.get(session) ?? [];
    this.heard.set(session, all);
    if (news.isDelayed && all.some(({ stanzaId }) => stanzaId === news.stanzaId)) return false;
    all.push(news);
    return true;
  }
}

/** The item that a notification tells of, in a message or in a row. */
export function newsIn(text: string): string | undefined {
  return /<item id=['"]([a-z-]+\.news\d+)['"]/.exec(text)?.[1];
}
