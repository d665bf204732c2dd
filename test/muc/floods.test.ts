/** How fast people may go (services/muc/core/pace.ts): on a clock that stands until the test moves it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { directoryOf, directoryParts, roomNames } from '../../lib/runtime/directory.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Pace } from '../../services/muc/core/pace.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let elapsedMs = 0;
/** Looks for ghosts wait for this clock as well: on a busy machine they would find that the people of the stage have no sessions. */
const clock: Clock = {
  ...systemClock,
  monotonic: () => elapsedMs,
  after: (delayMs, run) => (delayMs < roomLimits.firstSweepMs ? systemClock.after(delayMs, run) : { cancel() {} }),
};
const tooFast = 'error policy-violation wait';

beforeEach(async () => {
  elapsedMs = 0;
  stage = await openRooms({ hasWorker: false });
  await stage.startRooms({ clock });
  romeo = await stage.join('romeo@b.example/orchard');
});
afterEach(() => stage.close());

async function times(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await act(index);
}

const refusals = (person: RequestActor) => person.heard().filter((line) => line === tooFast).length;

test('one person floods a room with messages: refused after a burst, while others speak, and again later', async () => {
  juliet = await openHall(stage);
  const nurse = await stage.join('nurse@b.example/x');
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  const phone = await stage.join('romeo@b.example/phone');
  await phone.enter('Romeo');
  for (const person of [juliet, romeo, nurse, phone]) person.take();
  await times(roomLimits.messagesBurst, () => romeo.say('x'));
  await phone.say('x');
  assert.equal(refusals(phone), 1, 'it is the account that counts');
  await nurse.say('hello');
  assert.equal(juliet.heard().at(-1), 'message Nurse hello');
  elapsedMs = 1_000;
  romeo.take();
  await romeo.say('y');
  assert.equal(refusals(romeo), 0);
});

test('private messages count as messages do', async () => {
  juliet = await openHall(stage);
  await romeo.enter('Romeo');
  juliet.take();
  await times(roomLimits.messagesBurst + 5, () =>
    romeo.send(`<message to='${hall}/Juliet' type='chat'><body>x</body></message>`),
  );
  assert.equal(juliet.take().length, roomLimits.messagesBurst);
});

test('somebody enters and leaves without end: refused after a burst, but never kept inside', async () => {
  juliet = await openHall(stage);
  await times(roomLimits.presencesBurst + 10, async () => {
    await romeo.enter('Romeo');
    await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  });
  assert.equal(refusals(romeo), 10);
  assert.equal(juliet.heard().length, 2 * roomLimits.presencesBurst);
});

test('nick changes and status changes come at the pace of presence', async () => {
  juliet = await openHall(stage);
  await romeo.enter('Romeo');
  await times(roomLimits.presencesBurst, (index) => romeo.send(`<presence to='${hall}/Romeo${index}'/>`));
  assert.equal(refusals(romeo), 1);
});

test('requests without end are refused after a burst', async () => {
  juliet = await openHall(stage);
  await times(roomLimits.requestsBurst + 3, () =>
    romeo.send(`<iq to='${hall}' type='get' id='x'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`),
  );
  assert.equal(refusals(romeo), 3);
});

test('invitations: so many at once and no more, and none goes out of a message that has too many', async () => {
  juliet = await openHall(stage);
  await romeo.enter('Romeo');
  romeo.take();
  const invite = (count: number) =>
    romeo.send(
      `<message to='${hall}'><x xmlns='http://jabber.org/protocol/muc#user'>${"<invite to='x@c.example'/>".repeat(count)}</x></message>`,
    );
  await times(roomLimits.invitesBurst / roomLimits.invitesMax, () => invite(roomLimits.invitesMax));
  assert.equal(refusals(romeo), 0);
  await invite(1);
  assert.equal(refusals(romeo), 1);
});

test('§7.2.5: a password is guessed a few times, then even the right one has to wait; others are not locked out', async () => {
  juliet = await openHall(stage, { passwordprotectedroom: '1', roomsecret: 'lark' });
  const guess = (who: RequestActor, word: string) => who.enter(who.jid.local, hall, `<password>${word}</password>`);
  await times(roomLimits.passwordsBurst, (index) => guess(romeo, `owl${index}`));
  assert.deepEqual(new Set(romeo.heard()), new Set(['error not-authorized auth']));
  await guess(romeo, 'lark');
  assert.deepEqual(romeo.heard(), [tooFast]);
  const nurse = await stage.join('nurse@b.example/x');
  await guess(nurse, 'lark');
  assert.equal(nurse.heard().includes('presence nurse none/participant 110 170'), true);
  elapsedMs = (1 / roomLimits.passwordsPerSecond) * 1_000;
  await guess(romeo, 'lark');
  assert.equal(romeo.heard().includes('presence romeo none/participant 110 170'), true);
});

test('§7.2.5: a domain that makes up accounts guesses no more than a domain may; accounts of our own are not bothered', async () => {
  juliet = await openHall(stage, { passwordprotectedroom: '1', roomsecret: 'lark' });
  await times(roomLimits.domainPasswordsBurst, async (index) => {
    await (await stage.join(`u${index}@b.example/x`)).enter('N', hall, '<password>owl</password>');
  });
  await romeo.enter('Romeo', hall, '<password>lark</password>');
  assert.deepEqual(romeo.heard(), [tooFast]);
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse', hall, '<password>lark</password>');
  assert.equal(nurse.heard().includes('presence Nurse none/participant 110 170'), true);
});

test('entering without a password does not count as a guess', async () => {
  juliet = await openHall(stage, { passwordprotectedroom: '1', roomsecret: 'lark' });
  await times(roomLimits.passwordsBurst + 5, () => romeo.enter('Romeo'));
  await romeo.enter('Romeo', hall, '<password>lark</password>');
  assert.equal(romeo.heard().includes('presence Romeo none/participant 110 170'), true);
});

test('one account makes so many rooms at once', async () => {
  const maker = await stage.join('maker@a.example/x');
  await times(roomLimits.creationsBurst, (index) => maker.enter('Maker', `room${index}@conference.a.example`));
  maker.take();
  await maker.enter('Maker', 'more@conference.a.example');
  assert.deepEqual(maker.heard(), [tooFast]);
});

test('§10.1.1: a tenant has so many rooms', async () => {
  const rows = directoryOf(stage.store, 'a.example', 'hall');
  const most = runtimeLimits.roomsMax / directoryParts;
  await stage.store.batchPut(Array.from({ length: most }, (_, index) => rows.row(roomNames, `r${index}`, { createdAt: '' })));
  juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  assert.deepEqual(juliet.heard(), ['error resource-constraint wait']);
  await rows.delete(roomNames, 'r0');
  await juliet.enter('Juliet');
  assert.equal(juliet.heard()[0], 'presence Juliet owner/moderator 110 170 201');
});

test('§10.1.1: one account has its share of the rooms of a tenant, and others make rooms still', async () => {
  const rows = directoryOf(stage.store, 'a.example', 'hall');
  const most = roomLimits.roomsPerAccountMax / directoryParts;
  const made = (madeBy: string) => (_: unknown, index: number) =>
    rows.row(roomNames, `${madeBy} ${index}`, { createdAt: '', madeBy });
  await stage.store.batchPut(Array.from({ length: most }, made('juliet@a.example')));
  juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  assert.deepEqual(juliet.heard(), ['error resource-constraint wait']);
  const nurse = await stage.join('nurse@a.example/kitchen');
  await nurse.enter('Nurse');
  assert.equal(nurse.heard()[0], 'presence Nurse owner/moderator 110 170 201');
  const [row] = (await rows.list(roomNames, { limit: most + 1 })).filter(({ key }) => key === 'hall');
  assert.equal(row?.value.madeBy, 'nurse@a.example', 'whose room it is stands in the directory');
});

/** As many accounts as are needed for so many tries: each makes as many as one may at once. */
async function crowd(tries: number, act: (person: RequestActor) => Promise<void>): Promise<RequestActor[]> {
  const addresses = Array.from({ length: Math.ceil(tries / roomLimits.presencesBurst) }, (_, at) => `u${at}@b.example/x`);
  const people = await Promise.all(addresses.map((address) => stage.join(address)));
  for (let round = 0; round < roomLimits.presencesBurst; round++) await Promise.all(people.map(act));
  return people;
}

test('people who come in without end: refused after a burst, but not an admin; other rooms do not notice', async () => {
  juliet = await openHall(stage, { presencebroadcast: ['moderator'], historylength: '0' });
  await adminSet(juliet, "<item affiliation='admin' jid='nurse@b.example'/>");
  const people = await crowd(roomLimits.entriesBurst, async (person) => {
    await person.enter(person.jid.local);
    await person.send(`<presence to='${hall}/${person.jid.local}' type='unavailable'/>`);
  });
  assert.equal(
    people.reduce((sum, person) => sum + refusals(person), 0),
    0,
  );
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), [tooFast]);
  const nurse = await stage.join('nurse@b.example/x');
  await nurse.enter('Nurse');
  assert.ok(nurse.heard().includes('presence Nurse admin/moderator 110 170'));
  await juliet.enter('Juliet', 'attic@conference.a.example');
  await configure(juliet, {}, 'attic@conference.a.example');
  await romeo.enter('Romeo', 'attic@conference.a.example');
  assert.ok(romeo.heard().includes('presence Romeo none/participant 110 170'));
  elapsedMs = 1_000;
  await romeo.enter('Romeo');
  assert.ok(romeo.heard().includes('presence Romeo none/participant 110 170'));
});

test('those who are refused keep nobody out, however many they are', async () => {
  juliet = await openHall(stage);
  await adminSet(juliet, "<item affiliation='outcast' jid='b.example'/>");
  const people = await crowd(roomLimits.entriesBurst + roomLimits.presencesBurst, (person) => person.enter(person.jid.local));
  assert.deepEqual(new Set(people.flatMap((person) => person.heard())), new Set(['error forbidden auth']));
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  assert.ok(nurse.heard().includes('presence Nurse none/participant 110 170'));
});

test('an admin who floods a room is stopped too, by what all would have to be sent', async () => {
  juliet = await openHall(stage, { presencebroadcast: ['moderator'] });
  const audience = 199;
  await times(audience, async (index) => (await stage.join(`u${index}@a.example/x`)).enter(`u${index}`));
  const items = Array.from({ length: roomLimits.adminItemsMax }, (_, at) => `<item affiliation='none' jid='u${at}@a.example'/>`);
  juliet.take();
  await times(roomLimits.deliveriesBurst / roomLimits.adminItemsMax / (audience + 1) - 1, () => adminSet(juliet, ...items));
  assert.equal(refusals(juliet), 0);
  await adminSet(juliet, ...items);
  assert.equal(refusals(juliet), 1);
  elapsedMs = 1_000;
  await juliet.say('hello');
  assert.equal(refusals(juliet), 0);
});

test('what a room as a whole sends in a second', () => {
  const pace = new Pace(clock);
  assert.equal(pace.take('deliveries', 'x', roomLimits.deliveriesBurst), 0);
  assert.ok(pace.take('deliveries', 'x', 5_000) > 0);
  elapsedMs = 1_000;
  assert.equal(pace.take('deliveries', 'x', roomLimits.deliveriesPerSecond), 0);
});

test('owners and admins are not slowed down', async () => {
  juliet = await openHall(stage);
  await adminSet(juliet, "<item affiliation='admin' jid='romeo@b.example'/>");
  await romeo.enter('Romeo');
  await times(roomLimits.messagesBurst + 20, () => romeo.say('x'));
  assert.equal(refusals(romeo), 0);
});
