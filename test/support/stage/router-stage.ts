/**
 * A stage with a connection node's door: what people send goes to a router in batches (StepRequest in, DeliverRequest out). Joining makes the
 * account when it is new, and binds for real; only SASL is left out. Catch-up after initial presence is asked for, and acknowledged, as a node
 * does.
 */
import assert from 'node:assert/strict';
import { answering } from '../../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import {
  type DoneReply,
  type RoomRequest,
  type StepItem,
  type StepReply,
  type StepRequest,
  shardCount,
} from '../../../lib/runtime/wire.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { findAccount } from '../../../services/router/core/accounts.ts';
import type { AccountFeature } from '../../../services/router/core/feature.ts';
import { features as allFeatures } from '../../../services/router/features/index.ts';
import { type Router, startRouter } from '../../../services/router/router.ts';
import { Actor } from './actor.ts';
import { type EmbeddedDependencies, embeddedDependencies } from './parts.ts';
import { PlayedNode } from './played-node.ts';
import { Stage } from './stage.ts';

/** One session, as the node that holds it sees it. */
export class BatchActor extends Actor {
  readonly #stage: RouterStage;
  #session: string;
  /** What waits for the account is for this session. */
  #isOpen = false;

  /** @param incarnation of the account whose password was checked */
  constructor(stage: RouterStage, jid: Jid, sid: string, incarnation: string | undefined) {
    super(jid, sid);
    this.#stage = stage;
    this.#session = JSON.stringify({ secure: true, failures: 0, local: jid.local, incarnation });
  }

  /** @param id the ingress id: the same once more is what a node does when a router's answer got lost */
  override async send(xml: string, id = this.#stage.mint()): Promise<StepReply> {
    return this.step([{ kind: 'stanza', id, body: true }], [xml]);
  }

  async end(): Promise<void> {
    await this.step([{ kind: 'end' }], []);
  }

  /** Any batch, as a node sends it. Fails when the router wants it again. */
  async step(items: readonly StepItem[], bodies: readonly string[]): Promise<StepReply> {
    const { sid } = this;
    const { subject } = this.#stage.node;
    const request: StepRequest = { kind: 'step', node: subject, sid, domain: this.jid.domain, session: this.#session, items };
    const { header, bodies: written } = await this.#stage.ask<StepReply>(request, bodies);
    assert.ok(header.ok, `the router did not take ${JSON.stringify(items)} ${bodies.join()}`);
    this.#session = header.session ?? this.#session;
    this.closed = header.close?.condition ?? this.closed;
    this.hear(...written.map(String));
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
}

export class RouterStage extends Stage<BatchActor> {
  readonly node = new PlayedNode(this.actors);
  /** What reached the workers of rooms, when they are not on this stage: they take everything. */
  readonly rooms: { readonly request: RoomRequest; readonly xml: string }[] = [];
  /** What they throw, if anything. */
  roomFault: Error | undefined;
  #router: Router | undefined;

  static async open(dependencies: EmbeddedDependencies, hasRooms: boolean): Promise<RouterStage> {
    const stage = new RouterStage(dependencies);
    await stage.open();
    await stage.bus.serve(stage.node.subject, stage.node.handle);
    const takeRoom = answering(stage.dependencies.log, (payload) => stage.#takeRoom(payload));
    if (hasRooms) await stage.startRooms();
    else for (let shard = 0; shard < shardCount; shard++) await stage.bus.serve(`m.${shard}`, takeRoom);
    stage.#router = await startRouter(stage.dependencies);
    return stage;
  }

  override async join(address: string): Promise<BatchActor> {
    const jid = Jid.parse(address);
    await this.register(address);
    const account = await findAccount(this.store, jid.domain, jid.local);
    const actor = new BatchActor(this, jid, this.nextSid(), account?.incarnation);
    this.actors.set(actor.sid, actor);
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${jid.resource}</resource></bind>`;
    const { bound } = await actor.send(`<iq type='set' id='bind'>${bind}</iq>`);
    assert.equal(bound, jid.toString());
    actor.take();
    return actor;
  }

  protected override async leave(actor: BatchActor): Promise<void> {
    await actor.end();
    this.actors.delete(actor.sid);
  }

  override async close(): Promise<void> {
    await this.#router?.stop();
    await super.close();
  }

  #takeRoom(payload: Uint8Array): Uint8Array {
    const { header, bodies } = decodeFrame<RoomRequest>(payload);
    this.rooms.push({ request: header, xml: bodies[0]?.toString() ?? '' });
    if (this.roomFault) throw this.roomFault;
    return encodeFrame({ ok: true } satisfies DoneReply);
  }
}

/** Close it when the test ends: `t.after(() => stage.close())`. */
export async function openRouter(
  options: {
    readonly features?: readonly AccountFeature[];
    /** Puts something between the router and its parts. */
    readonly wrap?: (dependencies: EmbeddedDependencies) => EmbeddedDependencies;
    /** With the real rooms instead of {@link RouterStage.rooms}. */
    readonly hasRooms?: boolean;
  } = {},
): Promise<RouterStage> {
  const dependencies = await embeddedDependencies({ features: options.features ?? allFeatures });
  return RouterStage.open(options.wrap?.(dependencies) ?? dependencies, options.hasRooms === true);
}
