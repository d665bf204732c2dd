/** XEP-0292, with XEP-0054 beside it: the name and the photo are the same in both, and what may not be read is in neither. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { appear, event } from './pep-listener.ts';
import { config, configure, items, publish } from './pep-requests.ts';

const node = 'urn:xmpp:vcard4';
const ns = 'urn:ietf:params:xml:ns:vcard-4.0';
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a rose')]);
const hash = createHash('sha1').update(png).digest('hex');
const base64 = png.toString('base64');

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;
beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@b.example/orchard');
});
afterEach(() => stage.close());

async function ask(actor: StreamActor, request: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(request);
  const [, id] = /id='([^']*)'/.exec(request)!;
  return actor.inbox.find((xml) => xml.startsWith('<iq') && xml.includes(`id='${id}'`)) ?? assert.fail(actor.inbox.join('\n'));
}

const whom = (to?: string) => (to === undefined ? '' : ` to='${to}'`);
const card4 = (content: string) => `<vcard xmlns='${ns}'>${content}</vcard>`;
const get4 = (to?: string) => `<iq type='get' id='g'${whom(to)}><vcard xmlns='${ns}'/></iq>`;
const set4 = (content: string) => `<iq type='set' id='s'>${card4(content)}</iq>`;
const getTemp = (to?: string) => `<iq type='get' id='t'${whom(to)}><vCard xmlns='vcard-temp'/></iq>`;
const setTemp = (content: string) => `<iq type='set' id='u'><vCard xmlns='vcard-temp'>${content}</vCard></iq>`;
const published = (to?: string) => items(node, '', '', '', to);

async function succeeds(request: string): Promise<void> {
  assert.match(await ask(juliet, request), /type='result'/);
}

test('XEP-0292 §5: the account says that it has a vCard4, and it is empty at first; strangers cannot tell it from no account', async () => {
  const features = await ask(
    juliet,
    `<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  assert.ok(features.includes(`<feature var='${ns}'/>`));
  assert.ok((await ask(juliet, get4())).includes(`<vcard xmlns='${ns}'/>`));
  for (const to of ['juliet@a.example', 'nobody@a.example']) assert.match(await ask(romeo, get4(to)), /<service-unavailable /);
});

for (const [way, write] of [
  ['by IQ', (content: string) => set4(content)],
  ['by PEP', (content: string) => publish(node, 'current', card4(content))],
] as const) {
  test(`XEP-0292 §3.1: what is written ${way} is read both ways by everybody, and its name and photo in vcard-temp`, async () => {
    const photo = `<photo><uri>data:image/png;base64,${base64}</uri></photo>`;
    const name = '<fn><text>Juliet Capulet</text></fn><n><surname>Capulet</surname><given>Juliet</given></n>';
    await succeeds(write(`${name}<lang><language-tag>it</language-tag></lang>${photo}`));
    for (const request of [get4, published]) {
      const answer = await ask(romeo, request('juliet@a.example'));
      assert.ok(answer.includes(name) && answer.includes('<language-tag>it<') && answer.includes(photo), answer);
    }
    const temp = await ask(romeo, getTemp('juliet@a.example'));
    assert.ok(temp.includes('<FN>Juliet Capulet</FN><N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN></N>'), temp);
    assert.ok(temp.includes(`<BINVAL>${base64}</BINVAL>`), temp);
    assert.match(await ask(romeo, items('urn:xmpp:avatar:metadata', '', '', '', 'juliet@a.example')), new RegExp(`id='${hash}'`));
  });
}

test('XEP-0292 §9: a vcard-temp is shown as a vCard4 when there is none, and the other way round', async () => {
  const temp =
    '<FN>Juliet</FN><NICKNAME>Jule</NICKNAME><BDAY>1591-07-31</BDAY><ORG><ORGNAME>Capulet</ORGNAME></ORG><EMAIL><USERID>j@c.example</USERID></EMAIL>' +
    '<TEL><NUMBER>+39 45</NUMBER></TEL><ADR><LOCALITY>Verona</LOCALITY><CTRY>Italy</CTRY></ADR><JABBERID>juliet@a.example</JABBERID><DESC>&lt;3</DESC>';
  await succeeds(setTemp(temp));
  const converted =
    '<fn><text>Juliet</text></fn><nickname><text>Jule</text></nickname><bday><date>1591-07-31</date></bday><org><text>Capulet</text></org>' +
    '<email><text>j@c.example</text></email><note><text>&lt;3</text></note><adr><locality>Verona</locality><country>Italy</country></adr>' +
    '<tel><text>+39 45</text></tel><impp><uri>xmpp:juliet@a.example</uri></impp>';
  for (const request of [get4, published]) assert.ok((await ask(romeo, request('juliet@a.example'))).includes(card4(converted)));
  const nurse = await stage.appear('nurse@a.example/house');
  const uri = '<tel><uri>tel:+39-45</uri></tel>';
  assert.match(await ask(nurse, publish(node, 'x', card4(converted.replace(/<tel>.*<\/tel>/, uri)))), /type='result'/);
  const back = await ask(romeo, getTemp('nurse@a.example'));
  for (const field of temp.replace('+39 45', '+39-45').match(/<(\w+)>.*?<\/\1>/g)!)
    assert.ok(back.includes(field), `${field} in ${back}`);
});

test('XEP-0292: the last name that was written counts in both, and what only one of them has stays', async () => {
  await succeeds(setTemp('<FN>One</FN><NICKNAME>uno</NICKNAME><UID>7</UID>'));
  await succeeds(set4('<fn><text>Two</text></fn><gender><sex>F</sex></gender>'));
  assert.ok(
    (await ask(romeo, getTemp('juliet@a.example'))).includes(`<vCard xmlns='vcard-temp'><FN>Two</FN><UID>7</UID></vCard>`),
  );
  await succeeds(setTemp('<FN>Three</FN><UID>7</UID>'));
  const answer = await ask(romeo, published('juliet@a.example'));
  assert.ok(answer.includes(card4('<fn><text>Three</text></fn><gender><sex>F</sex></gender>')), answer);
  await succeeds(setTemp('<UID>7</UID>'));
  assert.ok((await ask(romeo, get4('juliet@a.example'))).includes(card4('<gender><sex>F</sex></gender>')));
});

test('XEP-0292 §3.2.2: contacts who want it are told, without the vCard', async () => {
  const nurse = await appear(stage, 'nurse@a.example/house', node);
  await stage.befriend(juliet, nurse);
  stage.clear();
  await juliet.send(setTemp('<FN>Juliet</FN>'));
  const told = event('juliet@a.example', `${nurse.jid}`, `<items node='${node}'><item id='current'/></items>`);
  await stage.play([nurse, 'receives', told], [nurse, 'receives nothing']);
});

test('what only contacts may read of a vCard4 is not in a vcard-temp for strangers', async () => {
  const nurse = await stage.appear('nurse@a.example/house');
  await stage.befriend(juliet, nurse);
  await succeeds(setTemp('<FN>J.</FN>'));
  await succeeds(configure(node, config({ access_model: 'presence' })));
  await succeeds(publish(node, 'current', card4('<fn><text>Juliet Capulet</text></fn>')));
  assert.match(await ask(nurse, getTemp('juliet@a.example')), /<FN>Juliet Capulet</);
  assert.match(await ask(nurse, get4('juliet@a.example')), /<text>Juliet Capulet</);
  assert.match(await ask(romeo, getTemp('juliet@a.example')), /<FN>J\.</);
  for (const request of [get4, published]) assert.doesNotMatch(await ask(romeo, request('juliet@a.example')), /Capulet/);
});

test('a photo in a vCard4 follows the avatar, and goes with it', async () => {
  await succeeds(
    publish(node, 'current', card4(`<fn><text>J</text></fn><photo><uri>data:image/png;base64,${base64}</uri></photo>`)),
  );
  const jpeg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.from('x')]).toString('base64');
  await succeeds(setTemp(`<FN>J</FN><PHOTO><TYPE>image/jpeg</TYPE><BINVAL>${jpeg}</BINVAL></PHOTO>`));
  assert.ok((await ask(romeo, published('juliet@a.example'))).includes(`<uri>data:image/jpeg;base64,${jpeg}</uri>`));
  await succeeds(setTemp('<FN>J</FN>'));
  for (const request of [get4, published]) assert.doesNotMatch(await ask(romeo, request('juliet@a.example')), /<photo>/);
});

test('a vCard4 of hostile shape does no harm', async () => {
  for (const content of [
    '<photo><uri>data:image/png;base64,%00</uri></photo>',
    '<photo><uri>data:image/svg+xml,&lt;svg/></uri></photo>',
    '<photo><uri>javascript:alert(1)</uri></photo>',
    '<photo/><fn/><n><surname/></n><tel/><impp><uri>xmpp:</uri></impp>',
    `<fn xmlns='urn:other'><text>x</text></fn>`,
  ]) {
    await succeeds(publish(node, 'current', card4(content)));
    assert.doesNotMatch(await ask(romeo, getTemp('juliet@a.example')), /PHOTO|<FN|<N>|<TEL|<JABBERID/);
  }
  await succeeds(publish(node, 'current', `<other xmlns='urn:other'/>`));
  assert.match(await ask(romeo, getTemp('juliet@a.example')), /<service-unavailable /);
  assert.match(
    await ask(romeo, `<iq type='set' id='z' to='juliet@a.example'>${card4('<fn><text>x</text></fn>')}</iq>`),
    /<service-unavailable /,
  );
});
