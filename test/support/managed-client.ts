/** A client with XEP-0198 that counts what it gets, loses its connection, and comes back to its session at any port. */
import { type Received, TcpClient } from './tcp-client.ts';

const NS_SM = 'urn:xmpp:sm:3';
const counted: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);
const patienceMs = 20_000;
/** Tries bounded by what chance could need: each lands on either process with the same probability. */
const triesMax = 60;

export interface Door {
  /** Direct TLS. */
  readonly port: number;
}

export class ManagedClient {
  readonly jid: string;
  readonly #password: string;
  client!: TcpClient;
  #resumeId = '';
  /** Stanzas received since XEP-0198 was enabled; the server is told of them when `isDiligent`. */
  received = 0;
  isDiligent = true;
  readonly stanzas: Received[] = [];

  private constructor(jid: string, password: string) {
    this.jid = jid;
    this.#password = password;
  }

  static async signIn(door: Door, jid: string, password: string): Promise<ManagedClient> {
    const managed = new ManagedClient(jid, password);
    await managed.#authenticate(door);
    await managed.bind();
    return managed;
  }

  /** Processes share the port: signs in until it is at this one. Its presence is sent, and answered. */
  static async signInAt(node: string, door: Door, jid: string, password: string): Promise<ManagedClient> {
    for (let tries = 0; tries < triesMax; tries++) {
      const client = await ManagedClient.signIn(door, jid, password);
      if (client.node === node) {
        client.send('<presence/>');
        await client.settle();
        return client;
      }
      await client.client.close();
    }
    throw new Error(`${triesMax} sockets in turn did not come to ${node}`);
  }

  /** @returns `resumed` or `failed` */
  async resume(door: Door): Promise<Received> {
    await this.#authenticate(door);
    this.#listen();
    this.client.send(`<resume xmlns='${NS_SM}' previd='${this.#resumeId}' h='${this.received}'/>`);
    return this.client.next(({ name }) => name === 'resumed' || name === 'failed');
  }

  async bind(): Promise<void> {
    this.client.onElement = undefined;
    await this.client.bind(this.jid.split('/')[1]!);
    this.client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    this.#resumeId = (await this.client.next('enabled')).attributes.id!;
    this.received = 0;
    this.#listen();
  }

  /** The name of the node that held the session when XEP-0198 was enabled: `c1` of `n.c1.<incarnation>`. */
  get node(): string {
    return Buffer.from(this.#resumeId, 'base64url').toString().split('.')[1]!;
  }

  send(xml: string): void {
    this.client.send(xml);
  }

  acknowledge(): void {
    this.send(`<a xmlns='${NS_SM}' h='${this.received}'/>`);
  }

  /** Everything sent before has been handled. */
  async settle(): Promise<void> {
    const id = `settle-${Math.random()}`;
    this.send(`<iq type='get' id='${id}' to='${this.jid.split(/[@/]/)[1]}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.until(() => this.stanzas.some(({ attributes }) => attributes.id === id), 'an answer');
  }

  /** Bodies of messages, in the order in which they came. */
  get bodies(): string[] {
    return this.stanzas.flatMap(({ name, xml }) => (name === 'message' ? (/<body>([^<]*)</.exec(xml)?.[1] ?? []) : []));
  }

  /** Types of presence from an address, '' for available, in order. */
  presenceFrom(jid: string): string[] {
    const found = this.stanzas.filter(({ name, attributes }) => name === 'presence' && attributes.from === jid);
    return found.map(({ attributes }) => attributes.type ?? '');
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!holds()) {
      if (performance.now() > untilMs) throw new Error(`${this.jid} waited in vain for ${what}: ${this.bodies.join()}`);
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  }

  async #authenticate({ port }: Door): Promise<void> {
    this.client = await TcpClient.connect(port, this.jid.split(/[@/]/)[1]!);
    await this.client.open();
    await this.client.authenticate(this.jid.split('@')[0]!, this.#password);
  }

  #listen(): void {
    this.client.onElement = (element) => {
      if (counted.has(element.name)) {
        this.received++;
        this.stanzas.push(element);
      } else if (element.name === 'r' && this.isDiligent) this.acknowledge();
    };
  }
}

/** Each sees the other's presence. */
export async function befriend(one: ManagedClient, other: ManagedClient): Promise<void> {
  const bare = ({ jid }: ManagedClient) => jid.split('/')[0];
  for (const [asker, answerer] of [
    [one, other],
    [other, one],
  ] as const) {
    asker.send(`<presence type='subscribe' to='${bare(answerer)}'/>`);
    await asker.settle();
    answerer.send(`<presence type='subscribed' to='${bare(asker)}'/>`);
    await answerer.settle();
  }
}
