/** A tenant whose domain has to be proven: it is as unknown as any other domain until its DNS has the record. The name server is a real one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dnsLookup } from '../../lib/adapters/dns-lookup.ts';
import { proofRecord } from '../../lib/runtime/domain-proof.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { workLists } from '../../lib/runtime/work-lists.ts';
import { lookForProof } from '../../services/router/later/domain-proofs.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { openStage } from '../support/stage/whole-stage.ts';

const domain = 'bücher.example';
const name = '_skylark-proof.xn--bcher-kva.example';

async function open(t: TestContext, { provesDomains = true } = {}) {
  const dns = await startDnsServer();
  const lookUpTexts = (asked: string) => dnsLookup([dns.address]).texts(asked);
  const stage = await openStage({ wrap: (parts) => ({ ...parts, lookUpTexts, provesDomains }) });
  t.after(async () => {
    await stage.close();
    dns.close();
  });
  const ask = async (operation: string, given: object = { domain }) => {
    const reply = await perform(stage.dependencies, { kind: 'admin', operation, arguments: given as Record<string, unknown> });
    return { ...reply, result: reply.result as { proof?: { name: string; text: string } } | undefined };
  };
  const set = (text: string) => dns.records.push({ name, type: 'TXT', ttl: 1, data: text });
  /** What somebody is told whose client opens a stream to the domain. */
  const opening = async (to: string): Promise<string> => {
    const newcomer = stage.newcomer(to);
    newcomer.say(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' version='1.0'/>`);
    const heard = `${await newcomer.next()}${await newcomer.next()}`;
    newcomer.leave();
    return heard;
  };
  const isServed = async (to: string) => (await new Tenants(stage.store, stage.dependencies.clock).find(to)) !== undefined;
  return { stage, dns, ask, set, opening, isServed };
}

test('it is added with the record to be set, serves nobody until that is there, and then everybody', async (t) => {
  const { ask, set, opening, isServed, stage } = await open(t);
  const { proof } = (await ask('tenant-add')).result!;
  assert.equal(proof?.name, name);
  assert.match(proof!.text, /^skylark-proof=[\w-]{43}$/);
  assert.match(
    await opening(domain),
    /<host-unknown .*bücher\.example is not served yet: its DNS does not prove that it may be/s,
  );
  assert.match(await opening('nowhere.example'), /<host-unknown .*nowhere\.example is not served here/s);

  for (const [operation, given] of [
    ['user-add', { jid: `juliet@${domain}`, password: 'secret' }],
    ['tenant-set', { domain, registration: 'open' }],
  ] as const)
    assert.equal((await ask(operation, given)).ok, true, `an operator prepares it: ${operation}`);
  const early = await ask('tenant-prove');
  assert.deepEqual(
    [early.refusal, early.error],
    ['conflict', `'${domain}' is not proven: there is no TXT record '${name}' with the text '${proof!.text}'`],
  );
  set('v=spf1 -all');
  set(`${proof!.text.slice(0, -1)}x`);
  assert.equal((await ask('tenant-prove')).refusal, 'conflict');
  assert.equal(await isServed(domain), false);

  set(proof!.text);
  const proven = await ask('tenant-prove');
  assert.deepEqual([proven.ok, proven.result?.proof], [true, undefined]);
  assert.equal((await ask('tenant-prove')).ok, true, 'asking again does no harm');
  await stage.settle();
  assert.equal(await isServed(domain), true);
  assert.match(await opening(domain), /<stream:features/);
});

test('what is for its people goes to nobody here meanwhile: the domain is another server’s, as far as anybody knows', async (t) => {
  const { ask, stage } = await open(t);
  await ask('tenant-add');
  await ask('user-add', { jid: `juliet@${domain}`, password: 'secret' });
  const romeo = await stage.appear('romeo@b.example/orchard');
  for (const to of [`juliet@${domain}`, `hall@conference.${domain}/x`, `upload.${domain}`]) {
    await romeo.send(`<iq type='get' id='i' to='${to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
    assert.match((await romeo.takeWithAnswer()).join(''), /<remote-server-not-found /, to);
  }
});

test('routers look by themselves, once a minute however many they are, and no more when it is proven or gone', async (t) => {
  const { ask, set, stage, isServed } = await open(t);
  const { proof } = (await ask('tenant-add')).result!;
  const { store, clock } = stage.dependencies;
  const due = async () => (await workLists.before(store, clock.now() + 2 * laterLimits.proofMs, 100)).map(({ value }) => value);
  const work = { kind: 'proof', domain, id: 'proof' } as const;
  assert.deepEqual(await due(), [work]);
  await Promise.all([lookForProof(stage.dependencies, domain), lookForProof(stage.dependencies, domain)]);
  assert.ok((await due()).length <= 2, 'two in two minutes, at most');
  assert.equal(await isServed(domain), false);
  set(proof!.text);
  await lookForProof(stage.dependencies, domain);
  assert.equal(await isServed(domain), true);
  await ask('tenant-remove', { domain, force: true });
  assert.equal(await lookForProof(stage.dependencies, domain), true);
});

test('the record of another tenant, or of one that had the domain before, proves nothing', async (t) => {
  const { ask, set } = await open(t);
  const before = (await ask('tenant-add')).result!.proof!;
  assert.equal((await ask('tenant-remove')).ok, true);
  const now = (await ask('tenant-add')).result!.proof!;
  assert.notEqual(now.text, before.text);
  set(before.text);
  assert.equal((await ask('tenant-prove')).refusal, 'conflict');
  const secret = Buffer.alloc(32).toString('base64');
  assert.notEqual(proofRecord({ domain: 'a.example', secret }).text, proofRecord({ domain: 'b.example', secret }).text);
});

test('a name server that does not answer is told of, and nothing is proven by it', async (t) => {
  const { ask, dns, isServed, set } = await open(t);
  set((await ask('tenant-add')).result!.proof!.text);
  dns.failureCode = 2;
  const { refusal, error } = await ask('tenant-prove');
  assert.equal(refusal, 'unanswered');
  assert.match(error!, /^DNS does not answer, so it is not known whether the record is there/);
  assert.equal(await isServed(domain), false);
});

test('where the deployment does not ask for it, a domain is served at once, unless whoever adds it asks', async (t) => {
  const { ask, isServed } = await open(t, { provesDomains: false });
  assert.equal((await ask('tenant-add')).result?.proof, undefined);
  assert.equal(await isServed(domain), true);
  assert.equal((await ask('tenant-add', { domain: 'c.example', prove: 'yes' })).result?.proof?.name, '_skylark-proof.c.example');
  assert.equal(await isServed('c.example'), false);
});

test('an operator adds a domain of their own without a record where others need one', async (t) => {
  const { ask, isServed } = await open(t);
  assert.equal((await ask('tenant-add', { domain, prove: 'no' })).result?.proof, undefined);
  assert.equal(await isServed(domain), true);
});
