/** XEP-0215: what clients are told of the STUN and TURN servers of their tenant, with passwords that coturn takes, and when they change. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { until } from '../support/until.ts';

const NS = 'urn:xmpp:extdisco:2';
const stun = 'stun:stun.a.example';
const turn = 'turn:turn.a.example:3479?transport=tcp';
const secret = 'rosebud & <thorn>';

let stage: WholeStage;
let folder: string;
let juliet: StreamActor;
let romeo: StreamActor;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skylark-calls-'));
  stage = await openStage({
    wrap: (parts) => ({ ...parts, keys: openFileKeys({ path: join(folder, 'key'), clock: parts.clock }) }),
  });
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@b.example/orchard');
});
afterEach(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

async function set(given: object, domain = 'a.example'): Promise<unknown> {
  const input = { domain, ...given } as Record<string, unknown>;
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation: 'tenant-set', arguments: input });
  assert.ok(ok, error);
  const { policyVersion } = result as { policyVersion: number };
  for (let known = -1; known < policyVersion; await pause(20))
    known = (await stage.dependencies.tenants.find(domain))!.policyVersion;
  return result;
}

async function ask(actor: StreamActor, content: string, to = actor.jid.domain): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='get' id='s' to='${to}'>${content}</iq>`);
  return actor.inbox.find((xml) => xml.includes(`id='s'`)) ?? assert.fail(actor.inbox.join('\n'));
}

const services = (attributes = '') => `<services xmlns='${NS}'${attributes}/>`;
const credentials = (attributes: string) => `<credentials xmlns='${NS}'><service ${attributes}/></credentials>`;

/** The services that an iq lists, as attributes. */
function listed(iq: string): Record<string, string>[] {
  const [list] = parseElement(iq).getChildElements();
  return list!.getChildElements().map(({ attrs }) => ({ ...attrs }) as Record<string, string>);
}

/** RFC 7635 has no such thing: it is what coturn checks with `use-auth-secret`. */
function assertFits({ username = '', password = '', expires = '' }: Record<string, string>): void {
  assert.match(username, /^\d{10}:[A-Za-z0-9_-]{16}$/);
  assert.equal(password, createHmac('sha1', secret).update(username).digest('base64'));
  const until = Number.parseInt(username, 10) * 1_000;
  assert.equal(Date.parse(expires), until);
  assert.ok(Math.abs(until - Date.now() - routerLimits.callCredentialsMs) < 60_000);
}

test('XEP-0215 §5: the domain says that it tells of services, of which there are none at first', async () => {
  assert.match(
    await ask(juliet, `<query xmlns='http://jabber.org/protocol/disco#info'/>`),
    /<feature var='urn:xmpp:extdisco:2'\/>/,
  );
  assert.deepEqual(listed(await ask(juliet, services())), []);
});

test('XEP-0215 §3.1, §3.2: all services, or those of a type, with passwords that expire, for accounts of the tenant alone', async () => {
  await set({ callServers: [stun, turn, 'turns:[2001:db8::1]'], turnSecret: secret });
  const [first, second, third] = listed(await ask(juliet, services()));
  assert.deepEqual(first, { type: 'stun', host: 'stun.a.example', port: '3478', transport: 'udp' });
  const { username, password, expires, ...rest } = second!;
  assert.deepEqual(rest, { type: 'turn', host: 'turn.a.example', port: '3479', transport: 'tcp', restricted: '1' });
  assertFits(second!);
  assert.deepEqual([third!.type, third!.host, third!.port, third!.transport], ['turns', '2001:db8::1', '5349', 'tcp']);
  assert.deepEqual(listed(await ask(juliet, services(` type='stun'`))), [first]);
  assert.deepEqual(listed(await ask(juliet, services(` type='ftp'`))), []);
  assert.deepEqual(listed(await ask(romeo, services())), [], 'another tenant has its own');
  assert.match(await ask(romeo, services(), 'a.example'), /<forbidden /);
  const nurse = await stage.appear('nurse@a.example/house');
  const [theirs] = listed(await ask(nurse, services(` type='turn'`)));
  assert.notEqual(theirs!.username!.split(':')[1], username!.split(':')[1]);
  assert.doesNotMatch(username!, /juliet/);
});

test('XEP-0215 §3.3: credentials for one service', async () => {
  await set({ callServers: [stun, turn, 'turn:turn.a.example:3480'], turnSecret: secret });
  const both = listed(await ask(juliet, credentials(`host='turn.a.example' type='turn'`)));
  assert.deepEqual(
    both.map(({ port }) => port),
    ['3479', '3480'],
  );
  for (const one of both) assertFits(one);
  assert.equal(listed(await ask(juliet, credentials(`host='TURN.a.example' type='turn' port='3480'`))).length, 1);
  for (const [attributes, error] of [
    [`host='turn.a.example' type='turns'`, /<item-not-found /],
    [`host='other.example' type='turn'`, /<item-not-found /],
    [`host='stun.a.example' type='stun'`, /<item-not-found /],
    [`host='turn.a.example'`, /<bad-request /],
  ] as const) {
    assert.match(await ask(juliet, credentials(attributes)), error, attributes);
  }
  assert.match(await ask(juliet, `<credentials xmlns='${NS}'/>`), /<bad-request /);
  assert.match(await ask(romeo, credentials(`host='turn.a.example' type='turn'`), 'a.example'), /<forbidden /);
});

test('XEP-0215 §3.2: who has asked is told of changes while it is available, and of those of its type alone', async () => {
  await set({ callServers: [stun], turnSecret: secret });
  const nurse = await stage.appear('nurse@a.example/house');
  const asleep = await stage.join('nurse@a.example/bed');
  const cook = await stage.appear('cook@a.example/kitchen');
  await ask(juliet, services());
  await ask(nurse, services(` type='stun'`));
  await ask(asleep, services());
  await ask(romeo, services());
  stage.clear();
  const pushed = (actor: StreamActor) => actor.inbox.filter((xml) => xml.includes(NS));
  await set({ callServers: [turn] });
  await until(
    () => pushed(juliet).length === 1 && pushed(nurse).length === 1,
    () => 'the pushes',
  );
  assert.match(pushed(juliet)[0]!, /^<iq [^>]*from='a.example'/);
  const [gone, added] = listed(pushed(juliet)[0]!);
  assert.deepEqual([gone!.action, gone!.type, added!.action, added!.type], ['delete', 'stun', 'add', 'turn']);
  assertFits(added!);
  assert.match(pushed(nurse)[0]!, /<services xmlns='urn:xmpp:extdisco:2' type='stun'>/);
  assert.deepEqual(
    listed(pushed(nurse)[0]!).map(({ action }) => action),
    ['delete'],
  );
  stage.clear();
  await set({ turnSecret: 'another' });
  await until(
    () => pushed(juliet).length === 1,
    () => 'the push of a new password',
  );
  assert.deepEqual(
    listed(pushed(juliet)[0]!).map(({ action }) => action),
    ['modify'],
  );
  await set({ hold: 1 });
  await set({ callServers: [stun] }, 'b.example');
  await until(
    () => pushed(romeo).length === 1,
    () => 'the push of the other tenant',
  );
  assert.deepEqual(
    [juliet, nurse, asleep, cook].map((actor) => pushed(actor).length),
    [1, 0, 0, 0],
  );
});

test('the secret is sealed in the store, and nobody is shown it', async () => {
  const result = (await set({ turnSecret: secret })) as { policy: { turnSecret: unknown } };
  assert.equal(result.policy.turnSecret, true);
  const [row] = await stage.dependencies.store.query({
    table: 'core',
    partition: '#tenants',
    limit: 10,
    direction: 'forward',
  } as never);
  assert.ok(row);
  assert.doesNotMatch(JSON.stringify(row), /rosebud/);
  const log = await perform(stage.dependencies, { kind: 'admin', operation: 'audit-list', arguments: { domain: 'a.example' } });
  assert.doesNotMatch(JSON.stringify(log), /rosebud/);
  assert.equal(((await set({ turnSecret: '' })) as typeof result).policy.turnSecret, false);
  await set({ callServers: [turn] });
  assert.deepEqual(Object.keys(listed(await ask(juliet, services()))[0]!), ['type', 'host', 'port', 'transport']);
});

test('a list of servers is checked', async () => {
  for (const uri of [
    '',
    'http://a.example',
    'turn:',
    'turn:a b',
    'turn:a.example:0',
    'turn:a.example:70000',
    'turn:a?transport=quic',
    'turn:[::1',
  ]) {
    const { error } = await perform(stage.dependencies, {
      kind: 'admin',
      operation: 'tenant-set',
      arguments: { domain: 'a.example', callServers: [uri] },
    });
    assert.match(error!, /is not a server for calls/, uri);
  }
});
