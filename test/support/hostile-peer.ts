/** A peer that may send anything, over each of the ways into the service: it writes bytes and reads text. */
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { RawClient } from '../connection/raw-client.ts';
import type { Skylark } from './skylark.ts';

export const ways = ['TCP', 'STARTTLS', 'TLS', 'WebSocket', 'secure WebSocket'] as const;
export type Way = (typeof ways)[number];

export const startTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const patienceMs = 15_000;

export function header(domain = 'localhost'): string {
  return `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
}

function openFrame(domain = 'localhost'): string {
  return `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`;
}

export function plainAuth(local: string, password: string): string {
  const message = Buffer.from(`\0${local}\0${password}`).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`;
}

interface Wire {
  readonly text: string;
  readonly isClosed: boolean;
  send(bytes: string | Uint8Array): void;
  read(pattern: RegExp): Promise<RegExpExecArray>;
  closed(): Promise<string>;
  destroy(): void;
}

export class HostilePeer {
  readonly way: Way;
  readonly wire: Wire;

  private constructor(way: Way, wire: Wire) {
    this.way = way;
    this.wire = wire;
  }

  /** Connected, TLS included; nothing of a stream over it was sent. */
  static async connect(way: Way, { ports }: Skylark): Promise<HostilePeer> {
    if (way === 'WebSocket') return new HostilePeer(way, await WebSocketWire.open(`ws://127.0.0.1:${ports.http}/xmpp-websocket`));
    if (way === 'secure WebSocket') {
      return new HostilePeer(way, await WebSocketWire.open(`wss://127.0.0.1:${ports.https}/xmpp-websocket`));
    }
    if (way === 'TLS') return new HostilePeer(way, RawClient.tls(ports.c2sTls));
    const client = RawClient.plain(ports.c2s);
    if (way === 'STARTTLS') {
      client.send(header() + startTls);
      await client.read(/<proceed [^>]*\/>/);
      await client.upgrade();
    }
    return new HostilePeer(way, client);
  }

  get isFramed(): boolean {
    return this.wire instanceof WebSocketWire;
  }

  get opening(): string {
    return this.isFramed ? openFrame() : header();
  }

  send(bytes: string | Uint8Array): void {
    this.wire.send(bytes);
  }

  /** Stanzas as this way wants them. */
  sendStanza(xml: string): void {
    this.send(this.isFramed ? xml.replace(/^<(?:message|presence|iq)/, "$& xmlns='jabber:client'") : xml);
  }

  async open(): Promise<void> {
    this.send(this.opening);
    await this.wire.read(/<\/stream:features>/);
  }

  async signIn(local: string, password: string): Promise<void> {
    await this.open();
    await this.signInAgain(local, password);
  }

  /** On a stream that is open. */
  async signInAgain(local: string, password: string): Promise<void> {
    this.send(plainAuth(local, password));
    await this.wire.read(/<success[^>]*>/);
    await this.open();
  }

  async bind(resource: string): Promise<void> {
    this.sendStanza(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    await this.wire.read(/<iq [^>]*id=["']b["'].*?<\/bind><\/iq>/s);
  }

  /** Resolves when the stream has ended with this error (or one of `a|b`) and nothing came after it. */
  async endsWith(condition: string): Promise<void> {
    const text = await this.wire.closed();
    const end = this.isFramed ? '<close [^>]*/>' : '</stream:stream>';
    const error = `<stream:error[^>]*><(?:${condition}) [^>]*>(?:(?!<stream:error).)*</stream:error>${end}$`;
    assert.match(text, new RegExp(error, 's'), `over ${this.way}`);
  }
}

/** `text` holds all that came; messages are joined. */
class WebSocketWire implements Wire {
  text = '';
  isClosed = false;
  /** RFC 6455 §7.4. */
  code = 0;
  readonly #socket: WebSocket;
  #changed: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.text += data.toString();
      this.#wake();
    });
    socket.on('close', (code) => {
      this.code = code;
      this.isClosed = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static async open(url: string): Promise<WebSocketWire> {
    const socket = new WebSocket(url, 'xmpp', { rejectUnauthorized: false });
    const wire = new WebSocketWire(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return wire;
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.send(bytes, { binary: false });
  }

  async read(pattern: RegExp): Promise<RegExpExecArray> {
    const match = await this.#until(() => pattern.exec(this.text) ?? undefined, `${pattern}`);
    this.text = this.text.slice(match.index + match[0].length);
    return match;
  }

  /** The text, with the closing code where the server gave one other than 1000 or none (1005). */
  async closed(): Promise<string> {
    await this.#until(() => this.isClosed || undefined, 'the end of the connection');
    return this.code === 1000 || this.code === 1005 ? this.text : `${this.text}[closed with ${this.code}]`;
  }

  destroy(): void {
    this.#socket.terminate();
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }

  async #until<Value>(look: () => Value | undefined, what: string): Promise<Value> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const value = look();
      if (value !== undefined) return value;
      if (performance.now() > untilMs) throw new Error(`waited in vain for ${what}; read: ${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#changed.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
