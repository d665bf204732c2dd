/**
 * Somebody who comes through the connection node and has not signed in: what is sent is written by the test, element by element,
 * and so is what is waited for.
 */
import assert from 'node:assert/strict';
import type { MemorySocket } from './memory-socket.ts';
import { assertXml } from './xml-equality.ts';

const framing = 'urn:ietf:params:xml:ns:xmpp-framing';
/** What is not there within this time does not come. */
const patienceMs = 5_000;

export const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

export class Newcomer {
  readonly domain: string;
  readonly #socket: MemorySocket;
  readonly #heard: string[] = [];
  #look = () => {};

  constructor(domain: string, connect: (message: (text: string) => void) => MemorySocket) {
    this.domain = domain;
    this.#socket = connect((text) => {
      this.#heard.push(text);
      this.#look();
    });
  }

  /** Opens the stream. @returns `<stream:features/>` */
  async open(from?: string): Promise<string> {
    this.say(`<open xmlns='${framing}' to='${this.domain}'${from === undefined ? '' : ` from='${from}'`} version='1.0'/>`);
    assert.match(await this.next(), /^<open /);
    return this.next();
  }

  say(xml: string): void {
    this.#socket.send(xml.trim());
  }

  /** The next element. */
  async next(): Promise<string> {
    if (this.#heard.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new assert.AssertionError({ message: 'nothing came' })), patienceMs);
        this.#look = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#heard.shift()!;
  }

  /** Says something, and takes what comes next. */
  async asks(xml: string): Promise<string> {
    this.say(xml);
    return this.next();
  }

  /** What has come and was not taken. */
  get rest(): readonly string[] {
    return this.#heard;
  }

  /** Says something, and is told this. */
  async isTold(xml: string, ...answers: readonly string[]): Promise<void> {
    this.say(xml);
    for (const answer of answers) assertXml(await this.next(), answer, xml);
  }

  /** The connection is gone. */
  leave(): void {
    this.#socket.close();
  }
}
