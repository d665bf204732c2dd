/**
 * Two people who talk in a small room of their own, and how a big room beside it affects them. Their clients run in the process
 * that reads for all occupants, so its work counts, too.
 */
import type { Client } from '../generator/client.ts';
import { readMark, writeMark } from '../generator/tally.ts';
import { until } from '../pause.ts';
import { heard, join, waitMsMax } from './enter-room.ts';
import { ModeFailed, percentile } from './outcome.ts';

/** The pause between the arrival of a message and the next one. */
const pauseMs = 50;

export class SmallRoom {
  readonly #speaker: Client;
  readonly #listener: Client;
  readonly #address: string;
  readonly #tookMs: number[] = [];
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(speaker: Client, listener: Client, address: string) {
    this.#speaker = speaker;
    this.#listener = listener;
    this.#address = address;
  }

  static async enter(speaker: Client, listener: Client, address: string): Promise<SmallRoom> {
    await join(speaker, address, 0);
    // The room is locked until the owner's form has been accepted, and the listener's presence takes another way to it.
    const opened = heard(speaker, 'answer to the form', (text) => text.startsWith('<iq') && text.includes('instant'));
    speaker.send(
      `<iq type='set' id='instant' to='${address}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
    );
    const answer = await opened;
    if (!/type=['"]result/.test(answer)) throw new ModeFailed(`the small room cannot be opened: ${answer}`);
    await join(listener, address, 1);
    return new SmallRoom(speaker, listener, address);
  }

  begin(): void {
    this.#listener.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark === undefined) return;
      this.#tookMs.push(performance.now() - mark.sentMs);
      this.#timer = setTimeout(() => this.#say(), pauseMs);
    };
    this.#say();
  }

  /** @throws {ModeFailed} when the last message does not arrive */
  async end(): Promise<{ readonly besideP50Ms: number; readonly besideMaxMs: number }> {
    const arrived = await until(() => this.#tookMs.length === this.#sent, waitMsMax);
    clearTimeout(this.#timer);
    this.#listener.onStanza = undefined;
    if (!arrived) throw new ModeFailed(`a message in the small room did not arrive within ${waitMsMax} ms`);
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return { besideP50Ms: percentile(sorted, 0.5), besideMaxMs: percentile(sorted, 1) };
  }

  #say(): void {
    const body = writeMark(0, this.#sent++, performance.now());
    this.#speaker.send(`<message type='groupchat' to='${this.#address}'><body>${body}</body></message>`);
  }
}
