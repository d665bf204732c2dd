/** What routers count for the figures: who signs in and how, what is sent, notifications, and reading of the archive. Two tenants. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { otherTenants, tenantLabels } from '../../lib/runtime/counts.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { stanzas } from '../../lib/runtime/traffic.ts';
import { routerSubject } from '../../lib/runtime/wire.ts';
import { catchUps, countArrivals, countItems } from '../../services/router/count-batch.ts';
import { uploadSlotBytes, uploadSlots } from '../../services/router/features/xep0363-file-upload.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { pushes } from '../../services/router/push/publish.ts';
import { signIns } from '../../services/router/sasl/exchange.ts';
import { grown } from '../support/grown.ts';
import { openRouter } from '../support/stage/router-stage.ts';
import { body, PushGround } from './push-ground.ts';
import { auth, openSignInGround, outcomeOf, plain, type SignInGround } from './sign-in-ground.ts';

describe('sign-ins', () => {
  let ground: SignInGround;
  before(async () => {
    ground = await openSignInGround();
    await ground.set({ signIn: ['password', 'anonymous'] });
  });
  after(() => ground.close());

  const say = async (xml: string, domain?: string) => outcomeOf(await (await ground.come(domain)).asks(xml));

  test('by mechanism and result', async () => {
    assert.deepEqual(await grown(signIns, () => say(auth('ANONYMOUS', ''))), { 'ANONYMOUS success': 1 });
    assert.deepEqual(await grown(signIns, () => plain(ground, 'juliet', 'wrong')), { 'PLAIN not-authorized': 1 });
    assert.deepEqual(await grown(signIns, () => plain(ground, 'romeo', 'wrong', 'b.example')), { 'PLAIN not-authorized': 1 });
  });

  test('an exchange that is under way does not count, and one that is aborted does', async () => {
    const somebody = await ground.come();
    const begins = () => somebody.asks(auth('SCRAM-SHA-1', 'n,,n=juliet,r=abcdef'));
    assert.deepEqual(await grown(signIns, begins), {});
    const aborts = () => somebody.asks(`<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    assert.deepEqual(await grown(signIns, aborts), { 'SCRAM-SHA-1 aborted': 1 });
  });

  test('mechanisms that a client has made up are one line, also where they were not offered by its tenant', async () => {
    const invents = async () => {
      for (let n = 0; n < 4; n++) await say(auth(`X-OWN-${n}`, 'x'));
      await say(auth('ANONYMOUS', ''), 'b.example');
    };
    assert.deepEqual(await grown(signIns, invents), { 'none invalid-mechanism': 5 });
  });

  test('attempts that come too early after wrong passwords are slowed', async () => {
    const guess = async () => {
      for (let n = 0; n < routerLimits.guessesFree + 3; n++)
        await plain(ground, 'mercutio', `wrong ${n}`, 'a.example', '192.0.2.9');
    };
    const lines = await grown(signIns, guess);
    assert.deepEqual(lines, { 'PLAIN not-authorized': routerLimits.guessesFree, 'PLAIN slowed': 3 });
  });
});

test('notifications that are sent, and errors of the app server alone', async () => {
  const ground = await PushGround.open();
  try {
    await ground.enable(ground.phone);
    await ground.phone.end();
    await ground.pause();
    let id = '';
    const sends = async () => {
      await ground.say(body);
      id = /<iq [^>]*id='([^']*)'/.exec(ground.app.take()[0] ?? '')?.[1] ?? '';
    };
    assert.deepEqual(await grown(pushes, sends), { sent: 1 });
    assert.deepEqual(await grown(pushes, () => ground.answer(id)), {});
    assert.deepEqual(await grown(pushes, () => ground.answer(id, 'gone', ground.romeo)), {});
    assert.deepEqual(await grown(pushes, () => ground.answer(id, 'internal-server-error')), { refused: 1 });
  } finally {
    await ground.stage.close();
  }
});

test('by tenant, for those that are counted first; the others are one line', async () => {
  tenantLabels.limit(2);
  const of = (domain: string) => {
    const found = stanzas.byTenant.filter(({ tenant }) => tenant === domain);
    return found.reduce((sum, { total }) => sum + total, 0);
  };
  const names = ['a.example', 'b.example', 'c.example', 'd.example', otherTenants];
  const before = names.map(of);
  const presence = [Buffer.from('<presence/>')];
  const say = (domain: string) => countArrivals({ domain } as never, presence);
  const all = await grown(stanzas, () => {
    for (const domain of ['a.example', 'b.example', 'c.example', 'd.example', 'a.example']) say(domain);
  });
  assert.deepEqual(
    names.map((name, at) => of(name) - before[at]!),
    [2, 1, 0, 0, 2],
  );
  assert.deepEqual(all, { 'presence service ': 5 }, 'the sum of all stays one figure');
});

test('a domain that is not a tenant makes no line, whatever a client says', async () => {
  const ground = await openSignInGround();
  tenantLabels.limit(50);
  try {
    const { bus } = ground.stage.dependencies;
    const give = (domain: string) => {
      const inbound = { kind: 'inbound', domain, ids: ['x'], at: 0, deadline: 0 };
      const presence = Buffer.from(`<presence from='x@c.example' to='x@${domain}'/>`);
      return bus.request(routerSubject, encodeFrame(inbound, [presence]), { timeoutMs: 1_000 });
    };
    for (const domain of ['made-up.example', 'b.example']) await give(domain);
    const seen = new Set(stanzas.byTenant.map(({ tenant }) => tenant));
    assert.deepEqual([seen.has('made-up.example'), seen.has('b.example')], [false, true]);
  } finally {
    await ground.close();
  }
});

test('stanzas by kind and source, and pages of the archive', async () => {
  const bodies = ["<message xmlns='jabber:client'/>", '<presence/>', '<iq/>', '<x/>', ''].map((text) => Buffer.from(text));
  const stanza = { kind: 'stanza', id: 'x', body: true } as const;
  const step = () => countItems('a.example', [{ kind: 'bind', body: true }, stanza, { kind: 'catchUp' } as never]);
  assert.deepEqual(await grown(stanzas, step), {}, 'those of clients are counted where their streams are');
  assert.deepEqual(await grown(catchUps, step), { '': 1 });
  const arrival = { kind: 'inbound', domain: 'a.example', ids: [] } as const;
  for (const [source, more] of [
    ['server', { isFromPeer: true }],
    ['component', { isFromPeer: true, isFromComponent: true }],
    ['service', {}],
  ] as const) {
    const arrive = () => countArrivals({ ...arrival, ...more } as never, bodies);
    const kinds = { message: 1, presence: 1, iq: 1, other: 2 };
    const lines = Object.entries(kinds).map(([kind, count]) => [`${kind} ${source} `, count]);
    assert.deepEqual(await grown(stanzas, arrive), Object.fromEntries(lines));
  }
});

test('slots for files: what was asked for is all that a process sees of files in a bucket', async () => {
  tenantLabels.limit(10);
  const stage = await openRouter();
  try {
    const [juliet, romeo] = [await stage.join('juliet@a.example/balcony'), await stage.join('romeo@b.example/orchard')];
    const ask = (actor: typeof juliet, domain: string, size: string) =>
      actor.send(
        `<iq type='get' id='u' to='upload.${domain}'><request xmlns='urn:xmpp:http:upload:0' filename='rose.png' size='${size}'/></iq>`,
      );
    const asks = async () => {
      await ask(juliet, 'a.example', '70000');
      await ask(juliet, 'a.example', '5');
      await ask(juliet, 'a.example', '99999999999');
      await ask(romeo, 'b.example', '300');
      await ask(romeo, 'a.example', '300'); // only accounts of the tenant get slots
    };
    const bytesByTenant = () => Object.fromEntries(uploadSlotBytes.byTenant.map(({ tenant, total }) => [tenant, total]));
    const before = bytesByTenant();
    assert.deepEqual(await grown(uploadSlots, asks), { given: 3, refused: 2 });
    assert.deepEqual(
      ['a.example', 'b.example'].map((domain) => (bytesByTenant()[domain] ?? 0) - (before[domain] ?? 0)),
      [70_005, 300],
    );
  } finally {
    await stage.close();
    tenantLabels.limit(0);
  }
});
