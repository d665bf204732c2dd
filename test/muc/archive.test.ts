/** XEP-0313 on rooms, with XEP-0059 pages both ways. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const mam = 'urn:xmpp:mam:2';
let stage: WholeStage;
let juliet: StreamActor;
let ids: string[];

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage);
  for (let number = 0; number < 10; number++) await juliet.say(`m${number}`);
  ids = juliet.take().map((xml) => Stanza.parse(xml).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id!);
});
afterEach(() => stage.close());

interface Page {
  readonly bodies: string[];
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly error: string | undefined;
}

async function query(person: StreamActor, inside = '', attributes = ''): Promise<Page> {
  await person.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}' ${attributes}>${inside}</query></iq>`);
  for (let tries = 0; !person.inbox.some((xml) => xml.startsWith('<iq')); tries++) {
    await person.gets(person.inbox.length + (tries > 0 ? 1 : 0));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const stanzas = person.take();
  assert.ok(stanzas.at(-1)!.startsWith('<iq'), 'the answer comes after its results');
  const iq = Stanza.parse(stanzas.at(-1)!);
  const fin = iq.child('fin', mam);
  const set = fin?.getChild('set', 'http://jabber.org/protocol/rsm');
  return {
    bodies: stanzas.slice(0, -1).map((xml) => /<body>(.*?)<\/body>/.exec(xml)![1]!),
    complete: fin?.attrs.complete === 'true',
    first: set?.getChildText('first') ?? undefined,
    last: set?.getChildText('last') ?? undefined,
    error: iq.child('error', 'jabber:client')?.getChildElements()[0]?.getName(),
  };
}

const rsm = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
const form = (...fields: [string, ...string[]][]) =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${mam}</value></field>${fields
    .map(([name, ...values]) => `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`)
    .join('')}</x>`;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`);

test('§4.2: a result is the message as it was sent, with its id and time', async () => {
  await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}' queryid='f1'>${rsm('<max>1</max>')}</query></iq>`);
  await juliet.gets(2);
  const [result, answer] = juliet.take();
  assertXml(
    result!,
    `<message from='${hall}' to='juliet@a.example/balcony'><result xmlns='${mam}' queryid='f1' id='${ids[0]}'>
      <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}'/>
      <message xmlns='jabber:client' from='${hall}/Juliet' type='groupchat' id='m0'><body>m0</body>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='${ids[0]}'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>
      <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='juliet@a.example/balcony'/></x>
      </message></forwarded></result></message>`,
  );
  assertXml(
    answer!,
    `<iq from='${hall}' to='juliet@a.example/balcony' id='q' type='result'><fin xmlns='${mam}'>
      <set xmlns='http://jabber.org/protocol/rsm'><first>${ids[0]}</first><last>${ids[0]}</last></set></fin></iq>`,
  );
});

test('§4.3: pages forward and backward give every message once and in order', async () => {
  const forward: string[] = [];
  let page = await query(juliet, rsm('<max>3</max>'));
  forward.push(...page.bodies);
  while (!page.complete) {
    page = await query(juliet, rsm(`<max>3</max><after>${page.last}</after>`));
    forward.push(...page.bodies);
  }
  assert.deepEqual(forward, range(0, 10));
  const backward: string[] = [];
  page = await query(juliet, rsm('<max>4</max><before/>'));
  assert.deepEqual(page.bodies, range(6, 10));
  backward.unshift(...page.bodies);
  while (!page.complete) {
    page = await query(juliet, rsm(`<max>4</max><before>${page.first}</before>`));
    backward.unshift(...page.bodies);
  }
  assert.deepEqual(backward, range(0, 10));
});

test('§4.1: filters by time and by id', async () => {
  assert.deepEqual((await query(juliet, form(['start', '2100-01-01T00:00:00Z']))).bodies, []);
  assert.deepEqual((await query(juliet, form(['end', '2000-01-01T00:00:00Z']))).bodies, []);
  assert.deepEqual(
    (await query(juliet, form(['start', '2000-01-01T00:00:00Z'], ['end', '2100-01-01T00:00:00Z']))).bodies,
    range(0, 10),
  );
  assert.deepEqual((await query(juliet, form(['after-id', ids[3]!], ['before-id', ids[6]!]))).bodies, ['m4', 'm5']);
  assert.deepEqual((await query(juliet, form(['ids', ids[5]!, ids[2]!]))).bodies, ['m2', 'm5']);
});

test('§4.3.3: a page can be flipped', async () => {
  const page = await query(juliet, `${rsm('<max>3</max><before/>')}<flip-page/>`);
  assert.deepEqual(page.bodies, ['m9', 'm8', 'm7']);
  assert.equal(page.first, ids[7]);
});

for (const [what, inside, error] of [
  ['an entry that is not there', rsm('<after>unknown</after>'), 'item-not-found'],
  ['an id that is not there', form(['ids', '0123456789abcdefgh']), 'item-not-found'],
  ['a time that is none', form(['start', 'yesterday']), 'bad-request'],
  ['a filter that we do not have', form(['with-friends', 'x@y.example']), 'feature-not-implemented'],
  ['a sender that is not an address', form(['with', '@@']), 'jid-malformed'],
  ['a page by number', rsm('<index>1</index>'), 'feature-not-implemented'],
  ['a size that is none', rsm('<max>lots</max>'), 'bad-request'],
] as const) {
  test(`${what}: ${error}`, async () => {
    assert.equal((await query(juliet, inside)).error, error);
  });
}

test('§5.1.2: who may enter may read, members-only is for members, and outcasts read nothing', async () => {
  const tybalt = await stage.join('tybalt@b.example/street');
  assert.equal((await query(tybalt)).bodies.length, 10);
  await configure(juliet, { membersonly: '1' });
  assert.equal((await query(tybalt)).error, 'forbidden');
  await adminSet(juliet, "<item affiliation='member' jid='tybalt@b.example'/>");
  assert.equal((await query(tybalt)).bodies.length, 10);
  await configure(juliet, { membersonly: '0' });
  await adminSet(juliet, "<item affiliation='outcast' jid='tybalt@b.example'/>");
  assert.equal((await query(tybalt)).error, 'forbidden');
});

test('§5.1.2: JIDs stay hidden from those who could not see them then', async () => {
  const tybalt = await stage.join('tybalt@b.example/street');
  const read = async () => {
    await tybalt.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'>${rsm('<before/><max>1</max>')}</query></iq>`);
    await tybalt.gets(2);
    return tybalt.take()[0]!;
  };
  assert.doesNotMatch(await read(), /juliet@/);
  await configure(juliet, { whois: 'anyone' });
  assert.doesNotMatch(await read(), /juliet@/, 'it was said when the room was semi-anonymous');
  await juliet.say('open');
  assert.match(await read(), /jid='juliet@a.example\/balcony'/);
});

test('without an archive there is none to read, but a history for who enters', async () => {
  await configure(juliet, { enablelogging: '0' });
  await juliet.say('off the record');
  juliet.take();
  assert.equal((await query(juliet)).error, 'feature-not-implemented');
  const romeo = await stage.join('romeo@a.example/x');
  await romeo.enter('Romeo');
  assert.ok(romeo.heard().includes('message Juliet earlier: off the record'));
  await configure(juliet, { enablelogging: '1' });
  juliet.take();
  assert.deepEqual((await query(juliet)).bodies, range(0, 10));
});

test('what should not be kept is not, what should be is', async () => {
  const payloads = [
    `<body>secret</body><no-store xmlns='urn:xmpp:hints'/>`,
    `<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
    `<reactions xmlns='urn:xmpp:reactions:0' id='m0'><reaction>x</reaction></reactions>`,
  ];
  for (const payload of payloads) await juliet.send(`<message to='${hall}' type='groupchat'>${payload}</message>`);
  juliet.take();
  await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'>${rsm(`<after>${ids[9]}</after>`)}</query></iq>`);
  await juliet.gets(2);
  const stanzas = juliet.take();
  assert.equal(stanzas.length, 2);
  assert.match(stanzas[0]!, /reactions/);
});

test('§5 of #extended: metadata name the first and the last entry', async () => {
  await juliet.send(`<iq to='${hall}' type='get' id='m'><metadata xmlns='${mam}'/></iq>`);
  await juliet.gets(1);
  juliet.receives(
    `<iq from='${hall}' to='juliet@a.example/balcony' id='m' type='result'><metadata xmlns='${mam}'>
      <start id='${ids[0]}' timestamp='{any}'/><end id='${ids[9]}' timestamp='{any}'/></metadata></iq>`,
  );
});

test('§4.1.1: the filter by sender: a nick for all, a real address for those who may know it', async () => {
  const romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  await romeo.say('by Romeo');
  const others = ['by Romeo'];
  for (const who of [juliet, romeo]) {
    who.take();
    assert.deepEqual((await query(who, form(['with', `${hall}/Romeo`]))).bodies, others);
    assert.deepEqual((await query(who, form(['with', `${hall}/Nobody`]))).bodies, []);
  }
  assert.deepEqual((await query(juliet, form(['with', 'romeo@b.example']))).bodies, others);
  assert.deepEqual((await query(juliet, form(['with', 'romeo@b.example/other']))).bodies, []);
  assert.deepEqual(
    (await query(romeo, form(['with', 'romeo@b.example']))).bodies,
    [],
    'a participant cannot find out who is who',
  );
  assert.deepEqual((await query(juliet, `${form(['with', 'juliet@a.example'])}${rsm('<max>2</max><before/>')}`)).bodies, [
    'm8',
    'm9',
  ]);
});

test('XEP-0059 §2.7: who asks for no entries learns how many there are', async () => {
  await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'>${rsm('<max>0</max>')}</query></iq>`);
  await juliet.gets(1);
  assert.match(juliet.take().at(-1)!, /<count>10<\/count>/);
});

test('§4.1.3: the form says what can be filtered by', async () => {
  await juliet.send(`<iq to='${hall}' type='get' id='f'><query xmlns='${mam}'/></iq>`);
  const fields = [...juliet.take()[0]!.matchAll(/var='([^']+)'/g)].map((match) => match[1]);
  assert.deepEqual(fields, ['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids']);
});

test('XEP-0313 §4.1.3, XEP-0122: the form has all fields, and its list of ids takes any value', async () => {
  const answer = await juliet.ask('get', "<query xmlns='urn:xmpp:mam:2'/>");
  const field = (type: string, name: string, inside = '') =>
    inside === '' ? `<field var='${name}' type='${type}'/>` : `<field var='${name}' type='${type}'>${inside}</field>`;
  const open = "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate>";
  assertXml(
    answer,
    `<iq from='${hall}' to='${juliet.jid}' id='ask' type='result'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='form'>
      <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>${field('jid-single', 'with')}
      ${['start', 'end', 'before-id', 'after-id'].map((name) => field('text-single', name)).join('')}
      ${field('list-multi', 'ids', open)}</x></query></iq>`,
  );
});
