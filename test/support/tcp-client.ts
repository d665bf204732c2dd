/**
 * A client over direct TLS for end-to-end tests: writes what it is told and hands out elements as they come. It is small on
 * purpose and knows nothing of Skylark's own parser.
 */
import { connect, type TLSSocket } from 'node:tls';
import { SaxesParser } from 'saxes';

export interface Received {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The element as text, attributes in double quotes. */
  readonly xml: string;
}

interface Waiter {
  readonly matches: (element: Received) => boolean;
  readonly resolve: (element: Received) => void;
  readonly timer: NodeJS.Timeout;
}

/** Longer than what is told of an outage takes (`connectionLimits.batchPatienceMs`). */
const waitMs = 30_000;

export class TcpClient {
  readonly received: Received[] = [];
  readonly domain: string;
  #socket: TLSSocket;
  #parser!: SaxesParser<{ xmlns: false }>;
  #waiters: Waiter[] = [];
  #depth = 0;
  #text = '';
  #top: { name: string; attributes: Record<string, string> } | undefined;
  readonly closed: Promise<void>;
  onElement: ((element: Received) => void) | undefined;

  private constructor(socket: TLSSocket, domain: string) {
    this.#socket = socket;
    this.domain = domain;
    this.#newParser();
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => this.#parser.write(String(chunk)));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(port: number, domain: string, host = '127.0.0.1'): Promise<TcpClient> {
    const socket = connect({
      host,
      port,
      servername: domain,
      rejectUnauthorized: false,
      ALPNProtocols: ['xmpp-client'],
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new TcpClient(socket, domain);
  }

  /** Signs in with PLAIN and binds. */
  static async signIn(port: number, jid: string, password: string, host?: string): Promise<TcpClient> {
    const [, local, domain, resource] = /^([^@]+)@([^/]+)\/(.+)$/.exec(jid)!;
    const client = await TcpClient.connect(port, domain!, host);
    await client.open();
    await client.authenticate(local!, password);
    await client.bind(resource!);
    return client;
  }

  async open(): Promise<Received> {
    this.#newParser();
    this.send(
      `<?xml version='1.0'?><stream:stream to='${this.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    return this.next('stream:features');
  }

  async authenticate(local: string, password: string): Promise<void> {
    const token = Buffer.from(`\0${local}\0${password}`).toString('base64');
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    const answer = await this.next((element) => element.name === 'success' || element.name === 'failure');
    if (answer.name === 'failure') throw new Error(`${local} was refused: ${answer.xml}`);
    await this.open();
  }

  async bind(resource: string): Promise<void> {
    this.send(
      `<iq type='set' id='bind-1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    await this.next((element) => element.attributes.id === 'bind-1');
  }

  send(xml: string): void {
    this.#socket.write(xml);
  }

  /** The next element that matches, those that came before it and were not asked for included. */
  next(matches: string | ((element: Received) => boolean)): Promise<Received> {
    const test = typeof matches === 'string' ? (element: Received) => element.name === matches : matches;
    const index = this.received.findIndex(test);
    if (index >= 0) return Promise.resolve(this.received.splice(index, 1)[0]!);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter.timer !== timer);
        reject(
          new Error(
            `nothing matched ${matches} within ${waitMs} ms; there is: ${this.received.map(({ xml }) => xml).join('\n')}`,
          ),
        );
      }, waitMs);
      this.#waiters.push({ matches: test, resolve, timer });
    });
  }

  /** Sends an iq and returns its answer. */
  async ask(id: string, xml: string): Promise<Received> {
    this.send(xml);
    return this.next((element) => element.name === 'iq' && element.attributes.id === id);
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#socket.destroy();
  }

  async close(): Promise<void> {
    this.#socket.end('</stream:stream>');
    await this.closed;
  }

  #newParser(): void {
    const parser = new SaxesParser({ xmlns: false, fragment: false });
    this.#depth = 0;
    this.#text = '';
    parser.on('opentag', (tag) => {
      this.#depth++;
      if (this.#depth === 1) return;
      if (this.#depth === 2) this.#top = { name: tag.name, attributes: { ...(tag.attributes as Record<string, string>) } };
      const attributes = Object.entries(tag.attributes).map(([name, value]) => ` ${name}="${escapeText(String(value))}"`);
      this.#text += `<${tag.name}${attributes.join('')}>`;
    });
    parser.on('text', (text) => {
      if (this.#depth >= 2) this.#text += escapeText(text);
    });
    parser.on('closetag', (tag) => {
      this.#depth--;
      if (this.#depth === 0) return;
      this.#text += `</${tag.name}>`;
      if (this.#depth === 1) this.#complete();
    });
    parser.on('error', () => undefined);
    this.#parser = parser;
  }

  #complete(): void {
    const element: Received = { ...this.#top!, xml: this.#text };
    this.#text = '';
    this.onElement?.(element);
    const index = this.#waiters.findIndex(({ matches }) => matches(element));
    if (index < 0) {
      this.received.push(element);
      return;
    }
    const [waiter] = this.#waiters.splice(index, 1);
    clearTimeout(waiter!.timer);
    waiter!.resolve(element);
  }
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
