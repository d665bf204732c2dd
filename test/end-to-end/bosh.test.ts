/** BOSH (XEP-0206) from outside: stanza speaks it, and so do hands where stanza does not go: SASL2, Bind2 and XEP-0198 after a restart of the process. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { type Agent, createClient } from 'stanza';
import { attribute, BoshClient } from '../connection/bosh-ground.ts';
import { Skylark } from '../support/skylark.ts';
import { event as eventOf } from '../support/stanza-events.ts';

let skylark: Skylark;
/** stanza asks again after four seconds, and then after nine. */
const waitMs = 30_000;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
  skylark.command('tenant', 'add', 'other.example');
  skylark.addUser('juliet@other.example', 'somebody');
});

after(() => skylark.stop());

const event = (agent: Agent, name: string, matches?: Parameters<typeof eventOf>[2]) => eventOf(agent, name, matches, waitMs);

async function signIn(jid: string, password: string, server = 'localhost'): Promise<Agent> {
  const transports = { bosh: `http://127.0.0.1:${skylark.ports.http}/http-bind`, websocket: false };
  const agent = createClient({ jid, password, server, resource: jid.split('/')[1], transports });
  const started = event(agent, 'session:started');
  agent.connect();
  await started;
  ignoreWhatIsBehindTheEnd(agent);
  agent.sendPresence();
  return agent;
}

/** An answer on the other connection may come behind the last one. stanza reads it, and throws where nobody can catch it. */
function ignoreWhatIsBehindTheEnd(agent: Agent): void {
  const transport = agent.transport as unknown as { isEnded: boolean; push(chunk: unknown): boolean };
  const push = transport.push.bind(transport);
  transport.push = (chunk) => (transport.isEnded && chunk !== null ? false : push(chunk));
}

/** Returns when their server may go. */
async function leave(...agents: readonly Agent[]): Promise<void> {
  const gone = agents.map((agent) => event(agent, '--transport-disconnected'));
  for (const agent of agents) agent.disconnect();
  await Promise.all(gone);
}

test('stanza over BOSH: two clients talk, and one of another tenant gets what is for it alone', async () => {
  const juliet = await signIn('juliet@localhost/balcony', 'capulet');
  const romeo = await signIn('romeo@localhost/orchard', 'montague');
  const other = await signIn('juliet@other.example/balcony', 'somebody', 'other.example');
  const strange: string[] = [];
  other.on('chat', ({ body = '' }) => void strange.push(body));
  for (const [from, to, text] of [
    [juliet, 'romeo@localhost', 'Wherefore art thou <Romeo> & co?'],
    [romeo, 'juliet@localhost', 'Call me but love'],
  ] as const) {
    const heard = event(to.startsWith('romeo') ? romeo : juliet, 'chat', ({ body }) => body === text);
    from.sendMessage({ to, body: text, type: 'chat' });
    await heard;
  }
  const roster = await juliet.getRoster();
  assert.deepEqual(roster.items, []);
  const big = 'x'.repeat(100_000);
  const long = event(romeo, 'chat', ({ body }) => body === big);
  juliet.sendMessage({ to: 'romeo@localhost', body: big, type: 'chat' });
  await long;
  // stanza sends each in a request of its own, and a session may make so many at once and so many a second.
  const messages = 30;
  const last = event(romeo, 'chat', ({ body }) => body === `no. ${messages - 1}`);
  for (let count = 0; count < messages; count++)
    juliet.sendMessage({ to: 'romeo@localhost', body: `no. ${count}`, type: 'chat' });
  await last;
  const forOther = event(other, 'chat', ({ body }) => body === 'Good day');
  juliet.sendMessage({ to: 'juliet@other.example', body: 'Good day', type: 'chat' });
  await forOther;
  assert.deepEqual(strange, ['Good day']);
  await leave(juliet, romeo, other);
});

function plain(user: string, password: string): string {
  return Buffer.from(`\0${user}\0${password}`).toString('base64');
}

/** XEP-0388 with XEP-0386 or XEP-0198 in it. */
function authenticate(inline: string): string {
  const response = `<initial-response>${plain('juliet', 'capulet')}</initial-response>`;
  return `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>${response}${inline}</authenticate>`;
}

async function answerWith(client: BoshClient, body: string, wanted: RegExp): Promise<RegExpExecArray> {
  let found = await client.ask(body);
  for (let tries = 0; tries < 5 && !wanted.test(found); tries++) found = await client.ask();
  const match = wanted.exec(found);
  assert.ok(match, found);
  return match;
}

test('SASL2 and Bind2 in one request; after a restart of the process the sid is unknown, and XEP-0198 resumes', async () => {
  const client = new BoshClient(skylark.ports.http);
  const began = await client.begin({ to: 'localhost', from: 'juliet@localhost' });
  assert.match(began, /<authentication xmlns='urn:xmpp:sasl:2'>/);
  const bind = `<bind xmlns='urn:xmpp:bind:0'><tag>Web</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>`;
  const bound = await answerWith(client, authenticate(bind), /<enabled [^>]*id='([^']+)'/);
  const previd = bound[1]!;
  await skylark.kill('SIGTERM');
  await skylark.start();
  assert.match(await client.ask(), /type='terminate' condition='item-not-found'/);

  const romeo = await signIn('romeo@localhost/orchard', 'montague');
  romeo.sendMessage({ to: 'juliet@localhost', body: 'while you were away', type: 'chat' });
  const again = new BoshClient(skylark.ports.http);
  await again.begin({ to: 'localhost', from: 'juliet@localhost' });
  const resume = `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`;
  await answerWith(again, authenticate(resume), /<resumed [^>]*previd='/);
  await leave(romeo);
  const ended = await again.ask('', { type: 'terminate' });
  assert.equal(attribute('type', ended), 'terminate');
});

test('curl begins a session where host-meta says, over TLS', () => {
  const curl = (...args: string[]) => execFileSync('curl', ['-sSk', ...args], { encoding: 'utf8' });
  const hostMeta = curl(`https://localhost:${skylark.ports.https}/.well-known/host-meta.json`);
  const { links } = JSON.parse(hostMeta) as { links: { rel: string; href: string }[] };
  const url = links.find(({ rel }) => rel === 'urn:xmpp:alt-connections:xbosh')!.href;
  assert.equal(url, `https://localhost:${skylark.ports.https}/http-bind`);
  const body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='localhost' ver='1.6' wait='5' hold='1'/>";
  assert.match(curl('-d', body, url), /^<body [^>]*sid='[^']+'.*<mechanism>SCRAM-SHA-256<\/mechanism>/);
  assert.match(curl('-i', url), /^HTTP\/1\.1 405 /);
});
