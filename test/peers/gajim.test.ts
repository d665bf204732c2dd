/**
 * Debian's Gajim in a window of its own: signs in, enters the room that its account has bookmarked (XEP-0048 in XEP-0049), hears what is
 * said there and answers, and fetches the avatar of who is there (XEP-0153, XEP-0398). Leaves a screenshot.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import { bookmark, GajimWindow } from './gajim-window.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const room = 'verona@conference.localhost';

let skylark: Skylark;
let gajim: GajimWindow | undefined;

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(async () => {
  gajim?.close();
  await skylark.stop();
});

test('Gajim signs in, enters a bookmarked room, hears and speaks, and sees the avatar of an occupant', async () => {
  const romeo = await TcpClient.signIn(skylark.ports.c2sTls, 'romeo@localhost/setup', 'montague');
  await romeo.ask('bookmark', bookmark(room, 'romeo'));
  await romeo.close();
  const juliet = await TcpClient.signIn(skylark.ports.c2sTls, 'juliet@localhost/balcony', 'capulet');
  const face = execFileSync('convert', ['-size', '96x96', 'xc:crimson', 'png:-']);
  const photo = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${face.toString('base64')}</BINVAL></PHOTO>`;
  await juliet.ask('face', `<iq type='set' id='face'><vCard xmlns='vcard-temp'>${photo}</vCard></iq>`);
  juliet.send(`<presence/><presence to='${room}/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await juliet.next(({ xml }) => xml.includes('status code="110"'));
  await juliet.ask(
    'config',
    `<iq type='set' id='config' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  gajim = await GajimWindow.open(skylark, { local: 'romeo', domain: 'localhost', password: 'montague' }, { room });

  await juliet.next(({ name, attributes }) => name === 'presence' && attributes.from === `${room}/romeo`);
  juliet.send(`<message type='groupchat' to='${room}'><body>Wherefore art thou Romeo?</body></message>`);
  await until(
    () => gajim!.heard(room).some(({ text }) => text === 'Wherefore art thou Romeo?'),
    () => 'what Juliet said, in Gajim',
  );
  let answer = '';
  juliet.onElement = ({ name, attributes, xml }) => {
    if (name === 'message' && attributes.from === `${room}/romeo` && xml.includes('Call me but love')) answer = xml;
  };
  await gajim.typeUntil('Call me but love, by a name I know not', () => answer !== '');
  // XEP-0398: the room's presence has the hash, by which Gajim has fetched the picture from the occupant.
  const hash = createHash('sha1').update(face).digest('hex');
  await until(
    () => gajim!.avatar(hash) !== undefined,
    () => `Juliet's avatar ${hash}, in Gajim`,
  );
  assert.deepEqual(gajim.avatar(hash), face);
  gajim.screenshot(join(shots, 'gajim.png'));
  assert.match(answer, /type="groupchat"/);
});
