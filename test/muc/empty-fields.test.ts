/** XEP-0004 §3.4, §3.5 in the forms of rooms: what is left out stays, what is empty is unset or refused, `<field/>` and `<value/>` alike. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage, {
    roomname: 'Hall',
    roomdesc: 'Where all meet',
    lang: 'it',
    pubsub: 'xmpp:pubsub.a.example?;node=x',
    roomsecret: 'lark',
    maxusers: '10',
    membersonly: '1',
    roomadmins: ['nurse@b.example'],
    presencebroadcast: ['moderator'],
  });
  romeo = await stage.join('romeo@a.example/orchard');
});
afterEach(() => stage.close());

/** Submits fields as they are, and waits for the answer. */
function submit(...fields: readonly string[]): Promise<string> {
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${fields.join('')}</x>`;
  return juliet.ask('set', `<query xmlns='${muc}#owner'>${form}</query>`);
}

async function valuesOf(name: string): Promise<string[]> {
  const form = await juliet.ask('get', `<query xmlns='${muc}#owner'/>`);
  const field = new RegExp(`<field var='${name}'[^>]*[^/]>(.*?)</field>`).exec(form)?.[1] ?? '';
  const shown = field.replaceAll(/<option.*?<\/option>/g, '');
  return [...shown.matchAll(/<value>([^<]*)<\/value>/g)].map((match) => match[1]!);
}

const empties = (name: string) => [
  `<field var='${name}'/>`,
  `<field var='${name}'><value/></field>`,
  `<field var='${name}'><value></value><value/></field>`,
];
const single = (name: string) => empties(name).slice(0, 2);

for (const [name, unset] of [
  ['roomname', []],
  ['roomdesc', []],
  ['lang', []],
  ['pubsub', []],
  ['roomsecret', []],
  ['maxusers', ['2000']],
] as const) {
  for (const field of single(`muc#roomconfig_${name}`)) {
    test(`§3.5: ${field} unsets it`, async () => {
      assert.notDeepEqual(await valuesOf(`muc#roomconfig_${name}`), unset);
      assert.match(await submit(field), /type='result'/);
      const after = await valuesOf(`muc#roomconfig_${name}`);
      if (name === 'maxusers') assert.notEqual(after[0], '10');
      else assert.deepEqual(after, [...unset]);
    });
  }
}

for (const name of ['roomadmins', 'presencebroadcast', 'getmemberlist']) {
  for (const field of empties(`muc#roomconfig_${name}`)) {
    test(`§3.5: ${field} empties the list`, async () => {
      assert.notDeepEqual(await valuesOf(`muc#roomconfig_${name}`), []);
      assert.match(await submit(field), /type='result'/);
      assert.deepEqual(await valuesOf(`muc#roomconfig_${name}`), []);
    });
  }
}

test('XEP-0045 §10.2: the password is gone for who enters, and who leaves the field out keeps it', async () => {
  await configure(juliet, { membersonly: '0' });
  await submit("<field var='muc#roomconfig_roomname'><value>Other</value></field>");
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), ['error not-authorized auth']);
  assert.match(await submit("<field var='muc#roomconfig_roomsecret'/>"), /type='result'/);
  await romeo.enter('Romeo');
  assert.ok(romeo.heard().some((line) => line.startsWith('presence Romeo none/participant 110')));
  assert.deepEqual(await valuesOf('muc#roomconfig_passwordprotectedroom'), ['0']);
  await stage.restartRooms();
  assert.deepEqual(await valuesOf('muc#roomconfig_roomsecret'), []);
});

for (const name of [
  'muc#roomconfig_membersonly',
  'muc#roomconfig_persistentroom',
  'muc#roomconfig_passwordprotectedroom',
  'muc#roomconfig_enablelogging',
  'mam',
  'muc#roomconfig_whois',
  'muc#roomconfig_allowpm',
  'x-muc#roomconfig_registration',
  'muc#maxhistoryfetch',
  'muc#roomconfig_slow_mode_duration',
  'muc#roomconfig_roomowners',
]) {
  test(`§4: an empty ${name} is refused with the field's name, and nothing of the form is done`, async () => {
    for (const field of single(name)) {
      const answer = await submit("<field var='muc#roomconfig_roomname'><value>Changed</value></field>", field);
      assert.match(answer, /<not-acceptable [^>]*\/><text[^>]*>[^<]+<\/text>/, field);
      if (name !== 'muc#roomconfig_roomowners') assert.ok(answer.includes(name), field);
    }
    assert.deepEqual(await valuesOf('muc#roomconfig_roomname'), ['Hall']);
    assert.deepEqual(await valuesOf('muc#roomconfig_roomowners'), ['juliet@a.example']);
  });
}

for (const [what, fields, condition] of [
  [
    'a protected room without password',
    ["<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field>", "<field var='muc#roomconfig_roomsecret'/>"],
    'not-acceptable',
  ],
  ['a boolean that is none', ["<field var='muc#roomconfig_membersonly'><value>maybe</value></field>"], 'not-acceptable'],
  ['two values of one', ["<field var='muc#roomconfig_roomname'><value>a</value><value>b</value></field>"], 'not-acceptable'],
  ['an option that there is not', ["<field var='muc#roomconfig_whois'><value>nobody</value></field>"], 'not-acceptable'],
  ['a role that there is not', ["<field var='muc#roomconfig_presencebroadcast'><value>king</value></field>"], 'not-acceptable'],
  ['a field twice', ["<field var='muc#roomconfig_roomname'/>", "<field var='muc#roomconfig_roomname'/>"], 'bad-request'],
  ['a field without name', ['<field><value>a</value></field>'], 'bad-request'],
  ['a FORM_TYPE of another form', ["<field var='FORM_TYPE'><value>muc#register</value></field>"], 'bad-request'],
] as const) {
  test(`§4: ${what} is ${condition}`, async () => {
    assert.match(await submit(...fields), new RegExp(`<${condition} [^>]*/><text`));
    assert.deepEqual(await valuesOf('muc#roomconfig_roomname'), ['Hall']);
  });
}

test('§3.1: fields that the room does not know are ignored, headings too', async () => {
  const answer = await submit(
    "<field var='urn:example:x'><value>1</value></field>",
    "<field type='fixed'><value>H</value></field>",
  );
  assert.match(answer, /type='result'/);
});

const register = (fields: string, type = 'submit') =>
  `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='${type}'><field var='FORM_TYPE'><value>${muc}#register</value></field>${fields}</x></query>`;

test('XEP-0045 §7.10: a registration without nick is refused, a cancelled one changes nothing', async () => {
  await configure(juliet, { membersonly: '0', roomsecret: '', passwordprotectedroom: '0' });
  for (const field of empties('muc#register_roomnick')) assert.match(await romeo.ask('set', register(field)), /<not-acceptable /);
  assert.match(await romeo.ask('set', register('', 'cancel')), /type='result'/);
  assert.doesNotMatch(await romeo.ask('get', "<query xmlns='jabber:iq:register'/>"), /<registered\/>/);
});

test('XEP-0045 §9.9, §8.6: an approval that does not say yes or no is refused', async () => {
  const filled = (form: string, allow: string, more: string) =>
    `<message to='${hall}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${form}</value></field>${allow}${more}</x></message>`;
  for (const [form, allow, more] of [
    [
      `${muc}#register`,
      'muc#register_allow',
      "<field var='x-muc#register_jid'><value>romeo@a.example</value></field><field var='muc#register_roomnick'><value>R</value></field>",
    ],
    [`${muc}#request`, 'muc#request_allow', "<field var='muc#roomnick'><value>Romeo</value></field>"],
  ] as const) {
    for (const field of single(allow)) {
      await juliet.send(filled(form, field, more));
      assert.deepEqual(juliet.heard(), ['error not-acceptable modify'], field);
    }
  }
});

test('XEP-0317 §3.2: an empty hue takes the colour from a hat, an empty title or hat is a bad payload', async () => {
  const command = (name: string, fields: string) =>
    `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:${name}'><x xmlns='jabber:x:data' type='submit'>${fields}</x></command>`;
  const title = "<field var='hats#title'><value>Teacher</value></field>";
  const uri = "<field var='hats#uri'><value>urn:example:teacher</value></field>";
  await juliet.ask('set', command('create', `${title}${uri}<field var='hats#hue'><value>120</value></field>`));
  assert.match(await juliet.ask('set', command('list', '')), /<value>120<\/value>/);
  assert.match(await juliet.ask('set', command('create', `${title}${uri}<field var='hats#hue'/>`)), /completed/);
  assert.doesNotMatch(await juliet.ask('set', command('list', '')), /<value>120<\/value>/);
  for (const fields of [`${uri}<field var='hats#title'/>`, `${title}<field var='hats#uri'><value/></field>`, title]) {
    assert.match(
      await juliet.ask('set', command('create', fields)),
      /<bad-request .*<bad-payload xmlns='http:\/\/jabber.org\/protocol\/commands'\/>/,
    );
  }
  assert.match(await juliet.ask('set', command('assign', `${uri}<field var='hats#jid'/>`)), /<bad-request .*<bad-payload /);
});

test('XEP-0433 §3.2: an empty condition of a search is none', async () => {
  const search = (fields: string) =>
    `<search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:channel-search:0:search-params</value></field>${fields}</x></search>`;
  const service = 'conference.a.example';
  const q = "<field var='q'><value>hall</value></field>";
  const others = ['all', 'sinname', 'sindescription', 'sinaddress', 'min_users', 'types', 'key'];
  for (const shape of [0, 1]) {
    const fields = others.map((name) => single(name)[shape]).join('');
    assert.match(await romeo.ask('get', search(q + fields), service), /address='hall@conference.a.example'/);
  }
  for (const field of single('q')) assert.match(await romeo.ask('get', search(field), service), /invalid-search-terms/);
  assert.match(
    await romeo.ask('get', search(`${q}<field var='min_users'><value>many</value></field>`), service),
    /<not-acceptable /,
  );
});
