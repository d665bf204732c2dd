/** XEP-0463: who enters learns what has changed in the affiliations. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const ns = 'urn:xmpp:muc:affiliations:1';
const user = 'http://jabber.org/protocol/muc#user';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage, { whois: 'anyone', persistentroom: '1' });
  romeo = await stage.join('romeo@a.example/orchard');
  await adminSet(
    juliet,
    "<item affiliation='member' jid='romeo@a.example'/>",
    "<item affiliation='admin' jid='tybalt@a.example'/>",
    "<item affiliation='outcast' jid='paris@a.example'/>",
  );
  juliet.take();
});
afterEach(() => stage.close());

interface Told {
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly items: Record<string, string>;
}

function read(xml: string): Told | undefined {
  const extension = Stanza.parse(xml).child('x', user);
  const mav = extension?.getChild('mav', ns);
  if (!mav) return undefined;
  const items = extension!.getChildren('item').map(({ attrs }) => [attrs.jid ?? attrs.nick, attrs.affiliation]);
  return { since: mav.attrs.since, until: mav.attrs.until, items: Object.fromEntries(items) };
}

/** Enters, and gives the list that came, and the version in the own presence. */
async function enter(
  person: StreamActor,
  nick: string,
  since?: string,
): Promise<{ lists: Told[]; version: string; first: string }> {
  await person.enter(nick, hall, `<mav xmlns='${ns}'${since === undefined ? '' : ` since='${since}'`}/>`);
  const stanzas = person.take();
  const lists = stanzas.filter((xml) => xml.startsWith('<message')).flatMap((xml) => read(xml) ?? []);
  const own = stanzas.find((xml) => xml.startsWith('<presence') && xml.includes("code='110'"))!;
  return { lists, version: read(own)!.until!, first: stanzas[0]! };
}

async function leave(person: StreamActor, nick: string): Promise<void> {
  await person.send(`<presence to='${hall}/${nick}' type='unavailable'/>`);
  person.take();
}

const everyone = { 'juliet@a.example': 'owner', 'romeo@a.example': 'member', 'tybalt@a.example': 'admin' };

test('§4.2.1: the first time everything comes, ahead of all presence; bans are for admins', async () => {
  const { lists, version, first } = await enter(romeo, 'Romeo');
  assert.deepEqual(lists, [{ since: undefined, until: version, items: everyone }]);
  assert.ok(first.startsWith('<message'));
  const tybalt = await stage.join('tybalt@a.example/x');
  assert.deepEqual((await enter(tybalt, 'Tybalt')).lists[0]!.items, { ...everyone, 'paris@a.example': 'outcast' });
});

test('§4.2.1: who knows the version gets nothing, who knows an older one the difference', async () => {
  const { version } = await enter(romeo, 'Romeo');
  await leave(romeo, 'Romeo');
  assert.deepEqual((await enter(romeo, 'Romeo', version)).lists, []);
  await leave(romeo, 'Romeo');
  await adminSet(
    juliet,
    "<item affiliation='none' jid='tybalt@a.example'/>",
    "<item affiliation='member' jid='nurse@a.example'/>",
    "<item affiliation='none' jid='paris@a.example'/>",
  );
  await adminSet(juliet, "<item affiliation='owner' jid='nurse@a.example'/>");
  const { lists, version: now } = await enter(romeo, 'Romeo', version);
  const items = { 'tybalt@a.example': 'none', 'nurse@a.example': 'owner', 'paris@a.example': 'none' };
  assert.deepEqual(lists, [{ since: version, until: now, items }]);
});

for (const since of ['unknown', '', '0', 'zzzzzzzzzzzzzzzzzzz']) {
  test(`§4.2.1: a version '${since}' that was never given is answered with everything`, async () => {
    const { lists } = await enter(romeo, 'Romeo', since);
    assert.equal(lists[0]!.since, undefined);
    assert.deepEqual(lists[0]!.items, everyone);
  });
}

test('§4.2.2: each change leads from the last version to a new one, for people inside and outside', async () => {
  const { version } = await enter(romeo, 'Romeo');
  juliet.take();
  await adminSet(juliet, "<item affiliation='member' jid='nurse@a.example'/>");
  await adminSet(juliet, "<item affiliation='none' jid='romeo@a.example'/>");
  const told = romeo.take().flatMap((xml) => read(xml) ?? []);
  assert.deepEqual(
    told.map(({ items }) => items),
    [{ 'nurse@a.example': 'member' }, { 'romeo@a.example/orchard': 'none' }],
  );
  assert.equal(told[0]!.since, version);
  assert.equal(told[1]!.since, told[0]!.until);
});

test('§4.2.2, §4.2.3: in a semi-anonymous room only owners hear of those outside, as the lists are for them', async () => {
  await configure(juliet, { whois: 'moderators' });
  await romeo.enter('Romeo');
  const tybalt = await stage.join('tybalt@a.example/x');
  await tybalt.enter('Tybalt', hall, `<mav xmlns='${ns}'/>`);
  assert.equal(tybalt.heard()[0], 'error forbidden auth');
  await adminSet(juliet, "<item affiliation='member' jid='nurse@b.example'/>");
  assert.deepEqual(tybalt.heard(), []);
  romeo.take();
  juliet.take();
  await adminSet(juliet, "<item affiliation='member' jid='nurse@a.example'/>");
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(juliet.heard(), ['iq result room', 'message room']);
});

test('§4.2.3: who may not read the lists gets an error, and is inside all the same', async () => {
  await configure(juliet, { whois: 'moderators' });
  await romeo.enter('Romeo', hall, `<mav xmlns='${ns}'/>`);
  assert.deepEqual(romeo.heard(), [
    'error forbidden auth',
    'presence Juliet owner/moderator',
    'presence Romeo member/participant 110 170',
    'message room subject=',
  ]);
});

test('§4.1: what one client asks for is not shown to others', async () => {
  juliet.take();
  await enter(romeo, 'Romeo', 'mine');
  assert.doesNotMatch(juliet.take().join(), /mav/);
});

test('versions go on with another worker', async () => {
  const { version } = await enter(romeo, 'Romeo');
  await leave(romeo, 'Romeo');
  await adminSet(juliet, "<item affiliation='none' jid='tybalt@a.example'/>");
  await stage.restartRooms();
  const { lists } = await enter(romeo, 'Romeo', version);
  assert.deepEqual(lists[0]!.items, { 'tybalt@a.example': 'none' });
});

test('a long list comes in pages that lead from one version to the next, and old changes are forgotten', async () => {
  const { version } = await enter(romeo, 'Romeo');
  await leave(romeo, 'Romeo');
  const jids = Array.from({ length: roomLimits.formerAffiliationsMax + 1 }, (_, number) => `p${number}@a.example`);
  for (const affiliation of ['member', 'none']) {
    for (let at = 0; at < jids.length; at += roomLimits.adminItemsMax) {
      const page = jids.slice(at, at + roomLimits.adminItemsMax);
      await adminSet(juliet, ...page.map((jid) => `<item affiliation='${affiliation}' jid='${jid}'/>`));
    }
    if (affiliation === 'none') continue;
    const { lists, version: now } = await enter(romeo, 'Romeo', version);
    assert.equal(lists.length, Math.ceil(jids.length / roomLimits.affiliationsPageMax));
    assert.equal(lists[0]!.since, version);
    for (const [index, list] of lists.entries()) if (index > 0) assert.equal(list.since, lists[index - 1]!.until);
    assert.equal(lists.at(-1)!.until, now);
    assert.equal(new Set(lists.flatMap(({ items }) => Object.keys(items))).size, jids.length);
    await leave(romeo, 'Romeo');
  }
  const { lists } = await enter(romeo, 'Romeo', version);
  assert.deepEqual([lists.length, lists[0]!.since, lists[0]!.items], [1, undefined, everyone]);
});

test('§3: the room says that it can', async () => {
  assert.ok(
    (await romeo.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`)).includes(`<feature var='${ns}'/>`),
  );
});
