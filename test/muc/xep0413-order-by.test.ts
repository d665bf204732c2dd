/** XEP-0413 §4.3: the archive of a room, the newest messages first, read by people of two tenants. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { configure, hall, openHallForTwo } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const mam = 'urn:xmpp:mam:2';
const ns = 'urn:xmpp:order-by:1';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  ({ juliet, romeo } = await openHallForTwo(stage));
  for (const body of ['A', 'B', 'C', 'D']) await juliet.say(body);
});
afterEach(() => stage.close());

/** Bodies, and the ids of the page; the condition of an error. */
async function read(person: StreamActor, order: string, page = ''): Promise<{ said: string; first?: string; last?: string }> {
  person.take();
  const set = page && `<set xmlns='http://jabber.org/protocol/rsm'>${page}</set>`;
  await person.send(
    `<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'><order xmlns='${ns}' ${order}/>${set}</query></iq>`,
  );
  const stanzas = await person.takeWithAnswer();
  const answer = Stanza.parse(stanzas.at(-1)!);
  const error = answer.child('error', 'jabber:client');
  if (error) return { said: error.getChildElements()[0]!.getName() };
  const bounds = answer.child('fin', mam)!.getChild('set')!;
  const said = stanzas.slice(0, -1).map((xml) => /<body>(.*?)<\/body>/.exec(xml)?.[1] ?? xml);
  return { said: said.join(''), first: bounds.getChildText('first')!, last: bounds.getChildText('last')! };
}

test('§4.3, §4.5: in pages', async () => {
  for (const person of [juliet, romeo]) {
    assert.equal((await read(person, `by='creation'`)).said, 'ABCD');
    assert.equal((await read(person, `by='modification' desc='true'`)).said, 'DCBA');
    const newest = await read(person, `by='creation' desc='1'`, '<max>3</max>');
    assert.equal(newest.said, 'DCB');
    assert.equal((await read(person, `by='creation' desc='1'`, `<max>3</max><after>${newest.last}</after>`)).said, 'A');
    assert.equal((await read(person, `by='creation' desc='1'`, `<max>2</max><before>${newest.last}</before>`)).said, 'DC');
    assert.equal((await read(person, `by='creation' desc='1'`, '<max>2</max><before/>')).said, 'BA');
  }
});

test('what cannot be is refused', async () => {
  assert.equal((await read(romeo, `by='{urn:x}title'`)).said, 'feature-not-implemented');
  assert.equal((await read(romeo, `by='creation' desc='yes'`)).said, 'bad-request');
});

test('§5: a room that has an archive announces it', async () => {
  const isAnnounced = async () => {
    romeo.take();
    await romeo.send(`<iq to='${hall}' type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
    const told = (await romeo.takeWithAnswer()).join();
    return [ns, `${ns}@${mam}`].map((name) => told.includes(`<feature var='${name}'/>`));
  };
  assert.deepEqual(await isAnnounced(), [true, true]);
  await configure(juliet, { enablearchiving: '0' });
  assert.deepEqual(await isAnnounced(), [false, false]);
});
