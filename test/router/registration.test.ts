/** XEP-0077 through the router's door: a node's batches in, XML out. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { type NodeRequest, routerSubject, type StepItem, type StepReply, type StepRequest } from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { features } from '../../services/router/features/index.ts';
import { registerBeforeAuth, registerStreamFeature } from '../../services/router/features/xep0077-registration.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { startRouter } from '../../services/router/router.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const ns = 'jabber:iq:register';
const node = 'n.node-1.a';
const clock = steppedClock();
let dependencies: EmbeddedDependencies;
let open: Tenant;
let closed: Tenant;
let arrived: string[] = [];
let stopRouter: () => Promise<void>;

before(async () => {
  dependencies = await embeddedDependencies({ features, clock });
  open = await dependencies.tenants.add('example.org', { registration: 'open', retentionDays: 0 });
  closed = await dependencies.tenants.add('example.net', { registration: 'closed', retentionDays: 0, invites: 'nobody' });
  const router = await startRouter(dependencies);
  stopRouter = () => router.stop();
  await dependencies.bus.serve(node, (payload) => {
    const { header, bodies } = decodeFrame<NodeRequest>(payload);
    if (header.kind === 'close') arrived.push(`close ${header.sid} ${header.condition}`);
    else if (header.kind === 'deliver') {
      for (const [index, { sids }] of header.items.entries()) for (const sid of sids) arrived.push(`${sid} ${bodies[index]}`);
    }
    return encodeFrame(header.kind === 'deliver' ? { missing: [] } : { ok: true });
  });
});

after(async () => {
  await stopRouter();
  await dependencies.close();
});

beforeEach(() => {
  clock.advance(1_000);
  arrived = [];
});

/** One client's stream, as its connection node sees it. */
class Stream {
  readonly sid: string;
  #session = '';
  #ids = 0;

  constructor(sid: string) {
    this.sid = sid;
  }

  async step(item: StepItem, body?: string): Promise<{ out: string; reply: StepReply }> {
    const request: StepRequest = {
      kind: 'step',
      domain: open.domain,
      node,
      sid: this.sid,
      session: this.#session,
      items: [item],
    };
    const payload = encodeFrame(request, body === undefined ? [] : [Buffer.from(body)]);
    const frame = decodeFrame<StepReply>(await dependencies.bus.request(routerSubject, payload, { timeoutMs: 5_000 }));
    assert.equal(frame.header.ok, true);
    this.#session = frame.header.session ?? this.#session;
    return { out: frame.bodies.join(''), reply: frame.header };
  }

  stanza(body: string) {
    return this.step({ kind: 'stanza', id: `${this.sid}-${this.#ids++}`, body: true }, body);
  }

  static async open(sid: string): Promise<Stream> {
    const stream = new Stream(sid);
    await stream.step({ kind: 'open', secure: true, binding: {} });
    return stream;
  }

  async signIn(local: string, password: string): Promise<string | undefined> {
    const data = Buffer.from(`\0${local}\0${password}`).toString('base64');
    const element = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${data}</auth>`;
    return (await this.step({ kind: 'sasl', binding: {}, body: true }, element)).reply.account;
  }

  /** Signed in, bound, interested in the roster and available. */
  static async bound(sid: string, local: string, password: string): Promise<Stream> {
    const stream = await Stream.open(sid);
    assert.equal(await stream.signIn(local, password), `${local}@example.org`);
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${sid}</resource></bind>`;
    const { reply } = await stream.stanza(`<iq type='set' id='bind'>${bind}</iq>`);
    assert.equal(reply.bound, `${local}@example.org/${sid}`);
    await stream.stanza("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    await stream.stanza('<presence/>');
    return stream;
  }
}

const query = (content: string) => `<query xmlns='${ns}'>${content}</query>`;
const fields = (username: string, password: string) => query(`<username>${username}</username><password>${password}</password>`);
const condition = (out: string) =>
  /<error type='([a-z]+)'><([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/.exec(out)?.slice(1).join(' ');

const register = (tenant: Tenant, body: string, attributes = "type='set' id='r1'") =>
  registerBeforeAuth(dependencies, tenant, Stanza.parse(`<iq ${attributes}>${body}</iq>`));

test('the stream feature stands where the tenant is open and the stream is under TLS', () => {
  const feature = "<register xmlns='http://jabber.org/features/iq-register'/>";
  assert.equal(registerStreamFeature(open, { secure: true }), feature);
  assert.equal(registerStreamFeature(open, { secure: false }), '');
  assert.equal(registerStreamFeature(closed, { secure: true }), '');
});

describe('before signing in', () => {
  test('§4: the form comes back filled in, or is cancelled', async () => {
    const submit = (type: string, values: Readonly<Record<string, string>>) =>
      query(
        `<x xmlns='jabber:x:data' type='${type}'>${Object.entries(values)
          .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
          .join('')}</x>`,
      );
    const good = { FORM_TYPE: ns, username: 'formosa', password: 'secret' };
    assert.match(await register(open, submit('cancel', {})), /type='result'/);
    assert.equal(await findAccount(dependencies.store, open.domain, 'formosa'), undefined);
    for (const [what, values, expected] of [
      ['another FORM_TYPE', { ...good, FORM_TYPE: 'other' }, 'modify bad-request'],
      ['no password', { FORM_TYPE: ns, username: 'formosa' }, 'modify not-acceptable'],
      ['no name', { FORM_TYPE: ns, password: 'x' }, 'modify not-acceptable'],
    ] as const)
      assert.equal(condition(await register(open, submit('submit', values))), expected, what);
    assert.match(await register(open, submit('submit', good)), /type='result'/);
    assert.ok(await findAccount(dependencies.store, open.domain, 'formosa'));
  });

  test('§5: where accounts are made on a web page, its address is told, and none is made here', async () => {
    const web = {
      ...closed,
      policy: { ...closed.policy, registration: 'web', registrationUrl: 'https://join.example/' },
    } as Tenant;
    const told = await register(web, query(''), "type='get' id='r1' to='example.net'");
    assert.match(told, /<x xmlns='jabber:x:oob'><url>https:\/\/join.example\/<\/url><\/x>/);
    assert.equal(condition(await register(web, fields('webster', 'secret'))), 'cancel not-allowed');
    assert.match(registerStreamFeature(web, { secure: true }), /iq-register/);
  });

  test('§3.1: the form', async () => {
    const instructions = 'Choose a user name and a password for your account at example.org.';
    const form =
      `<x xmlns='jabber:x:data' type='form'><title>${instructions}</title><field var='FORM_TYPE' type='hidden'><value>${ns}</value></field>` +
      `<field var='username' type='text-single' label='User name'><required/></field><field var='password' type='text-private' label='Password'><required/></field></x>`;
    assert.equal(
      await register(open, query(''), "type='get' id='r1' to='example.org'"),
      `<iq id='r1' from='example.org' type='result'><query xmlns='${ns}'><instructions>${instructions}</instructions><username/><password/>${form}</query></iq>`,
    );
  });
  test('§3.1: who registers can sign in, and nobody else gets the name', async () => {
    const stream = await Stream.open('viola');
    assert.equal(
      (await stream.stanza(`<iq type='set' id='r1'>${fields('Viola', 'Cesario')}</iq>`)).out,
      "<iq id='r1' type='result'/>",
    );
    const again = await stream.stanza(`<iq type='set' id='r2'>${fields('viola', 'other')}</iq>`);
    assert.equal(condition(again.out), 'cancel conflict');
    assert.ok(!again.out.includes('other'), 'passwords are not sent back');
    assert.equal(await stream.signIn('viola', 'other'), undefined);
    assert.equal(await stream.signIn('viola', 'Cesario'), 'viola@example.org');
  });

  const longest = 'x'.repeat(routerLimits.passwordBytesMax);
  for (const [what, body, expected, attributes] of [
    ['no user name', query('<password>x</password>'), 'modify not-acceptable'],
    ['an empty user name', fields('', 'x'), 'modify not-acceptable'],
    ['no password', query('<username>ann</username>'), 'modify not-acceptable'],
    ['an empty password', fields('ann', ''), 'modify not-acceptable'],
    ['a password that is too long', fields('ann', `${longest}x`), 'modify not-acceptable'],
    ['a password far too long', fields('ann', 'x'.repeat(100_000)), 'modify not-acceptable'],
    ['a password with a control character', fields('ann', 'a\u0085b'), 'modify not-acceptable'],
    ['an address for a name', fields('ann@example.org', 'x'), 'modify not-acceptable'],
    ['a name with a space', fields('an n', 'x'), 'modify not-acceptable'],
    ['a name that fits no key', fields('a'.repeat(1_020), 'x'), 'modify not-acceptable'],
    ['a name far too long', fields('a'.repeat(100_000), 'x'), 'modify not-acceptable'],
    [
      'fields of another namespace',
      query("<username xmlns='x'>ann</username><password xmlns='x'>x</password>"),
      'modify not-acceptable',
    ],
    ['removal', query('<remove/>'), 'auth unexpected-request'],
    ['no id', fields('ann', 'x'), 'modify bad-request', "type='set'"],
    ['an unknown type', fields('ann', 'x'), 'modify bad-request', "type='put' id='r1'"],
    ['two children', `${fields('ann', 'x')}<x xmlns='x'/>`, 'modify bad-request'],
    ['another namespace', "<query xmlns='jabber:iq:auth'/>", 'modify bad-request'],
    ['another host', fields('ann', 'x'), 'cancel not-allowed', "type='set' id='r1' to='example.com'"],
    ['no address', fields('ann', 'x'), 'modify jid-malformed', "type='set' id='r1' to='@'"],
  ] as const) {
    test(`§3.1: ${what} is answered with ${expected}`, async () => {
      assert.equal(condition(await register(open, body, attributes)), expected);
      assert.equal(await findAccount(dependencies.store, open.domain, 'ann'), undefined);
    });
  }

  test('the longest password will do', async () => {
    assert.equal(await register(open, fields('long', longest)), "<iq id='r1' type='result'/>");
    assert.equal(await (await Stream.open('long')).signIn('long', longest), 'long@example.org');
  });
  test('a closed tenant answers not-allowed', async () => {
    assert.equal(condition(await register(closed, fields('ann', 'x'))), 'cancel not-allowed');
    assert.equal(condition(await register(closed, query(''), "type='get' id='r1'")), 'cancel not-allowed');
    assert.equal(await findAccount(dependencies.store, closed.domain, 'ann'), undefined);
  });
  test('answers are not answered', async () => {
    assert.equal(await register(open, query(''), "type='result' id='r1'"), '');
    assert.equal(await register(open, query(''), "type='error' id='r1'"), '');
  });
  test('the rate of a tenant is bounded, and comes back with time', async () => {
    const other = await dependencies.tenants.add('example.edu', { registration: 'open', retentionDays: 0 });
    const attempt = async (tenant: Tenant) => condition(await register(tenant, fields('long', 'x')));
    for (let count = 0; count < routerLimits.registrationsPerSecond; count++)
      assert.equal(await attempt(open), 'cancel conflict');
    assert.equal(await attempt(open), 'wait resource-constraint');
    assert.equal(await register(other, fields('long', 'x')), "<iq id='r1' type='result'/>");
    clock.advance(1_000 / routerLimits.registrationsPerSecond);
    assert.equal(await attempt(open), 'cancel conflict');
    assert.equal(await attempt(open), 'wait resource-constraint');
  });
});

describe('after signing in', () => {
  for (const [where, to, from] of [
    ['the host', " to='example.org'", " from='example.org'"],
    ['oneself', '', ''],
  ] as const) {
    test(`${where} says who is registered`, async () => {
      await addAccount(dependencies, open, 'feste', 'hey ho');
      const stream = await Stream.bound('feste', 'feste', 'hey ho');
      const { out } = await stream.stanza(`<iq type='get' id='g1'${to}>${query('')}</iq>`);
      const address = ` to='feste@example.org/feste' type='result'`;
      assert.equal(
        out,
        `<iq id='g1'${from}${address}><query xmlns='${ns}'><registered/><username>feste</username><password/></query></iq>`,
      );
    });
    test(`§3.3: ${where} changes one's own password and no other`, async () => {
      const local = `orsino${to.length}`;
      await addAccount(dependencies, open, local, 'first');
      await addAccount(dependencies, open, 'olivia', 'veil');
      const stream = await Stream.bound('orsino', local, 'first');
      const set = async (body: string) => (await stream.stanza(`<iq type='set' id='s1'${to}>${body}</iq>`)).out;
      for (const [body, expected] of [
        [fields('olivia', 'x'), 'cancel not-allowed'],
        [fields('a@b', 'x'), 'cancel not-allowed'],
        [query(`<username>${local}</username>`), 'modify bad-request'],
        [query('<password>x</password>'), 'modify bad-request'],
        [fields(local, ''), 'modify not-acceptable'],
        [fields(local, 'x'.repeat(2_000)), 'modify not-acceptable'],
      ] as const) {
        assert.equal(condition(await set(body)), expected);
      }
      assert.match(await set(fields(local.toUpperCase(), 'second')), /^<iq [^>]*type='result'\/>$/);
      assert.equal(await (await Stream.open('o1')).signIn(local, 'first'), undefined);
      assert.equal(await (await Stream.open('o2')).signIn(local, 'second'), `${local}@example.org`);
      assert.equal(await (await Stream.open('o3')).signIn('olivia', 'veil'), 'olivia@example.org');
    });
  }

  async function rowsOf(local: string): Promise<string[]> {
    const partition = `example.org/a/${local}`;
    const pages = (['core', 'archive', 'live'] as const).map((table) =>
      dependencies.store.query({ table, partition, limit: 1_000, consistent: true }),
    );
    return (await Promise.all(pages)).flat().map(({ sort }) => sort);
  }

  async function erased(local: string): Promise<void> {
    const partition = '#removals';
    for (let tries = 0; tries < 500; tries++) {
      const marks = await dependencies.store.query({
        table: 'core',
        partition,
        prefix: `removal/${local}@`,
        limit: 1,
        consistent: true,
      });
      if (marks.length === 0) return;
      await pause(5);
    }
    assert.fail(`${local} is not erased`);
  }

  test('§3.2: removal ends all streams, tells the contacts, erases the rows and frees the name', async () => {
    await addAccount(dependencies, open, 'romeo', 'rose');
    await addAccount(dependencies, open, 'juliet', 'pencil');
    const romeo = await Stream.bound('orchard', 'romeo', 'rose');
    const juliet = await Stream.bound('balcony', 'juliet', 'pencil');
    await Stream.bound('chamber', 'juliet', 'pencil');
    for (const [stream, contact] of [
      [romeo, 'juliet'],
      [juliet, 'romeo'],
    ] as const) {
      await stream.stanza(`<presence type='subscribe' to='${contact}@example.org'/>`);
    }
    await romeo.stanza("<presence type='subscribed' to='juliet@example.org'/>");
    await juliet.stanza("<presence type='subscribed' to='romeo@example.org'/>");
    await romeo.stanza("<message type='chat' to='juliet@example.org'><body>Hi</body></message>");
    assert.ok((await rowsOf('juliet')).length > 4);
    arrived = [];

    const alone = await juliet.stanza(`<iq type='set' id='x0'>${query('<remove/><username>juliet</username>')}</iq>`);
    assert.equal(condition(alone.out), 'modify bad-request');
    assert.equal(arrived.length, 0);

    const { out, reply } = await juliet.stanza(`<iq type='set' id='x1' to='example.org'>${query('<remove/>')}</iq>`);
    assert.equal(out, "<iq id='x1' from='example.org' to='juliet@example.org/balcony' type='result'/>");
    assert.deepEqual(reply.close, { condition: 'not-authorized', text: 'the account was removed' });
    assert.deepEqual(
      arrived.filter((line) => line.startsWith('close')),
      ['close chamber not-authorized'],
    );
    const heard = arrived
      .filter((line) => line.startsWith('orchard <presence'))
      .map((line) => Stanza.parse(line.slice('orchard '.length)));
    const types = heard.map(({ attributes }) => `${attributes.type} ${attributes.from}`);
    for (const expected of [
      'unavailable juliet@example.org/balcony',
      'unavailable juliet@example.org/chamber',
      'unsubscribe juliet@example.org',
      'unsubscribed juliet@example.org',
    ]) {
      assert.equal(types.filter((type) => type === expected).length, 1, `${expected} once among ${types}`);
    }

    await juliet.step({ kind: 'end' });
    await erased('juliet');
    assert.deepEqual(await rowsOf('juliet'), []);
    assert.equal(await (await Stream.open('j1')).signIn('juliet', 'pencil'), undefined);
    assert.equal(await addAccount(dependencies, open, 'juliet', 'new'), 'added');
    assert.equal(await (await Stream.open('j2')).signIn('juliet', 'new'), 'juliet@example.org');
  });

  test('a session of another account cannot remove it', async () => {
    await addAccount(dependencies, open, 'maria', 'letter');
    await addAccount(dependencies, open, 'toby', 'cakes');
    const stream = await Stream.bound('toby', 'toby', 'cakes');
    const { out } = await stream.stanza(`<iq type='set' id='x1' to='maria@example.org'>${query('<remove/>')}</iq>`);
    assert.equal(condition(out), 'cancel service-unavailable');
    assert.ok(await findAccount(dependencies.store, open.domain, 'maria'));
  });
});
