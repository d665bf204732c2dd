/** XEP-0065: the proxy of a tenant: how its accounts find it, whom it serves, and which bytestream an activation is of. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { type ActivateRequest, bytestreamSubject } from '../../lib/runtime/bytestream-wire.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { featureLimits } from '../../services/router/features/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'http://jabber.org/protocol/bytestreams';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;
let asked: ActivateRequest[];
let refusal: string | undefined;

async function begin(proxy?: { readonly host?: string; readonly port: number }): Promise<void> {
  asked = [];
  refusal = undefined;
  stage = await openStage({ wrap: (parts) => ({ ...parts, proxy }) });
  await stage.dependencies.bus.serve(bytestreamSubject, (payload) => {
    asked.push(decodeFrame<ActivateRequest>(payload).header);
    return encodeFrame({ refusal });
  });
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@b.example/orchard');
}

beforeEach(() => begin({ host: '192.0.2.7', port: 7777 }));
afterEach(() => stage.close());

async function ask(actor: StreamActor, to: string, child: string, type = 'get'): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='${type}' id='p' to='${to}'>${child}</iq>`);
  return actor.inbox.find((xml) => xml.includes(`id='p'`)) ?? assert.fail(actor.inbox.join('\n'));
}

const query = (ns: string, attributes = '', content = '') => `<query xmlns='${ns}'${attributes}>${content}</query>`;
const activation = (sid: string, target: string) => query(NS, ` sid='${sid}'`, `<activate>${target}</activate>`);
const condition = (name: string) => new RegExp(`type='error'.*<${name} `);

test('§5.1: the proxy is an item of the domain, and says that it is one', async () => {
  assert.match(await ask(juliet, 'a.example', query(ITEMS)), /<item jid='proxy\.a\.example' name='Proxy'\/>/);
  const info = await ask(juliet, 'proxy.a.example', query(INFO));
  assert.match(info, /<identity category='proxy' type='bytestreams' name='Proxy'\/>/);
  assert.ok(info.includes(`<feature var='${NS}'/>`));
  assert.match(await ask(juliet, 'proxy.a.example', query(ITEMS)), /type='result'/);
  assert.match(await ask(juliet, 'proxy.a.example', query(INFO, ` node='x'`)), condition('item-not-found'));
});

test('§5.2: accounts of the tenant are told where it is, and others may not use it', async () => {
  assert.match(
    await ask(juliet, 'proxy.a.example', query(NS)),
    /<streamhost jid='proxy\.a\.example' host='192\.0\.2\.7' port='7777'\/>/,
  );
  assert.match(await ask(romeo, 'proxy.a.example', query(NS)), condition('forbidden'));
  assert.match(await ask(romeo, 'proxy.a.example', activation('s', 'x@y/z'), 'set'), condition('forbidden'));
  assert.deepEqual(asked, []);
});

test('§5.2: without a name of its own it is at the domain of each tenant', async () => {
  await stage.close();
  await begin({ port: 7777 });
  assert.match(await ask(juliet, 'proxy.a.example', query(NS)), / host='a\.example' /);
  assert.match(await ask(romeo, 'proxy.b.example', query(NS)), / host='b\.example' /);
});

test('§5.3.5: an activation is of the bytestream of whoever asks, whatever it says', async () => {
  assert.match(await ask(juliet, 'proxy.a.example', activation('mySID', 'Romeo@B.example/orchard'), 'set'), /type='result'/);
  const hash = createHash('sha1').update('mySIDjuliet@a.example/balconyromeo@b.example/orchard').digest('hex');
  assert.deepEqual(
    asked.map(({ kind, hash: of, account }) => [kind, of, account]),
    [['activate', hash, 'juliet@a.example']],
  );
  await ask(romeo, 'proxy.b.example', activation('mySID', 'romeo@b.example/orchard'), 'set');
  assert.notEqual(asked[1]!.hash, hash, 'the same id is another bytestream for somebody else');
});

for (const [found, expected] of [
  ['item-not-found', 'item-not-found'],
  ['not-allowed', 'not-allowed'],
  ['resource-constraint', 'resource-constraint'],
] as const) {
  test(`§5.3.5: ${found} is what the initiator is told`, async () => {
    refusal = found;
    assert.match(await ask(juliet, 'proxy.a.example', activation('s', 'romeo@b.example/orchard'), 'set'), condition(expected));
  });
}

for (const [what, child] of [
  ['no sid', query(NS, '', '<activate>romeo@b.example/orchard</activate>')],
  ['an empty sid', activation('', 'romeo@b.example/orchard')],
  ['a long sid', activation('x'.repeat(featureLimits.bytestreamSidCharactersMax + 1), 'romeo@b.example/orchard')],
  ['no target', query(NS, ` sid='s'`)],
  ['a target that is not an address', activation('s', '@@')],
] as const) {
  test(`an activation with ${what} is a bad request`, async () => {
    assert.match(await ask(juliet, 'proxy.a.example', child, 'set'), condition('bad-request'));
    assert.deepEqual(asked, []);
  });
}

test('a deployment without a relay has no proxy', async () => {
  await stage.close();
  await begin();
  assert.doesNotMatch(await ask(juliet, 'a.example', query(ITEMS)), /proxy/);
  for (const child of [query(INFO), query(NS)])
    assert.match(await ask(juliet, 'proxy.a.example', child), condition('service-unavailable'));
});

test('messages and presence to the proxy reach nobody', async () => {
  juliet.inbox.length = 0;
  await juliet.send(`<message to='proxy.a.example' id='m'><body>x</body></message>`);
  assert.match(juliet.inbox.join(''), condition('service-unavailable'));
});
