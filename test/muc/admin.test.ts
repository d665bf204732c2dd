/** XEP-0045 §8, §9, §10.3 to §10.8: roles and affiliations, and who may change whose (§5). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: WholeStage;
let people: Record<'owner' | 'admin' | 'member' | 'moderator' | 'romeo', StreamActor>;

beforeEach(async () => {
  stage = await openStage();
  const owner = await openHall(stage);
  const admin = await stage.join('admin@a.example/x');
  const member = await stage.join('member@a.example/x');
  const moderator = await stage.join('moderator@a.example/x');
  const romeo = await stage.join('romeo@b.example/x');
  await adminSet(
    owner,
    "<item affiliation='admin' jid='admin@a.example'/>",
    "<item affiliation='member' jid='member@a.example'/>",
  );
  await admin.enter('Admin');
  await member.enter('Member');
  await moderator.enter('Moderator');
  await romeo.enter('Romeo');
  await adminSet(owner, "<item role='moderator' nick='Moderator'/>");
  people = { owner, admin, member, moderator, romeo };
  for (const person of Object.values(people)) person.take();
});
afterEach(() => stage.close());

test('§8.2: a kick is 307 for all, with who did it and why', async () => {
  await adminSet(people.moderator, "<item role='none' nick='Romeo'><reason>Avaunt!</reason></item>");
  people.romeo.receives(
    `<presence from='${hall}/Romeo' to='romeo@b.example/x' type='unavailable'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>
      <x xmlns='${muc}#user'><item affiliation='none' role='none' jid='romeo@b.example/x'><actor nick='Moderator'/><reason>Avaunt!</reason></item>
      <status code='110'/><status code='307'/></x></presence>`,
  );
  assert.deepEqual(people.moderator.heard(), ['iq result room', 'presence unavailable Romeo none/none 307']);
  assert.deepEqual(people.member.heard(), ['presence unavailable Romeo none/none 307']);
  await people.romeo.enter('Romeo');
  assert.equal(people.romeo.heard().at(-2), 'presence Romeo none/participant 110 170');
});

test('§9.1: a ban is 301, and lasts', async () => {
  await adminSet(people.admin, "<item affiliation='outcast' jid='romeo@b.example'><reason>Banished</reason></item>");
  assert.deepEqual(people.romeo.heard(), ['presence unavailable Romeo outcast/none 110 301']);
  assert.deepEqual(people.member.heard(), ['presence unavailable Romeo outcast/none 301']);
  await people.romeo.enter('Romeo');
  assert.deepEqual(people.romeo.heard(), ['error forbidden auth']);
  await people.admin.send(
    `<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item affiliation='outcast'/></query></iq>`,
  );
  assert.match(
    people.admin.take().at(-1)!,
    /<item affiliation='outcast' jid='romeo@b.example'><reason>Banished<\/reason><\/item>/,
  );
});

test('§9.3, §9.6, §8.3: grants are seen in presence', async () => {
  await adminSet(people.admin, "<item affiliation='member' jid='romeo@b.example'/>");
  assert.deepEqual(people.member.heard(), ['presence Romeo member/participant']);
  await adminSet(people.admin, "<item role='moderator' nick='Romeo'/>");
  assert.deepEqual(people.member.heard(), ['presence Romeo member/moderator']);
  await adminSet(people.admin, "<item role='participant' nick='Romeo'/>");
  assert.deepEqual(people.member.heard(), ['presence Romeo member/participant']);
  await adminSet(people.owner, "<item affiliation='owner' jid='romeo@b.example'/>");
  assert.deepEqual(people.member.heard(), ['presence Romeo owner/moderator']);
  await adminSet(people.owner, "<item affiliation='none' jid='romeo@b.example'/>");
  assert.deepEqual(people.member.heard(), ['presence Romeo none/participant']);
});

test('§9.4: who loses membership of a members-only room is out with 321', async () => {
  await configure(people.owner, { membersonly: '1' });
  assert.deepEqual(people.romeo.heard().at(-1), 'presence unavailable Romeo none/none 110 322');
  people.member.take();
  await adminSet(people.owner, "<item affiliation='none' jid='member@a.example'/>");
  assert.deepEqual(people.member.heard(), ['presence unavailable Member none/none 110 321']);
});

type Who = keyof typeof people;
const refusals: readonly [what: string, who: Who, item: string, error: string][] = [
  ['§8.2: a participant kicks', 'romeo', "<item role='none' nick='Member'/>", 'error forbidden auth'],
  ['§8.2: a moderator kicks an admin', 'moderator', "<item role='none' nick='Admin'/>", 'error not-allowed cancel'],
  ['§8.2: an admin kicks an owner', 'admin', "<item role='none' nick='Juliet'/>", 'error not-allowed cancel'],
  ['§8.2: nobody is kicked', 'moderator', "<item role='none' nick='Paris'/>", 'error item-not-found cancel'],
  ['§8.4: voice is taken from an admin', 'owner', "<item role='visitor' nick='Admin'/>", 'error not-allowed cancel'],
  ['§8.4: a moderator takes voice from an admin', 'moderator', "<item role='visitor' nick='Admin'/>", 'error not-allowed cancel'],
  ['§8.4: an admin takes voice from an owner', 'admin', "<item role='visitor' nick='Juliet'/>", 'error not-allowed cancel'],
  ['§8.4: voice is taken from a member by less', 'moderator', "<item role='visitor' nick='Member'/>", 'error not-allowed cancel'],
  ['§9.6: a moderator makes moderators', 'moderator', "<item role='moderator' nick='Romeo'/>", 'error forbidden auth'],
  [
    '§5.1.3: a moderator takes the role of an admin',
    'moderator',
    "<item role='participant' nick='Admin'/>",
    'error not-allowed cancel',
  ],
  [
    '§5.1.3: a moderator takes the role of an owner',
    'moderator',
    "<item role='participant' nick='Juliet'/>",
    'error not-allowed cancel',
  ],
  [
    '§5.1.3: a moderator takes voice from an owner',
    'moderator',
    "<item role='visitor' nick='Juliet'/>",
    'error not-allowed cancel',
  ],
  ['§8.2: a moderator kicks an owner', 'moderator', "<item role='none' nick='Juliet'/>", 'error not-allowed cancel'],
  ['§9.7: a moderator takes it from himself', 'moderator', "<item role='participant' nick='Moderator'/>", 'error forbidden auth'],
  [
    '§5.1.3: a moderator takes the role of an admin, among others',
    'moderator',
    "<item role='visitor' nick='Romeo'/><item role='participant' nick='Admin'/>",
    'error not-allowed cancel',
  ],
  ['§9.7: an owner loses the role of moderator', 'admin', "<item role='participant' nick='Juliet'/>", 'error not-allowed cancel'],
  ['§9.1: a moderator bans', 'moderator', "<item affiliation='outcast' jid='romeo@b.example'/>", 'error forbidden auth'],
  ['§9.1: an admin bans an owner', 'admin', "<item affiliation='outcast' jid='juliet@a.example'/>", 'error not-allowed cancel'],
  ['§9.1: an admin bans himself', 'admin', "<item affiliation='outcast' jid='admin@a.example'/>", 'error conflict cancel'],
  ['§9.1: an owner bans her own domain', 'owner', "<item affiliation='outcast' jid='a.example'/>", 'error conflict cancel'],
  ['§10.6: an admin makes admins', 'admin', "<item affiliation='admin' jid='romeo@b.example'/>", 'error forbidden auth'],
  ['§10.4: the last owner goes', 'owner', "<item affiliation='member' jid='juliet@a.example'/>", 'error conflict cancel'],
  ['§15.4: both at once', 'owner', "<item affiliation='member' role='visitor' nick='Romeo'/>", 'error bad-request modify'],
  ['an affiliation that is none', 'owner', "<item affiliation='king' jid='romeo@b.example'/>", 'error bad-request modify'],
  ['a JID that is none', 'owner', "<item affiliation='member' jid='@@'/>", 'error jid-malformed modify'],
  ['no item', 'owner', '', 'error bad-request modify'],
];
for (const [what, who, item, error] of refusals) {
  test(`${what}: ${error}`, async () => {
    await adminSet(people[who], item);
    assert.deepEqual(people[who].heard(), [error]);
    for (const person of Object.values(people)) assert.deepEqual(person.heard(), []);
  });
}

test('§9.2: of a list with one item that is refused nothing is done', async () => {
  await adminSet(
    people.admin,
    "<item affiliation='outcast' jid='romeo@b.example'/>",
    "<item affiliation='outcast' jid='juliet@a.example'/>",
  );
  assert.deepEqual(people.admin.heard(), ['error not-allowed cancel']);
  assert.deepEqual(people.romeo.heard(), []);
});

test('the last owner may hand over in one request', async () => {
  await adminSet(
    people.owner,
    "<item affiliation='owner' jid='admin@a.example'/>",
    "<item affiliation='member' jid='juliet@a.example'/>",
  );
  assert.deepEqual(people.owner.heard(), [
    'iq result room',
    'presence Admin owner/moderator',
    'presence Juliet member/participant 110',
  ]);
});

for (const [list, who, answer] of [
  ["affiliation='member'", 'admin', /<item affiliation='member' jid='member@a.example'\/>/],
  ["affiliation='owner'", 'owner', /<item affiliation='owner' jid='juliet@a.example'\/>/],
  ["affiliation='admin'", 'owner', /<item affiliation='admin' jid='admin@a.example'\/>/],
  ["affiliation='owner'", 'admin', /forbidden/],
  ["affiliation='admin'", 'admin', /forbidden/],
  ["affiliation='outcast'", 'admin', /<query xmlns='[^']*'\/>/],
  ["affiliation='outcast'", 'member', /forbidden/],
  ["affiliation='member'", 'member', /forbidden/],
  ["affiliation='owner'", 'romeo', /forbidden/],
  ["role='participant'", 'moderator', /nick='Romeo' role='participant'/],
  ["role='moderator'", 'romeo', /forbidden/],
  ["affiliation='x'", 'owner', /bad-request/],
] as const) {
  test(`§9.5, §8.5: the list ${list} for the ${who}`, async () => {
    await people[who].send(`<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item ${list}/></query></iq>`);
    assert.match(people[who].take()[0]!, answer);
  });
}

test('§9.5: in a non-anonymous room those inside may know the members', async () => {
  await configure(people.owner, { whois: 'anyone' });
  people.romeo.take();
  await people.romeo.send(
    `<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item affiliation='member'/></query></iq>`,
  );
  assert.match(people.romeo.take()[0]!, /jid='member@a.example'/);
});

test('§10.5, §10.8: in a non-anonymous room everybody may see who the owners and admins are', async () => {
  await configure(people.owner, { whois: 'anyone' });
  for (const affiliation of ['owner', 'admin']) {
    people.admin.take();
    await people.admin.send(
      `<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item affiliation='${affiliation}'/></query></iq>`,
    );
    assert.match(people.admin.take()[0]!, /<iq [^>]*type='result'/);
  }
});

for (const [what, item, kept] of [
  ['is kept where nothing is said of it', "<item affiliation='member' jid='romeo@b.example'/>", " nick='Montague'"],
  ['is another now', "<item affiliation='member' jid='romeo@b.example' nick='Roma'/>", " nick='Roma'"],
  ['ends with an empty one', "<item affiliation='member' jid='romeo@b.example' nick=''/>", ''],
] as const) {
  test(`§9.5: a reserved nick ${what}`, async () => {
    await adminSet(people.admin, "<item affiliation='member' jid='romeo@b.example' nick='Montague'/>");
    await adminSet(people.admin, item);
    people.admin.take();
    await people.admin.send(
      `<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item affiliation='member'/></query></iq>`,
    );
    const list = people.admin.take()[0]!;
    assert.ok(list.includes(`<item affiliation='member' jid='romeo@b.example'${kept}/>`), list);
  });
}

test('a banned domain takes all of its people out', async () => {
  await adminSet(people.owner, "<item affiliation='outcast' jid='b.example'/>");
  assert.deepEqual(people.romeo.heard(), ['presence unavailable Romeo outcast/none 110 301']);
});

test('§5.1.3: a moderator takes no role from a moderator of a higher affiliation', async () => {
  await adminSet(people.owner, "<item role='moderator' nick='Member'/>");
  people.moderator.take();
  await adminSet(people.moderator, "<item role='participant' nick='Member'/>");
  assert.deepEqual(people.moderator.heard(), ['error not-allowed cancel']);
});

const list = (...items: readonly string[]) =>
  `<query xmlns='${muc}#admin'>${items.map((item) => `<item ${item}/>`).join('')}</query>`;

test('§9.2 to §10.8: several lists in one request are all given, each once', async () => {
  await adminSet(people.owner, "<item affiliation='outcast' jid='tybalt@b.example'/>");
  const answer = await people.owner.ask(
    'get',
    list("affiliation='outcast'", "affiliation='admin'", "role='moderator'", "affiliation='outcast'", "affiliation='member'"),
  );
  const items = [...answer.matchAll(/<item affiliation='([a-z]+)' jid='([^']+)'/g)].map(
    ([, affiliation, jid]) => `${affiliation} ${jid}`,
  );
  assert.deepEqual(items.toSorted(), [
    'admin admin@a.example',
    'admin admin@a.example/x',
    'member member@a.example',
    'none moderator@a.example/x',
    'outcast tybalt@b.example',
    'owner juliet@a.example/balcony',
  ]);
});

for (const [what, who, items, error] of [
  ['one that is for owners', 'admin', ["affiliation='member'", "affiliation='owner'"], 'forbidden'],
  ['one for moderators', 'member', ["affiliation='member'", "role='moderator'"], 'forbidden'],
  ['one that there is not', 'owner', ["affiliation='member'", "affiliation='king'"], 'bad-request'],
  ['one of an affiliation and a role', 'owner', ["affiliation='member'", "affiliation='owner' role='moderator'"], 'bad-request'],
  ['one of nothing', 'owner', ["affiliation='member'", "nick='Romeo'"], 'bad-request'],
  ['no item', 'owner', [], 'bad-request'],
  ['items without end', 'owner', Array.from({ length: 200 }, () => "affiliation='member'"), 'not-acceptable'],
] as const) {
  test(`§9, §10: of a request for lists with ${what} nothing is answered but ${error}`, async () => {
    const answer = await people[who].ask('get', list(...items));
    assert.match(answer, new RegExp(`<${error} `));
    assert.doesNotMatch(answer, /<item /);
  });
}
