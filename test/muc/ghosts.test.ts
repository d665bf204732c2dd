/**
 * Ghosts heal (XEP-0045 §16.1.2): the real router and the real rooms on one bus. Sessions end, their node dies, or the word of it is
 * lost while the room has no worker; nobody speaks, and the others see who has left all the same.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type DeliverRequest, routerSubject, type StepItem, type StepReply, type StepRequest } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { type MucWorker, startMucWorker } from '../../services/muc/worker.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { features } from '../../services/router/features/index.ts';
import { type Router, startRouter } from '../../services/router/router.ts';
import { reapNode } from '../../services/router/sessions/reaper.ts';
import { hastyClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const hall = 'hall@conference.a.example';
const muc = 'http://jabber.org/protocol/muc';
/** Timers of the rooms ring a hundred times sooner. */
const hasty = hastyClock(100);

let dependencies: EmbeddedDependencies;
let router: Router;
let worker: MucWorker;
let clients: Map<string, Client>;

/** A session on a node, as the router knows it. */
class Client {
  readonly jid: Jid;
  readonly node: string;
  readonly sid: string;
  readonly inbox: string[] = [];
  #session: string;

  constructor(jid: Jid, node: string) {
    this.jid = jid;
    this.node = node;
    this.sid = `s-${jid}-${node}`;
    this.#session = JSON.stringify({ secure: true, failures: 0, local: jid.local });
    clients.set(`${node} ${this.sid}`, this);
  }

  static async join(address: string, node = 'n.one.1'): Promise<Client> {
    const jid = Jid.parse(address);
    const keys = { salt: '', iterations: 4_096, storedKey: '', serverKey: '' };
    const scram = { 'SHA-1': keys, 'SHA-256': keys };
    await createAccount(dependencies.store, jid.domain, jid.local, { createdAt: new Date(0).toISOString(), scram });
    const client = new Client(jid, node);
    await client.send(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${jid.resource}</resource></bind></iq>`,
    );
    client.inbox.length = 0;
    return client;
  }

  send(xml: string): Promise<StepReply> {
    return this.step([{ kind: 'stanza', id: dependencies.ids.mint(), body: true }], [xml]);
  }

  end(): Promise<StepReply> {
    return this.step([{ kind: 'end' }], []);
  }

  async step(items: readonly StepItem[], bodies: readonly string[]): Promise<StepReply> {
    const { node, sid, jid } = this;
    const request: StepRequest = { kind: 'step', node, sid, domain: jid.domain, session: this.#session, items };
    const payload = encodeFrame(
      request,
      bodies.map((body) => Buffer.from(body)),
    );
    const { header, bodies: written } = decodeFrame<StepReply>(
      await dependencies.bus.request(routerSubject, payload, { timeoutMs: 10_000 }),
    );
    this.#session = header.session ?? this.#session;
    this.inbox.push(...written.map(String));
    return header;
  }

  async enter(nick: string): Promise<void> {
    await this.send(`<presence to='${hall}/${nick}'><x xmlns='${muc}'/></presence>`);
    await this.hears(/<presence .*code='110'/);
  }

  /** Takes stanzas until one is like this. */
  async hears(pattern: RegExp): Promise<string> {
    for (let tries = 0; tries < 400; tries++) {
      for (let xml = this.inbox.shift(); xml !== undefined; xml = this.inbox.shift()) if (pattern.test(xml)) return xml;
      await pause(10);
    }
    return assert.fail(`${this.jid} did not hear ${pattern}`);
  }
}

async function openWorker(clock = systemClock): Promise<void> {
  worker = await startMucWorker({ ...dependencies, clock: DeploymentClock.of(clock), worker: 'w' });
}

beforeEach(async () => {
  clients = new Map();
  dependencies = await embeddedDependencies({ features });
  for (const domain of ['a.example', 'b.example'])
    await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  for (const node of ['n.one.1', 'n.two.1']) {
    await dependencies.bus.serve(node, (payload) => {
      const { header, bodies } = decodeFrame<DeliverRequest>(payload);
      header.items.forEach(({ sids }, index) => {
        for (const sid of sids) clients.get(`${node} ${sid}`)?.inbox.push(bodies[index]!.toString());
      });
      return encodeFrame({ missing: [] });
    });
  }
  router = await startRouter(dependencies);
  await openWorker();
});
afterEach(async () => {
  await worker.stop();
  await router.stop();
  await dependencies.close();
});

async function openRoom(): Promise<Client> {
  const juliet = await Client.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  const form = `<x xmlns='jabber:x:data' type='submit'/>`;
  await juliet.send(`<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'>${form}</query></iq>`);
  await juliet.hears(/id='c'/);
  return juliet;
}

const gone = new RegExp(`<presence from='${hall}/Romeo'.* type='unavailable'`);

for (const address of ['romeo@a.example/orchard', 'romeo@b.example/orchard']) {
  test(`a session of ${address} that ends leaves the room it was in, and the others see it`, async () => {
    const juliet = await openRoom();
    const romeo = await Client.join(address);
    await romeo.enter('Romeo');
    await juliet.hears(new RegExp(`<presence from='${hall}/Romeo'`));
    await romeo.end();
    await juliet.hears(gone);
  });

  test(`a node that died takes the sessions of ${address} out of their rooms`, async () => {
    const juliet = await openRoom();
    const romeo = await Client.join(address, 'n.two.1');
    await romeo.enter('Romeo');
    assert.equal(await reapNode(dependencies, 'n.two.1'), 1);
    await juliet.hears(gone);
  });
}

test('a session that ended while the room had no worker is found by the next, although nobody speaks', async () => {
  const juliet = await openRoom();
  const romeo = await Client.join('romeo@a.example/orchard');
  await romeo.enter('Romeo');
  const nurse = await Client.join('nurse@a.example/chamber');
  await nurse.enter('Nurse');
  juliet.inbox.length = 0;
  await worker.stop();
  await romeo.end();
  await openWorker(hasty);
  // Anything that makes the worker read the room; of those who are inside, nobody says a word.
  const paris = await Client.join('paris@a.example/x');
  await paris.send(`<iq to='${hall}' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  await paris.hears(/id='i'/);
  const presence = Stanza.parse(await juliet.hears(gone));
  assert.match(presence.bytes.toString(), /<status code='333'\/>/);
  await nurse.hears(gone);
  await pause(100);
  assert.equal(
    juliet.inbox.some((xml) => /Nurse.*unavailable/.test(xml)),
    false,
    'who is there stays',
  );
  await nurse.send(`<message to='${hall}' type='groupchat'><body>still here</body></message>`);
  await juliet.hears(/still here/);
});

test('a room whose last occupant is such a ghost ends', async () => {
  const juliet = await openRoom();
  await worker.stop();
  await juliet.end();
  await openWorker(hasty);
  const paris = await Client.join('paris@a.example/x');
  for (let tries = 0; tries < 100; tries++) {
    await paris.send(`<iq to='${hall}' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
    if ((await paris.hears(/id='i'/)).includes('item-not-found')) return;
    await pause(20);
  }
  assert.fail('the room is still there');
});

for (const invitee of ['nobody@a.example', 'nobody@b.example', 'nobody@nowhere.example']) {
  test(`XEP-0045 §7.8.2: who invites ${invitee} is told that there is no such person`, async () => {
    const juliet = await openRoom();
    await juliet.send(`<message to='${hall}' id='i1'><x xmlns='${muc}#user'><invite to='${invitee}'/></x></message>`);
    const error = await juliet.hears(/type='error'/);
    assert.match(error, new RegExp(` id='i1' .*<invite to='${invitee}'/>.*<item-not-found `));
  });
}

for (const address of ['a b@conference.a.example', "x'y@conference.a.example", `${'x'.repeat(1_100)}@conference.a.example`]) {
  test(`a name that cannot be prepared (${address.slice(0, 8)}…) belongs to no room`, async () => {
    const juliet = await Client.join('juliet@a.example/balcony');
    const reply = await juliet.send(`<presence to="${address}/Juliet"><x xmlns='${muc}'/></presence>`);
    assert.ok(reply.ok);
    const error = await juliet.hears(/type='error'/);
    assert.match(error, /<jid-malformed /);
  });
}
