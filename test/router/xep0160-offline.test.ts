/** XEP-0160 and XEP-0203; test/router/cursor.test.ts has the queue itself, test/router/message.test.ts the rules by type. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRouter } from '../support/stage/router-stage.ts';

const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='{any}' id='{any}'/>`;

test('XEP-0160 §2: what comes while nobody is there waits for the next non-negative presence, and bears the time', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  const romeo = await stage.appear('romeo@b.example/orchard');
  const original = `<delay xmlns='urn:xmpp:delay' from='romeo@b.example/orchard' stamp='2002-09-10T23:08:25Z'/>`;
  await stage.play(
    [romeo, 'sends', `<message to='juliet@a.example' id='1' xml:lang='en'><body>O blessed night!</body>${original}</message>`],
    [
      romeo,
      'sends',
      `<message to='juliet@a.example' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    ],
    [romeo, 'receives nothing'],
  );
  const juliet = await stage.join('juliet@a.example/balcony');
  const own = (priority: number) =>
    `<presence from='${juliet.jid}' to='juliet@a.example'><priority>${priority}</priority></presence>`;
  await stage.play(
    [juliet, 'sends', '<presence><priority>-1</priority></presence>'],
    [juliet, 'receives', own(-1)],
    [juliet, 'receives nothing'],
    [juliet, 'sends', '<presence><priority>0</priority></presence>'],
    [juliet, 'receives', own(0)],
  );
  const message = await juliet.next();
  const stamp = /stamp='([^']+)'>Offline Storage/.exec(message)?.[1];
  assert.match(stamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  juliet.inbox.unshift(message);
  await stage.play(
    [
      juliet,
      'receives',
      `<message from='${romeo.jid}' to='juliet@a.example' id='1' xml:lang='en'><body>O blessed night!</body>${original}${sid}
        <delay xmlns='urn:xmpp:delay' from='a.example' stamp='{any}'>Offline Storage</delay></message>`,
    ],
    [juliet, 'receives nothing'],
    [juliet, 'sends', '<presence><priority>-1</priority></presence>'],
    [juliet, 'receives', own(-1)],
    [juliet, 'sends', '<presence><priority>3</priority></presence>'],
    [juliet, 'receives', own(3)],
    [juliet, 'receives nothing'],
  );
});

test('XEP-0203 §6: nobody says in our name that a message was delayed', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@b.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  const delay = (from: string | undefined) =>
    `<delay xmlns='urn:xmpp:delay'${from === undefined ? '' : ` from='${from}'`} stamp='2002-09-10T23:08:25Z'/>`;
  const kept = [undefined, 'c.example', 'verona@conference.a.example', 'romeo@b.example', 'romeo@b.example/orchard']
    .map(delay)
    .join('');
  const forged = ['a.example', 'A.Example', 'a.example/x', 'juliet@a.example', 'juliet@a.example/x', 'b.example', 'B.example.']
    .map(delay)
    .join('');
  await stage.play(
    [romeo, 'sends', `<message to='${juliet.jid}' type='chat'>${forged}<body>!</body>${kept}</message>`],
    [juliet, 'receives', `<message from='${romeo.jid}' to='${juliet.jid}' type='chat'><body>!</body>${kept}${sid}</message>`],
  );
});
