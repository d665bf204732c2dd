/**
 * Rooms on a stage: one worker (or more) on an embedded store and bus, a connection node that keeps what its sessions are sent, and
 * a router that keeps what goes to other domains.
 *
 *     const stage = await openRooms();
 *     const romeo = stage.person('romeo@a.example/orchard');
 *     await romeo.send(`<presence to='hall@conference.a.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
 *     romeo.receives(`<presence …/>`, `<message …/>`);
 *
 * `a.example` and `b.example` are two tenants; to the rooms of the first, people of the second come from another domain.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { Deliverer } from '../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import type { ShardOwner } from '../../lib/runtime/shard-owner.ts';
import { roomShard } from '../../lib/runtime/shards.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import type { DeliverRequest, DoneReply, InboundRequest, RoomRequest } from '../../lib/runtime/wire.ts';
import { escapeAttribute } from '../../lib/xmpp/element.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza, spliceAttributes, spliceTo } from '../../lib/xmpp/stanza.ts';
import { type MucWorker, startMucWorker } from '../../services/muc/worker.ts';
import { assertXml } from '../router/xml-equality.ts';

const node = 'n.stage.1';
export const hall = 'hall@conference.a.example';
const muc = 'http://jabber.org/protocol/muc';

export class Person {
  readonly jid: Jid;
  readonly inbox: string[] = [];
  sid: string;
  readonly #stage: Stage;

  constructor(stage: Stage, jid: Jid, sid: string) {
    this.#stage = stage;
    this.jid = jid;
    this.sid = sid;
  }

  /** Resolves when the room has answered the router. @param id of the request, the same once more is a retry */
  async send(xml: string, id = this.#stage.ids.mint()): Promise<void> {
    const reply = await this.#stage.ask(this, xml, id);
    assert.equal(reply.ok, true, reply.error);
  }

  /** Enters with a nick; leaves what it is sent in the inbox. */
  async enter(nick: string, room = hall, inside = ''): Promise<void> {
    await this.send(`<presence to='${escapeAttribute(`${room}/${nick}`)}'><x xmlns='${muc}'>${inside}</x></presence>`);
  }

  async say(body: string, room = hall): Promise<void> {
    await this.send(`<message to='${room}' type='groupchat' id='${body}'><body>${body}</body></message>`);
  }

  /** All that came since the last look, in this order. */
  receives(...expected: string[]): void {
    const got = this.take();
    for (const [index, xml] of expected.entries()) assertXml(got[index] ?? '<nothing/>', xml, `stanza ${index} of ${this.jid}`);
    assert.deepEqual(got.slice(expected.length), [], `more than expected for ${this.jid}`);
  }

  take(): string[] {
    return this.inbox.splice(0);
  }

  /** What came, in words: `presence Juliet 110 201`, `message Juliet hello`, `error forbidden`. */
  heard(): string[] {
    return this.take().map(summary);
  }
}

/** `type=unavailable` and the rest of a stanza that most tests are about. */
function summary(xml: string): string {
  const stanza = Stanza.parse(xml);
  const error = stanza.child('error', 'jabber:client');
  if (error) return `error ${error.getChildElements()[0]!.getName()} ${error.attrs.type}`;
  const { resource } = Jid.parse(stanza.attributes.from!);
  const extension = stanza.child('x', `${muc}#user`);
  const codes = (extension?.getChildren('status') ?? []).map(({ attrs }) => attrs.code);
  const item = extension?.getChild('item')?.attrs;
  const words: (string | undefined)[] = [stanza.name, stanza.type === 'groupchat' ? undefined : stanza.type, resource || 'room'];
  if (stanza.name === 'presence' && item) words.push(`${item.affiliation}/${item.role}`);
  if (stanza.hasChild('delay', 'urn:xmpp:delay')) words.push('earlier:');
  const subject = stanza.child('subject', 'jabber:client');
  if (subject) words.push(`subject=${subject.getText()}`);
  words.push(stanza.body, ...codes);
  return words.filter((word) => word !== undefined && word !== '').join(' ');
}

export interface Stage {
  readonly store: Store;
  readonly bus: Bus;
  readonly tenants: Tenants;
  readonly ids: IdMint;
  /** Stanzas to others than the people of this stage. */
  readonly elsewhere: string[];
  /** Sessions that the node says it does not hold. */
  readonly missing: Set<string>;
  /** The requests that the worker made a router. */
  person(jid: string): Person;
  /** Puts a session on another sid, as after a resumption. */
  move(person: Person, sid: string): void;
  ask(
    person: Person,
    xml: string,
    id: string,
    options?: { readonly deadline?: number; readonly timeoutMs?: number },
  ): Promise<DoneReply>;
  /** Another worker takes over: what it knows, it has read. */
  restart(options?: { readonly store?: Store; readonly clock?: Clock }): Promise<void>;
  startWorker(options?: { readonly shards?: ShardOwner; readonly store?: Store; readonly clock?: Clock }): Promise<MucWorker>;
  /** What runs beside the rooms' queues (archive pages) has come to an end. */
  settle(person: Person, count: number): Promise<void>;
  close(): Promise<void>;
}

export async function openRooms(options: { readonly hasWorker?: boolean } = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-muc-'));
  const store = await openSqliteStore(folder, { clock: systemClock });
  const bus = memoryBus({ clock: systemClock });
  const tenants = new Tenants(store, systemClock);
  for (const domain of ['a.example', 'b.example']) await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  const people = new Map<string, Person>();
  const bySid = new Map<string, Person>();
  const elsewhere: string[] = [];
  const missing = new Set<string>();
  const workers: MucWorker[] = [];
  /** As nodes do: what a session was given once is not given to it again. */
  const given = new Set<string>();
  const isAgain = (jid: Jid | undefined, dedupeKey: string | undefined): boolean => {
    if (jid === undefined || dedupeKey === undefined) return false;
    const size = given.size;
    return given.add(`${dedupeKey} ${jid}`).size === size;
  };
  await bus.serve(node, (payload) => {
    const { header, bodies } = decodeFrame<DeliverRequest>(payload);
    header.items.forEach(({ sids, tos, dedupeKey }, index) => {
      for (const [at, sid] of sids.entries()) {
        if (missing.has(sid) || isAgain(bySid.get(sid)?.jid, dedupeKey)) continue;
        const to = tos?.[at];
        const xml = to ? spliceTo(bodies[index]!, to) : bodies[index]!;
        bySid.get(sid)?.inbox.push(xml.toString());
      }
    });
    const sids = header.items.flatMap((item) => item.sids);
    return encodeFrame({ missing: sids.filter((sid) => missing.has(sid) || !bySid.has(sid)) });
  });
  await bus.serve('rt', (payload) => {
    const { header, bodies } = decodeFrame<InboundRequest>(payload);
    for (const [index, body] of bodies.entries()) {
      const to = Jid.parse(Stanza.parse(body).attributes.to!);
      assert.equal(to.domain, header.domain, 'a stanza arrives at the tenant it is addressed to');
      if (isAgain(to, header.dedupeKey?.[index] || undefined)) continue;
      (people.get(to.toString())?.inbox ?? elsewhere).push(body.toString());
    }
    return encodeFrame({ ok: true });
  });

  const stage: Stage = {
    store,
    bus,
    tenants,
    ids: new IdMint(systemClock),
    elsewhere,
    missing,
    person(text) {
      const jid = Jid.parse(text);
      const person = new Person(stage, jid, `s-${text}`);
      people.set(jid.toString(), person);
      bySid.set(person.sid, person);
      return person;
    },
    move(person, sid) {
      bySid.delete(person.sid);
      person.sid = sid;
      bySid.set(sid, person);
    },
    async ask(person, xml, id, { deadline, timeoutMs = 5_000 } = {}) {
      const body = spliceAttributes(Buffer.from(xml), ` from='${escapeAttribute(person.jid.toString())}'`);
      const to = Stanza.parse(body).to!;
      const place = await tenants.place(to.domain);
      assert.equal(place?.service, 'rooms', `${to} is no room`);
      const { domain } = place.tenant;
      const sender = person.jid.domain === domain ? { node, sid: person.sid } : undefined;
      const request: RoomRequest = { kind: 'room', domain, room: to.local, id, sender, deadline };
      const reply = await bus.request(roomShard(domain, to.local), encodeFrame(request, [body]), { timeoutMs });
      return decodeFrame<DoneReply>(reply).header;
    },
    async restart(options) {
      for (const worker of workers.splice(0)) await worker.stop();
      await stage.startWorker(options);
    },
    async startWorker({ shards, store: own = store, clock: wall = systemClock } = {}) {
      const clock = DeploymentClock.of(wall);
      const worker = await startMucWorker({
        store: own,
        bus,
        clock,
        log: pino({ level: 'silent' }),
        ids: new IdMint(clock),
        deliverer: new Deliverer(bus),
        tenants: new Tenants(own, clock),
        worker: `w${workers.length}`,
        shards,
      });
      workers.push(worker);
      return worker;
    },
    async settle(person, count) {
      for (let tries = 0; tries < 500 && person.inbox.length < count; tries++) await pause(10);
      assert.ok(person.inbox.length >= count, `${person.jid} has ${person.inbox.length} stanzas, not ${count}`);
    },
    async close() {
      for (const worker of workers) await worker.stop();
      await bus.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  if (options.hasWorker !== false) await stage.startWorker();
  return stage;
}

/** A room that is open: Juliet has made it and takes it as it is, or configured. */
export async function openHall(stage: Stage, fields: Readonly<Record<string, string | readonly string[]>> = {}): Promise<Person> {
  const juliet = stage.person('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  await configure(juliet, fields);
  juliet.take();
  return juliet;
}

export function configure(
  owner: Person,
  fields: Readonly<Record<string, string | readonly string[]>>,
  room = hall,
): Promise<void> {
  const values = (list: string | readonly string[]) => [list].flat().map((value) => `<value>${escapeAttribute(value)}</value>`);
  const xml = Object.entries(fields).map(
    ([name, list]) => `<field var='muc#roomconfig_${name}'>${values(list).join('')}</field>`,
  );
  return owner.send(
    `<iq to='${room}' type='set' id='configure'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>` +
      `<field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${xml.join('')}</x></query></iq>`,
  );
}

export function adminSet(person: Person, ...items: string[]): Promise<void> {
  return person.send(`<iq to='${hall}' type='set' id='admin'><query xmlns='${muc}#admin'>${items.join('')}</query></iq>`);
}

/** Asks, and waits for the answer; what else came before it is dropped. */
export async function ask(person: Person, type: 'get' | 'set', child: string, to = hall): Promise<string> {
  person.take();
  await person.send(`<iq to='${escapeAttribute(to)}' type='${type}' id='ask'>${child}</iq>`);
  for (let tries = 0; tries < 500; tries++) {
    const answer = person.take().find((xml) => xml.startsWith('<iq'));
    if (answer !== undefined) return answer;
    await pause(5);
  }
  return assert.fail(`${to} did not answer ${child}`);
}

/** The results of a query for all of the room's archive, as the person may see it; what else came is dropped. */
export async function readArchive(person: Person): Promise<string[]> {
  person.take();
  await person.send(`<iq to='${hall}' type='set' id='archive'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  const got: string[] = [];
  for (let tries = 0; tries < 500 && !got.some((xml) => xml.startsWith('<iq')); tries++) {
    got.push(...person.take());
    await pause(5);
  }
  return got.filter((xml) => xml.includes('<result '));
}
