/** XEP-0424: messages taken back by who wrote them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { hall, openHall, readArchive } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const retractNs = 'urn:xmpp:message-retract:1';
const moderateNs = 'urn:xmpp:message-moderate:1';
const mam = 'urn:xmpp:mam:2';
const anyId = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>";
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;
/** The stanza-id of Romeo's message. */
let id: string;

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage, { persistentroom: '1' });
  romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  await romeo.send(
    `<message to='${hall}' type='groupchat' id='m1'><body>a secret</body><thread>secret</thread><stanza-id xmlns='urn:xmpp:sid:0' by='secret@x' id='secret'/></message>`,
  );
  id = Stanza.parse(romeo.take().at(-1)!)
    .element()
    .getChildren('stanza-id', 'urn:xmpp:sid:0')
    .find(({ attrs }) => attrs.by === hall)!.attrs.id!;
  juliet.take();
});
afterEach(() => stage.close());

const retraction = (of: string) =>
  `<message to='${hall}' type='groupchat' id='r1'><retract xmlns='${retractNs}' id='${of}'/>
    <fallback xmlns='urn:xmpp:fallback:0' for='${retractNs}'/><body>/me retracted a message</body></message>`;
test('XEP-0424 §3: a retraction goes to all, and a tombstone stands in the archive', async () => {
  await romeo.send(retraction(id));
  assert.match(juliet.take()[0]!, new RegExp(`<retract xmlns='${retractNs}' id='${id}'/>`));
  romeo.take();
  const [tombstone, announced, ...more] = await readArchive(romeo);
  assertXml(
    tombstone!,
    `<message from='${hall}' to='romeo@b.example/orchard'><result xmlns='${mam}' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'>
      <delay xmlns='urn:xmpp:delay' stamp='{any}'/><message xmlns='jabber:client' from='${hall}/Romeo' type='groupchat' id='m1'>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='${id}'/>${anyId}
      <retracted xmlns='${retractNs}' id='r1' stamp='{any}'/></message></forwarded></result></message>`,
  );
  assert.match(announced!, new RegExp(`<retract xmlns='${retractNs}' id='${id}'/>`));
  assert.deepEqual(more, []);
});

test('XEP-0424 §5: what was retracted is not shown to who enters, by any worker', async () => {
  await romeo.send(retraction(id));
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  assert.doesNotMatch(nurse.take().join(), /secret/);
  await stage.restartRooms();
  const other = await stage.join('other@a.example/x');
  await other.enter('Other');
  assert.doesNotMatch(other.take().join(), /secret/);
});

test('XEP-0424 §4: a retraction that is not to be stored is stored, and gets an id when it has none', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat'><retract xmlns='${retractNs}' id='${id}'/><no-store xmlns='urn:xmpp:hints'/></message>`,
  );
  const retractionId = Stanza.parse(juliet.take()[0]!).id;
  assert.ok(retractionId);
  const stanzas = await readArchive(juliet);
  assert.equal(stanzas.length, 2);
  assert.match(stanzas[0]!, new RegExp(`<retracted xmlns='${retractNs}' id='${retractionId}'`));
});

test('XEP-0424 §5: nobody retracts what another has written', async () => {
  await juliet.send(retraction(id));
  assert.deepEqual(juliet.heard(), ['error forbidden auth']);
  assert.deepEqual(romeo.heard(), []);
  assert.match((await readArchive(juliet))[0]!, /a secret/);
});

for (const [what, of] of [
  ['an id that is not there', '01m81dmsbac5ta0000'],
  ['an id that is none', 'nonsense'],
  ['an id of another collection', '../room/'],
] as const) {
  test(`a retraction of ${what} passes and changes nothing`, async () => {
    await romeo.send(retraction(of));
    assert.equal(juliet.heard().length, 1);
    assert.match((await readArchive(juliet))[0]!, /a secret/);
  });
}

test('tombstones and moderations that a client makes up are dropped', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat'><body>x</body><retracted xmlns='${retractNs}' id='forged'/>
      <retract xmlns='${retractNs}' id='other'><moderated xmlns='${moderateNs}' by='${hall}/Juliet'/></retract></message>`,
  );
  assert.doesNotMatch(juliet.take().join(), /forged|moderated/);
});

/** A message, and the id that the room gave it. */
async function say(person: StreamActor, id: string, body: string, corrected = ''): Promise<string> {
  const replace = corrected && `<replace xmlns='urn:xmpp:message-correct:0' id='${corrected}'/>`;
  await person.send(`<message to='${hall}' type='groupchat' id='${id}'><body>${body}</body>${replace}</message>`);
  return Stanza.parse(person.take().at(-1)!).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id!;
}

const takeBack = (of: string) => `<moderate xmlns='${moderateNs}' id='${of}'><retract xmlns='${retractNs}'/></moderate>`;
for (const [who, act] of [
  ['its writer', (of: string) => romeo.send(retraction(of))],
  ['a moderator', async (of: string) => void (await juliet.ask('set', takeBack(of)))],
] as const) {
  for (const named of ['the first version', 'a correction', 'the last correction']) {
    test(`XEP-0308: ${who} takes back a text that was corrected, by ${named}: all versions go, and nothing else`, async () => {
      await say(juliet, 'v1', 'of somebody else with this id');
      const first = await say(romeo, 'v1', 'secret one');
      await say(romeo, 'x', 'between');
      const second = await say(romeo, 'v2', 'secret two', 'v1');
      await say(juliet, 'v3', 'a correction by somebody else', 'v1');
      const third = await say(romeo, 'v4', 'secret three', 'v1');
      await say(romeo, 'v5', 'a correction of another', 'x');
      await act({ 'the first version': first, 'a correction': second }[named] ?? third);
      const archive = (await readArchive(juliet)).slice(1); // without what stands there in all tests
      const kept = archive.flatMap((xml) => /<body>([^/]*)<\/body>/.exec(xml)?.[1] ?? []);
      assert.deepEqual(kept, [
        'of somebody else with this id',
        'between',
        'a correction by somebody else',
        'a correction of another',
      ]);
      assert.equal(archive.filter((xml) => xml.includes('<retracted ')).length, 3);
      const nurse = await stage.join('nurse@a.example/x');
      await nurse.enter('Nurse');
      assert.doesNotMatch(nurse.take().join(), /secret (?:one|two|three)/);
    });
  }
}
