/** XEP-0433: searching the rooms of a tenant. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { roomLimits } from '../../services/muc/limits.ts';
import { configure } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const service = 'conference.a.example';
const ns = 'urn:xmpp:channel-search:0:search';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.join('juliet@a.example/balcony');
  romeo = await stage.join('romeo@b.example/orchard');
  for (const [room, fields] of [
    ['attic', { roomname: 'Under the Roof', roomdesc: 'Old letters', lang: 'it' }],
    ['cellar', { roomname: 'Wine', roomdesc: 'Letters of credit', whois: 'anyone', membersonly: '1' }],
    ['hall', { roomdesc: 'Dances' }],
    ['vault', { roomname: 'Letters nobody may know of', publicroom: '0' }],
  ] as const) {
    await juliet.enter('Juliet', `${room}@${service}`);
    await configure(juliet, fields, `${room}@${service}`);
  }
});
afterEach(() => stage.close());

const search = (fields: Readonly<Record<string, string>>, set = '') => {
  const xml = Object.entries(fields).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  const type = `<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:channel-search:0:search-params</value></field>`;
  const page = set && `<set xmlns='http://jabber.org/protocol/rsm'>${set}</set>`;
  return `<search xmlns='${ns}'>${page}<x xmlns='jabber:x:data' type='submit'>${type}${xml.join('')}</x></search>`;
};
const find = async (fields: Readonly<Record<string, string>>, set = '') => {
  const answer = await romeo.ask('get', search(fields, set), service);
  return [...answer.matchAll(/address='([^@]+)@/g)].map((match) => match[1]);
};

test('§3.1 and §3.2.1: the service can search, and gives the form', async () => {
  assert.ok(
    (await romeo.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, service)).includes(
      `<feature var='${ns}'/>`,
    ),
  );
  const form = await romeo.ask('get', `<search xmlns='${ns}'/>`, service);
  for (const name of ['q', 'all', 'sinname', 'sindescription', 'sinaddress', 'types', 'key'])
    assert.ok(form.includes(`var='${name}'`));
});

test('§5.2: a result has what a client shows of a room', async () => {
  const item = (address: string, inside: string) => `<item address='${address}@${service}'>${inside}</item>`;
  assertXml(
    await romeo.ask('get', search({ q: 'letters' }), service),
    `<iq from='${service}' to='romeo@b.example/orchard' id='ask' type='result'><result xmlns='${ns}'>
      ${item(
        'attic',
        `<name>Under the Roof</name><description>Old letters</description><language>it</language><nusers>1</nusers>
         <service-type>xep-0045</service-type><is-open>true</is-open><anonymity-mode>muc_semianonymous</anonymity-mode>`,
      )}${item(
        'cellar',
        `<name>Wine</name><description>Letters of credit</description><nusers>1</nusers><service-type>xep-0045</service-type>
         <is-open>false</is-open><anonymity-mode>{urn:xmpp:channel-search:0:anonymity}none</anonymity-mode>`,
      )}<set xmlns='http://jabber.org/protocol/rsm'><first>attic@${service}</first><last>cellar@${service}</last><count>2</count></set>
    </result></iq>`,
  );
});

const order = '{urn:xmpp:channel-search:0:order}';
for (const [fields, set, rooms] of [
  [{ all: 'true' }, '', ['attic', 'cellar', 'hall']],
  [{ all: '1', key: `${order}address` }, '<max>2</max>', ['attic', 'cellar']],
  [{ all: '1' }, `<max>2</max><after>cellar@${service}</after>`, ['hall']],
  [{ all: '1' }, '<max>2</max><before/>', ['cellar', 'hall']],
  [{ all: '1' }, '<max>0</max>', []],
  [{ all: '1', key: `${order}nusers` }, '', ['attic', 'cellar', 'hall']],
  [{ q: 'LETTERS old' }, '', ['attic']],
  [{ q: 'hall' }, '', ['hall']],
  [{ q: 'hall', sinaddress: 'false' }, '', []],
  [{ q: 'letters', sindescription: '0' }, '', []],
  [{ q: 'wine', sinname: '0' }, '', []],
  [{ q: 'letters', types: 'xep-0369' }, '', []],
  [{ all: '1', min_users: '2' }, '', []],
  [{ q: 'nobody' }, '', []],
] as const) {
  test(`§3.2: ${JSON.stringify(fields)} ${set} finds ${rooms.join(', ') || 'nothing'}`, async () => {
    assert.deepEqual(await find(fields, set), rooms);
  });
}

for (const [what, fields, error] of [
  ['no condition', {}, /type='cancel'.*<bad-request.*<no-search-conditions xmlns='urn:xmpp:channel-search:0:error'\/>/],
  ['all and words', { all: '1', q: 'x' }, /<bad-request.*<conflicting-fields[^>]*><var>all<\/var><var>q<\/var>/],
  ['no words', { q: '  ' }, /type='modify'.*<bad-request.*<invalid-search-terms/],
  ['words without end', { q: 'x'.repeat(300) }, /<bad-request.*<invalid-search-terms/],
  ['another order', { all: '1', key: `${order}age` }, /type='modify'.*<feature-not-implemented.*<invalid-sort-key/],
] as const) {
  test(`§3.2.3: ${what} is refused`, async () => {
    assert.match(await romeo.ask('get', search(fields), service), error);
  });
}

test('§3.2.3: too many searches are refused for a while, those of others are not', async () => {
  for (let count = 0; count < roomLimits.searchesBurst; count++) await find({ q: 'x' });
  const answer = await romeo.ask('get', search({ q: 'x' }), service);
  assert.match(
    answer,
    /type='wait'.*<resource-constraint.*<rate-limit xmlns='urn:xmpp:channel-search:0:error' retry-after='1'\/>/,
  );
  assert.match(await juliet.ask('get', search({ all: '1' }), service), /<item /);
});

test('§5.1: by number of users, most first, page by page both ways', async () => {
  const paris = await stage.join('paris@b.example/tomb');
  await romeo.enter('Romeo');
  await paris.enter('Paris');
  await romeo.enter('Romeo', `cellar@${service}`, '<password>x</password>');
  const wish = { all: '1', key: `${order}nusers` };
  const counts = async (set: string) => {
    const answer = await romeo.ask('get', search(wish, set), service);
    const end = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(answer)![1]!;
    return { rooms: [...answer.matchAll(/address='([^@]+)@/g)].map((match) => match[1]), first: end('first'), last: end('last') };
  };
  const all = await counts('');
  assert.deepEqual(new Set(all.rooms), new Set(['attic', 'cellar', 'hall']));
  assert.equal(all.rooms[0], 'hall');
  const head = await counts('<max>2</max>');
  assert.deepEqual(head.rooms, all.rooms.slice(0, 2));
  assert.deepEqual((await counts(`<max>2</max><after>${head.last}</after>`)).rooms, all.rooms.slice(2));
  assert.deepEqual((await counts(`<max>1</max><before>${head.last}</before>`)).rooms, all.rooms.slice(0, 1));
});

test('the number of occupants follows those who come and go', async () => {
  await romeo.enter('Romeo', `attic@${service}`);
  assert.deepEqual(await find({ all: '1', min_users: '2' }), ['attic']);
  await romeo.send(`<presence to='attic@${service}/Romeo' type='unavailable'/>`);
  assert.deepEqual(await find({ all: '1', min_users: '2' }), []);
});
