/**
 * Every task of an operator (docs/operations.md), done three ways: by command, by the REST API, by the pages of the console. One process, or
 * with SKYLARK_TEST_CLUSTER a cluster. The audit log tells what was done by whom.
 */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isRead } from '../../services/router/operations/asker.ts';
import { operations } from '../../services/router/operations/index.ts';
import { address, NameServer } from '../federation/finding-ground.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import { freePorts } from '../support/free-ports.ts';
import { dns as dnsNames, makePem } from '../support/pem.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { tasks } from './tasks/table.ts';
import type { Look, Place, Task } from './tasks/task.ts';
import { byApi, byCommand, ConsoleSession, type WayName, wayNames } from './tasks/ways.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-tasks-'));
const clients: TcpClient[] = [];
let hooks: Server;
let names: NameServer;
let skylark: Skylark;
let origin: string;
/** The keys of whoever looks, and of whoever does tasks by the API. */
let looking: string;
let doing: string;
let browser: ConsoleSession;
let places: readonly Place[];

const look: Look = async (path) => {
  const response = await fetch(`${origin}/api/v1${path}`, { headers: { authorization: `Bearer ${looking}` } });
  const body = await response.json();
  assert.equal(response.status, 200, `${path}: ${JSON.stringify(body)}`);
  return body as Awaited<ReturnType<Look>>;
};
const makeKey = () =>
  skylark.command('key', 'add', 'test', '--access', 'write', '--role', 'deployment-owner', '--content').trim();
const setUp = (operation: string, given: Readonly<Record<string, unknown>>) => byApi(origin, looking, operation, given);

before(async () => {
  await listenForHooks();
  const [s2s] = (await freePorts(1)) as [number];
  names = await NameServer.start([address('app.example', '127.0.0.9'), address('down.example', '127.0.0.9')]);
  const networks = ['--s2s-networks', '127.0.0.0/8', '--s2s-ca', join(folder, 'ca.pem'), '--s2s-resolver', names.address];
  skylark = await Skylark.start('a.example', ['--s2s-port', `${s2s}`, ...networks]);
  origin = `http://127.0.0.1:${skylark.ports.http}`;
  [looking, doing] = [makeKey(), makeKey()];
  const link = skylark.command('console').split('\n')[0]!.split('/').at(-1)!;
  browser = await ConsoleSession.enter(origin, { link });
  places = await Promise.all(wayNames.map(openPlace));
  await setUp('user-add', { jid: 'chief@a.example', password: 'secret' });
  await setUp('user-role', { jid: 'chief@a.example', role: 'operator' });
});

after(async () => {
  for (const client of clients) client.cut();
  await skylark?.stop();
  hooks?.closeAllConnections();
  hooks?.close();
  await names?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** An https address that takes events. */
async function listenForHooks(): Promise<void> {
  const root = await make('CN=Root', { ca: -1 });
  writeFileSync(join(folder, 'ca.pem'), root.certificate.toString('pem'));
  const identity = await identityOf(await make('CN=app.example', { by: root, dns: ['app.example'] }));
  hooks = createServer(identity, (_, response) => void response.writeHead(204).end());
  await once(hooks.listen(0, '127.0.0.9'), 'listening');
}

/** A tenant with somebody who is signed in twice, has a room, has reported a stranger, and writes to a server that is away. */
async function openPlace(way: WayName): Promise<Place> {
  const domain = `${way}.example`;
  await setUp('tenant-add', { domain });
  for (const local of ['romeo', 'tybalt']) await setUp('user-add', { jid: `${local}@${domain}`, password: 'secret' });
  const root = await makePem('Root', { isCa: true });
  const { cert, key } = await makePem(domain, { names: dnsNames(domain, `conference.${domain}`), issuer: root });
  const files = { cert: join(folder, `${way}.pem`), key: join(folder, `${way}.key`) };
  writeFileSync(files.cert, cert + root.cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const certificate = { files: ['--cert', files.cert, '--key', files.key], chain: cert + root.cert, key };
  if (way !== 'command') await byCommand(['component', 'add', `irc.${domain}`], skylark.data);
  await populate(domain);
  const theirFile = join(folder, `${way}.xml`);
  writeFileSync(
    theirFile,
    `<server-data xmlns='urn:xmpp:pie:0'><host jid='${domain}'><user name='friar' password='x'/></host></server-data>`,
  );
  return {
    ...{ way, domain, other: `old.${domain}`, romeo: `romeo@${domain}`, nurse: `nurse@${domain}`, certificate },
    ...{ theirFile, newFile: join(folder, `${way}.out.xml`) },
    hook: `https://app.example:${(hooks.address() as AddressInfo).port}/hook`,
  };
}

async function populate(domain: string): Promise<void> {
  const signIn = async (address: string) => {
    const client = await TcpClient.signIn(skylark.ports.c2sTls, `${address}`, 'secret');
    clients.push(client);
    client.send('<presence/>');
    return client;
  };
  const [romeo, , tybalt] = [
    await signIn(`romeo@${domain}/orchard`),
    await signIn(`romeo@${domain}/balcony`),
    await signIn(`tybalt@${domain}/street`),
  ];
  const hall = `hall@conference.${domain}`;
  romeo.send(`<presence to='${hall}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await romeo.next(({ name, xml }) => name === 'presence' && xml.includes('code="201"'));
  const owner = 'http://jabber.org/protocol/muc#owner';
  await romeo.ask(
    'instant',
    `<iq type='set' id='instant' to='${hall}'><query xmlns='${owner}'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  tybalt.send(`<presence to='${hall}/Tybalt'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await tybalt.next(({ name, xml }) => name === 'presence' && xml.includes('code="110"'));
  tybalt.send(`<message to='romeo@${domain}' type='chat'><body>buy this</body></message>`);
  const { xml } = await romeo.next(({ xml }) => xml.includes('buy this'));
  const [, id] = /<stanza-id [^>]*id="([^"]+)"/.exec(xml)!;
  const named = `<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@${domain}' id='${id}'/>`;
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>${named}</report>`;
  const item = `<item jid='tybalt@${domain}'>${report}</item>`;
  await romeo.ask('block', `<iq type='set' id='block'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`);
  const slot = await romeo.ask(
    'slot',
    `<iq type='get' id='slot' to='upload.${domain}'><request xmlns='urn:xmpp:http:upload:0' filename='rose.png' size='4' content-type='image/png'/></iq>`,
  );
  const [, url] = /<put url="([^"]+)"/.exec(slot.xml)!;
  const put = { method: 'PUT', headers: { 'content-type': 'image/png' }, body: 'rose' };
  assert.equal((await fetch(url!.replaceAll('&amp;', '&'), put)).status, 201);
  romeo.send(`<message to='juliet@down.example' type='chat'><body>hello</body></message>`);
}

/** @returns what is shown. @throws with what is told when it is refused */
async function doTask({ operation: name, command, given, isContent }: Task, place: Place, id: string): Promise<string> {
  const { way, romeo } = place;
  if (way === 'command') return byCommand(command!(place, id), skylark.data);
  if (way === 'api') return byApi(origin, doing, name, given!(place, id));
  const operation = operations.find((one) => one.name === name)!;
  const who = isContent ? await ConsoleSession.enter(origin, { jid: romeo, password: 'secret' }) : browser;
  return who.does(operation, given!(place, id));
}

const isIn = ({ command, given }: Task, way: WayName) => (way === 'command' ? command : given) !== undefined;

/** In each way that there is, at the same time. */
async function doIt(task: Task): Promise<void> {
  const done = places
    .filter(({ way }) => isIn(task, way))
    .map(async (place) => {
      const id = task.id === undefined ? '' : String(await task.id(place, look));
      try {
        const shown = await doTask(task, place, id);
        const expected = task.shows?.(place, id) ?? '';
        const isShown = typeof expected === 'string' ? shown.includes(expected) : expected.test(shown);
        assert.ok(isShown, `by ${place.way}: ${expected} is not in: ${shown}`);
      } catch (error) {
        if (!(error instanceof Error) || task.refusal?.test(error.message) !== true)
          throw new Error(`by ${place.way}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    });
  await Promise.all(done);
}

/** What goes on while others are done. */
const underWay: Promise<void>[] = [];

for (const task of tasks.filter(({ elsewhere }) => elsewhere === undefined)) {
  test(`${task.operation}, by ${wayNames.filter((way) => isIn(task, way)).join(', ')}`, async () => {
    // What waits for a server that is away is seen when it was tried.
    if (task.operation.startsWith('peer-')) await untilPairs();
    const working = doIt(task);
    if (!task.isLong) return working;
    working.catch(() => {}); // told below
    underWay.push(working);
  });
}

async function untilPairs(): Promise<void> {
  for (;;) {
    const tried = (await look('/peers')).peers!.filter(({ state }) => state === 'resting' || state === 'connecting');
    if (places.every(({ domain }) => tried.some(({ host }) => host === domain))) return;
    await pause(100);
  }
}

test('what goes on for some seconds is done, too', async () => {
  await Promise.all(underWay);
});

test('what was done stands in the audit log, by whoever did it in each way', async () => {
  const entries = await Promise.all(['/audit', ...places.map(({ domain }) => `/tenants/${domain}/audit`)].map(entriesOf));
  const found = entries.flat();
  for (const task of tasks) {
    const operation = operations.find(({ name }) => name === task.operation)!;
    if (isRead(operation) && !task.isContent) continue;
    for (const { way, domain } of places.filter((place) => isIn(task, place.way))) {
      const isBy = (by: string) =>
        ({
          command: by === 'operator',
          api: by === `key ${doing.split('_')[1]}`,
          console: task.isContent ? by === `romeo@${domain}` : by.startsWith('console '),
        })[way];
      const outcomes = found.filter((one) => one.operation === task.operation && isBy(one.by)).map(({ outcome }) => outcome);
      const isDone = outcomes.includes('done') || outcomes.some((outcome) => task.refusal?.test(outcome));
      assert.ok(isDone, `${task.operation} by ${way}: ${outcomes.join('; ')}`);
    }
  }
});

interface Entry {
  readonly number: number;
  readonly by: string;
  readonly operation: string;
  readonly outcome: string;
}

async function entriesOf(path: string): Promise<Entry[]> {
  const all: Entry[] = [];
  for (let after = 0; ; ) {
    const page = (await look(`${path}?after=${after}`)) as unknown as { entries: Entry[]; next?: number };
    all.push(...page.entries);
    if (page.next === undefined) return all;
    after = page.next;
  }
}
