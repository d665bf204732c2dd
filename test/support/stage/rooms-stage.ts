/**
 * A stage with a router's door: what people send goes to the workers of rooms as a router would send it, from their addresses, unchanged. To
 * the rooms of `a.example`, people of `b.example` come from another domain.
 */
import assert from 'node:assert/strict';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import type { RingReply, RingRequest, RingWish } from '../../../lib/runtime/ring-wire.ts';
import { roomShard } from '../../../lib/runtime/shards.ts';
import {
  type DoneReply,
  type InboundReply,
  type InboundRequest,
  type RoomRequest,
  routerSubject,
} from '../../../lib/runtime/wire.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza, spliceAttributes } from '../../../lib/xmpp/stanza.ts';
import { Actor } from './actor.ts';
import { embeddedDependencies } from './parts.ts';
import { PlayedNode } from './played-node.ts';
import { Stage } from './stage.ts';

export class RequestActor extends Actor {
  readonly #stage: RoomsStage;

  constructor(stage: RoomsStage, jid: Jid, sid: string) {
    super(jid, sid);
    this.#stage = stage;
  }

  /** Resolves when the room has answered the router. @param id of the request: the same once more is a retry */
  override async send(xml: string, id = this.#stage.mint()): Promise<void> {
    const reply = await this.#stage.request(this, xml, id);
    assert.equal(reply.ok, true, reply.error);
  }
}

export class RoomsStage extends Stage<RequestActor> {
  readonly node = new PlayedNode(this.actors);
  /** Stanzas to others than the people of this stage. */
  readonly elsewhere: string[] = [];
  /** People whom rooms have asked to be woken, and for what: `juliet@a.example/balcony: Good night!`. */
  readonly rung: string[] = [];
  /** What the router answers for which messages somebody is woken. */
  wish: RingWish = 'always';
  /** While it is set, the router cannot wake anybody. */
  ringFault = false;
  /** People of other tenants whom a router says that it did not reach, or whose clients do not hear, by their JIDs. */
  readonly unheard = new Map<string, 'missed' | 'away'>();
  readonly #people = new Map<string, RequestActor>();

  static async open(hasWorker: boolean): Promise<RoomsStage> {
    const stage = new RoomsStage(await embeddedDependencies());
    await stage.open();
    await stage.bus.serve(stage.node.subject, stage.node.handle);
    await stage.bus.serve(routerSubject, (payload) => stage.#route(payload));
    if (hasWorker) await stage.startRooms();
    return stage;
  }

  /** No account is needed: a router answers for who it is. */
  override async join(address: string): Promise<RequestActor> {
    const jid = Jid.parse(address);
    const actor = new RequestActor(this, jid, this.nextSid());
    this.#people.set(jid.toString(), actor);
    this.actors.set(actor.sid, actor);
    return actor;
  }

  /** The session goes on under another name, as after a resumption on another node. */
  move(actor: RequestActor, sid: string): void {
    this.actors.delete(actor.sid);
    actor.sid = sid;
    this.actors.set(sid, actor);
  }

  protected override async leave(actor: RequestActor): Promise<void> {
    this.actors.delete(actor.sid);
    this.#people.delete(actor.jid.toString());
  }

  /** What a room answers to the router that asks for somebody. */
  async request(
    actor: RequestActor,
    xml: string,
    id: string,
    { deadline, timeoutMs = 5_000 }: { readonly deadline?: number; readonly timeoutMs?: number } = {},
  ): Promise<DoneReply> {
    const body = spliceAttributes(Buffer.from(xml), ` from='${escapeAttribute(actor.jid.toString())}'`);
    const to = Stanza.parse(body).to!;
    const place = await this.tenants.place(to.domain);
    assert.equal(place?.service, 'rooms', `${to} is not a room`);
    const { domain } = place.tenant;
    const sender = actor.jid.domain === domain ? { node: this.node.subject, sid: actor.sid } : undefined;
    const request: RoomRequest = { kind: 'room', domain, room: to.local, id, sender, deadline };
    const reply = await this.bus.request(roomShard(domain, to.local), encodeFrame(request, [body]), { timeoutMs });
    return decodeFrame<DoneReply>(reply).header;
  }

  #route(payload: Uint8Array): Uint8Array {
    const { header, bodies } = decodeFrame<InboundRequest | RingRequest>(payload);
    if (header.kind === 'ring') return this.#ring(header, bodies);
    const said = { missed: [] as number[], away: [] as number[] };
    for (const [index, body] of bodies.entries()) {
      const to = Jid.parse(Stanza.parse(body).attributes.to!);
      assert.equal(to.domain, header.domain, 'a stanza arrives at the tenant it is addressed to');
      const actor = this.#people.get(to.toString());
      const unheard = this.unheard.get(to.toString());
      if (unheard !== undefined) said[unheard].push(index);
      if (unheard === 'missed') continue;
      if (actor === undefined) this.elsewhere.push(body.toString());
      else if (!this.node.isAgain(actor, header.dedupeKey?.[index] || undefined)) actor.hear(body.toString());
    }
    return encodeFrame({ ok: true, ...said } satisfies InboundReply);
  }

  #ring({ domain, targets }: RingRequest, bodies: readonly Buffer[]): Uint8Array {
    if (this.ringFault) return encodeFrame({ ok: false, error: 'the store is away' } satisfies RingReply);
    for (const { to, messages } of targets) {
      assert.equal(Jid.parse(to).domain, domain, 'people are woken by their tenant');
      this.rung.push(`${to}: ${messages.map((index) => Stanza.parse(bodies[index]!).body).join(', ')}`);
    }
    return encodeFrame({ ok: true, wishes: targets.map(() => this.wish) } satisfies RingReply);
  }
}

/** Close it when the test ends. */
export function openRooms(options: { readonly hasWorker?: boolean } = {}): Promise<RoomsStage> {
  return RoomsStage.open(options.hasWorker !== false);
}
