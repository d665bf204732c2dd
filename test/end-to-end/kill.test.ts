/**
 * What was acknowledged survives kill -9 (FEATURES C1, one process): a sender under XEP-0198 writes to somebody who is away, the
 * process dies, and after its restart every acknowledged message is in the archive and reaches the recipient once, in order.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { type Received, TcpClient } from '../support/tcp-client.ts';

const rounds = 3;
const messagesMax = 5_000;

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(() => skylark.stop());

test('each message that was acknowledged before kill -9 is archived and delivered once, in order', async () => {
  let total = 0;
  for (let round = 0; round < rounds; round++) {
    const acknowledged = await sendUntilKilled(round);
    assert.ok(acknowledged > 20, `only ${acknowledged} messages were acknowledged in round ${round}`);
    await skylark.start();
    const delivered = await collectOffline(round);
    const expected = Array.from({ length: acknowledged }, (_, index) => index);
    assert.deepEqual(delivered.slice(0, acknowledged), expected, `round ${round}: delivered after the restart`);
    assert.deepEqual(delivered, [...new Set(delivered)], `round ${round}: delivered twice`);
    const archived = await readArchive(round);
    assert.deepEqual(archived.slice(0, acknowledged), expected, `round ${round}: archived`);
    total += acknowledged;
  }
  assert.ok(total > rounds * 20);
});

/** @returns how many messages the server acknowledged */
async function sendUntilKilled(round: number): Promise<number> {
  const juliet = await TcpClient.signIn(skylark.ports.c2sTls, `juliet@localhost/r${round}`, 'capulet');
  juliet.send("<enable xmlns='urn:xmpp:sm:3'/>");
  await juliet.next('enabled');
  let acknowledged = 0;
  juliet.onElement = ({ name, attributes }) => {
    if (name === 'a') acknowledged = Math.max(acknowledged, Number(attributes.h));
  };
  const killed = new Promise<void>((resolve) => {
    setTimeout(() => void skylark.kill('SIGKILL').then(() => resolve()), 700 + round * 150);
  });
  for (let sequence = 0; sequence < messagesMax && !skylarkIsDead(juliet); sequence++) {
    juliet.send(
      `<message type='chat' to='romeo@localhost' id='k${round}-${sequence}'><body>${round} ${sequence}</body></message>`,
    );
    if (sequence % 5 === 4) {
      juliet.send("<r xmlns='urn:xmpp:sm:3'/>");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  await killed;
  await juliet.closed;
  return acknowledged;
}

const dead = new WeakSet<TcpClient>();

function skylarkIsDead(client: TcpClient): boolean {
  if (!dead.has(client)) void client.closed.then(() => dead.add(client));
  return dead.has(client);
}

function sequenceOf(element: Received, round: number): number | undefined {
  const found = /<body>(\d+) (\d+)<\/body>/.exec(element.xml);
  return found && Number(found[1]) === round ? Number(found[2]) : undefined;
}

async function collectOffline(round: number): Promise<number[]> {
  const romeo = await TcpClient.signIn(skylark.ports.c2sTls, 'romeo@localhost/orchard', 'montague');
  romeo.send("<enable xmlns='urn:xmpp:sm:3'/>");
  await romeo.next('enabled');
  const got: number[] = [];
  let count = 0;
  romeo.onElement = (element) => {
    if (['message', 'iq', 'presence'].includes(element.name)) count++;
    if (element.name === 'r') romeo.send(`<a xmlns='urn:xmpp:sm:3' h='${count}'/>`);
    const sequence = element.name === 'message' ? sequenceOf(element, round) : undefined;
    if (sequence !== undefined) got.push(sequence);
  };
  romeo.send('<presence/>');
  await quiet(() => count);
  romeo.send(`<a xmlns='urn:xmpp:sm:3' h='${count}'/>`);
  await romeo.close();
  return got;
}

/** Resolves when `count` stood still for a while. */
async function quiet(count: () => number): Promise<void> {
  for (let last = -1; last !== count(); ) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function readArchive(round: number): Promise<number[]> {
  const juliet = await TcpClient.signIn(skylark.ports.c2sTls, 'juliet@localhost/reader', 'capulet');
  const got: number[] = [];
  juliet.onElement = (element) => {
    const sequence = element.name === 'message' ? sequenceOf(element, round) : undefined;
    if (sequence !== undefined) got.push(sequence);
  };
  let last: string | undefined;
  for (let page = 0; page < 200; page++) {
    const rsm = `<set xmlns='http://jabber.org/protocol/rsm'><max>200</max>${last ? `<after>${last}</after>` : ''}</set>`;
    const id = `mam-${page}`;
    const fin = await juliet.ask(id, `<iq type='set' id='${id}'><query xmlns='urn:xmpp:mam:2' queryid='q'>${rsm}</query></iq>`);
    if (/complete="true"/.test(fin.xml)) break;
    last = /<last>([^<]+)<\/last>/.exec(fin.xml)?.[1];
    assert.ok(last, `no last in ${fin.xml}`);
  }
  await juliet.close();
  return got;
}
