/** XEP-0484, at a client's door: a token for the password, and what a token does not do. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type ChannelBinding, routerSubject, type StepReply, type StepRequest } from '../../lib/runtime/wire.ts';
import { setCredentials } from '../../services/router/core/accounts.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { deriveKeysWith } from '../../services/router/sasl/passwords.ts';
import { tokenSecrets } from '../../services/router/sasl/tokens.ts';
import { base64 } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { binding } from './sasl-client.ts';

const NS = 'urn:xmpp:fast:0';
const phone = 'd4565fa7-4d72-4749-b3d3-740edbf87770';
const laptop = '0e5d2d0e-3d7e-4f3e-9c53-1a3f0f0a5a11';
const day = 24 * 60 * 60 * 1_000;

let stage: WholeStage;
let folder: string;
let shiftMs = 0;

beforeEach(async () => {
  shiftMs = 0;
  folder = mkdtempSync(join(tmpdir(), 'skylark-tokens-'));
  const clock = DeploymentClock.of({ ...systemClock, now: () => systemClock.now() + shiftMs });
  const keys = openFileKeys({ path: join(folder, 'key'), clock });
  stage = await openStage({
    wrap: (parts) => ({ ...parts, clock, tokenSecrets: tokenSecrets({ store: parts.store, clock, keys }) }),
  });
  for (const address of ['juliet@a.example', 'romeo@a.example', 'juliet@b.example']) await stage.addAccount(address);
});
afterEach(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Attempt {
  readonly name?: string;
  readonly domain?: string;
  readonly agent?: string;
  readonly mechanism?: string;
  /** What the client has of the channel; the node has `binding`. */
  readonly bound?: string;
  readonly attributes?: string;
  readonly parts?: string;
  readonly from?: string | undefined;
}

/** @returns what the client is told at once */
async function authenticate(
  attempt: Attempt,
  mechanism: string,
  initial: string,
  parts: string,
  channel: ChannelBinding = binding,
) {
  const { name = 'juliet', domain = 'a.example', agent = phone } = attempt;
  const somebody = stage.newcomer(domain, { binding: channel });
  await somebody.open('from' in attempt ? attempt.from : `${name}@${domain}`);
  const self = agent === '' ? '' : `<user-agent id='${agent}'/>`;
  return somebody.asks(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'><initial-response>${initial}</initial-response>${self}${parts}</authenticate>`,
  );
}

const tokenOf = (answer: string) => /<token [^>]*\btoken='([^']+)'/.exec(answer)?.[1] ?? '';
const expiryOf = (answer: string) => Date.parse(/<token [^>]*\bexpiry='([^']+)'/.exec(answer)?.[1] ?? '');
const conditionOf = (answer: string) => /<failure [^>]*><([\w-]+)/.exec(answer)?.[1] ?? answer.slice(1, 8);
const types = { EXPR: 'tls-exporter', ENDP: 'tls-server-end-point' } as const;
const bindingOf = (mechanism: string) => Buffer.from(binding[types[mechanism.slice(-4) as 'EXPR']] ?? '', 'base64');

/** Signs in with the password, and asks for a token. */
async function getToken(attempt: Attempt = {}): Promise<string> {
  const { name = 'juliet', mechanism = 'HT-SHA-256-NONE' } = attempt;
  const request = `<request-token xmlns='${NS}' mechanism='${mechanism}'/>`;
  const answer = await authenticate(attempt, 'PLAIN', base64(`\0${name}\0secret`), request);
  assert.notEqual(tokenOf(answer), '', answer);
  return tokenOf(answer);
}

function use(token: string, attempt: Attempt = {}): Promise<string> {
  const { name = 'juliet', mechanism = 'HT-SHA-256-NONE', attributes = '', parts = '' } = attempt;
  const data = attempt.bound === undefined ? bindingOf(mechanism) : Buffer.from(attempt.bound);
  const proof = createHmac('sha256', token).update('Initiator').update(data).digest();
  const initial = base64(Buffer.concat([Buffer.from(`${name}\0`), proof]));
  return authenticate(attempt, mechanism, initial, `<fast xmlns='${NS}'${attributes}/>${parts}`);
}

test('§3.1: the mechanisms are announced with what the channel can be bound to, and without early data', async () => {
  const list = async (channel: ChannelBinding) =>
    /<fast .*<\/fast>/.exec(await stage.newcomer('a.example', { binding: channel }).open())?.[0];
  const of = (...names: string[]) =>
    `<fast xmlns='${NS}'>${names.map((name) => `<mechanism>HT-SHA-256-${name}</mechanism>`).join('')}</fast>`;
  assert.equal(await list(binding), of('EXPR', 'ENDP', 'NONE'));
  assert.equal(await list({ 'tls-server-end-point': '' }), of('ENDP', 'NONE'));
  assert.equal(await list({}), of('NONE'));
});

for (const mechanism of ['HT-SHA-256-EXPR', 'HT-SHA-256-ENDP', 'HT-SHA-256-NONE']) {
  test(`§3.3, §3.4: a token for ${mechanism}, and a sign-in with it, which the server proves`, async () => {
    const token = await getToken({ mechanism });
    const answer = await use(token, { mechanism });
    const responder = createHmac('sha256', token).update('Responder').update(bindingOf(mechanism)).digest('base64');
    assert.equal(
      answer,
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@a.example</authorization-identifier><additional-data>${responder}</additional-data></success>`,
    );
    assert.match(await use(token, { mechanism }), /^<success /, 'again');
  });
}

test('§3.3: the token says when it expires: as the tenant wants it', async () => {
  const request = `<request-token xmlns='${NS}' mechanism='HT-SHA-256-NONE'/>`;
  const ask = () => authenticate({}, 'PLAIN', base64('\0juliet\0secret'), request);
  const about = (answer: string, days: number) =>
    assert.ok(Math.abs(expiryOf(answer) - Date.now() - days * day) < 60_000, `${expiryOf(answer)}`);
  about(await ask(), 21);
  await stage.tenants.setPolicy('a.example', { tokenDays: 3 });
  about(await ask(), 3);
  await stage.tenants.setPolicy('a.example', { tokenDays: 0 });
  assert.equal(tokenOf(await ask()), '');
  assert.doesNotMatch(await stage.newcomer().open(), /fast/);
});

test('§3.4: signing in with a token, binding and all that belongs to it is one round trip', async () => {
  const parts = `<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>`;
  const answer = await use(await getToken(), { parts });
  assert.match(answer, /^<success .*<bound .*<enabled /);
});

for (const [what, attempt, condition] of [
  ['from another client', { agent: laptop }, 'not-authorized'],
  ['without the id of the client', { agent: '' }, 'malformed-request'],
  ['by another mechanism', { mechanism: 'HT-SHA-256-ENDP' }, 'not-authorized'],
  ['for another account', { name: 'romeo' }, 'not-authorized'],
  ['for nobody', { name: 'nobody' }, 'not-authorized'],
  ['for an account of the same name at another tenant', { domain: 'b.example' }, 'not-authorized'],
  ['with a count that is not a number', { attributes: " count='-1'" }, 'malformed-request'],
  ['on a stream for another account', { from: 'romeo@a.example' }, 'not-authorized'],
] as const) {
  test(`§3.4: a token does not sign in ${what}, and nobody's token is touched`, async () => {
    const token = await getToken();
    await getToken({ name: 'romeo' });
    await getToken({ domain: 'b.example' });
    await getToken({ agent: laptop });
    assert.equal(conditionOf(await use(token, attempt)), condition);
    assert.match(await use(token), /^<success /);
  });
}

test('§3.4: a token that is bound to a channel does not sign in on another one', async () => {
  const mechanism = 'HT-SHA-256-EXPR';
  const token = await getToken({ mechanism });
  assert.equal(conditionOf(await use(token, { mechanism, bound: 'another channel' })), 'not-authorized');
  assert.equal(conditionOf(await use(token, { mechanism, bound: '' })), 'not-authorized');
});

test('§3.4: a proof without <fast/>, without a name, or of another length', async () => {
  await getToken();
  for (const [initial, parts, condition] of [
    [base64('juliet\0proof'), '', 'malformed-request'],
    [base64('\0proof'), `<fast xmlns='${NS}'/>`, 'malformed-request'],
    [base64('juliet'), `<fast xmlns='${NS}'/>`, 'malformed-request'],
    [base64('juliet\0'), `<fast xmlns='${NS}'/>`, 'not-authorized'],
    [base64(`juliet\0${'x'.repeat(64)}`), `<fast xmlns='${NS}'/>`, 'not-authorized'],
  ] as const) {
    assert.equal(conditionOf(await authenticate({}, 'HT-SHA-256-NONE', initial, parts)), condition, initial);
  }
});

test('§3.4: a count that was seen before does not sign in again, and one that is smaller neither', async () => {
  const token = await getToken();
  assert.match(await use(token, { attributes: " count='7'" }), /^<success /);
  for (const count of [7, 6, 0])
    assert.equal(conditionOf(await use(token, { attributes: ` count='${count}'` })), 'not-authorized');
  assert.match(await use(token, { attributes: " count='8'" }), /^<success /);
});

test('§3.4: of two that use one count at the same time, one signs in', async () => {
  const token = await getToken();
  await use(token);
  const answers = await Promise.all([1, 2, 3].map(() => use(token, { attributes: " count='1'" })));
  assert.deepEqual(answers.map(conditionOf).sort(), ['not-authorized', 'not-authorized', 'success']);
});

test('§4.2: a token whose time is over says so, to whoever has it and to nobody else', async () => {
  const token = await getToken();
  shiftMs = 21 * day + 1_000;
  assert.equal(conditionOf(await use(token)), 'credentials-expired');
  assert.equal(conditionOf(await use(`${token}x`)), 'not-authorized');
});

test('§3.5: an old token is replaced when it is used, and stays valid until the new one is', async () => {
  const first = await getToken();
  assert.equal(tokenOf(await use(first)), '');
  shiftMs = routerLimits.tokenRotateMs + 1_000;
  const lost = tokenOf(await use(first));
  assert.notEqual(lost, '');
  const second = tokenOf(await use(first));
  assert.notEqual(second, lost);
  assert.match(await use(second), /^<success /);
  for (const old of [first, lost]) assert.equal(conditionOf(await use(old)), 'not-authorized', 'the new one was used');
});

test('§3.5: of tokens that were given out and not used each is valid, because any of their answers may be the one that was heard', async () => {
  const first = await getToken();
  shiftMs = routerLimits.tokenRotateMs + 1_000;
  const given: string[] = [];
  for (let n = 0; n <= routerLimits.tokensUnusedMax; n++) given.push(tokenOf(await use(first)));
  const [oldest, next, ...later] = given;
  assert.equal(conditionOf(await use(oldest!)), 'not-authorized', 'there are too many');
  assert.match(await use(next!), /^<success /);
  for (const other of [first, ...later]) assert.equal(conditionOf(await use(other)), 'not-authorized', 'another one was used');
});

test('§3.4: what a node sends again, because it has heard no answer, does not count as a replay; the same on another stream does', async () => {
  const token = await getToken();
  const proof = createHmac('sha256', token).update('Initiator').digest();
  const initial = Buffer.concat([Buffer.from('juliet\0'), proof]).toString('base64');
  const element = `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>${initial}</initial-response><user-agent id='${phone}'/><fast xmlns='${NS}' count='1'/></authenticate>`;
  const ask = async (sid: string) => {
    const session = JSON.stringify({ secure: true, failures: 0, from: 'juliet' });
    const request: StepRequest = {
      ...{ kind: 'step', node: 'n.x.1', sid, domain: 'a.example', session },
      items: [{ kind: 'sasl', binding: {}, body: true }],
    };
    const payload = encodeFrame(request, [Buffer.from(element)]);
    return decodeFrame<StepReply>(await stage.bus.request(routerSubject, payload, { timeoutMs: 10_000 })).header.account;
  };
  assert.deepEqual([await ask('one'), await ask('one'), await ask('two')], ['juliet@a.example', 'juliet@a.example', undefined]);
});

for (const value of ['true', '1']) {
  test(`§3.6: invalidate='${value}' ends the token, and gives no other, even if one is due`, async () => {
    const token = await getToken();
    shiftMs = routerLimits.tokenRotateMs + 1_000;
    const answer = await use(token, { attributes: ` invalidate='${value}'` });
    assert.match(answer, /^<success /);
    assert.equal(tokenOf(answer), '');
    assert.equal(conditionOf(await use(token)), 'not-authorized');
  });
}

test('§3.6: unless one is asked for', async () => {
  const parts = `<request-token xmlns='${NS}' mechanism='HT-SHA-256-NONE'/>`;
  const next = tokenOf(await use(await getToken(), { attributes: " invalidate='true'", parts }));
  assert.match(await use(next), /^<success /);
});

test('a new password ends all tokens, whoever sets it; other hashes of the same password do not', async () => {
  const ends = async (what: string, change: () => Promise<unknown>): Promise<void> => {
    const token = await getToken();
    await change();
    assert.equal(conditionOf(await use(token)), 'not-authorized', what);
    await stage.store.delete({ table: 'core', partition: 'a.example/a/juliet', sort: 'account/' });
    await stage.addAccount('juliet@a.example');
  };
  const { dependencies } = stage;
  await ends('an operator', () =>
    perform(dependencies, { kind: 'admin', operation: 'user-password', arguments: { jid: 'juliet@a.example', password: 'new' } }),
  );
  await ends('the user', async () => {
    const juliet = await stage.join('juliet@a.example/x');
    await juliet.send(
      "<iq type='set' id='1' to='a.example'><query xmlns='jabber:iq:register'><username>juliet</username><password>new</password></query></iq>",
    );
  });
  const keys = async (hash: 'SHA-1' | 'SHA-512') => deriveKeysWith('secret', Buffer.from('imported'), 1, hash);
  await setCredentials(stage.store, 'a.example', 'juliet', { 'SHA-1': await keys('SHA-1') });
  const token = await getToken();
  await setCredentials(stage.store, 'a.example', 'juliet', { 'SHA-1': await keys('SHA-1'), 'SHA-512': await keys('SHA-512') });
  assert.match(await use(token), /^<success /);
});

test('a removed account takes its tokens along: a later one of the same name does not know them', async () => {
  const token = await getToken();
  const removed = await perform(stage.dependencies, {
    kind: 'admin',
    operation: 'user-remove',
    arguments: { jid: 'juliet@a.example' },
  });
  assert.equal(removed.ok, true);
  assert.equal(conditionOf(await use(token)), 'not-authorized');
  await stage.addAccount('juliet@a.example');
  assert.equal(conditionOf(await use(token)), 'not-authorized');
});

test('the rows have neither a token nor anything that it can be made of without the key', async () => {
  const token = await getToken();
  await use(token, { attributes: " count='1'" });
  for (const partition of ['a.example/a/juliet', 'a.example/t']) {
    const rows = await stage.store.query({ table: 'core', partition, limit: 100, consistent: true });
    assert.ok(rows.length > 0);
    const text = JSON.stringify(rows);
    assert.ok(!text.includes(token) && !text.includes(phone));
  }
  const secret = await stage.store.query({ table: 'core', partition: 'a.example/t', limit: 100, consistent: true });
  assert.deepEqual(
    secret.map(({ sort }) => sort),
    ['tokenSecret/'],
  );
});

test('a token that is asked for without the id of a client, or for a mechanism that was not offered, is not given', async () => {
  const ask = (attempt: Attempt, mechanism: string, channel?: ChannelBinding) =>
    authenticate(
      attempt,
      'PLAIN',
      base64('\0juliet\0secret'),
      `<request-token xmlns='${NS}' mechanism='${mechanism}'/>`,
      channel,
    );
  for (const answer of [
    await ask({ agent: '' }, 'HT-SHA-256-NONE'),
    await ask({}, 'PLAIN'),
    await ask({}, 'HT-SHA-256-EXPR', {}),
  ]) {
    assert.match(answer, /^<success /);
    assert.equal(tokenOf(answer), '');
  }
});

test('an account has a bounded number of clients, and the one that was away for longest is forgotten', async () => {
  const agent = (n: number) => `00000000-0000-4000-8000-${`${n}`.padStart(12, '0')}`;
  const tokens: string[] = [];
  for (let n = 0; n <= routerLimits.clientsMax; n++) {
    shiftMs += 1_000;
    tokens.push(await getToken({ agent: agent(n) }));
  }
  assert.equal(conditionOf(await use(tokens[0]!, { agent: agent(0) })), 'not-authorized');
  assert.match(await use(tokens[1]!, { agent: agent(1) }), /^<success /);
});

test('a sign-in that tells nothing new writes nothing', async () => {
  const token = await getToken();
  await use(token);
  const row = async () =>
    (await stage.store.query({ table: 'core', partition: 'a.example/a/juliet', limit: 100, consistent: true })).find(({ sort }) =>
      sort.startsWith('client/'),
    )!.version;
  const before = await row();
  await use(token);
  assert.equal(await row(), before);
});
