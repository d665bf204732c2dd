/** XEP-0509: `<authenticate/>` in one write with the stream header, by the version of the features that a client saw last. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const NS = 'urn:xmpp:iap:0';
const open = (from: string, to = 'a.example') =>
  `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' from='${from}' version='1.0'/>`;
const claim = (value: string, scheme = ` scheme='opaque'`) => `<config-version xmlns='${NS}'${scheme} value='${value}'/>`;
const authenticate = (inside: string, password = 'secret') =>
  `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${base64(`\0juliet\0${password}`)}</initial-response><bind xmlns='urn:xmpp:bind:0'/>${inside}</authenticate>`;
const mismatch = `<failure xmlns='urn:xmpp:sasl:2'><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><config-version-mismatch xmlns='${NS}'/><text xml:lang='en'>{any}</text></failure>`;
const versionIn = (features: string) =>
  /<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='([^']+)'\/>/.exec(features)?.[1];

let stage: WholeStage;
let addresses = 0;

before(async () => {
  stage = await openStage();
  for (const domain of ['a.example', 'b.example']) await stage.addAccount(`juliet@${domain}`);
});
after(() => stage.close());

const newcomer = (domain = 'a.example', binding = {}) =>
  stage.newcomer(domain, { binding, address: `198.51.100.${++addresses}` });
const seen = async (from?: string, somebody = newcomer()) => versionIn(await somebody.open(from));

/** Sends both at once. @returns what comes behind the features */
async function pipeline(somebody: Newcomer, version: string, password?: string): Promise<{ features: string; answer: string }> {
  somebody.say(open('juliet@a.example'));
  somebody.say(authenticate(claim(version), password));
  assert.match(await somebody.next(), /^<open /);
  return { features: await somebody.next(), answer: await somebody.next() };
}

test('§2.1: features have a version, which is the same while they are', async () => {
  const version = await seen('juliet@a.example');
  assert.match(version!, /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(await seen('juliet@a.example'), version);
  assert.notEqual(await seen(), version, 'without a name others are offered');
  assert.notEqual(
    await seen('juliet@a.example', newcomer('a.example', { 'tls-exporter': 'AAAA' })),
    version,
    'with channel binding, too',
  );
  assert.notEqual(await seen('juliet@b.example', newcomer('b.example')), undefined);
});

test('§2.2: a client that knows the version has signed in and bound without waiting for the features', async () => {
  const version = (await seen('juliet@a.example'))!;
  for (const scheme of [` scheme='opaque'`, '', ` scheme='another'`]) {
    const juliet = newcomer();
    juliet.say(open('juliet@a.example'));
    juliet.say(authenticate(claim(version, scheme)));
    assert.match(await juliet.next(), /^<open /);
    assert.equal(versionIn(await juliet.next()), version);
    assert.match(await juliet.next(), /^<success .*<bound /);
    assert.equal(versionIn(await juliet.next()), undefined, 'there is nothing to pipeline any more');
  }
});

test('§2.2: another version is refused without prejudice, and the stream goes on', async () => {
  const version = (await seen('juliet@a.example'))!;
  for (const wrong of ['V2VsbCwgb2YgY291cnNl', '', version.toLowerCase(), `${version} `]) {
    const juliet = newcomer();
    const { features, answer } = await pipeline(juliet, wrong);
    assertXml(answer, mismatch);
    assert.equal(versionIn(features), version);
    assert.match(await juliet.asks(authenticate(claim(version))), /^<success /);
  }
  const juliet = newcomer();
  await juliet.open('juliet@a.example');
  assertXml(await juliet.asks(authenticate(`<config-version xmlns='${NS}'/>`)), mismatch);
  assert.match(await juliet.asks(authenticate('')), /^<success /);
});

test('the tenant offers other ways to sign in: the version that was seen before is refused, even with the right password', async () => {
  const version = (await seen('juliet@a.example'))!;
  await stage.dependencies.tenants.setPolicy('a.example', { signIn: ['password', 'anonymous'] });
  const { features, answer } = await pipeline(newcomer(), version);
  assertXml(answer, mismatch);
  assert.notEqual(versionIn(features), version);
  await stage.dependencies.tenants.setPolicy('a.example', { signIn: ['password'] });
  assert.match((await pipeline(newcomer(), version)).answer, /^<success /);
});

test('a version is of no use to who has the wrong password, and who goes on with wrong versions is sent away', async () => {
  const version = (await seen('juliet@a.example'))!;
  assert.match((await pipeline(newcomer(), version, 'wrong')).answer, /^<failure .*<not-authorized/);
  const juliet = newcomer();
  await juliet.open('juliet@a.example');
  for (let tries = 0; tries <= serviceLimits.saslFailuresMax; tries++)
    assertXml(await juliet.asks(authenticate(claim('x'))), mismatch);
  assert.match(await juliet.next(), /<policy-violation /);
});
