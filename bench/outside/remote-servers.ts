/**
 * Other servers, as cheap as can be: any number of domains behind one port. They encrypt with STARTTLS, believe every dialback key, vouch for
 * every one of theirs, and acknowledge by XEP-0198 at once, as a server that is not busy does. They do nothing with what they get.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { OnElement } from '../generator/splitter.ts';
import { attributeOf, headerOf, NS_SM, NS_TLS } from './element.ts';
import { PeerLink } from './peer-link.ts';

const letter = { a: 0x61, d: 0x64, m: 0x6d, i: 0x69, p: 0x70, r: 0x72, space: 0x20, slash: 0x2f };

export class RemoteServers {
  readonly #server: Server;
  readonly #context: SecureContext;
  readonly #links = new Set<Arriving>();
  /** Receives every message. */
  onMessage: OnElement | undefined;

  private constructor(server: Server, context: SecureContext) {
    this.#server = server;
    this.#context = context;
  }

  static async start(pem: { readonly cert: string; readonly key: string }): Promise<RemoteServers> {
    const server = createServer();
    const servers = new RemoteServers(server, createSecureContext({ ...pem, minVersion: 'TLSv1.2' }));
    server.on('connection', (socket) => servers.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return servers;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const { link } of this.#links) link.socket.destroy();
  }

  #accept(socket: Socket): void {
    const arriving = new Arriving(
      socket,
      (raw) => new TLSSocket(raw, { isServer: true, secureContext: this.#context, requestCert: false }),
      (bytes, start, end) => this.onMessage?.(bytes, start, end),
      () => this.#links.delete(arriving),
    );
    this.#links.add(arriving);
  }
}

/** A stream that the measured server has opened. */
class Arriving {
  readonly link: PeerLink;
  readonly #encrypt: (raw: Socket) => Socket;
  readonly #onMessage: OnElement;
  #isSecure = false;
  /** Stanzas since XEP-0198 was enabled; undefined: it is not. */
  #count: number | undefined;

  constructor(socket: Socket, encrypt: (raw: Socket) => Socket, onMessage: OnElement, onClosed: () => void) {
    this.#encrypt = encrypt;
    this.#onMessage = onMessage;
    this.link = new PeerLink(socket, (bytes, start, end) => this.#element(bytes, start, end), onClosed);
  }

  #element(bytes: Buffer, start: number, end: number): void {
    const [first, second] = [bytes[start + 1], bytes[start + 2]];
    const isNonza = second === letter.space || second === letter.slash;
    if (first === letter.m) {
      if (this.#count !== undefined) this.#count++;
      this.#onMessage(bytes, start, end);
    } else if (first === letter.r && isNonza) this.link.write(`<a xmlns='${NS_SM}' h='${this.#count ?? 0}'/>`);
    else if (first === letter.i || first === letter.p) {
      if (this.#count !== undefined) this.#count++;
    } else if (!(first === letter.a && isNonza)) this.#negotiate(bytes.toString('utf8', start, end));
  }

  #negotiate(element: string): void {
    const [from, to] = [attributeOf(element, 'from'), attributeOf(element, 'to')];
    if (element.startsWith('<stream:stream')) {
      const offered = this.#isSecure
        ? `<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><sm xmlns='${NS_SM}'><optional/></sm>`
        : `<starttls xmlns='${NS_TLS}'><required/></starttls>`;
      const addresses = `from='${to}' to='${from}' id='${Math.random().toString(36).slice(2)}'`;
      this.link.write(`${headerOf(addresses)}<stream:features>${offered}</stream:features>`);
    } else if (element.startsWith('<starttls')) {
      this.link.write(`<proceed xmlns='${NS_TLS}'/>`);
      this.#isSecure = true;
      this.link.upgrade(this.#encrypt);
    } else if (element.startsWith('<db:result')) this.link.write(`<db:result from='${to}' to='${from}' type='valid'/>`);
    else if (element.startsWith('<db:verify'))
      this.link.write(`<db:verify from='${to}' to='${from}' id='${attributeOf(element, 'id')}' type='valid'/>`);
    else if (element.startsWith('<enable')) {
      this.#count = 0;
      this.link.write(`<enabled xmlns='${NS_SM}'/>`);
    }
  }
}
