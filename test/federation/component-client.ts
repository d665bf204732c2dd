/** A component (XEP-0114), as a test wants it to be: honest, silent, or hostile. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { componentContext } from '../../lib/runtime/tenants.ts';
import { openBounds, type ScannerEvent, StreamScanner } from '../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { openKeys } from '../../services/cli/compose/certificate-keys.ts';
import { componentAdd } from '../../services/router/operations/components.ts';
import { until } from '../support/until.ts';
import type { Deployment } from './deployments.ts';

const NS = 'jabber:component:accept';

/** Adds a component as `skylark component add` does. @returns its secret */
export async function addComponent({ folder }: Deployment, component: string): Promise<string> {
  const keys = await openKeys({ kms: 'aws', kmsKey: undefined, keyFile: undefined, region: 'eu-central-1' }, folder);
  const secret = systemClock.randomBytes(12).toString('hex');
  const sealedSecret = await keys.seal(Buffer.from(secret), componentContext(component));
  const admin = await openAdmin(folder);
  await admin.ask(componentAdd, { domain: component.slice(component.indexOf('.') + 1), component, sealedSecret });
  await admin.close();
  return secret;
}

export class ComponentClient implements AsyncDisposable {
  readonly domain: string;
  /** The stream id in the header of the answer. */
  id = '';
  /** Stanzas that came, without pings, and errors of the stream. */
  readonly received: Stanza[] = [];
  /** Pings are answered. */
  isAnswering = true;
  /** Our closing tag is answered. */
  isClosing = true;
  isClosed = false;
  readonly #socket: Socket;
  readonly #scanner = new StreamScanner({ contentNs: NS, bounds: openBounds });
  #pings = 0;

  private constructor(domain: string, socket: Socket) {
    this.domain = domain;
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk) => {
      this.#scanner.push(chunk);
      for (let event = this.#scanner.next(); event !== undefined; event = this.#scanner.next()) this.#take(event);
    });
  }

  /** Without a header. */
  static async dial(port: number, domain: string): Promise<ComponentClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new ComponentClient(domain, socket);
    await once(socket, 'connect');
    return client;
  }

  /** Opens a stream and proves itself. */
  static async attach({ ports }: Deployment, domain: string, secret: string): Promise<ComponentClient> {
    const client = await ComponentClient.dial(ports.component, domain);
    await client.open();
    client.handshake(secret);
    await client.next('handshake');
    return client;
  }

  get pings(): number {
    return this.#pings;
  }

  send(xml: string): void {
    this.#socket.write(xml);
  }

  pause(): void {
    this.#socket.pause();
  }

  /** @param header instead of the honest one */
  async open(header = `to='${this.domain}'`): Promise<void> {
    this.send(`<?xml version='1.0'?><stream:stream xmlns='${NS}' xmlns:stream='http://etherx.jabber.org/streams' ${header}>`);
    await until(
      () => this.id !== '',
      () => `a header for ${this.domain}`,
    );
  }

  handshake(secret: string): void {
    this.send(`<handshake>${createHash('sha1').update(`${this.id}${secret}`).digest('hex')}</handshake>`);
  }

  /** Takes the next element of this name, from those that came. */
  async next(name: string): Promise<Stanza> {
    const find = () => this.received.findIndex((one) => one.name === name);
    await until(
      () => find() >= 0,
      () => `<${name}/> for ${this.domain}; received: ${this.received.map(({ bytes }) => bytes).join('\n')}`,
      15_000,
    );
    return this.received.splice(find(), 1)[0]!;
  }

  /** The condition of the error with which the stream ends. */
  async error(): Promise<string> {
    const error = await this.next('error');
    await until(
      () => this.isClosed,
      () => 'the end of the connection',
    );
    return error.children[0]!.name;
  }

  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #take(event: ScannerEvent): void {
    if (event.kind === 'open') this.id = event.id ?? '';
    else if (event.kind === 'close') {
      if (this.isClosing) this.#socket.end('</stream:stream>');
    } else if (event.hasChild('ping', 'urn:xmpp:ping')) {
      this.#pings++;
      const { id, from, to } = event.attributes;
      if (this.isAnswering) this.send(`<iq type='result' id='${id}' from='${to}' to='${from}'/>`);
    } else this.received.push(event);
  }
}
