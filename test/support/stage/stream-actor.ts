/**
 * Somebody who comes through the connection node, with a client as small as can be: it signs in, binds, enables XEP-0198, and acknowledges
 * whatever it gets when it is asked. A stanza counts as handled when the server has acknowledged it.
 */
import assert from 'node:assert/strict';
import { escapeAttribute, parseElement } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Actor } from './actor.ts';
import type { MemorySocket } from './memory-socket.ts';

const framing = 'urn:ietf:params:xml:ns:xmpp-framing';
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl';
const sm = 'urn:xmpp:sm:3';
export const password = 'secret';

export class StreamActor extends Actor {
  #socket: MemorySocket | undefined;
  /** Elements of the stream itself. */
  readonly #elements: string[] = [];
  #isManaged = false;
  #sent = 0;
  #handled = 0;
  #received = 0;

  constructor(jid: Jid) {
    super(jid, '');
  }

  /** Signs in over a socket of its own, and binds. The inbox is empty. */
  async connect(connect: (message: (text: string) => void) => MemorySocket): Promise<void> {
    this.#socket = connect((text) => this.#read(text));
    await this.#open();
    const message = Buffer.from(`\0${this.jid.local}\0${password}`).toString('base64');
    await this.#answered(`<auth xmlns='${sasl}' mechanism='PLAIN'>${message}</auth>`, '<success');
    await this.#open();
    const resource = `<resource>${escapeAttribute(this.jid.resource)}</resource>`;
    this.#write(`<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind></iq>`);
    assert.ok((await this.next()).includes(`<jid>${this.jid}</jid>`), `${this.jid} is bound`);
    await this.#answered(`<enable xmlns='${sm}' resume='true'/>`, '<enabled');
    this.#isManaged = true;
  }

  override async send(xml: string): Promise<void> {
    const number = ++this.#sent;
    this.#write(xml);
    this.#write(`<r xmlns='${sm}'/>`);
    await this.until(
      () => this.#handled >= number || this.closed !== undefined,
      () => `had no acknowledgement of ${xml}`,
    );
  }

  /** Closes the stream in order. */
  async end(): Promise<void> {
    await this.#answered(`<close xmlns='${framing}'/>`, '<close');
    this.#socket?.close();
  }

  async #open(): Promise<void> {
    await this.#answered(`<open xmlns='${framing}' to='${this.jid.domain}' version='1.0'/>`, '<stream:features');
  }

  async #answered(xml: string, answer: string): Promise<void> {
    this.#elements.length = 0;
    this.#socket!.send(xml);
    await this.until(
      () => this.closed !== undefined || this.#elements.some((element) => element.startsWith(answer)),
      () => `had no ${answer} to ${xml}: ${this.#elements.join('')}`,
    );
  }

  /** Each message of a WebSocket declares its namespace (RFC 7395 §3.3.3). */
  #write(xml: string): void {
    this.#socket!.send(/^\s*<[^>]*\sxmlns=/.test(xml) ? xml.trim() : xml.trim().replace(/^<[a-z]+/, "$& xmlns='jabber:client'"));
  }

  #read(text: string): void {
    if (/^<(?:message|presence|iq)[\s/>]/.test(text)) {
      if (this.#isManaged) this.#received++;
      this.hear(text.replace(/ xmlns='jabber:client'/, ''));
      return;
    }
    if (text.startsWith('<r ')) this.#socket!.send(`<a xmlns='${sm}' h='${this.#received}'/>`);
    else if (text.startsWith('<a ')) this.#handled = Number(parseElement(text).attrs.h);
    else if (text.startsWith('<stream:error')) this.closed = parseElement(text).getChildElements()[0]!.getName();
    else this.#elements.push(text);
    this.look();
  }
}
