/**
 * A client that costs as little as it can: enough of XMPP to sign in over TLS, and string searches instead of parsing. Good for
 * load, not for judging conformance.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly domain: string;
  readonly tls: 'direct' | 'starttls';
}

export interface Credentials {
  readonly local: string;
  readonly password: string;
  readonly resource: string;
}

export class LoadClient {
  readonly jid: string;
  readonly #target: Target;
  readonly #credentials: Credentials;
  #socket!: Socket | TLSSocket;
  #text = '';
  #waiting:
    | { readonly pattern: RegExp; readonly resolve: (text: string) => void; readonly reject: (error: Error) => void }
    | undefined;
  /** Set once the session is ready: gets each complete `<message>`. */
  onMessage: ((text: string) => void) | undefined;
  /** Gets each complete stanza, `<message>` too. */
  onStanza: ((text: string) => void) | undefined;
  onClose: ((error?: Error) => void) | undefined;
  #received = 0;
  readonly #useSm: boolean;

  constructor(target: Target, credentials: Credentials, useSm: boolean) {
    this.#target = target;
    this.#credentials = credentials;
    this.#useSm = useSm;
    this.jid = `${credentials.local}@${target.domain}/${credentials.resource}`;
  }

  /** Signs in, binds, enables XEP-0198 if wanted, sends presence. */
  async start(): Promise<void> {
    const { host, port, domain, tls } = this.#target;
    const options = { host, port, servername: domain, rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'] };
    if (tls === 'direct') {
      this.#attach(connectTls(options));
    } else {
      const raw = connectTcp({ host, port });
      this.#attach(raw);
      this.#openStream();
      await this.#expect(/<\/stream:features>|<stream:features\/>/);
      this.#socket.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await this.#expect(/<proceed[^>]*>/);
      raw.removeAllListeners('data');
      this.#attach(connectTls({ socket: raw, servername: domain, rejectUnauthorized: false }));
    }
    this.#openStream();
    await this.#expect(/<\/stream:features>/);
    const { local, password, resource } = this.#credentials;
    const token = Buffer.from(`\0${local}\0${password}`).toString('base64');
    this.#socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    const answer = await this.#expect(/<success[^>]*>|<failure/);
    if (answer.includes('<failure')) throw new Error(`${local} cannot sign in: ${answer}`);
    this.#openStream();
    await this.#expect(/<\/stream:features>/);
    this.#socket.write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    await this.#expect(/<iq[^>]*type=['"]result['"][\s\S]*<\/iq>/);
    if (this.#useSm) {
      this.#socket.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
      await this.#expect(/<enabled[^>]*>/);
    }
    this.#socket.write('<presence/>');
    await this.#expect(/<presence[\s\S]*?(\/>|<\/presence>)/);
    this.#received = 1;
    this.#text = '';
    this.#socket.setTimeout(0);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  stop(): void {
    this.onClose = undefined;
    this.#socket.end('</stream:stream>');
    this.#socket.destroySoon();
  }

  #openStream(): void {
    this.#text = '';
    this.#socket.write(
      `<?xml version='1.0'?><stream:stream to='${this.#target.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
  }

  #attach(socket: Socket | TLSSocket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => this.#read(String(chunk)));
    const lost = (error?: Error) => {
      this.#waiting?.reject(error ?? new Error('the stream was closed'));
      this.onClose?.(error);
    };
    socket.on('error', lost);
    socket.on('close', () => lost());
  }

  #read(chunk: string): void {
    this.#text += chunk;
    if (this.#waiting) {
      const { pattern, resolve } = this.#waiting;
      if (!pattern.test(this.#text)) return;
      const text = this.#text;
      this.#text = '';
      this.#waiting = undefined;
      resolve(text);
      return;
    }
    this.#readStanzas();
  }

  #readStanzas(): void {
    let at = 0;
    for (let end = nextEnd(this.#text, at); end > 0; end = nextEnd(this.#text, at)) {
      const stanza = this.#text.slice(at, end).trimStart();
      at = end;
      if (/^<(message|presence|iq)/.test(stanza)) {
        this.#received++;
        this.onStanza?.(stanza);
        if (stanza.startsWith('<message')) this.onMessage?.(stanza);
      } else if (stanza.startsWith('<r ') || stanza.startsWith('<r/')) {
        this.#socket.write(`<a xmlns='urn:xmpp:sm:3' h='${this.#received}'/>`);
      }
    }
    if (at > 0) this.#text = this.#text.slice(at);
  }

  #expect(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.jid}: no ${pattern} within 60 s, but: ${this.#text}`)), 60_000);
      this.#waiting = {
        pattern,
        resolve: (text) => {
          clearTimeout(timer);
          resolve(text);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }
}

/** The end of the first complete element in `text` from `at`; -1 when it is not complete. */
function nextEnd(text: string, at: number): number {
  const start = text.indexOf('<', at);
  if (start < 0) return -1;
  const tagEnd = text.indexOf('>', start);
  if (tagEnd < 0) return -1;
  if (text[tagEnd - 1] === '/') return tagEnd + 1;
  const name = /^<([^\s>]+)/.exec(text.slice(start, tagEnd + 1))?.[1];
  const close = `</${name}>`;
  const end = text.indexOf(close, tagEnd);
  return end < 0 ? -1 : end + close.length;
}
