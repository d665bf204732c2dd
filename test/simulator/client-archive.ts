/** A model client that binds by XEP-0386 reads what it has missed from the archive (XEP-0313), page by page, and drops what it has. */
import { say } from './client-text.ts';
import type { ArchiveRead, ClientSession } from './history.ts';
import { attribute } from './stanza-text.ts';

export class ClientArchive {
  readonly #name: string;
  #number = 0;
  #askedId = '';
  #askedMs = 0;
  /** The last entry that it knows. */
  #after = '';
  /** Ids of entries that it has read in this session. */
  readonly #read = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  /** A new session. */
  begin(): void {
    this.#read.clear();
  }

  /** What it has from the archive, it drops when it comes again. */
  has(stanzaId: string | undefined): boolean {
    return stanzaId !== undefined && this.#read.has(stanzaId);
  }

  /** @returns the request for what came after the last entry that it knows */
  next(nowMs: number): string {
    this.#askedMs = nowMs;
    this.#askedId = `mam.${this.#name}.${++this.#number}`;
    return say.readArchive(this.#askedId, this.#after);
  }

  /**
   * Notes a message of an archive.
   * @param text any message. @returns false when it is none
   */
  took(text: string, session: ClientSession, nowMs: number): boolean {
    if (!text.includes(`<result xmlns='urn:xmpp:mam:2'`) && !text.includes('<result xmlns="urn:xmpp:mam:2"')) return false;
    const stanzaId = attribute(/<result [^>]*>/.exec(text)![0], 'id') ?? '';
    const inner = text.slice(text.indexOf('<forwarded'));
    const message = inner.slice(inner.indexOf('<message'));
    const id = attribute(message, 'id') ?? '';
    this.#read.add(stanzaId);
    if (stanzaId > this.#after) this.#after = stanzaId;
    const isKnown = session.received.some((one) => one.stanzaId === stanzaId);
    if (!isKnown && message.includes('<body>'))
      session.received.push({ id, isDelayed: true, stanzaId, atMs: nowMs, isUnwanted: false });
    return true;
  }

  /** As far as it has read, since it asked. */
  get read(): ArchiveRead {
    return { askedMs: this.#askedMs, last: this.#after };
  }

  /** @returns whether there is more to ask for; undefined: this answers something else */
  heard(text: string): 'more' | 'again' | 'done' | undefined {
    if (attribute(text, 'id') !== this.#askedId) return undefined;
    if (attribute(text, 'type') === 'error') return 'again';
    return /complete=['"]true['"]/.test(text) ? 'done' : 'more';
  }
}
