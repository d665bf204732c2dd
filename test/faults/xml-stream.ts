/** One XMPP stream over TLS for the fault script's clients: writes text, hands out elements. Nothing of Skylark's own parser. */
import { connect, type TLSSocket } from 'node:tls';
import { SaxesParser } from 'saxes';
import type { Door } from './door.ts';

export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlNode[];
  text: string;
}

export class XmlStream {
  readonly domain: string;
  readonly closed: Promise<string>;
  onElement: (element: XmlNode) => void = () => {};
  readonly #socket: TLSSocket;
  #parser = new SaxesParser({ xmlns: false });
  #path: XmlNode[] = [];
  #why = 'the server closed the connection';

  private constructor(socket: TLSSocket, domain: string) {
    this.#socket = socket;
    this.domain = domain;
    socket.setEncoding('utf8').setNoDelay(true);
    socket.on('data', (chunk) => this.#read(String(chunk)));
    socket.on('error', (error) => {
      this.#why = error.message;
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(this.#why)));
    socket.once('end', () => socket.destroy());
  }

  /** @throws when there is no TLS within `timeoutMs` */
  static async connect({ host, port }: Door, domain: string, timeoutMs: number): Promise<XmlStream> {
    const options = { host, port, servername: domain, rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'] };
    const socket = connect(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('no TLS in time')), timeoutMs);
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before TLS')));
    try {
      await promise;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return new XmlStream(socket, domain);
  }

  /** A new stream, as at first and after SASL. */
  open(): void {
    this.#parser = this.#newParser();
    this.#path = [];
    const namespaces = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    this.send(`<?xml version='1.0'?><stream:stream to='${this.domain}' version='1.0' ${namespaces}>`);
  }

  send(xml: string): void {
    if (this.#socket.writable) this.#socket.write(xml);
  }

  /** Without a word, as when the network goes away. */
  cut(why: string): void {
    this.#why = why;
    this.#socket.destroy();
  }

  end(): void {
    this.#why = 'we closed the stream';
    if (this.#socket.writable) this.#socket.end('</stream:stream>');
  }

  #read(text: string): void {
    this.#parser.write(text);
  }

  #newParser(): SaxesParser<{ xmlns: false }> {
    const parser = new SaxesParser({ xmlns: false });
    parser.on('opentag', ({ name, attributes }) => {
      const node: XmlNode = { name, attributes: attributes as Record<string, string>, children: [], text: '' };
      if (this.#path.length > 1) this.#path.at(-1)!.children.push(node);
      this.#path.push(node);
    });
    parser.on('text', (text) => {
      const node = this.#path.at(-1);
      if (node !== undefined && this.#path.length > 1) node.text += text;
    });
    parser.on('closetag', () => {
      const node = this.#path.pop()!;
      if (this.#path.length === 1) this.onElement(node);
      if (this.#path.length === 0) this.#socket.end();
    });
    parser.on('error', (error) => this.cut(`no well-formed XML came: ${error.message}`));
    return parser;
  }
}

export function childOf(node: XmlNode | undefined, name: string, xmlns?: string): XmlNode | undefined {
  return node?.children.find((child) => child.name === name && (xmlns === undefined || child.attributes.xmlns === xmlns));
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;');
}
