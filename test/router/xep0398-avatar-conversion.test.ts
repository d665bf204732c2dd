/** XEP-0398 with XEP-0084, XEP-0153 and XEP-0054: one image, wherever it was published, in vCards and in presence. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { appear, event } from './pep-listener.ts';
import { config, configure, items, publish, purge, remove, retract } from './pep-requests.ts';

const data = 'urn:xmpp:avatar:data';
const metadata = 'urn:xmpp:avatar:metadata';
const updateNs = 'vcard-temp:x:update';
const muc = 'http://jabber.org/protocol/muc';
const open = config({ access_model: 'open' }, 'publish-options');

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a rose')]);
const jpeg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.from('by any other name')]);
const hashOf = (image: Buffer) => createHash('sha1').update(image).digest('hex');
const stamp = (image?: Buffer) => `<x xmlns='${updateNs}'><photo${image ? `>${hashOf(image)}</photo>` : '/>'}</x>`;
const photo = (image: Buffer, type = 'image/png') =>
  `<PHOTO><TYPE>${type}</TYPE><BINVAL>${image.toString('base64')}</BINVAL></PHOTO>`;
const info = (image: Buffer, type = 'image/png') =>
  `<metadata xmlns='${metadata}'><info bytes='${image.length}' id='${hashOf(image)}' type='${type}'/></metadata>`;
const dataOf = (image: Buffer) => `<data xmlns='${data}'>${image.toString('base64')}</data>`;

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
  const index = actor.inbox.findIndex((xml) => xml.startsWith('<iq') && xml.includes(`id='${id}'`));
  assert.notEqual(index, -1, actor.inbox.join('\n'));
  return actor.inbox.splice(index, 1)[0]!;
}

async function succeeds(actor: StreamActor, request: string): Promise<void> {
  assert.match(await ask(actor, request), /type='result'/);
}

async function publishes(image: Buffer, options = open, type = 'image/png'): Promise<void> {
  await succeeds(juliet, publish(data, hashOf(image), dataOf(image), options));
  await succeeds(juliet, publish(metadata, hashOf(image), info(image, type), options));
}

const card = (to?: string) => `<iq type='get' id='v'${to ? ` to='${to}'` : ''}><vCard xmlns='vcard-temp'/></iq>`;
const setCard = (content: string) => `<iq type='set' id='w'><vCard xmlns='vcard-temp'>${content}</vCard></iq>`;
const isShown = (answer: string, image: Buffer) => answer.includes(`<BINVAL>${image.toString('base64')}</BINVAL>`);

/** The stamps in presence of juliet that somebody has got since the last look. */
function stamps(actor: StreamActor): string[] {
  const found = actor.inbox.filter((xml) => xml.startsWith('<presence') && xml.includes('juliet@a.example/balcony'));
  actor.inbox.length = 0;
  return found.map((xml) => /<x xmlns='vcard-temp:x:update'(?:\/>|>.*?<\/x>)/.exec(xml)?.[0] ?? 'none');
}

test('XEP-0398 §2: the account says that it converts', async () => {
  const answer = await ask(
    juliet,
    `<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  assert.match(answer, /<feature var='urn:xmpp:pep-vcard-conversion:0'\/>/);
});

test('XEP-0398 §3.1: a published avatar is the photo of the vCard, also for another tenant, and the rest of the vCard stays', async () => {
  await succeeds(juliet, setCard('<FN>Juliet</FN>'));
  await publishes(png);
  for (const answer of [await ask(juliet, card()), await ask(romeo, card('juliet@a.example'))]) {
    assert.ok(isShown(answer, png), answer);
    assert.match(answer, /<TYPE>image\/png<\/TYPE>/);
    assert.match(answer, /<FN>Juliet<\/FN>/);
  }
  await publishes(jpeg, open, 'image/jpeg');
  const answer = await ask(romeo, card('juliet@a.example'));
  assert.ok(isShown(answer, jpeg) && !isShown(answer, png), answer);
  assert.match(answer, /<TYPE>image\/jpeg<\/TYPE>/);
});

test('XEP-0398 §3.1: an info element with an address is passed over, and an image that does not fit its hash is not shown', async () => {
  await succeeds(juliet, publish(data, hashOf(png), dataOf(png), open));
  const both = info(png).replace(
    '<info',
    `<info bytes='1' id='${hashOf(jpeg)}' type='image/jpeg' url='https://c.example/a'/><info`,
  );
  await succeeds(juliet, publish(metadata, hashOf(png), both, open));
  assert.ok(isShown(await ask(romeo, card('juliet@a.example')), png));
  await succeeds(juliet, publish(data, hashOf(jpeg), dataOf(png)));
  await succeeds(juliet, publish(metadata, hashOf(jpeg), info(jpeg)));
  assert.match(await ask(romeo, card('juliet@a.example')), /<service-unavailable /);
});

test('XEP-0398 §3.2: a photo in a vCard is published, first the image, for everybody; contacts are told', async () => {
  const nurse = await appear(stage, 'nurse@a.example/house', metadata);
  await stage.befriend(juliet, nurse);
  stage.clear();
  await juliet.send(setCard(`<FN>Juliet</FN>${photo(png, 'text/html')}`));
  const item = `<item id='${hashOf(png)}'>${info(png)}</item>`;
  await stage.play([nurse, 'receives', event('juliet@a.example', `${nurse.jid}`, `<items node='${metadata}'>${item}</items>`)]);
  for (const node of [metadata, data]) {
    assert.match(await ask(romeo, items(node, '', '', '', 'juliet@a.example')), new RegExp(`<item id='${hashOf(png)}'`));
  }
  // the same vCard again, with another name: nothing is published
  stage.clear();
  await succeeds(juliet, setCard(`<FN>J.</FN>${photo(png)}`));
  assert.deepEqual(nurse.inbox, []);
  assert.ok(isShown(await ask(romeo, card('juliet@a.example')), png));
});

test('XEP-0153 §4.3: a vCard without a photo, or with an empty one, takes the avatar back', async () => {
  for (const none of ['', '<PHOTO><TYPE>image/png</TYPE><BINVAL/></PHOTO>']) {
    await succeeds(juliet, setCard(`<FN>Juliet</FN>${photo(png)}`));
    await succeeds(juliet, setCard(`<FN>Juliet</FN>${none}`));
    assert.match(
      await ask(romeo, items(metadata, '', '', '', 'juliet@a.example')),
      new RegExp(`<metadata xmlns='${metadata}'/>`),
    );
    assert.doesNotMatch(await ask(juliet, card()), /PHOTO/);
  }
});

test('a photo that is a link or not an image stays in the vCard as it was written', async () => {
  for (const other of [
    '<PHOTO><EXTVAL>https://c.example/rose.png</EXTVAL></PHOTO>',
    '<PHOTO><BINVAL>not base64!</BINVAL></PHOTO>',
    `<PHOTO><TYPE>text/html</TYPE><BINVAL>${Buffer.from('<script/>').toString('base64')}</BINVAL></PHOTO>`,
  ]) {
    await succeeds(juliet, setCard(other));
    assert.ok((await ask(romeo, card('juliet@a.example'))).includes(other));
    assert.match(await ask(romeo, items(metadata, '', '', '', 'juliet@a.example')), /<item-not-found /);
  }
});

test('an avatar that only contacts may see is in no vCard for strangers, and its hash in no presence to rooms and strangers', async () => {
  const nurse = await stage.appear('nurse@a.example/house');
  await stage.befriend(juliet, nurse);
  await publishes(png, ''); // the configuration of PEP: for those who see the account's presence
  stage.clear();
  assert.ok(isShown(await ask(nurse, card('juliet@a.example')), png));
  assert.match(await ask(romeo, card('juliet@a.example')), /<service-unavailable /);
  stage.clear();
  await juliet.send('<presence/>');
  assert.deepEqual(stamps(nurse), [stamp(png)]);
  await juliet.send(`<presence to='${romeo.jid}'/>`);
  assert.deepEqual(stamps(romeo), ['none']);
  await juliet.send(`<presence to='nurse@a.example'><show>away</show></presence>`);
  assert.deepEqual(stamps(nurse), [stamp(png)]);
  await succeeds(juliet, configure(data, config({ access_model: 'whitelist' })));
  assert.deepEqual(stamps(nurse), [stamp()]);
});

test('XEP-0398 §4: presence is stamped whatever the client says of a photo, unless it shows none', async () => {
  const nurse = await stage.appear('nurse@a.example/house');
  await stage.befriend(juliet, nurse);
  stage.clear();
  await juliet.send('<presence/>');
  assert.deepEqual(stamps(nurse), ['none'], 'an account without an avatar');
  await publishes(png);
  stamps(nurse);
  for (const [sent, shown] of [
    ['', stamp(png)],
    [`<x xmlns='${updateNs}'/>`, stamp(png)],
    [stamp(png), stamp(png)],
    [stamp(jpeg), stamp(png)],
    [stamp(jpeg) + stamp(png), stamp(png)],
    [stamp(), stamp()],
    [stamp(jpeg) + stamp(), stamp(jpeg)], // as it was sent
  ] as const) {
    await juliet.send(`<presence>${sent}</presence>`);
    assert.equal(stamps(nurse)[0], shown, sent);
    await juliet.send(`<presence to='${romeo.jid}'>${sent}</presence>`);
    assert.equal(stamps(romeo)[0], shown, sent);
  }
});

test('XEP-0398 §4: the hash is in the presence with which a session enters a room', async () => {
  await publishes(png);
  const nurse = await stage.appear('nurse@a.example/house');
  await nurse.send(`<presence to='hall@conference.a.example/nurse'><x xmlns='${muc}'/></presence>`);
  const form = `<query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  await succeeds(nurse, `<iq type='set' id='o' to='hall@conference.a.example'>${form}</iq>`);
  await romeo.send(`<presence to='hall@conference.a.example/romeo'><x xmlns='${muc}'/></presence>`);
  stage.clear();
  await juliet.send(`<presence to='hall@conference.a.example/juliet'><x xmlns='${muc}'/></presence>`);
  await stage.settle();
  const entry = romeo.inbox.find((xml) => xml.includes(`from='hall@conference.a.example/juliet'`));
  assert.ok(entry?.includes(stamp(png)), entry);
  // … and the image is got through the room
  await romeo.send(card('hall@conference.a.example/juliet'));
  for (let xml = await romeo.next(); !isShown(xml, png); xml = await romeo.next()) assert.doesNotMatch(xml, /type='error'/);
});

test('XEP-0153 §3.1: when the avatar changes or goes, each session shows itself again, except one that shows none', async () => {
  const nurse = await stage.appear('nurse@a.example/house');
  await stage.befriend(juliet, nurse);
  const shy = await stage.join('juliet@a.example/garden');
  await shy.send(`<presence>${stamp()}</presence>`);
  const said = () => {
    const found = nurse.inbox.filter((xml) => xml.startsWith('<presence'));
    nurse.inbox.length = 0;
    return found.map((xml) => [/from='[^/]*\/([^']*)'/.exec(xml)![1], /<photo.*?(?:<\/photo>|\/>)/.exec(xml)?.[0]]);
  };
  said();
  const shown = (image: Buffer) => ['balcony', `<photo>${hashOf(image)}</photo>`];
  await publishes(png);
  assert.deepEqual(said(), [shown(png)]);
  await publishes(png);
  assert.deepEqual(said(), [], 'nothing has changed');
  await succeeds(juliet, setCard(photo(jpeg)));
  assert.deepEqual(said(), [shown(jpeg)]);
  for (const gone of [retract(data, hashOf(jpeg)), purge(metadata), remove(data), retract(metadata, hashOf(jpeg))]) {
    await succeeds(juliet, gone);
    assert.deepEqual(said(), [['balcony', '<photo/>']], gone);
    assert.doesNotMatch(await ask(romeo, card('juliet@a.example')), /PHOTO/);
    await publishes(jpeg, gone === remove(data) ? open : '');
    assert.deepEqual(said(), [shown(jpeg)]);
  }
  // who comes later sees what is shown now
  await nurse.send(`<presence type='probe' to='juliet@a.example'/>`);
  assert.deepEqual(
    new Map(said() as [string, string][]),
    new Map([
      ['balcony', shown(jpeg)[1]!],
      ['garden', '<photo/>'],
    ]),
  );
});

test('a photo may be as large as an item of PEP, and a larger one changes nothing', async () => {
  const large = (bytes: number) => Buffer.concat([png, Buffer.alloc(bytes)]);
  await succeeds(juliet, setCard(`<FN>Juliet</FN>${photo(png)}`));
  const answer = await ask(juliet, setCard(`<FN>J.</FN>${photo(large((routerLimits.pepItemBytesMax * 3) / 4))}`));
  assert.match(answer, /<not-acceptable .*<payload-too-big /);
  assert.match(await ask(juliet, card()), /<FN>Juliet<\/FN>/);
  assert.ok(isShown(await ask(juliet, card()), png));
  const fits = large(200_000);
  await succeeds(juliet, setCard(`<FN>J.</FN>${photo(fits)}`));
  assert.ok(isShown(await ask(romeo, card('juliet@a.example')), fits));
  // beside much else it does not fit into a stanza, and the vCard that is written back without it takes nothing away
  await publishes(large(200_000), '');
  const text = `<DESC>${'a'.repeat(100_000)}</DESC>`;
  await succeeds(juliet, setCard(text + photo(large(150_000))));
  await publishes(fits, '');
  assert.doesNotMatch(await ask(juliet, card()), /<PHOTO/);
  await succeeds(juliet, setCard('<FN>J.</FN>'));
  assert.ok(isShown(await ask(romeo, card('juliet@a.example')), fits));
});
