/**
 * `skylark backup` and `skylark restore`: a copy that is taken while people write to each other holds every message that was acknowledged
 * before it began, of all tenants; and a restoration changes nothing unless all is well.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { type Finished, skylark as run, temporaryFolder } from '../cli/skylark-command.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

const acknowledgedBefore = 300;
const pairs = [
  { from: 'juliet@localhost', to: 'romeo@localhost' },
  { from: 'nurse@other.test', to: 'peter@other.test' },
] as const;

const folder = temporaryFolder();
const copy = join(folder, 'copy');
const keys = join(folder, 'copied keys');
let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.test');
  for (const jid of pairs.flatMap(({ from, to }) => [from, to])) skylark.addUser(jid, 'secret');
});

after(async () => {
  await skylark.stop();
  rmSync(folder, { recursive: true });
});

class Writer {
  acknowledged = 0;
  #isStopped = false;
  readonly #client: TcpClient;
  readonly #to: string;

  private constructor(client: TcpClient, to: string) {
    this.#client = client;
    this.#to = to;
    client.onElement = ({ name, attributes }) => {
      if (name === 'a') this.acknowledged = Math.max(this.acknowledged, Number(attributes.h));
    };
  }

  static async start({ from, to }: { readonly from: string; readonly to: string }): Promise<Writer> {
    const client = await TcpClient.signIn(skylark.ports.c2sTls, `${from}/writer`, 'secret');
    client.send("<enable xmlns='urn:xmpp:sm:3'/>");
    await client.next('enabled');
    return new Writer(client, to);
  }

  async write(): Promise<void> {
    for (let sequence = 0; !this.#isStopped; sequence++) {
      this.#client.send(`<message type='chat' to='${this.#to}' id='b${sequence}'><body>${sequence}</body></message>`);
      if (sequence % 5 !== 4) continue;
      this.#client.send("<r xmlns='urn:xmpp:sm:3'/>");
      // As many as the service takes.
      while (!this.#isStopped && this.acknowledged < sequence - 100) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#client.cut();
  }
}

/** What is in an archive, in order. */
async function archived(jid: string): Promise<number[]> {
  const client = await TcpClient.signIn(skylark.ports.c2sTls, `${jid}/reader`, 'secret');
  const found: number[] = [];
  client.onElement = ({ xml }) => {
    const body = /<result.*<body>(\d+)<\/body>/.exec(xml)?.[1];
    if (body !== undefined) found.push(Number(body));
  };
  for (let after = '', page = 0; ; page++) {
    const set = `<set xmlns='http://jabber.org/protocol/rsm'><max>250</max>${after && `<after>${after}</after>`}</set>`;
    const { xml } = await client.ask(
      `p${page}`,
      `<iq type='set' id='p${page}'><query xmlns='urn:xmpp:mam:2'>${set}</query></iq>`,
    );
    after = /<last>([^<]+)<\/last>/.exec(xml)?.[1] ?? '';
    if (after === '' || /complete=.true/.test(xml)) break;
  }
  client.cut();
  return found;
}

test('a backup under load has every message that was acknowledged before it began, of each tenant', async () => {
  const writers = await Promise.all(pairs.map((pair) => Writer.start(pair)));
  const writing = writers.map((writer) => writer.write());
  while (writers.some(({ acknowledged }) => acknowledged < acknowledgedBefore)) await new Promise((done) => setTimeout(done, 5));
  const acknowledged = writers.map((writer) => writer.acknowledged);
  const done = await run(['backup', copy, '--data', skylark.data, '--keys', keys]);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /^backed up .* rows and 0 files, read back and checked\n$/);
  for (const writer of writers) writer.stop();
  await Promise.all(writing);
  await skylark.kill('SIGTERM');
  rmSync(skylark.data, { recursive: true });

  assert.deepEqual(await restore(copy, '--keys', keys), {
    code: 0,
    out: `restored ${skylark.data} as it was at ${begun()}\n`,
    err: '',
  });
  await skylark.start();
  for (const [index, { from, to }] of pairs.entries()) {
    for (const jid of [from, to]) {
      const found = await archived(jid);
      assert.ok(found.length >= acknowledged[index]!, `${jid}: ${found.length} of ${acknowledged[index]}`);
      assert.deepEqual(found, [...found.keys()], `${jid}: without a hole`);
    }
  }
});

function restore(from: string, ...more: readonly string[]): Promise<Finished> {
  return run(['restore', from, '--data', skylark.data, ...more]);
}

function begun(): string {
  return (JSON.parse(readFileSync(join(copy, 'backup.json'), 'utf8')) as { begun: string }).begun;
}

async function refused(done: Promise<Finished>, said: RegExp): Promise<void> {
  const { code, out, err } = await done;
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, said);
}

/** Another backup, changed. */
function changed(name: string, change: (folder: string) => void): string {
  const path = join(folder, name);
  cpSync(copy, path, { recursive: true });
  change(path);
  return path;
}

test('nothing is restored over a service that runs', async () => {
  await refused(restore(copy, '--replace'), /is in use by process \d+: stop it first/);
  assert.equal((await run(['user', 'list', '--data', skylark.data])).code, 0);
});

test('a folder takes one backup, and only of a service', async () => {
  await refused(run(['backup', copy, '--data', skylark.data]), /is not empty: name a new folder for each backup\n$/);
  await refused(
    run(['backup', join(folder, 'none'), '--data', folder]),
    /no service runs in .* and none ever kept its rows there/,
  );
  assert.ok(!existsSync(join(folder, 'none')));
});

test('a backup that is damaged, changed, of a newer program or not finished is refused, and nothing is touched', async () => {
  await skylark.kill('SIGTERM');
  const before = readdirSync(skylark.data).sort();
  const database = (path: string) => join(path, 'skylark.db');
  const cases: readonly [string, RegExp, (path: string) => void][] = [
    ['unfinished', /is not a finished backup: it has no backup\.json/, (path) => rmSync(join(path, 'backup.json'))],
    [
      'garbled',
      /is not a finished backup: its backup\.json cannot be read/,
      (path) => writeFileSync(join(path, 'backup.json'), '{'),
    ],
    ['cut', /is damaged: /, (path) => truncateSync(database(path), 40_000)],
    ['overwritten', /is damaged: /, (path) => writeFileSync(database(path), Buffer.alloc(60_000, 7))],
    ['gone', /skylark\.db is not there/, (path) => rmSync(database(path))],
    ['other rows', /is not what was backed up: it has been changed/, (path) => write(database(path), 'DELETE FROM archive')],
    ['newer', /has schema 99, this program knows \d+/, (path) => write(database(path), 'PRAGMA user_version = 99')],
  ];
  for (const [name, said, change] of cases) await refused(restore(changed(name, change), '--replace'), said);
  assert.deepEqual(readdirSync(skylark.data).sort(), before);
});

function write(path: string, statement: string): void {
  const db = new DatabaseSync(path);
  db.exec(statement);
  db.close();
}

test('what a data folder holds is replaced only when that is asked for, and is moved aside', async () => {
  await refused(restore(copy), /holds the data of a service already: --replace moves it aside/);
  const { code, out, err } = await restore(copy, '--replace');
  assert.equal(code, 0, err);
  const aside = /^what was there before is in (.*)$/m.exec(out)![1]!;
  assert.ok(existsSync(join(aside, 'skylark.db')));
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(join(elsewhere, 'files', 'mine'), { recursive: true });
  await refused(run(['restore', copy, '--data', elsewhere]), /holds files already/);
  assert.ok(existsSync(join(elsewhere, 'files', 'mine')));
});

test('keys are in no backup, unless a folder is named for them', async () => {
  const bare = join(folder, 'bare');
  assert.match((await run(['backup', bare, '--data', skylark.data])).out, /the keys are not in it/);
  for (const one of [bare, copy]) assert.deepEqual(readdirSync(one).sort(), ['backup.json', 'files', 'skylark.db', 'tls']);
  const fresh = (name: string) => ['--data', join(folder, name)];
  assert.match((await run(['restore', bare, ...fresh('without')])).out, /it has no keys: secrets .* cannot be read/);
  assert.doesNotMatch((await run(['restore', bare, ...fresh('with'), '--keys', keys])).out, /it has no keys/);
  assert.deepEqual(
    readFileSync(join(folder, 'with', 'keys', 'certificates.key')),
    readFileSync(join(skylark.data, 'keys', 'certificates.key')),
  );
});

test('a restoration that broke off is done again', async () => {
  const broken = join(folder, 'broken');
  mkdirSync(join(broken, 'files', '00'), { recursive: true });
  writeFileSync(join(broken, 'restore.unfinished'), '');
  const done = await run(['restore', copy, '--data', broken]);
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(existsSync(join(broken, 'files', '00')), false);
  assert.deepEqual(existsSync(join(broken, 'restore.unfinished')), false);
});
