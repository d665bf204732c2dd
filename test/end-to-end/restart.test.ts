/**
 * Restarts under load: SIGTERM closes each stream with `system-shutdown` and ends the process with 0, SIGKILL does not ask;
 * afterwards clients try to resume, and where they are told that they cannot (XEP-0198 §5) sign in anew. Nothing is missing then, and
 * nothing is there twice.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionLimits } from '../../services/connection/limits.ts';
import { readArchive } from '../support/archive-reader.ts';
import { faultsOf } from '../support/bystanders.ts';
import { Skylark } from '../support/skylark.ts';
import { type Received, TcpClient } from '../support/tcp-client.ts';

const NS_SM = 'urn:xmpp:sm:3';
const stanzas: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);
const settledCount = 50;
const sentMin = 200;

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'nurse']) skylark.addUser(`${name}@localhost`, 'secret');
});
after(() => skylark?.stop());

/** A client with XEP-0198 as it should be: counts what it receives, and knows what of its own was acknowledged. */
class ManagedClient {
  readonly jid: string;
  client!: TcpClient;
  resumeId = '';
  received = 0;
  /** How many stanzas were sent since XEP-0198 was enabled. */
  acknowledged = 0;
  readonly messages: Received[] = [];

  private constructor(jid: string) {
    this.jid = jid;
  }

  static async signIn(jid: string): Promise<ManagedClient> {
    const managed = new ManagedClient(jid);
    await managed.#authenticate();
    await managed.#bind();
    return managed;
  }

  /** @returns whether the old session was there still; else there is a new one, and all counts begin anew */
  async comeBack(): Promise<boolean> {
    await this.#authenticate();
    this.client.onElement = (element) => this.#take(element);
    this.client.send(`<resume xmlns='${NS_SM}' previd='${this.resumeId}' h='${this.received}'/>`);
    const { name, xml, attributes } = await this.client.next((each) => each.name === 'failed' || each.name === 'resumed');
    if (name === 'resumed') {
      this.acknowledged = Number(attributes.h);
      return true;
    }
    assert.match(xml, /<item-not-found /);
    await this.#bind();
    return false;
  }

  get numbers(): number[] {
    return this.messages.map(({ xml }) => Number(/<body>(\d+)<\/body>/.exec(xml)![1]));
  }

  async #authenticate(): Promise<void> {
    this.client = await TcpClient.connect(skylark.ports.c2sTls, 'localhost');
    await this.client.open();
    await this.client.authenticate(this.jid.split('@')[0]!, 'secret');
  }

  async #bind(): Promise<void> {
    this.client.onElement = undefined;
    await this.client.bind(this.jid.split('/')[1]!);
    this.client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    this.resumeId = (await this.client.next('enabled')).attributes.id!;
    this.received = 0;
    this.acknowledged = 0;
    this.client.onElement = (element) => this.#take(element);
  }

  #take(element: Received): void {
    if (stanzas.has(element.name)) this.received++;
    if (element.name === 'message') this.messages.push(element);
    if (element.name === 'a') this.acknowledged = Number(element.attributes.h);
    if (element.name === 'r') this.acknowledge();
  }

  acknowledge(): void {
    this.client.send(`<a xmlns='${NS_SM}' h='${this.received}'/>`);
  }
}

function send({ client }: ManagedClient, number: number): void {
  client.send(`<message type='chat' to='romeo@localhost' id='m${number}'><body>${number}</body></message>`);
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const untilMs = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < untilMs, `waited in vain for ${what}`);
    await sleep(5);
  }
}

const range = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, n) => start + n);

/** Sends until its stream ends. @returns how many messages there are then */
async function load(juliet: ManagedClient, start: number): Promise<number> {
  let isClosed = false;
  void juliet.client.closed.then(() => {
    isClosed = true;
  });
  let next = start;
  while (!isClosed) {
    for (let n = 0; n < 10; n++) send(juliet, next++);
    juliet.client.send(`<r xmlns='${NS_SM}'/>`);
    await sleep(2);
  }
  return next;
}

async function archiveOf(local: string): Promise<number[]> {
  return (await readArchive(skylark, `${local}@localhost`, 'secret')).map(Number);
}

test('a second start on the same folder says so', () => {
  const ports = ['--c2s-port', '0', '--c2s-tls-port', '0', '--http-port', '0', '--https-port', '0', '--component-port', '0'];
  assert.throws(() => skylark.command('start', ...ports), /skylark: [^\n]*(?:in use|already|another|uses)[^\n]*\n?$/);
});

let total = 0;
for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`${signal} under load, and a restart: nothing is lost, and nothing is there twice`, async (t) => {
    const start = total;
    const juliet = await ManagedClient.signIn('juliet@localhost/balcony');
    const romeo = await ManagedClient.signIn('romeo@localhost/orchard');
    const nurse = await TcpClient.signIn(skylark.ports.c2sTls, 'nurse@localhost/idle', 'secret');
    const unbound = await TcpClient.connect(skylark.ports.c2sTls, 'localhost');
    await unbound.open();
    romeo.client.send('<presence/>');
    await romeo.client.next('presence');
    for (const number of range(start, start + settledCount)) send(juliet, number);
    juliet.client.send(`<r xmlns='${NS_SM}'/>`);
    await until(() => romeo.messages.length >= settledCount && juliet.acknowledged >= settledCount, 'the first messages');
    romeo.acknowledge();
    await sleep(2 * connectionLimits.cursorFlushMs); // what the client has is written down this often

    const loading = load(juliet, start + settledCount);
    await until(() => romeo.messages.length >= sentMin && juliet.acknowledged > settledCount, 'the load');
    const clients = [juliet.client, romeo.client, nurse, unbound];
    const code = await skylark.kill(signal);
    const next = await loading;
    total = next;
    if (signal === 'SIGTERM') {
      await t.test('each stream is told, and the process ends with 0', async () => {
        assert.equal(code, 0);
        for (const client of clients) {
          const { xml } = await client.next('stream:error');
          assert.match(xml, /<system-shutdown /);
          await client.closed;
        }
        assert.deepEqual(faultsOf(skylark), []);
        assert.match(skylark.output, /"msg":"stopped"/);
      });
    }
    await skylark.start();

    await t.test('what was acknowledged is in the archives, in order and once', async () => {
      for (const local of ['juliet', 'romeo']) {
        const archived = await archiveOf(local);
        const least = start + juliet.acknowledged;
        assert.ok(archived.length >= least, `${archived.length} of ${least} are there`);
        assert.deepEqual(archived, range(0, archived.length));
      }
    });

    await t.test('clients come back, and what they miss comes too', async () => {
      const isResumed = await juliet.comeBack();
      if (signal === 'SIGKILL') assert.equal(isResumed, false);
      // Told how far it got, or else like a careful client: what the archive does not have goes out again.
      const first = isResumed ? start + juliet.acknowledged : (await archiveOf('juliet')).length;
      const due = juliet.acknowledged + next - first;
      for (const number of range(first, next)) send(juliet, number);
      juliet.client.send(`<r xmlns='${NS_SM}'/>`);
      await until(() => juliet.acknowledged === due, 'the rest to be acknowledged');

      const before = romeo.messages.length;
      if (!(await romeo.comeBack())) romeo.client.send('<presence/>');
      await until(() => new Set(romeo.numbers).size === next - start, `all ${next - start} messages`);
      const anew = romeo.numbers.slice(before);
      assert.deepEqual(anew, range(anew[0] ?? next, next), 'in order, each once');
      assert.ok((anew[0] ?? next) >= start + settledCount, 'what the client had acknowledged comes again');
      for (const local of ['juliet', 'romeo']) assert.deepEqual(await archiveOf(local), range(0, next));
      await juliet.client.close();
      romeo.acknowledge();
      await romeo.client.close();
    });
  });
}
