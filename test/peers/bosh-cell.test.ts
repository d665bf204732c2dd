/**
 * BOSH (XEP-0124, XEP-0206) in a cell: every request is a connection of its own, which the load balancer gives to one of two nodes in turn. So most
 * requests come to a node that does not have the session, and are passed on over NATS.
 */
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { Cell } from '../bundles/cell.ts';
import type { Container } from '../bundles/container.ts';
import { removeFolder, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { attribute, BoshClient } from '../connection/bosh-ground.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));

const plain = (user: string) => Buffer.from(`\0${user}\0secret`).toString('base64');
const authenticate = (user: string, inline: string) =>
  `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${plain(user)}</initial-response>${inline}</authenticate>`;
/** A sid names the node that has the session. */
const nodeOf = ({ sid }: BoshClient) => sid.split('.')[1]!;
const bind = `<bind xmlns='urn:xmpp:bind:0'><tag>Web</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>`;

describe('a cell', { skip: skipWithoutNats }, () => {
  const containers = new Map<string, Container>();
  let cell: Cell;
  before(async () => {
    const log = openSync(join(folder, 'log'), 'a');
    cell = new Cell({ domain: 'localhost', folder: join(folder, 'cell'), log, ports: { c2s: 0, c2sTls: 0, websocket: 0 } });
    await cell.start();
    for (const service of ['router', 'muc'] as const) containers.set(service, await cell.run(service, service));
    await cell.serveOperators();
    for (const name of ['first', 'second']) containers.set(name, await cell.run('connection', name, { SKYLARK_NAME: name }));
    await cell.allWell();
    for (const name of ['juliet', 'romeo']) {
      const { code, err } = await skylark(['user', 'add', `${name}@localhost`, '--data', cell.folder], { input: 'secret\n' });
      assert.equal(code, 0, err);
    }
  });
  after(async () => {
    await Promise.all([...containers.values()].map((container) => container.stop()));
    await cell?.stop();
  });

  const client = () => new BoshClient(cell.balancer.port('websocket'), true);

  async function untilSeen(person: BoshClient, body: string, wanted: RegExp): Promise<RegExpExecArray> {
    let found = await person.ask(body);
    for (let tries = 0; tries < 8 && !wanted.test(found); tries++) found = await person.ask();
    return wanted.exec(found) ?? assert.fail(found);
  }

  async function signIn(user: string): Promise<{ readonly person: BoshClient; readonly previd: string }> {
    const person = client();
    await person.begin({ to: 'localhost', from: `${user}@localhost`, wait: '2' });
    const [, previd] = await untilSeen(person, authenticate(user, bind), /<enabled [^>]*id='([^']+)'/);
    await untilSeen(person, `<presence xmlns='jabber:client'/>`, /<presence [^>]*from='/);
    return { person, previd: previd! };
  }

  test('a session goes on whichever node a request comes to, and two people talk', async () => {
    const juliet = await signIn('juliet');
    const romeo = await signIn('romeo');
    for (let count = 0; count < 10; count++) {
      const body = `<message xmlns='jabber:client' to='romeo@localhost' type='chat'><body>no. ${count}</body></message>`;
      await juliet.person.ask(body);
      await untilSeen(romeo.person, '', new RegExp(`<body>no\\. ${count}</body>`));
    }
    for (const { person } of [juliet, romeo])
      assert.equal(attribute('type', await person.ask('', { type: 'terminate' })), 'terminate');
  });

  test('when its node stops, a session is resumed at the other one', async () => {
    const { person, previd } = await signIn('juliet');
    const held = person.send();
    const name = nodeOf(person);
    cell.balancer.deregister(name);
    await containers.get(name)!.stop();
    containers.delete(name);
    const { body } = await held.answer.catch(() => ({ body: '' })); // the node that it came to may be the one that has stopped
    assert.match(body, /^$|type='terminate' condition='(?:system-shutdown|item-not-found)'/);
    assert.match(await person.ask(), /type='terminate' condition='item-not-found'/);
    const again = client();
    await again.begin({ to: 'localhost', from: 'juliet@localhost', wait: '2' });
    const resume = `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='1'/>`;
    await untilSeen(again, authenticate('juliet', resume), /<resumed [^>]*previd='/);
  });
});
