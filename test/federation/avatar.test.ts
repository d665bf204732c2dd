/** XEP-0398 and XEP-0153 for contacts on other servers: presence carries the hash of the avatar, and the vCard the image. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { TcpClient } from '../support/tcp-client.ts';
import { Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a rose')]);
const hash = createHash('sha1').update(png).digest('hex');
const romeo = 'romeo@b.example';
let ground: Ground;
let peer: FakePeer;
let stream: PeerClient;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  const skylark = await ground.deploy({ domains: ['a.example'] });
  peer = await FakePeer.start(ground, { domain: 'b.example', isCertified: true });
  juliet = await skylark.join('juliet@a.example/balcony');
  stream = await peer.dial(skylark, 'a.example');
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
});

after(() => ground[Symbol.asyncDispose]());

/** The next stanza that arrives at the other server and matches, taken out. */
async function arrival(matches: (xml: string) => boolean): Promise<string> {
  await peer.until(() => peer.received.some(matches), String(matches));
  return peer.received.splice(peer.received.findIndex(matches), 1)[0]!;
}

const isPresence = (xml: string) => xml.startsWith('<presence') && !xml.includes('type=');
const stamp = (photo: string) => `<x xmlns='vcard-temp:x:update'>${photo}</x>`;
const setCard = (content: string) =>
  juliet.ask('card', `<iq type='set' id='card'><vCard xmlns='vcard-temp'>${content}</vCard></iq>`);

test('XEP-0398 §4: a contact on another server hears of an avatar in presence, fetches it, and hears that it is gone', async () => {
  stream.send(`<presence from='${romeo}' to='juliet@a.example' type='subscribe'/>`);
  await juliet.next(({ attributes }) => attributes.from === romeo && attributes.type === 'subscribe');
  juliet.send(`<presence to='${romeo}' type='subscribed'/>`);
  assert.doesNotMatch(await arrival(isPresence), /photo/);
  await setCard(`<PHOTO><TYPE>image/png</TYPE><BINVAL>${png.toString('base64')}</BINVAL></PHOTO>`);
  assert.ok((await arrival(isPresence)).includes(stamp(`<photo>${hash}</photo>`)));
  stream.send(`<iq from='${romeo}/orchard' to='juliet@a.example' type='get' id='v'><vCard xmlns='vcard-temp'/></iq>`);
  assert.ok((await arrival((xml) => xml.startsWith('<iq'))).includes(png.toString('base64')));
  juliet.send(`<presence to='garden@rooms.b.example/juliet'/>`);
  juliet.send(`<presence to='${romeo}/orchard'><show>away</show></presence>`);
  assert.ok((await arrival((xml) => isPresence(xml) && xml.includes('away'))).includes(stamp(`<photo>${hash}</photo>`)));
  await setCard('<FN>Juliet</FN>');
  assert.ok((await arrival(isPresence)).includes(stamp('<photo/>')));
});
