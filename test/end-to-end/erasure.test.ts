/**
 * Accounts and tenants that are removed, from end to end: over TLS, HTTP and the command line, while the service runs, while it does not,
 * and when it is killed in the middle.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Skylark } from '../support/skylark.ts';
import { type Received, TcpClient } from '../support/tcp-client.ts';

const muc = 'http://jabber.org/protocol/muc';

let skylark: Skylark;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start('localhost', ['--registration', 'open']);
});
after(() => skylark.stop());

const signIn = (jid: string, password = 'secret') => TcpClient.signIn(skylark.ports.c2sTls, jid, password);

async function enter(client: TcpClient, room: string, nick: string): Promise<Received> {
  client.send(`<presence to='${room}/${nick}'><x xmlns='${muc}'/></presence>`);
  return client.next(({ name, attributes, xml }) => {
    return name === 'presence' && attributes.from?.startsWith(room) === true && /code="110"|<error/.test(xml);
  });
}

async function configure(client: TcpClient, room: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const xml = Object.entries({ FORM_TYPE: `${muc}#roomconfig`, ...fields }).map(
    ([name, value]) => `<field var='${name}'><value>${value}</value></field>`,
  );
  const form = `<x xmlns='jabber:x:data' type='submit'>${xml.join('')}</x>`;
  const done = await client.ask('c', `<iq type='set' id='c' to='${room}'><query xmlns='${muc}#owner'>${form}</query></iq>`);
  assert.equal(done.attributes.type, 'result', done.xml);
}

const closed = { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_persistentroom': '1' };

async function makeRoom(owner: TcpClient, room: string): Promise<string> {
  const own = await enter(owner, room, 'Bob');
  await configure(owner, room, closed);
  owner.send(`<message to='${room}' type='groupchat' id='m'><body>private</body></message>`);
  await owner.next(({ name, xml }) => name === 'message' && xml.includes('private'));
  return /occupant-id [^>]*id="([^"]+)"/.exec(own.xml)![1]!;
}

async function upload(client: TcpClient, domain: string): Promise<string> {
  const slot = await client.ask(
    's',
    `<iq type='get' id='s' to='upload.${domain}'><request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='2' content-type='text/plain'/></iq>`,
  );
  const [put, get] = [/<put url="([^"]+)"/, /<get url="([^"]+)"/].map((pattern) => pattern.exec(slot.xml)![1]!) as [
    string,
    string,
  ];
  const stored = await fetch(put, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'hi' });
  assert.equal(stored.status, 201);
  assert.equal((await fetch(get)).status, 200);
  return get;
}

async function archiveOf(client: TcpClient, room: string): Promise<string> {
  const done = await client.ask('a', `<iq type='set' id='a' to='${room}'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  return [done, ...client.received.splice(0)].map(({ xml }) => xml).join('');
}

/** XEP-0077 §3.2. */
async function removeOwn(client: TcpClient): Promise<void> {
  const done = await client.ask('x', `<iq type='set' id='x'><query xmlns='jabber:iq:register'><remove/></query></iq>`);
  assert.equal(done.attributes.type, 'result', done.xml);
}

/** XEP-0077 §3.1, until the name is free. @returns how often it was not */
async function register(local: string, password: string): Promise<number> {
  for (let conflicts = 0; conflicts < 300; conflicts++) {
    const client = await TcpClient.connect(skylark.ports.c2sTls, 'localhost');
    await client.open();
    const answer = await client.ask(
      'r',
      `<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>${local}</username><password>${password}</password></query></iq>`,
    );
    await client.close();
    if (answer.attributes.type === 'result') return conflicts;
    assert.match(answer.xml, /<conflict|<resource-constraint/);
    await pause(100);
  }
  return assert.fail(`${local} is not free`);
}

test('a tenant that is removed and added again has nothing of what was there: rooms, archives, files, accounts', async () => {
  skylark.command('tenant', 'add', 'one.test');
  skylark.addUser('bob@one.test', 'secret');
  const room = 'hall@conference.one.test';
  const bob = await signIn('bob@one.test/x');
  const before = await makeRoom(bob, room);
  const url = await upload(bob, 'one.test');
  assert.equal(skylark.command('tenant', 'remove', 'one.test', '--force'), 'removed one.test\n');
  await bob.closed;
  assert.equal((await fetch(url)).status, 404);
  skylark.command('tenant', 'add', 'one.test');
  await assert.rejects(signIn('bob@one.test/x'));
  skylark.addUser('bob@one.test', 'other');
  const heir = await signIn('bob@one.test/x', 'other');
  const own = await enter(heir, room, 'Bob');
  assert.match(own.xml, /code="201"/, 'the room is a new one');
  assert.ok(!own.xml.includes(before), 'the occupant id is another one');
  await configure(heir, room, closed);
  assert.ok(!(await archiveOf(heir, room)).includes('private'));
  assert.equal((await fetch(url)).status, 404);
  await heir.close();
});

test('whoever registers the name of somebody who has left does not get into his rooms, in any tenant', async () => {
  skylark.command('tenant', 'add', 'two.test');
  skylark.addUser('carl@two.test', 'secret');
  await register('bob', 'secret');
  const [bob, carl] = [await signIn('bob@localhost/x'), await signIn('carl@two.test/x')];
  const room = 'his@conference.localhost';
  await makeRoom(bob, room);
  const grant = (affiliation: string) =>
    `<iq type='set' id='g' to='${room}'><query xmlns='${muc}#admin'><item affiliation='${affiliation}' jid='carl@two.test'/></query></iq>`;
  await bob.ask('g', grant('admin'));
  const far = 'far@conference.two.test';
  await makeRoom(carl, far);
  const granted = await carl.ask(
    'g',
    `<iq type='set' id='g' to='${far}'><query xmlns='${muc}#admin'><item affiliation='owner' jid='bob@localhost'/></query></iq>`,
  );
  assert.equal(granted.attributes.type, 'result', granted.xml);
  const url = await upload(bob, 'localhost');
  await removeOwn(bob);
  await register('bob', 'other');
  assert.equal((await fetch(url)).status, 404);
  const heir = await signIn('bob@localhost/x', 'other');
  for (const one of [room, far]) {
    assert.match((await enter(heir, one, 'Bob')).xml, /registration-required/, one);
    const archive = await archiveOf(heir, one);
    assert.match(archive, /<forbidden/);
    assert.ok(!archive.includes('private'));
  }
  await Promise.all([heir.close(), carl.close()]);
});

describe('a process that is killed in the middle of a removal', () => {
  for (const delayMs of [0, 20]) {
    test(`is gone on after by the next one, and nobody gets the name before (${delayMs} ms)`, async () => {
      const local = `mid${delayMs}`;
      await register(local, 'secret');
      const bob = await signIn(`${local}@localhost/x`);
      const room = `${local}@conference.localhost`;
      await makeRoom(bob, room);
      const url = await upload(bob, 'localhost');
      await removeOwn(bob);
      await pause(delayMs);
      await skylark.kill('SIGKILL');
      await skylark.start();
      await register(local, 'other');
      const heir = await signIn(`${local}@localhost/x`, 'other');
      const entered = await enter(heir, room, 'Bob');
      assert.match(entered.xml, /registration-required|code="201"/, 'it is closed, or another room');
      assert.ok(!(await archiveOf(heir, room)).includes('private'));
      assert.equal((await fetch(url.replace(/^.*\/files\//, `http://127.0.0.1:${skylark.ports.http}/files/`))).status, 404);
      await heir.close();
    });
  }

  test('a tenant is removed while no service runs, with its rooms and files', async () => {
    skylark.command('tenant', 'add', 'mid.test');
    skylark.addUser('bob@mid.test', 'secret');
    const bob = await signIn('bob@mid.test/x');
    await makeRoom(bob, 'hall@conference.mid.test');
    const url = await upload(bob, 'mid.test');
    await skylark.kill('SIGKILL');
    assert.equal(skylark.command('tenant', 'remove', 'mid.test', '--force'), 'removed mid.test\n');
    await skylark.start();
    skylark.command('tenant', 'add', 'mid.test');
    skylark.addUser('bob@mid.test', 'other');
    const heir = await signIn('bob@mid.test/x', 'other');
    assert.match((await enter(heir, 'hall@conference.mid.test', 'Bob')).xml, /code="201"/);
    assert.equal((await fetch(url)).status, 404);
    await heir.close();
  });
});
