import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRouter } from '../support/stage/router-stage.ts';

const id = (by: string, value = 'forged') => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${value}'/>`;

test('XEP-0359 §3: the account’s id is the ingress id; forged ones go, in any spelling; others and the origin’s stay', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@b.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  const minted = stage.mint();
  const origin = `<origin-id xmlns='urn:xmpp:sid:0' id='o'/>`;
  const kept = [
    id('verona@conference.a.example'),
    id('nurse@a.example'),
    id('not an address'),
    id('juliet@sub.a.example'),
    origin,
  ];
  const forged = [
    'juliet@a.example',
    'JULIET@A.example',
    'juliet@a.example./x',
    'juliet@a.example/balcony',
    'a.example',
    'A.EXAMPLE',
    '\uFF4Auliet@a.example',
    'romeo@b.example',
    'b.example',
  ].map((by) => id(by));
  const body = '<body>!</body>';
  await romeo.send(`<message to='${juliet.jid}' type='chat'>${forged.join('')}${body}${kept.join('')}</message>`, minted);
  await stage.play([
    juliet,
    'receives',
    `<message from='${romeo.jid}' to='${juliet.jid}' type='chat'>${body}${kept.join('')}${id('juliet@a.example', minted)}</message>`,
  ]);
  // even where no id is added (rule 2)
  await romeo.send(`<message to='${juliet.jid}' type='headline'>${forged.join('')}${body}</message>`);
  await stage.play([juliet, 'receives', `<message from='${romeo.jid}' to='${juliet.jid}' type='headline'>${body}</message>`]);
  assert.deepEqual(juliet.inbox, []);
});

test('XEP-0359: an id within another element claims nothing, and stays', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const quoted = `<q xmlns='urn:q'>${id('juliet@a.example')}</q>`;
  await stage.arrive('a.example', `<message from='x@c.example/y' to='${juliet.jid}' type='headline'>${quoted}</message>`);
  assert.ok((await juliet.next()).includes(quoted));
});
