/** A model client that publishes at the node `news`, and is told what others publish there (XEP-0060). */
import type { ClientSession } from './history.ts';
import { type NewsHistory, newsIn } from './news-history.ts';
import { attribute, readMessage } from './stanza-text.ts';

const pubsub = 'http://jabber.org/protocol/pubsub';
const newsService = 'pubsub.a.example';

export class ClientNews {
  readonly #history: NewsHistory;
  readonly #name: string;
  #number = 0;

  constructor(history: NewsHistory, name: string) {
    this.#history = history;
    this.#name = name;
  }

  /** @returns a request */
  next(session: ClientSession, node: string): string {
    const number = ++this.#number;
    const id = `${this.#name}.news${number}`;
    this.#history.published.set(id, { id, number, session: session.number, node, state: 'sent' });
    const item = `<item id='${id}'><x xmlns='urn:x'/></item>`;
    return `<iq xmlns='jabber:client' type='set' to='${newsService}' id='${id}'><pubsub xmlns='${pubsub}'><publish node='news'>${item}</publish></pubsub></iq>`;
  }

  /** @param text an iq */
  answered(text: string): void {
    const publication = this.#history.published.get(attribute(text, 'id') ?? '');
    const type = attribute(text, 'type');
    if (publication && type === 'result') publication.state = 'confirmed';
    else if (publication && type === 'error') publication.state = 'refused';
  }

  /** @param text a message. @returns false when it tells no news */
  heard(text: string, session: ClientSession): boolean {
    const id = newsIn(text);
    if (id === undefined) return false;
    const { isDelayed, stanzaId } = readMessage(text);
    this.#history.hear(session, { id, isDelayed, stanzaId });
    return true;
  }

  /** @param text a result of the client's archive */
  read(text: string, session: ClientSession): void {
    const id = newsIn(text);
    const stanzaId = attribute(/<result [^>]*>/.exec(text)?.[0] ?? '', 'id');
    if (id !== undefined) this.#history.hear(session, { id, isDelayed: true, stanzaId });
  }
}
