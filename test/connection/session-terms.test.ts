/** What a tenant's policy says of sessions: nodes are told by routers, each tenant's of its own, and again when it changes. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readPolicy } from '../../lib/runtime/policy/tenant-policy.ts';
import { RateLimit } from '../../lib/runtime/rate-limit.ts';
import { presetTerms, termsOf } from '../../lib/runtime/session-terms.ts';
import { readSessions } from '../../lib/runtime/sessions.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { newTerms } from '../../services/router/sessions/new-terms.ts';
import { setPolicy } from '../router/policy-forms.ts';
import { base64 } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { ManualClock } from './manual-clock.ts';

const NS_SM = 'urn:xmpp:sm:3';
const client = "xmlns='jabber:client'";

async function open(t: TestContext): Promise<WholeStage> {
  const stage = await openStage();
  t.after(() => stage.close());
  return stage;
}

test('an account sends as fast as its tenant lets it, is never refused, and is read faster when the tenant says so', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { stanzasPerSecond: 1 });
  const count = 100;
  const people = [await stage.join('juliet@a.example/balcony'), await stage.join('romeo@b.example/orchard')] as const;
  const sent = people.map((actor) =>
    Promise.all(
      Array.from({ length: count }, (_, id) =>
        actor.send(`<iq type='get' id='p${id}' to='${actor.jid.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`),
      ),
    ),
  );
  const [juliet, romeo] = people;
  await romeo.gets(count);
  await pause(200);
  const answered = juliet.inbox.length;
  assert.ok(answered > 20 && answered < 50, `half a minute's are read at once, and ${answered} were`);
  await setPolicy(stage, 'a.example', { stanzasPerSecond: 3_000 });
  await Promise.all(sent);
  await juliet.gets(count);
  assert.ok(juliet.inbox.every((xml) => xml.includes("type='result'")));
});

test('a rate that changes keeps what is owed, and what was saved up to the new burst', () => {
  const clock = new ManualClock();
  const bucket = new RateLimit(clock, { perSecond: 10, burst: 100 }, 10).bucket('juliet@a.example');
  bucket.setRate({ perSecond: 1, burst: 5 });
  assert.equal(bucket.tokens, 5);
  bucket.spend(15);
  assert.equal(bucket.waitMs(0), 10_000);
  bucket.setRate({ perSecond: 100, burst: 1_000 });
  assert.equal(bucket.waitMs(0), 100);
});

/** Binds with push, and is told for how many seconds the session can be resumed. */
async function phone(stage: WholeStage, address: string) {
  const { local, domain, resource } = Jid.parse(address);
  await stage.addAccount(address);
  const newcomer = stage.newcomer(domain);
  await newcomer.open();
  const message = base64(`\0${local}\0secret`);
  assert.match(
    await newcomer.asks(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`),
    /^<success/,
  );
  await newcomer.open();
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
  assert.match(await newcomer.asks(`<iq ${client} type='set' id='b'>${bind}</iq>`), /type='result'/);
  const push = `<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>`;
  assert.match(await newcomer.asks(`<iq ${client} type='set' id='p'>${push}</iq>`), /type='result'/);
  const enabled = await newcomer.asks(`<enable xmlns='${NS_SM}' resume='true'/>`);
  const [, previd, max] = /id='([^']+)'.* max='(\d+)'/.exec(enabled)!;
  const settle = async () => {
    const ping = `<iq ${client} type='get' id='s' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`;
    newcomer.say(ping);
    while (!(await newcomer.next()).includes("id='s'"));
  };
  newcomer.say(`<presence ${client}/>`);
  /** What the account's row says. */
  const isKept = async (hours: number) => {
    for (let waited = 0; ; waited += 20) {
      const [sessions] = await readSessions(stage.store, [{ local, domain }]);
      if (sessions![0]?.resumeMs === hours * 3_600_000) return;
      assert.ok(waited < 3_000, `the session is kept for ${sessions![0]?.resumeMs} ms, not ${hours} h`);
      await pause(20);
    }
  };
  return { newcomer, previd: previd!, hours: Number(max) / 3_600, settle, isKept };
}

test('a client that can be woken is told of the hours of its tenant, and a session that is open is kept by what holds now', async (t) => {
  const stage = await open(t);
  await setPolicy(stage, 'a.example', { pushResumeHours: 2 });
  const juliet = await phone(stage, 'juliet@a.example/phone');
  const romeo = await phone(stage, 'romeo@b.example/phone');
  assert.deepEqual([juliet.hours, romeo.hours], [2, 24]);
  await juliet.settle();
  await juliet.isKept(2);
  await setPolicy(stage, 'a.example', { pushResumeHours: 168 });
  await juliet.settle();
  await juliet.isKept(168);
  await romeo.settle();
  await romeo.isKept(24);

  juliet.newcomer.leave();
  await stage.startNode();
  const back = stage.newcomer('a.example');
  await back.open();
  const message = base64('\0juliet\0secret');
  assert.match(
    await back.asks(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`),
    /^<success/,
  );
  await back.open();
  assert.match(await back.asks(`<resume xmlns='${NS_SM}' previd='${juliet.previd}' h='0'/>`), /^<resumed/);
  await setPolicy(stage, 'a.example', { pushResumeHours: 1 });
  back.say(`<iq ${client} type='get' id='s' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await juliet.isKept(1);
});

test('a node is told what it does not know: what differs from the presets, when it changes, and again when a session has moved to it', () => {
  const tenant = (policy: object) => ({ policy: readPolicy(policy) }) as Tenant;
  const slow = tenant({ stanzasPerSecond: 7 });
  const bound = { secure: true, failures: 0, local: 'juliet', resource: 'phone' };
  const stanza = { kind: 'stanza', id: '1', body: true } as const;
  assert.equal(newTerms(bound, tenant({}), [stanza]), undefined);
  assert.deepEqual(newTerms(bound, slow, [stanza]), { ...presetTerms, stanzasPerSecond: 7 });
  const told = { ...bound, terms: termsOf(slow.policy) };
  assert.equal(newTerms(told, slow, [stanza]), undefined);
  assert.deepEqual(newTerms(told, tenant({}), [stanza]), presetTerms);
  assert.deepEqual(newTerms(told, slow, [{ kind: 'moved' }]), termsOf(slow.policy));
  assert.equal(newTerms({ secure: true, failures: 0 }, slow, [stanza]), undefined, 'without a session nobody reads it');
});
