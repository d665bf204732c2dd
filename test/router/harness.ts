/**
 * A router on a stage: scripts that read like the RFC, played through the bus as a connection node would (StepRequest in,
 * DeliverRequest out), on the embedded store.
 *
 *     const stage = await openStage();
 *     const juliet = await stage.join('juliet@a.example/balcony');
 *     const romeo = await stage.join('romeo@b.example/orchard');
 *     await stage.play(
 *       [juliet, 'sends', `<message to='romeo@b.example/orchard' type='chat'><body>Art thou not Romeo?</body></message>`],
 *       [romeo, 'receives', `<message from='juliet@a.example/balcony' to='romeo@b.example/orchard' type='chat'>…</message>`],
 *       [juliet, 'receives nothing'],
 *     );
 *
 * `a.example` and `b.example` are two tenants. Joining makes the account when it is new, and binds for real; only SASL is left out.
 * When a step `sends` is over, its deliveries are in the inboxes, those behind other tenants too; what a request answers later,
 * as a delivery, `receives` waits for. Two people who receive at the same time are two steps, in any order. In expected XML,
 * `{any}` stands for any value (xml-equality.ts). Catch-up after initial presence is asked for, and acknowledged, as a node does.
 */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Conflict, type Store } from '../../lib/ports/store.ts';
import { answering } from '../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import {
  type DeliverReply,
  type DoneReply,
  type InboundRequest,
  type NodeRequest,
  type RoomRequest,
  routerSubject,
  type StepItem,
  type StepReply,
  type StepRequest,
  shardCount,
} from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { spliceTo } from '../../lib/xmpp/stanza.ts';
import { type MucWorker, startMucWorker } from '../../services/muc/worker.ts';
import { createAccount, findAccount } from '../../services/router/core/accounts.ts';
import type { AccountFeature } from '../../services/router/core/feature.ts';
import { features as allFeatures } from '../../services/router/features/index.ts';
import { type Router, startRouter } from '../../services/router/router.ts';
import { type EmbeddedDependencies, embeddedDependencies } from './embedded-dependencies.ts';
import { assertXml, isSameXml } from './xml-equality.ts';

const node = 'n.stage.1';
/** Answers that come as deliveries of their own come within this, or never. */
const patienceMs = 2_000;
const pollMs = 20;

export type Scene =
  /** Goes to the router as a batch of its own; resolves when the router has answered. */
  | readonly [Actor, 'sends', string]
  /** The next stanzas of this session, in this order. */
  | readonly [Actor, 'receives', ...string[]]
  /** The next stanzas of this session are these, whatever their order. */
  | readonly [Actor, 'receives in any order', ...string[]]
  | readonly [Actor, 'receives nothing']
  /** The stream is over, without a word from the client. */
  | readonly [Actor, 'leaves'];

/** One session, as the node that holds it sees it. */
export class Actor {
  readonly jid: Jid;
  readonly sid: string;
  /** What was written on its stream and no scene has looked at yet. */
  readonly inbox: string[] = [];
  /** The stream error that the router ended the stream with. */
  closed: string | undefined;
  readonly #stage: Stage;
  #session: string;
  /** What waits for the account is for this session. */
  #isOpen = false;

  /** @param incarnation of the account whose password was checked */
  constructor(stage: Stage, jid: Jid, sid: string, incarnation: string | undefined) {
    this.#stage = stage;
    this.jid = jid;
    this.sid = sid;
    this.#session = JSON.stringify({ secure: true, failures: 0, local: jid.local, incarnation });
  }

  /** @param id the ingress id: the same once more is what a node does when a router's answer got lost */
  async send(xml: string, id = this.#stage.mint()): Promise<StepReply> {
    return this.step([{ kind: 'stanza', id, body: true }], [xml]);
  }

  async end(): Promise<void> {
    await this.step([{ kind: 'end' }], []);
  }

  /** Any batch, as a node sends it. Fails when the router wants it again. */
  async step(items: readonly StepItem[], bodies: readonly string[]): Promise<StepReply> {
    const { sid } = this;
    const request: StepRequest = { kind: 'step', node, sid, domain: this.jid.domain, session: this.#session, items };
    const { header, bodies: written } = await this.#stage.ask<StepReply>(request, bodies);
    assert.ok(header.ok, `the router did not take ${JSON.stringify(items)} ${bodies.join()}`);
    this.#session = header.session ?? this.#session;
    this.closed = header.close?.condition ?? this.closed;
    this.inbox.push(...written.map(String));
    await this.#acknowledge(header.out.flatMap(({ id }) => id ?? []));
    await this.#catchUp(header);
    return header;
  }

  async #acknowledge(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.step([{ kind: 'delivered', ids }], []);
  }

  async #catchUp({ queue, next }: StepReply): Promise<void> {
    const wasOpen = this.#isOpen;
    this.#isOpen = queue === undefined ? wasOpen : queue !== 'closed';
    const after = next ?? (queue === 'opened' || (this.#isOpen && !wasOpen) ? '' : undefined);
    if (after !== undefined) await this.step([{ kind: 'catchUp', after, seen: [] }], []);
  }

  /** Takes the next stanza; waits for it, within bounds. */
  async next(): Promise<string> {
    for (let waited = 0; this.inbox.length === 0 && waited < patienceMs; waited += pollMs) await pause(pollMs);
    const xml = this.inbox.shift();
    assert.ok(xml !== undefined, `${this.jid} received nothing`);
    return xml;
  }
}

/** The store, counting what it is asked. */
function counting(store: Store, count: () => void): Store {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
      if (typeof method !== 'function') return method;
      return (...values: unknown[]) => {
        count();
        return method.apply(target, values);
      };
    },
  });
}

export class Stage {
  readonly dependencies: EmbeddedDependencies;
  /** What reached the rooms' workers, who are not on this stage and take everything. */
  readonly rooms: { readonly request: RoomRequest; readonly xml: string }[] = [];
  /** What the rooms' workers throw, if anything. */
  roomFault: Error | undefined;
  /** Calls of the store so far, of all kinds. */
  storeCalls = 0;
  readonly #actors = new Map<string, Actor>();
  #router: Router | undefined;
  #worker: MucWorker | undefined;
  #sids = 0;

  constructor(dependencies: EmbeddedDependencies) {
    const store = counting(dependencies.store, () => this.storeCalls++);
    this.dependencies = { ...dependencies, store, close: dependencies.close };
  }

  async open(hasRooms: boolean): Promise<void> {
    const { bus, tenants } = this.dependencies;
    for (const domain of ['a.example', 'b.example']) await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
    await bus.serve(node, (payload) => this.#deliver(payload));
    const takeRoom = answering(this.dependencies.log, (payload) => this.#takeRoom(payload));
    if (hasRooms) await this.startRooms();
    else for (let shard = 0; shard < shardCount; shard++) await bus.serve(`m.${shard}`, takeRoom);
    this.#router = await startRouter(this.dependencies);
  }

  /** Another worker takes over: what it knows, it has read. */
  async startRooms(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = await startMucWorker({ ...this.dependencies, worker: 'stage' });
  }

  async close(): Promise<void> {
    await this.#worker?.stop();
    await this.#router?.stop();
    await this.dependencies.close();
  }

  mint(): string {
    return this.dependencies.ids.mint();
  }

  /** Makes an account without a session, nor a password that works. */
  async register(address: string): Promise<void> {
    const { local, domain } = Jid.parse(address);
    const keys = { salt: '', iterations: 4_096, storedKey: '', serverKey: '' };
    const scram = { 'SHA-1': keys, 'SHA-256': keys };
    const row = { createdAt: new Date(0).toISOString(), incarnation: this.mint(), scram };
    try {
      await createAccount(this.dependencies.store, domain, local, row);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }

  /** Binds a resource; the account is made when there is none. The inbox is empty. */
  async join(address: string): Promise<Actor> {
    const jid = Jid.parse(address);
    await this.register(address);
    const account = await findAccount(this.dependencies.store, jid.domain, jid.local);
    const actor = new Actor(this, jid, `s${++this.#sids}`, account?.incarnation);
    this.#actors.set(actor.sid, actor);
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${jid.resource}</resource></bind>`;
    const { bound } = await actor.send(`<iq type='set' id='bind'>${bind}</iq>`);
    assert.equal(bound, jid.toString());
    actor.inbox.length = 0;
    return actor;
  }

  /** Joins, asks for the roster and sends initial presence. The inbox is empty. */
  async appear(address: string): Promise<Actor> {
    const actor = await this.join(address);
    await actor.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
    await actor.send('<presence/>');
    actor.inbox.length = 0;
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
    for (const actor of this.#actors.values()) actor.inbox.length = 0;
  }

  async play(...scenes: readonly Scene[]): Promise<void> {
    for (const [index, scene] of scenes.entries()) await this.#playOne(scene, `step ${index + 1}`);
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
    return decodeFrame<Header>(await this.dependencies.bus.request(routerSubject, payload, { timeoutMs: 10_000 }));
  }

  async #playOne(scene: Scene, where: string): Promise<void> {
    const [actor, verb, ...xmls] = scene;
    const who = `${where}: ${actor.jid} ${verb}`;
    switch (verb) {
      case 'sends':
        await actor.send(scene[2]);
        return;
      case 'receives':
        for (const xml of xmls) assertXml(await actor.next(), xml, undefined);
        return;
      case 'receives in any order': {
        const received: string[] = [];
        for (const _ of xmls) received.push(await actor.next());
        for (const xml of xmls) {
          const index = received.findIndex((other) => isSameXml(other, xml));
          assert.ok(index >= 0, `${who}:\n${xml}\nis not among\n${received.join('\n')}`);
          received.splice(index, 1);
        }
        return;
      }
      case 'receives nothing':
        assert.deepEqual(actor.inbox, [], who);
        return;
      case 'leaves':
        await actor.end();
        this.#actors.delete(actor.sid);
    }
  }

  #deliver(payload: Uint8Array): Uint8Array {
    const { header, bodies } = decodeFrame<NodeRequest>(payload);
    if (header.kind === 'close') {
      const actor = this.#actors.get(header.sid);
      if (actor) actor.closed = header.condition;
      this.#actors.delete(header.sid);
      return encodeFrame({ ok: true } satisfies DoneReply);
    }
    assert.equal(header.kind, 'deliver');
    const missing: string[] = [];
    const items = header.kind === 'deliver' ? header.items : [];
    items.forEach(({ sids, tos }, index) => {
      for (const [at, sid] of sids.entries()) {
        const actor = this.#actors.get(sid);
        const to = tos?.[at];
        if (actor) actor.inbox.push((to ? spliceTo(bodies[index]!, to) : bodies[index]!).toString());
        else missing.push(sid);
      }
    });
    return encodeFrame({ missing } satisfies DeliverReply);
  }

  #takeRoom(payload: Uint8Array): Uint8Array {
    const { header, bodies } = decodeFrame<RoomRequest>(payload);
    this.rooms.push({ request: header, xml: bodies[0]?.toString() ?? '' });
    if (this.roomFault) throw this.roomFault;
    return encodeFrame({ ok: true } satisfies DoneReply);
  }
}

/** Close it when the test ends: `t.after(() => stage.close())`. */
export async function openStage(
  options: {
    readonly features?: readonly AccountFeature[];
    /** Puts something between the router and its parts. */
    readonly wrap?: (dependencies: EmbeddedDependencies) => EmbeddedDependencies;
    /** With the real rooms instead of {@link Stage.rooms}. */
    readonly hasRooms?: boolean;
  } = {},
): Promise<Stage> {
  const dependencies = await embeddedDependencies({ features: options.features ?? allFeatures });
  const stage = new Stage(options.wrap?.(dependencies) ?? dependencies);
  await stage.open(options.hasRooms === true);
  return stage;
}
