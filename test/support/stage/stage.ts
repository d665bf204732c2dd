/**
 * A deployment in memory with two tenants, `a.example` and `b.example`, and people who use it: XML in, XML out.
 *
 *     const stage = await openStage();
 *     const juliet = await stage.join('juliet@a.example/balcony');
 *     const romeo = await stage.join('romeo@b.example/orchard');
 *     await juliet.send(`<message to='romeo@b.example/orchard' type='chat'><body>Art thou not Romeo?</body></message>`);
 *     romeo.receives(`<message from='juliet@a.example/balcony' to='romeo@b.example/orchard' type='chat'>…</message>`);
 *
 * A stage has a door, where what people send goes in. Behind the door are the real services; the stage plays those in front of it, and then a
 * test can do what only they do.
 *
 *     openStage()    whole-stage.ts    a client's door: connection node, router and rooms are real
 *     openRouter()   router-stage.ts   a connection node's door: the stage sends batches to a router, and may say their ids
 *     openRooms()    rooms-stage.ts    a router's door: the stage sends requests to the workers of rooms
 *
 * The words are the same at each.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Conflict, type Store } from '../../../lib/ports/store.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import { IdMint } from '../../../lib/runtime/ids.ts';
import { Outbox } from '../../../lib/runtime/outbox.ts';
import type { ShardOwner } from '../../../lib/runtime/shard-owner.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { type DoneReply, type InboundRequest, routerSubject } from '../../../lib/runtime/wire.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { RoomFeature } from '../../../services/muc/core/room-feature.ts';
import { type MucWorker, startMucWorker } from '../../../services/muc/worker.ts';
import { createAccount } from '../../../services/router/core/accounts.ts';
import type { Actor } from './actor.ts';
import type { EmbeddedDependencies } from './parts.ts';
import { playScene, type Scene } from './scene.ts';
import { watched } from './watched.ts';

/** The stage is quiet when nothing was under way for so many turns of the event loop. */
const quietTurns = 8;

export interface RoomsOptions {
  /** Instead of those of services/muc/features/index.ts. */
  readonly roomFeatures?: readonly RoomFeature[];
  readonly shards?: ShardOwner;
  readonly store?: Store;
  readonly clock?: Clock;
  /** What is for domains that are not of the stage goes to the outbox; the test plays the owners of the pairs. */
  readonly isFederated?: boolean;
}

export abstract class Stage<A extends Actor = Actor> {
  readonly dependencies: EmbeddedDependencies;
  /** Who has joined, by the session's name. */
  protected readonly actors = new Map<string, A>();
  readonly #activity = { calls: 0, underWay: 0 };
  readonly #workers: MucWorker[] = [];
  #sids = 0;

  constructor(dependencies: EmbeddedDependencies) {
    const { close } = dependencies;
    const store = watched(dependencies.store, this.#activity);
    this.dependencies = { ...dependencies, store, close };
  }

  get store(): Store {
    return this.dependencies.store;
  }

  get bus(): Bus {
    return this.dependencies.bus;
  }

  get tenants(): Tenants {
    return this.dependencies.tenants;
  }

  get ids(): IdMint {
    return this.dependencies.ids;
  }

  /** Calls of the store so far, of all kinds. */
  get storeCalls(): number {
    return this.#activity.calls;
  }

  /** Somebody with a session whose inbox is empty. */
  abstract join(address: string): Promise<A>;

  /** The stream of somebody is over, without a word from the client. */
  protected abstract leave(actor: A): Promise<void>;

  /** Adds the tenants; what serves comes after it. */
  protected async open(): Promise<void> {
    for (const domain of ['a.example', 'b.example']) await this.tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.stop();
    await this.dependencies.close();
  }

  mint(): string {
    return this.ids.mint();
  }

  protected nextSid(): string {
    return `s${++this.#sids}`;
  }

  /** One more worker of rooms: what it knows, it has read. */
  async startRooms({ shards, roomFeatures, isFederated, ...own }: RoomsOptions = {}): Promise<MucWorker> {
    const dependencies = this.#dependenciesOf(own);
    const outside = isFederated ? { isFederated, outbox: new Outbox(dependencies) } : {};
    const worker = await startMucWorker({
      ...{ ...dependencies, ...outside, worker: `w${this.#workers.length}` },
      ...{ shards, roomFeatures },
    });
    this.#workers.push(worker);
    return worker;
  }

  /** With a store or a clock of its own, a worker is like a process apart; otherwise it is in one process with the router. */
  #dependenciesOf({ store = this.store, clock: wall }: RoomsOptions): EmbeddedDependencies {
    if (store === this.store && wall === undefined) return this.dependencies;
    const clock = DeploymentClock.of(wall ?? this.dependencies.clock);
    const { bus } = this;
    const parts = { store, clock, ids: new IdMint(clock), deliverer: new Deliverer(bus), tenants: new Tenants(store, clock) };
    return { ...this.dependencies, ...parts };
  }

  async stopRooms(): Promise<void> {
    for (const worker of this.#workers.splice(0)) await worker.stop();
  }

  /** Another worker takes all rooms over. */
  async restartRooms(options?: RoomsOptions): Promise<MucWorker> {
    await this.stopRooms();
    return this.startRooms(options);
  }

  /** Makes an account without a session; its password is unknown. */
  async register(address: string, scram = unknownPassword): Promise<void> {
    const { local, domain } = Jid.parse(address);
    const row = { createdAt: new Date(0).toISOString(), incarnation: this.mint(), scram };
    try {
      await createAccount(this.store, domain, local, row);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }

  /** Joins, asks for the roster and sends initial presence. The inbox is empty. */
  async appear(address: string): Promise<A> {
    const actor = await this.join(address);
    await actor.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
    await actor.send('<presence/>');
    actor.take();
    return actor;
  }

  /** Each sees the other's presence from now on. The inboxes of all who are on the stage are empty. */
  async befriend(one: Actor, other: Actor): Promise<void> {
    for (const [asker, answerer] of [
      [one, other],
      [other, one],
    ] as const) {
      await asker.send(`<presence type='subscribe' to='${answerer.jid.bare}'/>`);
      await answerer.send(`<presence type='subscribed' to='${asker.jid.bare}'/>`);
    }
    this.clear();
  }

  clear(): void {
    for (const actor of this.actors.values()) actor.take();
  }

  async play(...scenes: readonly Scene[]): Promise<void> {
    for (const [index, scene] of scenes.entries()) await playScene(scene, (actor) => this.leave(actor as A), `step ${index + 1}`);
  }

  /** A stanza comes in from outside of the bus, as from another tenant's router. */
  async arrive(domain: string, xml: string, id = this.mint()): Promise<DoneReply> {
    const request: InboundRequest = { kind: 'inbound', domain, ids: [id] };
    return (await this.ask<DoneReply>(request, [xml])).header;
  }

  /** Any request to the router. */
  async ask<Header>(request: object, bodies: readonly string[]): Promise<{ header: Header; bodies: readonly Buffer[] }> {
    const payload = encodeFrame(
      request,
      bodies.map((body) => Buffer.from(body)),
    );
    return decodeFrame<Header & object>(await this.bus.request(routerSubject, payload, { timeoutMs: 10_000 }));
  }

  /** Nothing is under way any more; what waits for the clock still waits. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      await turn();
      if (this.#activity.underWay > 0) quiet = 0;
    }
  }
}

const noKeys = { salt: '', iterations: 4_096, storedKey: '', serverKey: '' };
const unknownPassword = { 'SHA-1': noKeys, 'SHA-256': noKeys };
