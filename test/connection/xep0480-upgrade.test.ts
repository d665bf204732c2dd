/** XEP-0480 and XEP-0474, at a client's door: an account gets the hashes that it lacks, and nobody can hide what was announced. */
import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { findAccount } from '../../services/router/core/accounts.ts';
import { deriveKeysWith } from '../../services/router/sasl/passwords.ts';
import { binding, Client } from '../router/sasl-client.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const NS = 'urn:xmpp:sasl:2';
const upgradeNs = 'urn:xmpp:sasl:upgrade:0';
const scramNs = 'urn:xmpp:scram-upgrade:0';

let stage: WholeStage;
beforeEach(async () => {
  stage = await openStage();
  for (const domain of ['a.example', 'b.example']) {
    await stage.register(`imported@${domain}`, {
      'SHA-1': await deriveKeysWith('secret', Buffer.from('salt'), 1, 'SHA-1'),
    } as never);
    await stage.addAccount(`juliet@${domain}`);
  }
});
afterEach(() => stage.close());

const upgrade = (hash: string) => `<upgrade xmlns='${upgradeNs}'>UPGR-SCRAM-${hash}</upgrade>`;
const toContinue = (hash: string, data = '') =>
  `<continue xmlns='${NS}'>${data === '' ? '' : `<additional-data>${data}</additional-data>`}<tasks><task>UPGR-SCRAM-${hash}</task></tasks></continue>`;
const next = (hash: string) => `<next xmlns='${NS}' task='UPGR-SCRAM-${hash}'/>`;
const hashData = (data: string) => `<task-data xmlns='${NS}'><hash xmlns='${scramNs}'>${data}</hash></task-data>`;
const success = `<success xmlns='${NS}'><authorization-identifier>imported@a.example</authorization-identifier></success>`;
const failure = (condition: string) =>
  `<failure xmlns='${NS}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><text xml:lang='en'>{any}</text></failure>`;

async function open(from = 'imported@a.example'): Promise<Newcomer> {
  const somebody = stage.newcomer('a.example', { binding });
  await somebody.open(from);
  return somebody;
}

/** Begins with SCRAM-SHA-1. @returns what the client is told when its proof was right */
async function begin(somebody: Newcomer, parts: string): Promise<string> {
  const client = new Client('SCRAM-SHA-1', 'imported', 'secret');
  const first = `<initial-response>${base64(client.first)}</initial-response>`;
  const challenge = await somebody.asks(`<authenticate xmlns='${NS}' mechanism='SCRAM-SHA-1'>${first}${parts}</authenticate>`);
  const data = Buffer.from(/>([^<]+)</.exec(challenge)![1]!, 'base64').toString();
  return somebody.asks(`<response xmlns='${NS}'>${base64(client.final(data))}</response>`);
}

/** Carries out a task. @returns what SaslPassword the client sends */
async function salted(somebody: Newcomer, hash: 'SHA-256' | 'SHA-512'): Promise<string> {
  const data = await somebody.asks(next(hash));
  const [, iterations, salt] =
    /^<task-data xmlns='urn:xmpp:sasl:2'><salt xmlns='urn:xmpp:scram-upgrade:0' iterations='(\d+)'>([^<]+)</.exec(data)!;
  assert.ok(Number(iterations) >= 4_096);
  const digest = hash === 'SHA-256' ? 'sha256' : 'sha512';
  return base64(pbkdf2Sync('secret', Buffer.from(salt!, 'base64'), Number(iterations), hash === 'SHA-256' ? 32 : 64, digest));
}

test('§2.1: upgrades are offered to the account that lacks a hash, and to nobody else', async () => {
  const offers = async (from?: string) =>
    [...(await stage.newcomer().open(from)).matchAll(/>(UPGR-[^<]+)</g)].map(([, name]) => name);
  assert.deepEqual(await offers('imported@a.example'), ['UPGR-SCRAM-SHA-512', 'UPGR-SCRAM-SHA-256']);
  for (const from of ['juliet@a.example', 'nobody@a.example', undefined]) assert.deepEqual(await offers(from), []);
});

test('§2.2, §3: one task after the other, then success; the account has the hashes, and the other tenant’s has not', async () => {
  const somebody = await open();
  const told = await begin(somebody, upgrade('SHA-256') + upgrade('SHA-512'));
  assertXml(told, toContinue('SHA-512', /<additional-data>([^<]+)</.exec(told)![1]!));
  assertXml(await somebody.asks(hashData(await salted(somebody, 'SHA-512'))), toContinue('SHA-256'));
  assertXml(await somebody.asks(hashData(await salted(somebody, 'SHA-256'))), success);
  assert.match(await somebody.next(), /^<stream:features/);
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const client = new Client(mechanism, 'imported', 'secret');
    const again = await open();
    const first = `<initial-response>${base64(client.first)}</initial-response>`;
    const challenge = await again.asks(`<authenticate xmlns='${NS}' mechanism='${mechanism}'>${first}</authenticate>`);
    const data = Buffer.from(/>([^<]+)</.exec(challenge)![1]!, 'base64').toString();
    assertXml(
      (await again.asks(`<response xmlns='${NS}'>${base64(client.final(data))}</response>`)).replace(
        /<additional-data>.*<\/additional-data>/,
        '',
      ),
      success,
    );
  }
  assert.deepEqual(Object.keys((await findAccount(stage.store, 'b.example', 'imported'))!.scram), ['SHA-1']);
});

test('§2.2: an upgrade that was not offered is not carried out', async () => {
  const somebody = await open();
  assert.match(await begin(somebody, upgrade('SHA-1') + upgrade('SHA-3')), /^<success /);
});

for (const [what, elements, condition] of [
  ['another task', [next('SHA-256')], 'malformed-request'],
  ['data before the task has begun', [hashData(base64(Buffer.alloc(64)))], 'malformed-request'],
  ['the task a second time', [next('SHA-512'), next('SHA-512')], 'malformed-request'],
  ['a hash of another length', [next('SHA-512'), hashData(base64(Buffer.alloc(32)))], 'malformed-request'],
  ['no hash', [next('SHA-512'), `<task-data xmlns='${NS}'/>`], 'malformed-request'],
  ['what is not base64', [next('SHA-512'), hashData('***')], 'incorrect-encoding'],
  ['a response', [`<response xmlns='${NS}'/>`], 'malformed-request'],
] as const) {
  test(`§3: ${what} fails, and neither signs in nor changes the account`, async () => {
    const somebody = await open();
    assert.match(await begin(somebody, upgrade('SHA-512')), /^<continue /);
    let answer = '';
    for (const element of elements) answer = await somebody.asks(element);
    assertXml(
      answer.includes('<text') ? answer : answer.replace('/></failure>', "/><text xml:lang='en'>x</text></failure>"),
      failure(condition),
    );
    assert.deepEqual(Object.keys((await findAccount(stage.store, 'a.example', 'imported'))!.scram), ['SHA-1']);
    assert.match(await begin(somebody, ''), /^<success /, 'another attempt may follow');
  });
}

test('XEP-0388 §2.6.3: <authenticate/> behind <continue/> ends the stream', async () => {
  const somebody = await open();
  await begin(somebody, upgrade('SHA-512'));
  assert.match(await somebody.asks(`<authenticate xmlns='${NS}' mechanism='PLAIN'/>`), /^<stream:error /);
});

for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
  test(`XEP-0474 §4.1: ${mechanism} has a hash of what was announced on this stream`, async () => {
    const somebody = stage.newcomer('a.example', { binding, tlsVersion: '0304' });
    const features = await somebody.open('juliet@a.example');
    const sasl2 = /<authentication .*<\/authentication>/.exec(features)![0].replace(/<inline>.*<\/inline>/, '');
    const names = [...sasl2.matchAll(/<mechanism>([^<]+)</g)].map(([, name]) => name!).sort();
    const types = [...features.matchAll(/<channel-binding type='([^']+)'/g)].map(([, type]) => type!).sort();
    assert.deepEqual([names.length, types.length], [7, 2]);
    const client = new Client(mechanism, 'juliet', 'secret');
    const first = `<initial-response>${base64(client.first)}</initial-response>`;
    const challenge = await somebody.asks(`<authenticate xmlns='${NS}' mechanism='${mechanism}'>${first}</authenticate>`);
    const data = Buffer.from(/>([^<]+)</.exec(challenge)![1]!, 'base64').toString();
    const hash = createHash(client.digest)
      .update(`${names.join('\x1e')}\x1f${types.join('\x1e')}`)
      .digest('base64');
    assert.equal(/,h=([^,]+),t=0304$/.exec(data)?.[1], hash, 'XEP-0515 §4.1: the version of TLS comes with it');
    const answer = await somebody.asks(`<response xmlns='${NS}'>${base64(client.final(data))}</response>`);
    client.checkServer(Buffer.from(/<additional-data>([^<]+)</.exec(answer)![1]!, 'base64').toString());
  });
}

test('XEP-0515 §4.1: where TLS ends at a proxy, its version is unknown and not told', async () => {
  const somebody = stage.newcomer('b.example', {});
  await somebody.open('imported@b.example');
  const first = `<initial-response>${base64(new Client('SCRAM-SHA-1', 'imported', 'secret').first)}</initial-response>`;
  const challenge = await somebody.asks(`<authenticate xmlns='${NS}' mechanism='SCRAM-SHA-1'>${first}</authenticate>`);
  assert.match(Buffer.from(/>([^<]+)</.exec(challenge)![1]!, 'base64').toString(), /,h=[^,]+$/);
});
