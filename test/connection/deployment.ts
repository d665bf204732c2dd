/** Connection nodes with a real router on embedded adapters and a clock that stands; and people with XEP-0198 clients. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type MemoryBus, memoryBus } from '../../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { readSessions, type SessionEntry } from '../../lib/runtime/sessions.ts';
import { askRouter } from '../../services/cli/compose/admin-socket.ts';
import { composeRouter } from '../../services/cli/compose/compose-router.ts';
import { PemTls } from '../../services/connection/door/tls.ts';
import { type ConnectionNode, type Listen, startConnectionNode } from '../../services/connection/node.ts';
import type { Dependencies } from '../../services/router/core/dependencies.ts';
import { bind, certificate, enable, NS_SM, signIn, until } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';
import type { RawClient } from './raw-client.ts';

let identity: ReturnType<typeof certificate> | undefined;

export class Deployment {
  readonly clock = new ManualClock();
  readonly bus: MemoryBus = memoryBus({ clock: this.clock });
  /** Writes of nodes fail while this is set. */
  isStoreAway = false;
  readonly nodes: ConnectionNode[] = [];
  dependencies!: Dependencies;
  store!: Store;
  readonly #folder = mkdtempSync(join(tmpdir(), 'skylark-deployment-'));
  readonly #dead = new Set<string>();
  readonly #accounts = new Set<string>();
  #stopRouter: () => Promise<void> = async () => {};

  static async open(): Promise<Deployment> {
    const deployment = new Deployment();
    deployment.store = await openSqliteStore(deployment.#folder, { clock: deployment.clock });
    const { clock, bus, store } = deployment;
    const { dependencies, router } = await composeRouter({
      store,
      bus,
      clock,
      log: pino({ level: process.env.LOG ?? 'silent' }),
    });
    deployment.dependencies = dependencies;
    deployment.#stopRouter = () => router.stop();
    await dependencies.tenants.add('example.org', { registration: 'closed', retentionDays: 0 });
    return deployment;
  }

  async node(name: string, listen: Omit<Listen, 'bind'> = { c2sTlsPort: 0 }): Promise<ConnectionNode> {
    identity ??= certificate('example.org');
    const isDead = () => this.#dead.has(name);
    const node = await startConnectionNode({
      bus: this.#nodeBus(isDead),
      store: this.#nodeStore(isDead),
      clock: this.clock,
      log: this.dependencies.log,
      node: name,
      tls: new PemTls([await identity]),
      listen: { bind: '127.0.0.1', ...listen },
    });
    this.nodes.push(node);
    return node;
  }

  /** Nothing that it does reaches anybody any more. */
  kill(node: ConnectionNode): void {
    this.#dead.add(node.subject.split('.')[1]!);
  }

  /** Runs what needs the clock to go on. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    while (!isDone) {
      await this.clock.advance(10);
      // Files take real time: no timeout is to ring because of that.
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    return done;
  }

  async account(user: string): Promise<void> {
    if (this.#accounts.has(user)) return;
    this.#accounts.add(user);
    const { ok, error } = await askRouter(this.bus, 'user-add', { jid: `${user}@example.org`, password: 'secret' });
    if (!ok) throw new Error(error);
  }

  async sessions(user: string): Promise<readonly SessionEntry[]> {
    return (await readSessions(this.store, [{ domain: 'example.org', local: user }]))[0]!;
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await this.during(node.stop());
    await this.#stopRouter();
    await this.bus.close();
    await this.store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #nodeBus(isDead: () => boolean): Bus {
    const { bus } = this;
    return {
      serve: (subject, handler, options) =>
        bus.serve(
          subject,
          (payload, from) => {
            if (isDead()) throw new Error('dead');
            return handler(payload, from);
          },
          options,
        ),
      request: (subject, payload, options) =>
        isDead() ? Promise.reject(new Unavailable('dead')) : bus.request(subject, payload, options),
      publish: (subject, payload) => (isDead() ? undefined : bus.publish(subject, payload)),
      close: async () => {},
    };
  }

  #nodeStore(isDead: () => boolean): Store {
    return new Proxy(this.store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...values: unknown[]) => unknown;
        return (...values: unknown[]) => {
          if (this.isStoreAway || isDead()) return Promise.reject(new Unavailable('the store is away'));
          return method.apply(target, values);
        };
      },
    });
  }
}

/** Stanzas of a stream, without what XEP-0198 does not count. */
const stanza = /<(message|presence|iq)\b(?:[^>]*\/>|.*?<\/\1>)/gs;

export class Person {
  readonly user: string;
  readonly resource: string;
  readonly #deployment: Deployment;
  client!: RawClient;
  previd = '';
  /** Everything that came on streams before this one. */
  #before = '';
  /** Since XEP-0198 was enabled. */
  #enabledAt = 0;

  private constructor(deployment: Deployment, user: string, resource: string) {
    this.#deployment = deployment;
    this.user = user;
    this.resource = resource;
  }

  static async join(
    deployment: Deployment,
    node: ConnectionNode,
    jid: string,
    options: { readonly managed?: boolean; readonly presence?: string } = {},
  ): Promise<Person> {
    const { managed = true, presence = '<presence/>' } = options;
    const [user = '', resource = ''] = jid.split('/');
    const person = new Person(deployment, user, resource);
    await deployment.account(user);
    await person.#connect(node);
    await bind(person.client, resource);
    if (managed) person.previd = await enable(person.client);
    person.client.forget();
    person.client.send(presence);
    await person.settle();
    return person;
  }

  get jid(): string {
    return `${this.user}@example.org/${this.resource}`;
  }

  get #all(): string {
    return this.#before + this.client.text;
  }

  get stanzas(): string[] {
    return [...this.#all.matchAll(stanza)].map(([text]) => text);
  }

  /** As the client counts. */
  get received(): number {
    return this.stanzas.length - this.#enabledAt;
  }

  get bodies(): string[] {
    return [...this.#all.matchAll(/<body>([^<]*)</g)].map(([, text]) => text!);
  }

  /** '' for available. */
  presenceFrom(jid: string): string[] {
    const own = this.stanzas.filter(
      (text) => (text.startsWith('<presence') && text.includes(`from='${jid}'`)) || text.includes(`from="${jid}"`),
    );
    return own.filter((text) => text.startsWith('<presence')).map((text) => /type=['"]([^'"]*)/.exec(text)?.[1] ?? '');
  }

  say(to: string, ...texts: string[]): void {
    for (const text of texts) this.client.send(`<message type='chat' to='${to}'><body>${text}</body></message>`);
  }

  async heard(text: string): Promise<void> {
    await until(() => this.bodies.includes(text), `${this.jid} hears ${text}; there is ${this.#all}`);
  }

  acknowledge(h = this.received): void {
    this.client.send(`<a xmlns='${NS_SM}' h='${h}'/>`);
  }

  /** What was sent before is handled. */
  async settle(): Promise<void> {
    const id = `s${Math.random()}`;
    this.client.send(`<iq type='get' id='${id}' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await until(() => this.#all.includes(id), `${this.jid} is answered; there is ${this.#all}`);
  }

  /** @returns the answer to `<resume/>`; what comes behind it counts on */
  async resume(node: ConnectionNode, h = this.received): Promise<string> {
    const before = this.#all;
    await this.#connect(node);
    this.#before = before;
    this.client.send(`<resume xmlns='${NS_SM}' previd='${this.previd}' h='${h}'/>`);
    const [answer] = await this.client.read(/<resumed[^>]*>|<failed.*?<\/failed>/);
    return answer;
  }

  /** After a `<failed/>`: on the same stream. */
  async bindAgain(resource = this.resource): Promise<void> {
    const before = this.#all;
    await bind(this.client, resource);
    this.previd = await enable(this.client);
    this.client.forget();
    this.#before = before;
    this.#enabledAt = this.stanzas.length;
  }

  async #connect(node: ConnectionNode): Promise<void> {
    this.client = await signIn(node, this.user);
    void this.#deployment;
  }
}

export async function befriend(one: Person, other: Person): Promise<void> {
  for (const [asker, answerer] of [
    [one, other],
    [other, one],
  ] as const) {
    asker.client.send(`<presence type='subscribe' to='${answerer.user}@example.org'/>`);
    await asker.settle();
    answerer.client.send(`<presence type='subscribed' to='${asker.user}@example.org'/>`);
    await answerer.settle();
  }
}
