/**
 * No file of the service may grow for a while, as when the disk is full: what cannot be kept is answered with an error of type
 * `wait` and never acknowledged (XEP-0198), nobody's stream suffers, and when there is space again the same streams go on.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readArchive } from '../support/archive-reader.ts';
import { HostilePeer, plainAuth } from '../support/hostile-peer.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

const NS_SM = 'urn:xmpp:sm:3';
const canLimit = process.platform === 'linux' && !process.env.SKYLARK_TEST_CLUSTER && canRun('prlimit');
const skip = canLimit ? false : 'there is no prlimit to take space from a process';
const count = 20;

let skylark: Skylark;
let juliet: Sender;
let romeo: TcpClient;
const heard: string[] = [];

function canRun(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A client under XEP-0198 that counts. */
class Sender {
  readonly client: TcpClient;
  sent = 0;

  constructor(client: TcpClient) {
    this.client = client;
  }

  message(body: string): void {
    this.sent++;
    this.client.send(`<message type='chat' to='romeo@localhost/orchard' id='${body}'><body>${body}</body></message>`);
  }

  /** What `<r/>` is answered with. */
  async handled(): Promise<number> {
    this.client.send(`<r xmlns='${NS_SM}'/>`);
    return Number((await this.client.next('a')).attributes.h);
  }
}

/** @param bytes how large a file may become; `unlimited` */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', `${skylark.pid}`, `--fsize=${bytes}:unlimited`]);
}

/** The log of the database ends where the file does, because it was never folded back. */
function fillDisk(): void {
  limitFiles(statSync(join(skylark.data, 'skylark.db-wal')).size);
}

const names = (part: string): string[] => Array.from({ length: count }, (_, n) => `${part}-${n}`);

async function heardLast(body: string): Promise<void> {
  if (!heard.includes(body)) await romeo.next(({ name, attributes }) => name === 'message' && attributes.id === body);
}

before(async () => {
  if (!canLimit) return;
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'nurse']) skylark.addUser(`${name}@localhost`, 'secret');
  juliet = new Sender(await TcpClient.signIn(skylark.ports.c2sTls, 'juliet@localhost/balcony', 'secret'));
  juliet.client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
  await juliet.client.next('enabled');
  romeo = await TcpClient.signIn(skylark.ports.c2sTls, 'romeo@localhost/orchard', 'secret');
  romeo.onElement = ({ name, attributes }) => {
    if (name === 'message') heard.push(attributes.id!);
  };
  romeo.send('<presence/>');
  await romeo.next('presence');
});
after(() => skylark?.stop());

test('messages, sign-ins and acknowledgements while the disk is full, and afterwards', { skip }, async (t) => {
  await t.test('before, everything is acknowledged and delivered', async () => {
    for (const body of names('before')) juliet.message(body);
    assert.equal(await juliet.handled(), count);
    await heardLast(`before-${count - 1}`);
  });

  const nurse = await HostilePeer.connect('TLS', skylark);
  await nurse.open();
  const reader = await TcpClient.signIn(skylark.ports.c2sTls, 'nurse@localhost/reader', 'secret');
  fillDisk();

  await t.test('each message is answered with an error of type wait, and not acknowledged', async () => {
    for (const body of names('during')) juliet.message(body);
    assert.equal(await juliet.handled(), count, 'h stays where it was');
    for (const body of names('during')) {
      const { xml } = await juliet.client.next(({ name, attributes }) => name === 'message' && attributes.id === body);
      assert.match(xml, /type="error"/);
      assert.match(xml, /<error type="wait"><resource-constraint /);
    }
  });

  await t.test('who signs in meanwhile is told to wait, and wrong passwords are wrong', async () => {
    nurse.send(plainAuth('nurse', 'wrong'));
    await nurse.wire.read(/<failure [^>]*><not-authorized\/>/);
    await nurse.signInAgain('nurse', 'secret');
    nurse.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>room</resource></bind></iq>");
    await nurse.wire.read(/<iq [^>]*type=["']error["'].*?<error type=["']wait["']>/);
  });

  await t.test('what only reads works', async () => {
    const { attributes } = await reader.ask('ping', "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert.equal(attributes.type, 'result');
  });

  limitFiles('unlimited');

  await t.test('with space again, the same streams go on, and what follows is acknowledged and delivered', async () => {
    for (const body of names('after')) juliet.message(body);
    assert.equal(await juliet.handled(), juliet.sent);
    await heardLast(`after-${count - 1}`);
    assert.deepEqual(heard, [...names('before'), ...names('after')]);
    await nurse.bind('room');
    nurse.wire.destroy();
  });

  await t.test('what was acknowledged is durable, once, in both archives; what was refused is in neither', async () => {
    await skylark.kill('SIGKILL');
    await skylark.start();
    for (const jid of ['juliet@localhost', 'romeo@localhost']) {
      assert.deepEqual(await readArchive(skylark, jid, 'secret'), [...names('before'), ...names('after')]);
    }
  });
});
