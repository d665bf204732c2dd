/**
 * The clock on the wall steps while and between runs, by an hour and a day, back and forward: what was accepted is delivered, in its order,
 * and whoever reads an archive on from the last entry misses nothing (decision 9).
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { bodies, bodyOf, come, type Entry, go, isNow, readPage, room, say } from '../support/anna-and-bert.ts';
import { Skylark } from '../support/skylark.ts';
import { dayMs, hourMs, steppedWall } from '../support/stepped-wall.ts';
import { TcpClient } from '../support/tcp-client.ts';

const wall = steppedWall();
after(() => wall.remove());

interface Phase {
  readonly what: string;
  readonly aheadMs: number;
  /** How the run before it ends; absent: it goes on. */
  readonly end?: 'SIGTERM' | 'SIGKILL';
}

const phases: readonly Phase[] = [
  { what: 'right after a stop', aheadMs: 0, end: 'SIGTERM' },
  { what: 'a day back when it was killed', aheadMs: -dayMs, end: 'SIGKILL' },
  { what: 'a day ahead while it runs', aheadMs: dayMs },
  { what: 'an hour back while it runs', aheadMs: -hourMs },
  { what: 'right when it was killed', aheadMs: 0, end: 'SIGKILL' },
];

describe('one process, which has begun with its clock an hour ahead', () => {
  let skylark: Skylark;
  let bert: TcpClient;
  const said: string[] = [];
  const spoken: string[] = [];
  let last: Entry | undefined;
  let lastInRoom: Entry | undefined;

  before(async () => {
    await wall.set(hourMs);
    skylark = await Skylark.start();
    for (const name of ['anna', 'bert']) skylark.addUser(`${name}@localhost`, 'secret');
  });
  after(() => skylark.stop());

  async function bertComes(): Promise<void> {
    bert = await TcpClient.signIn(skylark.ports.c2sTls, 'bert@localhost/desk', 'secret');
    bert.send(`<presence to='${room}/Bert'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await bert.next(({ name, xml }) => name === 'presence' && xml.includes('"110"'));
    bert.received.length = 0;
  }

  async function speak(...texts: string[]): Promise<void> {
    for (const text of texts) {
      bert.send(`<message type='groupchat' to='${room}'><body>${text}</body></message>`);
      await bert.next((element) => element.name === 'message' && bodyOf(element.xml) === text);
      spoken.push(text);
    }
  }

  test('takes a message, and one of a room', async () => {
    await bertComes();
    const open = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field></x>`;
    const make = `<iq type='set' id='make' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'>${open}</query></iq>`;
    assert.equal((await bert.ask('make', make)).attributes.type, 'result');
    await say(bert, 'first');
    said.push('first');
    await speak('first in the room');
    const { client, got } = await come(skylark.ports.c2sTls, 1);
    assert.deepEqual(got.map(bodyOf), ['first']);
    last = (await readPage(client, {})).at(-1);
    lastInRoom = (await readPage(client, {}, '', room)).at(-1);
    await go(client);
  });

  for (const [number, { what, aheadMs, end }] of phases.entries()) {
    test(`then its clock is ${what}`, async () => {
      await wall.set(aheadMs);
      if (end !== undefined) {
        await skylark.kill(end);
        await skylark.start();
        await bertComes();
      } else {
        await new Promise((resolve) => void setTimeout(resolve, runtimeLimits.heartbeatMs + 500)); // it has looked at its clock
      }
      const texts = [1, 2, 3].map((index) => `${number}.${index}`);
      await say(bert, ...texts);
      said.push(...texts);
      const inRoom = [`room ${number}.1`, `room ${number}.2`];
      await speak(...inRoom);
      const { client: anna, got } = await come(skylark.ports.c2sTls, texts.length);
      assert.deepEqual(got.map(bodyOf), texts, 'nothing is missing, and nothing comes twice');

      const all = await readPage(anna, {});
      const later = await readPage(anna, {}, `<after>${last!.id}</after>`);
      assert.deepEqual(bodies(all), said);
      assert.deepEqual(bodies(later), texts);
      assert.deepEqual(bodies(await readPage(anna, { start: last!.stamp })).slice(-3), texts);
      assert.deepEqual(bodies(await readPage(anna, { end: later.at(-1)!.stamp })).slice(-3), texts);

      const allInRoom = await readPage(anna, {}, '', room);
      const laterInRoom = await readPage(anna, {}, `<after>${lastInRoom!.id}</after>`, room);
      assert.deepEqual(bodies(allInRoom), spoken);
      assert.deepEqual(bodies(laterInRoom), inRoom);
      assert.deepEqual(bodies(await readPage(anna, { start: lastInRoom!.stamp }, '', room)).slice(-2), inRoom);
      assert.deepEqual(bodies(await readPage(anna, { end: laterInRoom.at(-1)!.stamp }, '', room)).slice(-2), inRoom);

      const since = `<history since='${lastInRoom!.stamp}'/>`;
      anna.send(`<presence to='${room}/Anna'><x xmlns='http://jabber.org/protocol/muc'>${since}</x></presence>`);
      const history: string[] = [];
      // The subject comes last, and is empty.
      for (let xml = '<body>'; xml.includes('<body>'); xml = (await anna.next('message')).xml) history.push(bodyOf(xml));
      assert.deepEqual(history.slice(-2), inRoom);

      const stamps = [
        ...got.map((xml) => /stamp="([^"]+)"/.exec(xml)![1]!),
        ...[...later, ...laterInRoom].map(({ stamp }) => stamp),
      ];
      if (aheadMs === 0) for (const stamp of stamps) assert.ok(isNow(stamp), `it is now, not ${stamp}`);
      [last, lastInRoom] = [all.at(-1), allInRoom.at(-1)];
      await go(anna);
    });
  }
});
