/** XEP-0045 across servers: what a room says to occupants elsewhere is in the outbox with the room's own rows, once, or nobody is told that it was said. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type OutboxRow, readOutbox } from '../../lib/runtime/outbox.ts';
import type { DepartRequest } from '../../lib/runtime/pair-wire.ts';
import { type DoneReply, shardCount } from '../../lib/runtime/wire.ts';
import type { MucWorker } from '../../services/muc/worker.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const host = 'conference.a.example';
const pairTo = (peer: string) => ({ tenant: 'a.example', host, peer });

let stage: RoomsStage;
let worker: MucWorker;
let juliet: RequestActor;
let romeo: RequestActor;
/** What the owners of the pairs were told, and whether they answer. */
let told: DepartRequest[];
let isTaken: boolean;
/** Fails instead of the store, as often as it says so. */
let refuses: (sorts: readonly string[]) => boolean;

beforeEach(async () => {
  [told, isTaken, refuses] = [[], true, () => false];
  stage = await openRooms({ hasWorker: false });
  for (let shard = 0; shard < shardCount; shard++) {
    await stage.bus.serve(`s2s.${shard}`, (payload) => {
      if (isTaken) told.push(decodeFrame<DepartRequest>(payload).header);
      return Promise.resolve(encodeFrame({ ok: isTaken } satisfies DoneReply));
    });
  }
  worker = await start();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  for (const [address, nick] of [
    ['anna@x.example/one', 'Anna'],
    ['boris@x.example/two', 'Boris'],
    ['carla@y.example/three', 'Carla'],
  ] as const) {
    const outsider = await stage.join(address);
    await stage.request(outsider, entry(nick), stage.mint());
  }
  for (const person of [juliet, romeo]) person.take();
  told.length = 0;
});
afterEach(() => stage.close());

const entry = (nick: string) => `<presence to='${hall}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
const message = (body: string) => `<message to='${hall}' type='groupchat' id='${body}'><body>${body}</body></message>`;

function start(): Promise<MucWorker> {
  const store: Store = new Proxy(stage.store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => unknown;
      if (name !== 'batchPut' && name !== 'put') return method;
      return (...parameters: unknown[]) => {
        const rows = [parameters[0]].flat() as { readonly sort: string }[];
        if (refuses(rows.map(({ sort }) => sort))) return Promise.reject(new Unavailable('it is away'));
        return method.apply(target, parameters);
      };
    },
  });
  return stage.startRooms({ isFederated: true, store });
}

const isForPeer = (sort: string) => sort.startsWith(`out/${host} `);
const isMark = (sort: string) => sort.startsWith('missed/');

/** The rows for a peer that have this message. */
async function rowsOf(peer: string, body: string): Promise<OutboxRow[]> {
  const rows = await readOutbox(stage.store, pairTo(peer), '');
  return rows.map(({ value }) => value).filter(({ items }) => items.some(({ xml }) => xml.includes(`<body>${body}</body>`)));
}

test('§7.4: a message is one row for each server, with the stanza once and all of its occupants there', async () => {
  await juliet.send(message('hello'));
  for (const [peer, tos] of [
    ['x.example', ['anna@x.example/one', 'boris@x.example/two']],
    ['y.example', ['carla@y.example/three']],
  ] as const) {
    const rows = await rowsOf(peer, 'hello');
    assert.deepEqual(
      rows.map(({ items }) => items.map((item) => item.tos)),
      [[tos]],
    );
  }
  assert.deepEqual(romeo.heard(), ['message Juliet hello']);
});

test('two messages at once are two rows for each server, in their order', async () => {
  await Promise.all([juliet.send(message('one')), romeo.send(message('two'))]);
  const rows = await readOutbox(stage.store, pairTo('x.example'), '');
  const bodies = rows.flatMap(({ value }) => value.items.map(({ xml }) => /<body>(\w+)</.exec(xml)?.[1]).filter(Boolean));
  assert.deepEqual(bodies, ['one', 'two']);
  assert.ok(rows.every(({ value }) => value.items.filter(({ xml }) => xml.includes('<body>')).length <= 1));
});

test('the row is written with the archive: where the store does not take it, nobody is told that the message was sent', async () => {
  refuses = (sorts) => sorts.some(isForPeer);
  const id = stage.mint();
  const reply = await stage.request(juliet, message('kept'), id);
  assert.equal(reply.ok, false);
  assert.deepEqual(romeo.heard(), [], 'what may be lost is not shown');
  refuses = () => false;
  await juliet.send(message('kept'), id);
  assert.deepEqual(romeo.heard(), ['message Juliet kept']);
  assert.equal((await rowsOf('x.example', 'kept')).length, 1);
  assert.deepEqual(told.map(({ peer }) => peer).sort(), ['x.example', 'y.example']);
});

test('a worker that takes over and shows the last message again writes the same row, so that nobody elsewhere gets it twice', async () => {
  await juliet.send(message('once'));
  const before = told.map(({ peer, key }) => `${peer} ${key}`);
  await worker.stop();
  worker = await start();
  told.length = 0;
  await romeo.send(message('next'));
  const after = told.map(({ peer, key }) => `${peer} ${key}`);
  assert.deepEqual(after.slice(0, 2), before);
  assert.equal((await rowsOf('x.example', 'once')).length, 1);
});

test('who was there, and has left with the next stanza, changes nothing in the row', async () => {
  await juliet.send(message('once'));
  const [before] = told.filter(({ peer }) => peer === 'x.example');
  refuses = (sorts) => sorts.some(isForPeer);
  const anna = await stage.join('anna@x.example/one');
  const id = stage.mint();
  const leave = `<presence to='${hall}/Anna' type='unavailable'/>`;
  await Promise.all([stage.request(juliet, message('again'), id), stage.request(anna, leave, stage.mint())]);
  refuses = () => false;
  told.length = 0;
  await juliet.send(message('again'), id);
  const keys = new Set(told.filter(({ peer }) => peer === 'x.example').map(({ key }) => key));
  assert.ok(!keys.has(before!.key), 'what was delivered is not shown again');
  assert.equal((await rowsOf('x.example', 'again')).length, 1);
});

test('an owner that did not hear of it, without a mark that says so, is told with the next try', async () => {
  isTaken = false;
  refuses = (sorts) => sorts.some(isMark);
  const id = stage.mint();
  assert.equal((await stage.request(juliet, message('late'), id)).ok, false);
  isTaken = true;
  refuses = () => false;
  await juliet.send(message('late'), id);
  assert.deepEqual(told.map(({ peer }) => peer).sort(), ['x.example', 'y.example']);
  assert.equal((await rowsOf('x.example', 'late')).length, 1);
  assert.deepEqual(romeo.heard(), ['message Juliet late'], 'those who are here have it once');
});
