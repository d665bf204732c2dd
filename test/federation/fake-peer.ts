/** Another server, as a test wants it to be: honest, silent, or hostile. It speaks direct TLS (XEP-0368). */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { Link } from '../../services/federation/streams/link.ts';
import type { Identity } from '../support/authority.ts';
import { until } from '../support/until.ts';
import type { Ground } from './deployments.ts';

export const NS_SM = 'urn:xmpp:sm:3';
export const NS_BIDI = 'urn:xmpp:bidi';
export const NS_BIDI_FEATURE = 'urn:xmpp:features:bidi';
const namespaces = `xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;
const names = new Set(['message', 'presence', 'iq']);

export interface FakePeerOptions {
  readonly domain: string;
  /** Its certificate proves the domain. */
  readonly isCertified?: boolean;
}

export class FakePeer {
  readonly domain: string;
  readonly identity: Identity;
  /** Stanzas that came, as XML. */
  readonly received: string[] = [];
  /** Keys that it was asked for, by the id of their stream, and what it says to them. */
  readonly asked: string[] = [];
  isVouching = true;
  /** What it says instead when it is asked for a key, by the attributes of the question. */
  verdicts: ((question: Readonly<Record<string, string | undefined>>) => readonly string[]) | undefined;
  /** It lets us in, and reads nothing more. */
  isDeaf = false;
  /** It offers XEP-0198. */
  hasAcks = true;
  /** It confirms what it has got, by XEP-0198 or by an answer to a ping. */
  isConfirming = true;
  /** XEP-0478: what it says it takes, in features that it sends again when it has let us in. */
  saysBytes: string | undefined;
  /** It ends a stream on which something larger comes. */
  takesBytes = Number.POSITIVE_INFINITY;
  /** The requests for XEP-0288, as they came. */
  readonly bidiRequests: string[] = [];
  /** XEP-0288: it offers it in its features by this namespace. */
  bidi: string | undefined;
  /** It ends a stream on which that was asked for. */
  hatesBidi = false;
  /** Streams to it that carry stanzas both ways, when it has let us in. */
  readonly bothWays: PeerClient[] = [];
  /** How often it was asked for. */
  bidiAsked = 0;
  /** Streams that were opened to it so far, and those that were closed with a closing tag. */
  streams = 0;
  closed = 0;
  readonly #ground: Ground;
  readonly #links = new Set<Link>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(ground: Ground, domain: string, identity: Identity) {
    this.#ground = ground;
    this.domain = domain;
    this.identity = identity;
  }

  static async start(ground: Ground, { domain, isCertified = false }: FakePeerOptions): Promise<FakePeer> {
    const peer = new FakePeer(ground, domain, await ground.authority.issue([isCertified ? domain : 'nobody.example']));
    await peer.start();
    ground.disposals.push(() => peer.kill());
    return peer;
  }

  /** Again, on the same port, after `kill`. */
  async start(): Promise<void> {
    this.#server = createServer({
      ...this.identity,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['xmpp-server'],
    });
    this.#server.on('secureConnection', (socket) => void this.#serve(socket));
    this.#server.on('tlsClientError', () => {});
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    this.#ground.publish(this.domain, { s2sTls: this.#port });
  }

  /** Its process is gone, and what its sockets have taken is gone with it. */
  async kill(): Promise<void> {
    this.breakStreams();
    const server = this.#server;
    this.#server = undefined;
    // What nobody has read keeps the socket below TLS open; both may not be destroyed in one turn.
    setImmediate(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  breakStreams(): void {
    for (const { socket } of this.#links) socket.destroy();
    this.#links.clear();
  }

  async until(isTrue: () => boolean, what: string): Promise<void> {
    const state = () =>
      `${this.streams} streams, ${this.received.length} stanzas: ${this.received.join('\n')}\n${this.#ground.report}`;
    await until(isTrue, () => `${what}; ${this.domain} has got ${state()}`, 20_000);
  }

  get bodies(): string[] {
    return this.received.flatMap((xml) => /<body>([^<]*)</.exec(xml)?.[1] ?? []);
  }

  /** Opens a stream to a deployment, as a server. */
  async dial(
    deployment: { readonly ports: { readonly s2sTls: number } },
    to: string,
    { from = this.domain, hasCertificate = true } = {},
  ): Promise<PeerClient> {
    const socket = connect({
      ...(hasCertificate && this.identity),
      ...{
        host: '127.0.0.1',
        port: deployment.ports.s2sTls,
        servername: to,
        rejectUnauthorized: false,
        ALPNProtocols: ['xmpp-server'],
      },
    });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const client = new PeerClient(new Link(socket, 'a.example', () => true), from, to);
    this.#links.add(client.link);
    return client;
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const link = new Link(socket, 'a.example', () => true);
    this.#links.add(link);
    this.streams++;
    let count = 0;
    let isCounting = false;
    let isBothWays = false;
    try {
      for (;;) {
        const event = await link.read();
        if (event.kind === 'close') {
          this.closed++;
          if (this.isConfirming) link.write('</stream:stream>');
          if (this.isConfirming) link.end();
          return;
        }
        if (event.kind === 'open') {
          const bidi = this.bidi === undefined ? '' : `<bidi xmlns='${this.bidi}'/>`;
          const sm = this.hasAcks ? `<sm xmlns='${NS_SM}'/>` : '';
          const id = `fake-${this.streams}`;
          link.write(
            `<?xml version='1.0'?><stream:stream ${namespaces} from='${this.domain}' to='${event.from}' id='${id}' version='1.0'>`,
          );
          link.write(
            `<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>${bidi}${sm}</stream:features>`,
          );
          continue;
        }
        const { from, to, id } = event.attributes;
        if (event.ns === NS_BIDI) {
          isBothWays = true;
          this.bidiAsked++;
          this.bidiRequests.push(event.bytes.toString());
          if (this.hatesBidi) {
            link.write(
              `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
            );
            link.end();
            return;
          }
          continue;
        }
        if (event.ns === 'jabber:server:dialback' && event.name === 'verify' && this.verdicts !== undefined) {
          for (const verdict of this.verdicts(event.attributes)) link.write(verdict);
        } else if (event.ns === 'jabber:server:dialback') {
          this.asked.push(event.bytes.toString());
          const type = event.name === 'result' || this.isVouching ? 'valid' : 'invalid';
          const ofStream = id === undefined ? '' : ` id='${id}'`;
          if (isBothWays && event.name === 'result') this.onEarly?.(new PeerClient(link, to!, from!));
          link.write(`<db:${event.name} from='${to}' to='${from}'${ofStream} type='${type}'/>`);
          if (event.name === 'result' && this.saysBytes !== undefined) link.write(limits(this.saysBytes));
          if (isBothWays && event.name === 'result') this.bothWays.push(new PeerClient(link, to!, from!));
        } else if (event.ns === NS_SM) {
          if (event.name === 'enable') link.write(`<enabled xmlns='${NS_SM}'/>`);
          if (event.name === 'enable') isCounting = true;
          if (event.name === 'a') this.acknowledged.push(event.attributes.h!);
          if (event.name === 'r' && this.isConfirming) link.write(`<a xmlns='${NS_SM}' h='${count}'/>`);
        } else if (event.name === 'error') {
          this.errors.push(event.bytes.toString());
        } else if (event.bytes.length > this.takesBytes) {
          link.write(
            `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
          );
          link.end();
          return;
        } else if (names.has(event.name) && this.isDeaf) {
          return;
        } else if (names.has(event.name)) {
          if (isCounting) count++;
          await this.#take(event);
        }
      }
    } catch {
      this.#links.delete(link);
    }
  }

  async #take(stanza: Stanza): Promise<void> {
    const isPing = stanza.attributes.to === this.domain && stanza.hasChild('ping', 'urn:xmpp:ping');
    if (!isPing) this.received.push(stanza.bytes.toString());
    if (isPing && this.isConfirming) this.onPing?.(stanza);
  }

  /** What it was told on streams to it that routers have taken (XEP-0198). */
  readonly acknowledged: string[] = [];
  /** XEP-0288: called before it lets us in. */
  onEarly: ((stream: PeerClient) => void) | undefined;
  /** Errors that ended streams to it. */
  readonly errors: string[] = [];

  /** Answers a ping, which takes a stream of its own to whoever asked. */
  onPing: ((ping: Stanza) => void) | undefined;
}

function limits(bytes: string): string {
  return `<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>${bytes}</max-bytes></limits></stream:features>`;
}

/** A stream that the fake has opened. */
export class PeerClient {
  readonly link: Link;
  readonly from: string;
  readonly to: string;
  /** The stream id in the answer's header. */
  id = '';
  /** Everything that came. */
  readonly heard: string[] = [];

  constructor(link: Link, from: string, to: string) {
    this.link = link;
    this.from = from;
    this.to = to;
  }

  send(xml: string): void {
    this.link.write(xml);
  }

  /** @returns the features, or the error */
  async open(header = `from='${this.from}' to='${this.to}' version='1.0'`): Promise<string> {
    this.send(`<?xml version='1.0'?><stream:stream ${namespaces} ${header}>`);
    const opening = await this.link.read();
    if (opening.kind === 'open') this.id = opening.id ?? '';
    return this.next();
  }

  /** The next element, `</stream:stream>`, or 'closed'. */
  async next(): Promise<string> {
    const event = await this.link.read().catch(() => undefined);
    const xml = event === undefined ? 'closed' : event.kind === 'stanza' ? event.bytes.toString() : '</stream:stream>';
    this.heard.push(xml);
    return xml;
  }

  /** By dialback. @returns the answer */
  async prove(key = 'a key'): Promise<string> {
    this.send(`<db:result from='${this.from}' to='${this.to}'>${key}</db:result>`);
    return this.next();
  }

  /** By its certificate. */
  async authenticate(identity = '='): Promise<string> {
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${identity}</auth>`);
    const answer = await this.next();
    if (answer.startsWith('<success')) this.link.restart();
    return answer;
  }
}
