/** XEP-0503 §5.5: a room names the space to which it belongs, to people of both tenants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openHall } from '../support/stage/rooms.ts';
import { openStage } from '../support/stage/whole-stage.ts';

const space = 'xmpp:pubsub.a.example?;node=dev';
const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
const form = `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:spaces:0</value></field><field var='parent' type='text-single'><value>${space}</value></field></x>`;

for (const [what, pubsub] of [
  ['that is in a space', space],
  ['that is in none', ''],
] as const)
  test(`XEP-0503 §5.5: a room ${what}`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    await openHall(stage, { pubsub });
    const romeo = await stage.join('romeo@b.example/orchard');
    const answer = await romeo.ask('get', info);
    assert.match(answer, /type='result'/);
    assert.equal(answer.includes(`<feature var='urn:xmpp:spaces:0'/>`), pubsub !== '', answer);
    assert.equal(answer.includes(form), pubsub !== '', answer);
    assert.equal(/<field var='muc#roomconfig_pubsub'[^>]*><value>xmpp:/.test(answer), pubsub !== '', answer);
  });
