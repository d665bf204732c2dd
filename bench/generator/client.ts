/**
 * One client: a bare socket and enough XMPP to sign in (STARTTLS or TLS, SCRAM, bind, XEP-0198). After that it handles only
 * bytes: elements are handed over where they are in the buffer.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Account, dialForUpgrade, dialTcp, dialTls, type Endpoint, upgrade } from './endpoint.ts';
import { ScramClient } from './scram.ts';
import { type OnElement, Splitter } from './splitter.ts';

export interface ClientOptions {
  /** Use XEP-0198 with resumption. */
  readonly sm?: boolean;
  /** The ticket of an earlier TLS session (RFC 8446 §2.2). */
  readonly ticket?: Buffer;
  readonly presence?: boolean;
}

const answerMsMax = 60_000;
/** The client sends `<r/>` after this many stanzas. */
const askEvery = 10;

const letter = { a: 0x61, i: 0x69, m: 0x6d, p: 0x70, r: 0x72, space: 0x20, slash: 0x2f };

export class Client {
  readonly endpoint: Endpoint;
  readonly account: Account;
  readonly resource: string;
  /** The address that the server bound. */
  jid = '';
  /** Receives every stanza once the stream is ready. */
  onStanza: OnElement | undefined;
  onLost: ((error: Error | undefined) => void) | undefined;
  ticket: Buffer | undefined;
  /** Whether the last handshake used the ticket. */
  isTicketUsed = false;
  resumeId = '';
  /** Numbers of our stanzas that the server has acknowledged, and that we have sent. */
  acknowledged = 0;
  sent = 0;
  readonly #options: ClientOptions;
  #received = 0;
  #socket!: Socket;
  #splitter = new Splitter(this.#element.bind(this), () => this.#ended());
  #isReady = false;
  #isStopped = false;
  #outgoing = '';
  #texts: string[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(endpoint: Endpoint, account: Account, resource: string, options: ClientOptions = {}) {
    this.endpoint = endpoint;
    this.account = account;
    this.resource = resource;
    this.#options = options;
  }

  /** @throws an error with the server's words */
  async start(): Promise<void> {
    await this.authenticate();
    const { resource } = this;
    this.#write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    const bound = await this.#next((text) => text.startsWith('<iq'));
    this.jid = /<jid>([^<]+)</.exec(bound)?.[1] ?? this.#fail(`cannot bind: ${bound}`);
    if (this.#options.sm) {
      this.#write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
      const enabled = await this.#next((text) => text.startsWith('<enabled') || text.startsWith('<failed'));
      this.resumeId = /\sid=['"]([^'"]+)/.exec(enabled)?.[1] ?? this.#fail(`no XEP-0198: ${enabled}`);
    }
    if (this.#options.presence ?? true) {
      this.#received = 0;
      this.#write('<presence/>');
      this.sent = 1;
    }
    this.#getReady();
  }

  /**
   * Resumes after the stream was lost (XEP-0198 §5), instead of {@link start}.
   * @returns how many of our stanzas the server has
   */
  async resume(): Promise<number> {
    this.#isReady = false;
    await this.authenticate();
    this.#write(`<resume xmlns='urn:xmpp:sm:3' previd='${this.resumeId}' h='${this.#received}'/>`);
    const answer = await this.#next((text) => text.startsWith('<resumed') || text.startsWith('<failed'));
    if (!answer.startsWith('<resumed')) this.#fail(`cannot resume: ${answer}`);
    this.#getReady();
    return Number(/\sh=['"](\d+)/.exec(answer)?.[1] ?? Number.NaN);
  }

  /** Connects, up to the features after SASL. */
  async authenticate(): Promise<void> {
    const { endpoint, account } = this;
    await this.#dial();
    const features = await this.#open();
    if (!features.includes(`${endpoint.mechanism}<`)) this.#fail(`${endpoint.mechanism} is not offered: ${features}`);
    const scram = new ScramClient(endpoint.mechanism, account.local, account.password);
    this.#write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${endpoint.mechanism}'>${scram.first()}</auth>`);
    const challenge = await this.#next();
    if (!challenge.startsWith('<challenge')) this.#fail(`no challenge: ${challenge}`);
    this.#write(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${scram.answer(contentOf(challenge))}</response>`);
    const success = await this.#next();
    if (!success.startsWith('<success')) this.#fail(`cannot sign in: ${success}`);
    if (!scram.isServer(contentOf(success))) this.#fail('the server does not know the password');
    await this.#open();
  }

  send(text: string): void {
    if (this.#options.sm && ++this.sent % askEvery === 0) this.write(`${text}<r xmlns='urn:xmpp:sm:3'/>`);
    else this.write(text);
  }

  /** XEP-0198: asks the server to acknowledge what it has so far. */
  askForAck(): void {
    this.write("<r xmlns='urn:xmpp:sm:3'/>");
  }

  /** Texts written in one turn of the event loop are sent together. */
  write(text: string): void {
    if (this.#outgoing === '') process.nextTick(() => this.#flush());
    this.#outgoing += text;
  }

  /** Closes the stream. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#socket === undefined || this.#socket.destroyed) return;
    this.#socket.end('</stream:stream>');
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  /** Drops the connection as a network failure would. */
  cut(): void {
    this.#isReady = false;
    this.#socket.destroy();
  }

  #flush(): void {
    const text = this.#outgoing;
    this.#outgoing = '';
    if (!this.#socket.destroyed) this.#socket.write(text);
  }

  #getReady(): void {
    this.#isReady = true;
    for (const text of this.#texts.splice(0)) this.#stanza(Buffer.from(text), 0, Buffer.byteLength(text));
  }

  async #dial(): Promise<void> {
    const { endpoint } = this;
    this.#failure = undefined;
    this.#texts = [];
    const onData = (chunk: Buffer) => {
      try {
        this.#splitter.push(chunk);
      } catch (error) {
        this.#failure ??= error as Error;
        this.#socket.destroy();
      }
    };
    const ticket = this.ticket ?? this.#options.ticket;
    this.#splitter.reset();
    if (endpoint.transport !== 'starttls') {
      const socket = endpoint.transport === 'tls' ? dialTls(endpoint, onData, ticket) : dialTcp(endpoint, onData);
      this.#attach(socket);
      await this.#connected(socket, endpoint.transport === 'tls' ? 'secureConnect' : 'connect');
    } else {
      const raw = dialForUpgrade(endpoint);
      this.#attach(raw);
      raw.on('data', onData);
      await this.#connected(raw, 'connect');
      await this.#open();
      this.#write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      const proceed = await this.#next();
      if (!proceed.startsWith('<proceed')) this.#fail(`no STARTTLS: ${proceed}`);
      raw.removeAllListeners();
      const secure = upgrade(raw, endpoint, ticket);
      this.#attach(secure);
      secure.on('data', onData);
      await this.#connected(secure, 'secureConnect');
    }
    if (endpoint.transport !== 'tcp') this.isTicketUsed = (this.#socket as TLSSocket).isSessionReused();
  }

  #connected(socket: Socket, event: string): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.once(event, () => resolve());
      socket.once('close', () => reject(this.#failure ?? new Error('the server closed the connection')));
    });
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('session', (ticket: Buffer) => {
      this.ticket = ticket;
    });
    socket.on('error', (error) => {
      if (socket === this.#socket) this.#failure ??= error;
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#failure ??= new Error('the server closed the connection');
      this.#wake?.();
      if (this.#isReady && !this.#isStopped) this.onLost?.(this.#failure);
    });
  }

  #open(): Promise<string> {
    this.#splitter.reset();
    this.#write(
      `<?xml version='1.0'?><stream:stream to='${this.endpoint.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    return this.#next((text) => text.startsWith('<stream:features'));
  }

  #write(text: string): void {
    this.#socket.write(text);
  }

  async #next(isWanted: (text: string) => boolean = (text) => !text.startsWith('<stream:')): Promise<string> {
    const timer = setTimeout(() => {
      this.#failure ??= new Error(`no answer within ${answerMsMax} ms`);
      this.#wake?.();
    }, answerMsMax);
    try {
      for (;;) {
        const text = this.#texts.shift();
        if (text?.startsWith('<stream:error')) this.#fail(text);
        if (text !== undefined && isWanted(text)) return text;
        if (text !== undefined) continue;
        if (this.#failure) this.#fail(this.#failure.message);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(message: string): never {
    this.#isStopped = true;
    this.#socket.destroy();
    throw new Error(`${this.account.local}: ${message}`);
  }

  #ended(): void {
    this.#failure ??= new Error('the server closed the stream');
    this.#wake?.();
    this.#socket.destroy();
  }

  #element(bytes: Buffer, start: number, end: number): void {
    if (this.#isReady) {
      this.#stanza(bytes, start, end);
      return;
    }
    this.#texts.push(bytes.toString('utf8', start, end));
    this.#wake?.();
  }

  #stanza(bytes: Buffer, start: number, end: number): void {
    const [first, second] = [bytes[start + 1], bytes[start + 2]];
    const isNonza = second === letter.space || second === letter.slash;
    if (first === letter.r && isNonza) this.write(`<a xmlns='urn:xmpp:sm:3' h='${this.#received}'/>`);
    else if (first === letter.a && isNonza) {
      this.acknowledged = Number(/\sh=['"](\d+)/.exec(bytes.toString('latin1', start, end))?.[1]);
    } else if (first === letter.m || first === letter.p || first === letter.i) {
      this.#received++;
      this.onStanza?.(bytes, start, end);
    } else if (bytes.toString('latin1', start, start + 13) === '<stream:error') {
      this.#failure ??= new Error(bytes.toString('utf8', start, end));
    }
  }
}

function contentOf(element: string): string {
  return /^<[^>]*>([^<]*)</.exec(element)?.[1] ?? '';
}
