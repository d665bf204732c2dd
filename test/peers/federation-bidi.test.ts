/**
 * XEP-0288 with Debian's prosody: it answers on the stream that we have opened. With certificates it opens none of its own to us; with dialback it
 * has one, on which it has asked whether our key is ours.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../support/until.ts';
import { type Neighbours, openNeighbours, ours, type Proof, theirs } from './federation-neighbours.ts';
import { here, type Person, there } from './federation-people.ts';

for (const [proof, hasAcks, ownStreams] of [
  ['certificates alone', true, 0],
  ['dialback alone', false, 1],
] as const satisfies readonly (readonly [Proof, boolean, number])[]) {
  describe(proof, () => {
    let neighbours: Neighbours;
    let us: Person;
    let them: Person;

    before(async () => {
      neighbours = await openNeighbours('prosody', proof, undefined, true);
      us = await here(neighbours, 'juliet/balcony');
      them = await there(neighbours, 'romeo/orchard');
    });

    after(() => neighbours?.[Symbol.asyncDispose]());

    const say = (who: Person, whom: Person, body: string) =>
      who.send(`<message to='${whom.bare}' type='chat'><body>${body}</body></message>`);
    /** Streams on which the other server has proved its domain to us. */
    const countStreams = () => neighbours.skylark.output.split('another server has proved its domain').length - 1;
    const opened = () =>
      neighbours.skylark.output.split('\n').findLast((line) => line.includes('a stream to another server is open'));

    test('§2.2: what is said there comes back on our stream', async () => {
      say(us, them, 'hello');
      assert.deepEqual(await them.hears(), [us.full, 'hello']);
      assert.match(opened()!, /"isBidirectional":true/);
      assert.match(opened()!, hasAcks ? /"acks":true/ : /"acks":false/);
      for (let count = 0; count < 20; count++) say(them, us, `answer ${count}`);
      for (let count = 0; count < 20; count++) assert.deepEqual(await us.hears(), [them.full, `answer ${count}`]);
      assert.equal(countStreams(), ownStreams, neighbours.skylark.output);
      assert.match(neighbours.other.output, /Requested bidirectional stream/);
    });

    test('requests are asked and answered each way on it', async () => {
      const query = `<query xmlns='jabber:iq:version'/>`;
      assert.match((await us.ask('get', theirs, query)).xml, /Prosody/);
      assert.match((await them.ask('get', ours, query)).xml, /Skylark/);
      assert.equal(countStreams(), ownStreams, neighbours.skylark.output);
    });

    test('a server that dies and comes back is asked for both ways again, and what waited is there', {
      timeout: 60_000,
    }, async () => {
      await them.settle();
      await neighbours.other.kill('SIGKILL');
      say(us, them, 'while you were away');
      await neighbours.other.start();
      them = await there(neighbours, 'romeo/orchard');
      assert.deepEqual(await them.hears(), [us.full, 'while you were away']);
      await until(
        () => /"isBidirectional":true/.test(opened()!),
        () => opened()!,
      );
      say(them, us, 'here I am');
      assert.deepEqual(await us.hears(), [them.full, 'here I am']);
    });
  });
}
