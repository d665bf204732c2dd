/** A stream from another server to the one that is measured: STARTTLS, dialback, and XEP-0198 where it is offered. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { attributeOf, headerOf, NS_SM, NS_TLS } from './element.ts';
import { PeerLink } from './peer-link.ts';

const answerMsMax = 30_000;

export class RemoteStream {
  readonly #link: PeerLink;
  readonly #to: string;
  readonly #from: string;
  readonly #elements: string[] = [];
  #wake: () => void = () => {};
  #isClosed = false;
  /** Stanzas that were sent, and those of them that were acknowledged. */
  sent = 0;
  acknowledged = 0;
  hasAcks = false;
  onLost: ((why: string) => void) | undefined;

  private constructor(port: number, from: string, to: string) {
    this.#from = from;
    this.#to = to;
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#link = new PeerLink(
      socket,
      (bytes, start, end) => this.#element(bytes.toString('utf8', start, end)),
      () => this.#closed(),
    );
  }

  /** @param port where the measured server takes streams of others, with STARTTLS. @throws {Error} with the server's words */
  static async open(port: number, from: string, to: string): Promise<RemoteStream> {
    const stream = new RemoteStream(port, from, to);
    await stream.#begin();
    return stream;
  }

  send(stanza: string): void {
    this.sent++;
    this.#link.write(stanza);
  }

  askForAck(): void {
    if (this.hasAcks) this.#link.write(`<r xmlns='${NS_SM}'/>`);
  }

  close(): void {
    this.onLost = undefined;
    if (!this.#isClosed) this.#link.close();
  }

  async #begin(): Promise<void> {
    await this.#open();
    this.#link.write(`<starttls xmlns='${NS_TLS}'/>`);
    await this.#next('<proceed');
    this.#link.upgrade((raw) => connectTls({ socket: raw, servername: this.#to, rejectUnauthorized: false }));
    const features = await this.#open();
    this.#link.write(`<db:result from='${this.#from}' to='${this.#to}'>${'0123456789abcdef'.repeat(4)}</db:result>`);
    const result = await this.#next('<db:result');
    if (attributeOf(result, 'type') !== 'valid') throw new Error(`${this.#from} is not let in: ${result}`);
    if (!features.includes(NS_SM)) return;
    this.#link.write(`<enable xmlns='${NS_SM}'/>`);
    this.hasAcks = (await this.#next('<enabled', '<failed')).startsWith('<enabled');
  }

  #open(): Promise<string> {
    this.#link.write(headerOf(`from='${this.#from}' to='${this.#to}'`));
    return this.#next('<stream:features');
  }

  /** Skips everything else. */
  async #next(...wanted: string[]): Promise<string> {
    const untilMs = performance.now() + answerMsMax;
    for (;;) {
      for (let element = this.#elements.shift(); element !== undefined; element = this.#elements.shift()) {
        if (element.startsWith('<stream:error')) throw new Error(`${this.#from}: ${element}`);
        if (wanted.some((start) => element.startsWith(start))) return element;
      }
      if (this.#isClosed) throw new Error(`${this.#from}: the server closed the connection`);
      if (performance.now() > untilMs) throw new Error(`${this.#from}: no ${wanted.join(' or ')} within ${answerMsMax} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #element(element: string): void {
    if (element.startsWith('<r ') || element.startsWith('<r/')) this.#link.write(`<a xmlns='${NS_SM}' h='0'/>`);
    else if (element.startsWith('<a ')) this.acknowledged = Number(attributeOf(element, 'h'));
    else {
      this.#elements.push(element);
      if (this.#elements.length > 1_000) this.#elements.shift();
      this.#wake();
    }
  }

  #closed(): void {
    this.#isClosed = true;
    this.#wake();
    const error = this.#elements.find((element) => element.startsWith('<stream:error'));
    this.onLost?.(`${this.#from}: ${error ?? 'the server closed the connection'}`);
  }
}
