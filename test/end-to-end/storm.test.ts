/** All clients come back at once, as after an outage: each signs in, or is told clearly to try again and then does; others chat on. */
import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { userAdd } from '../../services/router/operations/users.ts';
import { Bystanders, faultsOf } from '../support/bystanders.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

const accounts = 60;
const resources = 5;
const triesMax = 20;

let skylark: Skylark;
let bystanders: Bystanders;

before(async () => {
  skylark = await Skylark.start();
  const admin = await openAdmin(realpathSync(skylark.data));
  const names = ['juliet', 'romeo', ...Array.from({ length: accounts }, (_, n) => `guest${n}`)];
  for (const name of names) await admin.ask(userAdd, { jid: `${name}@localhost`, password: 'secret' });
  await admin.close();
  bystanders = await Bystanders.signIn(skylark);
});
after(async () => {
  await bystanders?.leave();
  await skylark?.stop();
});

/** SASL errors that mean "later" leave the stream open (RFC 6120 §6.4.5). */
async function signIn(local: string, resource: string): Promise<{ client: TcpClient; refusals: number }> {
  const client = await TcpClient.connect(skylark.ports.c2sTls, 'localhost');
  await client.open();
  for (let refusals = 0; ; refusals++) {
    try {
      await client.authenticate(local, 'secret');
      await client.bind(resource);
      client.send('<presence/>');
      return { client, refusals };
    } catch (error) {
      assert.match((error as Error).message, /<temporary-auth-failure/, 'the only reason not to sign in is that it is too much');
      assert.ok(refusals < triesMax, 'refused again and again');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

test(`${accounts * resources} clients sign in at once while others chat`, async () => {
  const storm = Promise.all(
    Array.from({ length: accounts * resources }, (_, n) => signIn(`guest${n % accounts}`, `r${Math.floor(n / accounts)}`)),
  );
  let isOver = false;
  void storm.finally(() => {
    isOver = true;
  });
  let chats = 0;
  while (!isOver) {
    await bystanders.chat();
    chats++;
  }
  const signedIn = await storm;
  assert.ok(chats > 0);
  // Each is really there: it hears its name.
  for (const [n, { client }] of signedIn.entries()) {
    const [local, resource] = [`guest${n % accounts}`, `r${Math.floor(n / accounts)}`];
    bystanders.juliet.send(
      `<message type='chat' to='${local}@localhost/${resource}' id='hello-${n}'><body>${n}</body></message>`,
    );
    await client.next(({ attributes }) => attributes.id === `hello-${n}`);
  }
  await bystanders.chat();
  assert.deepEqual(faultsOf(skylark), []);
  for (const { client } of signedIn) client.cut();
});

test('when all of them vanish at once, the service goes on', async () => {
  await bystanders.chat();
  const again = await signIn('guest0', 'r0');
  await again.client.close();
  await bystanders.chat();
  assert.deepEqual(faultsOf(skylark), []);
});
