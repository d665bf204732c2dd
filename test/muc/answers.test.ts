/**
 * Errors and results do not get around a room's rules: only answers to what was passed on to an occupant pass back, each once, errors
 * without payload (RFC 6120 §8.3.1), and all of them paced; XEP-0045 §5.1 (voice), §10.2.1 (`allowpm`), §15.4, §16.1.2.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { configure, hall, openHallForTwo } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const stanzas = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";
const notAcceptable = `<error type='modify'><not-acceptable ${stanzas}/></error>`;
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  ({ juliet, romeo } = await openHallForTwo(stage));
});
afterEach(() => stage.close());

const write = (person: StreamActor, nick: string, id: string) =>
  person.send(`<message to='${hall}/${nick}' type='chat' id='${id}'><body>psst</body></message>`);

/** The room has come to what was sent before: it lets nobody wait for its handling of an answer. */
async function handled(): Promise<void> {
  await juliet.send(`<iq to='${hall}' type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>`);
  const at = juliet.inbox.findIndex((xml) => xml.includes("id='done'"));
  juliet.inbox.splice(at, 1);
}

async function heardOf(send: () => Promise<void>): Promise<string[]> {
  juliet.take();
  await send();
  await romeo.say('behind');
  return juliet.take().filter((xml) => !xml.includes('behind'));
}

for (const [what, xml] of [
  [
    'an error that answers nothing',
    `<message to='${hall}/Juliet' type='error' id='x'><body>spam</body>${notAcceptable}</message>`,
  ],
  ['one without an id', `<message to='${hall}/Juliet' type='error'><body>spam</body>${notAcceptable}</message>`],
  ['one without <error/>', `<message to='${hall}/Juliet' type='error' id='x'><body>spam</body></message>`],
  ['an iq result', `<iq to='${hall}/Juliet' type='result' id='x'><q xmlns='x:y'>spam</q></iq>`],
  ['an iq error', `<iq to='${hall}/Juliet' type='error' id='x'><q xmlns='x:y'>spam</q>${notAcceptable}</iq>`],
  ['a presence error', `<presence to='${hall}/Juliet' type='error' id='x'><status>spam</status>${notAcceptable}</presence>`],
  ['an error to the room', `<message to='${hall}' type='error' id='x'><body>spam</body>${notAcceptable}</message>`],
  [
    'an invitation that nobody sent',
    `<message to='${hall}' type='error' id='invite.AAAAAAAAAAAAAAAAAAAAAA.x'>${notAcceptable}</message>`,
  ],
] as const) {
  test(`${what} reaches nobody`, async () => {
    assert.deepEqual(await heardOf(() => romeo.send(xml)), []);
  });
}

test('an error about a message to all reaches nobody: it was not passed on to one', async () => {
  await juliet.say('hello');
  assert.deepEqual(
    await heardOf(() => romeo.send(`<message to='${hall}/Juliet' type='error' id='hello'>${notAcceptable}</message>`)),
    [],
  );
});

test('§7.5: an error about a private message passes once, and carries the error alone', async () => {
  await write(juliet, 'Romeo', 'pm1');
  const error = `<message to='${hall}/Juliet' type='error' id='pm1'><body>spam</body><x xmlns='jabber:x:oob'><url>x</url></x>${notAcceptable}</message>`;
  juliet.take();
  for (let times = 0; times < 3; times++) await romeo.send(error);
  await handled();
  juliet.receives(`<message from='${hall}/Romeo' to='juliet@a.example/balcony' type='error' id='pm1'>${notAcceptable}</message>`);
});

test('§15.4: an iq error passes once, and carries the error alone; a result passes once', async () => {
  for (const type of ['error', 'result']) {
    await juliet.send(`<iq to='${hall}/Romeo' type='get' id='v1'><query xmlns='jabber:iq:version'/></iq>`);
    await romeo.gets(1);
    const id = Stanza.parse(romeo.take().at(-1)!).id!;
    juliet.take();
    const content = type === 'error' ? `<query xmlns='jabber:iq:version'>spam</query>${notAcceptable}` : '';
    for (let times = 0; times < 3; times++) await romeo.send(`<iq to='${hall}/Juliet' type='${type}' id='${id}'>${content}</iq>`);
    await handled();
    juliet.receives(
      `<iq from='${hall}/Romeo' to='juliet@a.example/balcony' type='${type}' id='v1'>${type === 'error' ? notAcceptable : ''}</iq>`,
    );
  }
});

const spoken = `<error type='modify'><not-acceptable ${stanzas}/><text ${stanzas}>read this</text><app xmlns='x:y'>and this</app></error>`;

for (const [policy, isHeard] of [
  ['anyone', true],
  ['moderators', false],
  ['none', false],
] as const) {
  test(`§10.2.1: allowpm ${policy}: the words in an error ${isHeard ? 'pass' : 'do not'}`, async () => {
    await configure(juliet, { whois: 'moderators' });
    await write(juliet, 'Romeo', 'pm1');
    await configure(juliet, { allowpm: policy });
    juliet.take();
    await romeo.send(`<message to='${hall}/Juliet' type='error' id='pm1'>${spoken}</message>`);
    await handled();
    juliet.receives(
      `<message from='${hall}/Romeo' to='juliet@a.example/balcony' type='error' id='pm1'>${isHeard ? spoken : notAcceptable}</message>`,
    );
  });
}

test('an error of many words passes without them', async () => {
  await write(juliet, 'Romeo', 'pm1');
  juliet.take();
  const text = `<text ${stanzas}>${'spam '.repeat(2_000)}</text>`;
  await romeo.send(
    `<message to='${hall}/Juliet' type='error' id='pm1'>${notAcceptable.replace('</error>', `${text}</error>`)}</message>`,
  );
  await handled();
  juliet.receives(`<message from='${hall}/Romeo' to='juliet@a.example/balcony' type='error' id='pm1'>${notAcceptable}</message>`);
});

test('after the death of a worker errors about private messages are dropped, quietly', async () => {
  await write(juliet, 'Romeo', 'pm1');
  await stage.restartRooms();
  assert.deepEqual(
    await heardOf(() => romeo.send(`<message to='${hall}/Juliet' type='error' id='pm1'>${notAcceptable}</message>`)),
    [],
  );
  assert.deepEqual(
    romeo.take().filter((xml) => xml.includes("type='error'")),
    [],
  );
});

for (const [what, request, answer] of [
  [
    'errors',
    (at: number) => `<message to='${hall}/Romeo' type='chat' id='a${at}'><body>psst</body></message>`,
    (id: string) => `<message to='${hall}/Juliet' type='error' id='${id}'>${notAcceptable}</message>`,
  ],
  [
    'errors of iqs',
    (at: number) => `<iq to='${hall}/Romeo' type='get' id='a${at}'><query xmlns='jabber:iq:version'/></iq>`,
    (id: string) => `<iq to='${hall}/Juliet' type='error' id='${id}'>${notAcceptable}</iq>`,
  ],
  [
    'results',
    (at: number) => `<iq to='${hall}/Romeo' type='get' id='a${at}'><query xmlns='jabber:iq:version'/></iq>`,
    (id: string) => `<iq to='${hall}/Juliet' type='result' id='${id}'/>`,
  ],
] as const) {
  test(`${what} are paced per occupant, also the right ones, and nobody is told of those that are dropped`, async () => {
    const count = 3 * roomLimits.answersBurst;
    for (let at = 0; at < count; at++) await juliet.send(request(at));
    await romeo.gets(count);
    const ids = romeo.take().map((xml) => Stanza.parse(xml).id!);
    juliet.take();
    const began = performance.now();
    await Promise.all(ids.map((id) => romeo.send(answer(id))));
    await handled();
    const allowed = roomLimits.answersBurst + roomLimits.answersPerSecond * ((performance.now() - began) / 1_000 + 1);
    const passed = juliet.take().length;
    assert.ok(passed >= roomLimits.answersBurst && passed <= allowed, `${passed} of ${count} passed, at most ${allowed} may`);
    assert.deepEqual(romeo.take(), []);
  });
}

test('§16.1.2: whoever is gone leaves, in the middle of a flood as well', async () => {
  const flood = roomLimits.answersBurst + 20 * roomLimits.answersPerSecond;
  await Promise.all(
    Array.from({ length: flood }, (_, at) =>
      romeo.send(`<message to='${hall}/Juliet' type='error' id='${at}'>${notAcceptable}</message>`),
    ),
  );
  juliet.take();
  await romeo.send(`<message to='${hall}' type='error'><error type='cancel'><item-not-found ${stanzas}/></error></message>`);
  await handled();
  assert.deepEqual(juliet.heard(), ['presence unavailable Romeo none/none 333']);
});

const absent = `<error type='cancel'><service-unavailable ${stanzas}/></error>`;
const inquiry = `<message from='${hall}' to='romeo@b.example/orchard' type='groupchat'><x xmlns='http://jabber.org/protocol/muc#user'/></message>`;

test('§16.1.2, RFC 6121 §8.5.3.2.1: whose server says that it is not there, for one writer and for the room, leaves', async () => {
  await juliet.say('anybody there?');
  for (const person of [juliet, romeo]) person.take();
  await romeo.send(`<message to='${hall}/Juliet' type='error'>${absent}</message>`);
  await handled();
  romeo.receives(inquiry);
  assert.deepEqual(juliet.heard(), [], 'it may have blocked Juliet and be there');
  await romeo.send(`<message to='${hall}' type='error'>${absent}</message>`);
  await handled();
  assert.deepEqual(juliet.heard(), ['presence unavailable Romeo none/none 333']);
});

test('§16.1.2: such an error of somebody outside, and one of the same tenant, is not asked about', async () => {
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  for (const person of [juliet, romeo]) person.take();
  for (const person of [juliet, romeo]) await person.send(`<message to='${hall}/Juliet' type='error'>${absent}</message>`);
  await handled();
  for (const person of [juliet, romeo]) assert.deepEqual(person.take(), []);
});

/** Romeo is a visitor: the room is moderated. */
async function muteRomeo(fields: Readonly<Record<string, string>> = {}): Promise<void> {
  await configure(juliet, { moderatedroom: '1', ...fields });
  await juliet.send(
    `<iq to='${hall}' type='set' id='r'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='visitor'/></query></iq>`,
  );
  for (const person of [juliet, romeo]) person.take();
}

test('§5.1: the words in a visitor’s presence, and in its farewell, are not shown', async () => {
  await muteRomeo();
  const words = `<status>buy now</status><note xmlns='x:y'>buy now</note><show>buy now</show>`;
  await romeo.send(`<presence to='${hall}/Romeo'><show>away</show><priority>1</priority>${words}</presence>`);
  const [shown] = juliet.take();
  assert.match(shown!, /<show>away<\/show><priority>1<\/priority>/);
  assert.doesNotMatch(shown!, /buy/);
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'>${words}</presence>`);
  assert.doesNotMatch(juliet.take().join(), /buy/);
});

test('§5.1: with voice the presence is shown whole again', async () => {
  await muteRomeo();
  await romeo.send(`<presence to='${hall}/Romeo'><status>wandering</status></presence>`);
  assert.doesNotMatch(juliet.take().join(), /wandering/);
  await juliet.send(
    `<iq to='${hall}' type='set' id='r'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Romeo' role='participant'/></query></iq>`,
  );
  assert.match(juliet.take().join(), /<status>wandering<\/status>/);
});

for (const [what, child, type, isPassed, heard] of [
  ['a question', "<query xmlns='jabber:iq:version'/>", 'get', true, []],
  ['a vCard’s (§17.3)', "<vCard xmlns='vcard-temp'/>", 'get', true, ['error service-unavailable cancel']], // her account has none
  ['disco (§6.6)', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'get', true, []],
  ['a question with words', "<query xmlns='x:y'><a>buy</a></query>", 'get', false, ['error forbidden auth']],
  ['a set', "<query xmlns='x:y'/>", 'set', false, ['error forbidden auth']],
] as const) {
  test(`§10.2.1, §15.4: where private messages are not allowed, ${what} ${isPassed ? 'is passed on' : 'is forbidden'}`, async () => {
    await muteRomeo({ allowpm: 'none' });
    await romeo.send(`<iq to='${hall}/Juliet' type='${type}' id='q'>${child}</iq>`);
    await romeo.gets(heard.length);
    assert.deepEqual(romeo.heard(), heard);
  });
}

for (const [what, xml] of [
  ['new nicks (§7.6)', (at: number) => `<presence to='${hall}/Romeo${at}'/>`],
  ['presence (§7.7)', (at: number) => `<presence to='${hall}/Romeo'><status>${at}</status></presence>`],
] as const) {
  test(`${what} are paced`, async () => {
    for (let at = 0; at < roomLimits.presencesBurst + 40; at++) await romeo.send(xml(at));
    assert.ok(romeo.heard().includes('error policy-violation wait'));
  });
}

test('§17.3: requests for vCards are paced, as all requests', async () => {
  const flood = roomLimits.requestsBurst + 20 * roomLimits.requestsPerSecond;
  await Promise.all(
    Array.from({ length: flood }, (_, at) =>
      romeo.send(`<iq to='${hall}/Juliet' type='get' id='${at}'><vCard xmlns='vcard-temp'/></iq>`),
    ),
  );
  assert.ok(romeo.heard().includes('error policy-violation wait'));
});

const decline = (person: StreamActor): Promise<void> =>
  person.send(
    `<message to='${hall}'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='${hall}/Juliet'><reason>buy now</reason></decline></x></message>`,
  );

test('§7.8.2: whoever was invited says why it does not come, once', async () => {
  const nurse = await stage.join('nurse@b.example/x');
  await juliet.send(
    `<message to='${hall}'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='nurse@b.example'/></x></message>`,
  );
  juliet.take();
  await decline(nurse);
  await decline(nurse);
  const words = juliet.take().map((xml) => xml.includes('buy now'));
  assert.deepEqual(words, [true, false]);
});

for (const [what, address] of [
  ['a stranger', 'nurse@b.example/x'],
  ['somebody of the same domain', 'tybalt@a.example/x'],
  ['an occupant', 'romeo@b.example/orchard'],
] as const) {
  test(`§7.8.2: ${what} who was not invited says nothing by declining`, async () => {
    await decline(address === `${romeo.jid}` ? romeo : await stage.join(address));
    assert.doesNotMatch(juliet.take().join(), /buy now/);
  });
}
