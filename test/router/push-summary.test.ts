/** XEP-0357 §7.1: what an app server is told of the last message, as the tenant's policy says. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { readPolicy } from '../../lib/runtime/policy/tenant-policy.ts';
import { fieldsOf } from '../../services/router/push/last-message.ts';
import { body, notification, PushGround } from './push-ground.ts';

let ground: PushGround;
beforeEach(async () => {
  ground = await PushGround.open();
  await ground.enable(ground.phone);
  await ground.phone.end();
});
afterEach(() => ground.stage.close());

async function set(pushSummary: string, domain = 'a.example'): Promise<void> {
  await ground.stage.dependencies.tenants.setPolicy(domain, { pushSummary } as object);
  await ground.clock.advance(2_000);
}

const field = (name: string, value: string) => `<field var='last-message-${name}'><value>${value}</value></field>`;
const sender = field('sender', 'romeo@b.example/orchard');
const encrypted = `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>xyz</payload></encrypted>`;

test('counts alone, unless the policy of the account’s tenant says more; that of the sender’s says nothing', async () => {
  await set('body', 'b.example');
  await ground.say(body);
  ground.app.receives(notification(1));
  await set('sender');
  await ground.say(body);
  ground.app.receives(notification(2, { more: sender }));
  await set('body');
  await ground.say('<body>Art thou &lt;there&gt;?</body>');
  ground.app.receives(notification(3, { more: sender + field('body', 'Art thou &lt;there&gt;?') }));
});

test('the text beside an encrypted message, and that of a call, are not told', async () => {
  await set('body');
  await ground.say(`<body>I sent you an encrypted message</body>${encrypted}`);
  ground.app.receives(notification(1, { more: sender }));
  await ground.pause();
  await ground.say(
    `<propose xmlns='urn:xmpp:jingle-message:0' id='c'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>`,
  );
  ground.app.receives(notification(2, { more: sender }));
});

test('of messages that ring together, the last one is told', async () => {
  await set('body');
  await ground.say('<body>one</body>');
  ground.app.receives(notification(1, { more: sender + field('body', 'one') }));
  await ground.say('<body>two</body>');
  await ground.say('<body>three</body>');
  await ground.pause();
  await ground.stage.settle();
  ground.app.receives(notification(3, { more: sender + field('body', 'three') }));
});

test('what was kept while more was allowed is not told any more once less is', () => {
  const last = { sender: 'romeo@b.example/orchard', body: 'one' };
  for (const [pushSummary, told] of [
    ['body', ['last-message-sender', 'last-message-body']],
    ['sender', ['last-message-sender']],
    ['counts', []],
  ] as const)
    assert.deepEqual(
      fieldsOf({ policy: readPolicy({ pushSummary }) }, last).map(([name]) => name),
      told,
    );
});

test('a long text is cut between characters', async () => {
  await set('body');
  await ground.say(`<body>${'😀'.repeat(300)}</body>`);
  ground.app.receives(notification(1, { more: sender + field('body', `${'😀'.repeat(199)}…`) }));
  await ground.pause();
  await ground.say(`<body>${'x'.repeat(200)}</body>`);
  ground.app.receives(notification(2, { more: sender + field('body', 'x'.repeat(200)) }));
});
