/**
 * Somebody on a stage, with one session. What it sends goes in at the stage's door, and what reaches it stays in its inbox until a test
 * looks; `{any}` in expected XML stands for any value.
 */
import assert from 'node:assert/strict';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { inShort } from './in-short.ts';
import { assertXml } from './xml-equality.ts';

/** What is not there within this time does not come. */
const patienceMs = 5_000;
const muc = 'http://jabber.org/protocol/muc';
export const hall = 'hall@conference.a.example';

export abstract class Actor {
  readonly jid: Jid;
  /** The session's name at its node. */
  sid: string;
  /** What was written on its stream and no test has looked at yet. */
  readonly inbox: string[] = [];
  /** The condition of the stream error that ended its stream. */
  closed: string | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(jid: Jid, sid: string) {
    this.jid = jid;
    this.sid = sid;
  }

  /** Resolves when the stanza is handled: what follows from it for others on the stage is in their inboxes. */
  abstract send(xml: string): Promise<unknown>;

  hear(...stanzas: readonly string[]): void {
    this.inbox.push(...stanzas);
    this.look();
  }

  /** Something has changed that a test may wait for. */
  protected look(): void {
    for (const look of [...this.#watchers]) look();
  }

  /** Asks anew each time that something comes. @throws {AssertionError} when it does not come true within bounds */
  until(holds: () => boolean, what: () => string): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = () => {
        if (!holds()) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new assert.AssertionError({ message: `${this.jid} ${what()}` }));
      }, patienceMs);
      this.#watchers.add(look);
    });
  }

  /** Takes the next stanza, and waits for it. */
  async next(): Promise<string> {
    await this.until(
      () => this.inbox.length > 0,
      () => 'received nothing',
    );
    return this.inbox.shift()!;
  }

  /** So many stanzas are in the inbox. */
  gets(count: number): Promise<void> {
    return this.until(
      () => this.inbox.length >= count,
      () => `has ${this.inbox.length} stanzas, not ${count}: ${this.inbox.join('\n')}`,
    );
  }

  /** All that came since the last look. */
  take(): string[] {
    return this.inbox.splice(0);
  }

  /** All that came since the last look is this, in this order. */
  receives(...expected: readonly string[]): void {
    const got = this.take();
    for (const [index, xml] of expected.entries()) assertXml(got[index] ?? '<nothing/>', xml, `stanza ${index} of ${this.jid}`);
    assert.deepEqual(got.slice(expected.length), [], `more than expected for ${this.jid}`);
  }

  /** All that came since the last look, in short words. @see inShort */
  heard(): string[] {
    return this.take().map(inShort);
  }

  /** Asks, and waits for the answer, an iq; what else came is dropped. */
  async ask(type: 'get' | 'set', child: string, to = hall): Promise<string> {
    this.take();
    await this.send(`<iq to='${escapeAttribute(to)}' type='${type}' id='ask'>${child}</iq>`);
    return (await this.takeWithAnswer()).find((xml) => xml.startsWith('<iq'))!;
  }

  /** All that is in the inbox when an iq is among it. */
  async takeWithAnswer(): Promise<string[]> {
    await this.until(
      () => this.inbox.some((xml) => xml.startsWith('<iq')),
      () => `was not answered: ${this.inbox.join('\n')}`,
    );
    return this.take();
  }

  /** Enters a room; what it is sent stays in the inbox. @param inside of `<x/>`, as XML */
  async enter(nick: string, room = hall, inside = ''): Promise<void> {
    await this.send(`<presence to='${escapeAttribute(`${room}/${nick}`)}'><x xmlns='${muc}'>${inside}</x></presence>`);
  }

  /** A message to all in a room; its id is the text. */
  async say(body: string, room = hall): Promise<void> {
    await this.send(`<message to='${room}' type='groupchat' id='${body}'><body>${body}</body></message>`);
  }
}
