/** A real-time block list that Debian's prosody keeps, as a node of an account there: read, heeded, and changed by what the service tells. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { listLimits } from '../../services/router/routing/limits.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { type Neighbours, openNeighbours, ours, theirs } from './federation-neighbours.ts';

const NS = 'http://jabber.org/protocol/pubsub';
const node = 'muc_bans_sha256';
const hash = createHash('sha256').update(`romeo@${theirs}`).digest('hex');
/** Longer than a router keeps a list. */
const laterMs = listLimits.listKeptMs + 1_500;

let neighbours: Neighbours;
let mercutio: TcpClient;
let romeo: TcpClient;

before(async () => {
  neighbours = await openNeighbours('prosody', 'dialback alone');
  mercutio = await neighbours.there('mercutio/list');
  romeo = await neighbours.there('romeo/orchard');
});
after(() => neighbours[Symbol.asyncDispose]());

async function change(id: string, content: string): Promise<void> {
  const { attributes, xml } = await mercutio.ask(id, `<iq type='set' id='${id}'><pubsub xmlns='${NS}'>${content}</pubsub></iq>`);
  assert.equal(attributes.type, 'result', xml);
}

/** @param to whom he has not written to yet. @returns the condition that Romeo is answered with; there is no such account */
async function answerTo(to: string): Promise<string> {
  romeo.send(`<message id='${to}' to='${to}@${ours}' type='chat'><body>hark</body></message>`);
  const { xml } = await romeo.next(({ attributes }) => attributes.id === to && attributes.type === 'error');
  return /<(policy-violation|service-unavailable)[ />]/.exec(xml)?.[1] ?? xml;
}

test('prosody keeps a list: who is on it is refused, and let in when the service takes it away', async () => {
  const open = `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${NS}#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field><field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#max_items'><value>100</value></field></x></publish-options>`;
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/>`;
  await change('first', `<publish node='${node}'><item id='${'0'.repeat(64)}'>${report}</item></publish>${open}`);
  await change('second', `<publish node='${node}'><item id='${hash}'>${report}</item></publish>`);
  const list = `xmpp:mercutio@${theirs}?;node=${node}`;
  neighbours.skylark.command('tenant', 'set', ours, '--block-lists', list);
  await pause(3_000); // streams to prosody begin, and it answers
  assert.equal(await answerTo('one'), 'policy-violation');
  await change('third', `<retract node='${node}' notify='true'><item id='${hash}'/></retract>`);
  await pause(laterMs);
  assert.equal(await answerTo('two'), 'service-unavailable', 'he is let in, and nobody is there');
  await change('fourth', `<publish node='${node}'><item id='${hash}'>${report}</item></publish>`);
  await pause(laterMs);
  assert.equal(await answerTo('three'), 'policy-violation');
});
