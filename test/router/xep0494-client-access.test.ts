/** XEP-0494: a user sees what can sign in to the account, and takes it away. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { tokenSecrets } from '../../services/router/sasl/tokens.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'urn:xmpp:cam:0';
const phone = 'd4565fa7-4d72-4749-b3d3-740edbf87770';
const tablet = '0e5d2d0e-3d7e-4f3e-9c53-1a3f0f0a5a11';

let stage: WholeStage;
let folder: string;
let juliet: StreamActor;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skylark-clients-'));
  stage = await openStage({
    wrap: (parts) => {
      const keys = openFileKeys({ path: join(folder, 'key'), clock: parts.clock });
      return { ...parts, tokenSecrets: tokenSecrets({ store: parts.store, clock: parts.clock, keys }) };
    },
  });
  juliet = await stage.join('juliet@a.example/balcony');
  await stage.addAccount('juliet@b.example');
});
afterEach(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

async function signIn(initial: string, mechanism: string, agent: string, parts: string, domain = 'a.example') {
  const somebody = stage.newcomer(domain);
  await somebody.open(`juliet@${domain}`);
  const self = `<user-agent id='${agent}'><software>Verona</software><device>${agent === phone ? 'phone' : 'tablet'}</device></user-agent>`;
  const bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
  const answer = await somebody.asks(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'><initial-response>${initial}</initial-response>${self}${bind}${parts}</authenticate>`,
  );
  return { somebody, answer };
}

const byPassword = (agent: string, domain?: string) =>
  signIn(
    base64('\0juliet\0secret'),
    'PLAIN',
    agent,
    "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>",
    domain,
  );
const byToken = (token: string, agent: string) => {
  const proof = createHmac('sha256', token).update('Initiator').digest();
  return signIn(
    base64(Buffer.concat([Buffer.from('juliet\0'), proof])),
    'HT-SHA-256-NONE',
    agent,
    "<fast xmlns='urn:xmpp:fast:0'/>",
  );
};
const tokenOf = (answer: string) => /<token [^>]*\btoken='([^']+)'/.exec(answer)?.[1] ?? '';

/** A client that has exchanged the password for a token, and uses that. */
async function tokenClient(agent: string): Promise<{ somebody: Newcomer; token: string }> {
  const first = await byPassword(agent);
  const token = tokenOf(first.answer);
  return { token, somebody: (await byToken(token, agent)).somebody };
}

async function ask(inner: string, type = 'get'): Promise<string> {
  await stage.settle();
  juliet.take();
  await juliet.send(`<iq type='${type}' id='c'>${inner}</iq>`);
  return juliet.take().at(-1)!;
}

const list = async () => [...(await ask(`<list xmlns='${NS}'/>`)).matchAll(/<client .*?<\/client>/g)].map(([text]) => text);
const idOf = (client: string | undefined) => /\bid='([^']+)'/.exec(client ?? '')![1]!;
const revoke = (id: string) => ask(`<revoke xmlns='${NS}' id='${id}'/>`, 'set');

test('§3.1: the list has each client and each other session, with what it has signed in with', async () => {
  await tokenClient(phone);
  const { somebody } = await byPassword(tablet);
  await somebody.next();
  somebody.say("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  await byPassword(phone, 'b.example');
  const clients = await list();
  assert.equal(clients.length, 3);
  const [onPhone, onTablet, balcony] = ['phone', 'tablet', undefined].map((device) =>
    clients.find((client) => (device === undefined ? !client.includes('<device>') : client.includes(`<device>${device}<`))),
  );
  assert.match(
    onPhone!,
    /^<client connected='true' id='[\w-]{16}' type='session'><first-seen>[^<]+Z<\/first-seen><last-seen>[^<]+Z<\/last-seen><auth><fast\/><\/auth><permission status='unrestricted'\/><user-agent><software>Verona<\/software><device>phone<\/device><\/user-agent><\/client>$/,
  );
  assert.match(onTablet!, /^<client connected='false' .*<auth><password\/><fast\/><\/auth>/);
  assert.match(balcony!, /^<client connected='true' .*<auth><password\/><\/auth><permission status='unrestricted'\/><\/client>$/);
  assert.ok(!clients.join('').includes(phone));
});

test('§3.2: a revoked client loses its session and its token, and others keep theirs', async () => {
  const { somebody, token } = await tokenClient(phone);
  const other = await tokenClient(tablet);
  await somebody.next();
  await other.somebody.next();
  const id = idOf((await list()).find((client) => client.includes('phone')));
  assert.match(await revoke(id), /^<iq [^>]*type='result'\/>$/);
  assert.match(await somebody.next(), /<stream:error .*<not-authorized /);
  assert.match((await byToken(token, phone)).answer, /^<failure .*<not-authorized /);
  assert.match((await byToken(other.token, tablet)).answer, /^<success /);
  assert.equal((await list()).filter((client) => client.includes('phone')).length, 0);
});

test('§3.2: a revoked client does not come back by resuming its session', async () => {
  const { token } = await tokenClient(phone);
  const { somebody, answer } = await byToken(token, phone);
  await somebody.next();
  somebody.leave();
  await stage.settle();
  await revoke(idOf((await list()).find((client) => client.includes('phone'))));
  const previd = /<enabled [^>]*\bid='([^']+)'/.exec(answer)![1]!;
  const parts = `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`;
  assert.match((await signIn(base64('\0juliet\0secret'), 'PLAIN', phone, parts)).answer, /<failed xmlns='urn:xmpp:sm:3'/);
});

for (const [what, find] of [
  ['a client that signed in with the password last', (clients: string[]) => clients.find((client) => client.includes('phone'))],
  ['a session of a client without a name', (clients: string[]) => clients.find((client) => !client.includes('<device>'))],
] as const) {
  test(`§3.2: ${what} is kept out by a new password only`, async () => {
    const { somebody } = await byPassword(phone);
    await somebody.next();
    const answer = await revoke(idOf(find(await list())));
    assert.match(answer, /<error type='cancel'><service-unavailable .*<password-reset-required xmlns='urn:xmpp:cam:0'\/>/);
    assert.deepEqual(somebody.rest, []);
  });
}

test('after a new password, only who has it is listed, unless connected', async () => {
  const { somebody } = await byPassword(tablet);
  await somebody.next();
  somebody.say("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  await tokenClient(phone);
  await ask('<query xmlns="jabber:iq:register"><username>juliet</username><password>new</password></query>', 'set');
  const clients = await list();
  assert.equal(clients.length, 2);
  const onPhone = clients.find((client) => client.includes('phone'));
  assert.match(onPhone!, /<auth\/>/);
  assert.match(await revoke(idOf(onPhone)), /type='result'/);
});

test('an id that nobody has, or that another account has, is not found', async () => {
  const { somebody } = await byPassword(phone, 'b.example');
  await somebody.next();
  somebody.say(`<iq xmlns='jabber:client' type='get' id='1'><list xmlns='${NS}'/></iq>`);
  const id = idOf(await somebody.next());
  for (const one of [id, 'nobody', '']) assert.match(await revoke(one), /<item-not-found /);
  assert.deepEqual(somebody.rest, []);
});

test('nobody sees the clients of another account', async () => {
  const romeo = await stage.join('romeo@a.example/orchard');
  await romeo.send(`<iq type='get' id='c' to='juliet@a.example'><list xmlns='${NS}'/></iq>`);
  assert.match(romeo.take().at(-1)!, /<error .*<service-unavailable /);
});
