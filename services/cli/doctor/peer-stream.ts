/**
 * A stream as a client or another server opens it (RFC 6120 §4). Everything that the server may send is bounded, because it may be hostile.
 */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { NS_STREAM, openBounds, type ScannerBounds, StreamScanner } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { programLimits } from '../limits.ts';
import type { Deadline } from './deadline.ts';
import { shown } from './findings.ts';

/** The server does not behave as XMPP requires. The message says how, in a form that the operator is shown. */
export class BadPeer extends Error {
  override name = 'BadPeer';
}

/** What stanzas on a stream are: a client's, or another server's (RFC 6120 §4.8.3). */
export type ContentNamespace = 'jabber:client' | 'jabber:server';

/** Stream features have a few KB; a disco answer may have more. */
const bounds: ScannerBounds = {
  ...openBounds,
  stanzaBytesMax: programLimits.doctorStanzaBytesMax,
  streamBytesMax: programLimits.doctorStreamBytesMax,
  stanzasMax: programLimits.doctorStanzasMax,
};
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';

/** What the features say of STARTTLS (RFC 6120 §5.4.1). @returns undefined when it is not offered */
export function startTlsOffer(features: Stanza): { readonly isRequired: boolean } | undefined {
  const offer = features.child('starttls', NS_TLS);
  return offer && { isRequired: offer.getChild('required') !== undefined };
}

export interface Place {
  /** The name by which people know the host. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Further addresses of the same host. */
  readonly others?: readonly string[];
}

/** @throws {TooSlow | Error} when it takes too long, or with the error of the system */
export async function connectTcp({ address, port }: Place, deadline: Deadline): Promise<Socket> {
  const socket = connect({ host: address, port });
  await settled(socket, 'connect', 'connecting', deadline);
  return socket;
}

/** Accepts any certificate: the caller checks it afterwards. @throws {TooSlow | Error} */
export async function connectSecurely(options: ConnectionOptions, deadline: Deadline): Promise<TLSSocket> {
  const socket = beginTls(options);
  await handshake(socket, deadline);
  return socket;
}

function beginTls(options: ConnectionOptions): TLSSocket {
  return connectTls({ ...options, rejectUnauthorized: false, checkServerIdentity: () => undefined });
}

function handshake(socket: TLSSocket, deadline: Deadline): Promise<void> {
  return settled(socket, 'secureConnect', 'the TLS handshake', deadline);
}

async function settled(socket: Socket, event: string, what: string, deadline: Deadline): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new BadPeer('the server closes the connection')));
  });
  socket.on('error', () => {}); // 'close' follows, and tells whoever reads
  await deadline.step(what, done, () => socket.destroy());
}

export class PeerStream {
  readonly #deadline: Deadline;
  readonly #contentNs: ContentNamespace;
  #socket: Socket;
  #scanner: StreamScanner;
  #wake: () => void = () => {};
  #ended: Error | undefined;

  constructor(socket: Socket, deadline: Deadline, contentNs: ContentNamespace = 'jabber:client') {
    this.#deadline = deadline;
    this.#contentNs = contentNs;
    this.#socket = socket;
    this.#scanner = new StreamScanner({ contentNs, bounds });
    this.#listen(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Opens the stream, and opens it again after TLS and after SASL. @returns its features. @throws {BadPeer | TooSlow} */
  async open(domain: string): Promise<Stanza> {
    this.#scanner = new StreamScanner({ contentNs: this.#contentNs, bounds });
    const declared = `xmlns='${this.#contentNs}' xmlns:stream='${NS_STREAM}'`;
    this.send(`<?xml version='1.0'?><stream:stream to='${escapeAttribute(domain)}' version='1.0' ${declared}>`);
    const opening = await this.#deadline.step('the stream header', this.#next(), () => this.#socket.destroy());
    if (opening.kind !== 'open') throw new BadPeer('the server does not open a stream');
    const features = await this.read('the stream features');
    if (features.name !== 'features' || features.ns !== NS_STREAM)
      throw new BadPeer(`the server sends <${shown(features.name)}/> instead of stream features`);
    return features;
  }

  send(xml: string): void {
    this.#socket.write(xml);
  }

  /** Reads the next stanza. @throws {BadPeer | TooSlow} when none comes, when it is a stream error, or when the stream ends */
  async read(what: string): Promise<Stanza> {
    const event = await this.#deadline.step(what, this.#next(), () => this.#socket.destroy());
    if (event.kind !== 'stanza') throw new BadPeer(`the server ends the stream instead of ${what}`);
    if (event.name === 'error' && event.ns === NS_STREAM) {
      const condition = event.children.find(({ ns, name }) => ns === NS_STREAM_ERRORS && name !== 'text')?.name;
      const text = event.child('text', NS_STREAM_ERRORS)?.getText();
      throw new BadPeer(
        `the server answers with the stream error ${shown(condition ?? 'unknown')}${text ? ` (${shown(text)})` : ''}`,
      );
    }
    return event;
  }

  /**
   * Asks for TLS (RFC 6120 §5) and continues the connection over it.
   * @throws {BadPeer | TooSlow | Error} also when the server sends more after `<proceed/>` in the clear (§5.4.3.3)
   */
  async startTls(options: ConnectionOptions): Promise<TLSSocket> {
    this.send(`<starttls xmlns='${NS_TLS}'/>`);
    const answer = await this.read('the answer to STARTTLS');
    if (answer.name !== 'proceed' || answer.ns !== NS_TLS)
      throw new BadPeer(`the server answers <${shown(answer.name)}/> to STARTTLS instead of <proceed/>`);
    if (this.#scanner.bufferedBytes > 0)
      throw new BadPeer('the server sends more behind <proceed/>, in the clear (RFC 6120 §5.4.3.3)');
    const raw = this.#socket;
    raw.removeAllListeners('data');
    const secure = beginTls({ ...options, socket: raw });
    this.#socket = secure; // from now on only TLS may be destroyed: Node crashes when both sockets are, in one turn
    await handshake(secure, this.#deadline);
    this.#listen(secure);
    return secure;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #next() {
    for (;;) {
      try {
        const event = this.#scanner.next();
        if (event !== undefined) return event;
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
        this.#socket.destroy();
        throw new BadPeer(`the server sends what cannot be taken: ${shown(error.message)}`);
      }
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      if (this.#ended !== undefined) return;
      this.#scanner.push(chunk);
      // Stanzas are parsed only when somebody asks for one, so this bounds what the server sends unasked.
      if (this.#scanner.bufferedBytes > bounds.streamBytesMax) {
        this.#ended = new BadPeer('the server sends without end');
        socket.destroy();
      }
      this.#wake();
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#ended ??= new BadPeer('the server closes the connection');
      this.#wake();
    });
  }
}
