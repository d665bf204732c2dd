/**
 * Sign-in by certificate: SASL EXTERNAL of clients (RFC 6120 §13.7.1.4, XEP-0178 §2) at a real service. TLS asks for a certificate only on streams
 * to a tenant that wants it; its CA and the address in the certificate say who may come in, and as whom.
 */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawClient } from '../connection/raw-client.ts';
import { clientAuth, identityOf, type Made, make, serverAuth, type Wanted } from '../federation/proof-certificates.ts';
import { Skylark } from '../support/skylark.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-sasl';
const folder = mkdtempSync(join(tmpdir(), 'skylark-certificates-'));
let skylark: Skylark;
let ours: Made;
let theirs: Made;

before(async () => {
  [ours, theirs] = await Promise.all([make('CN=Ours', { ca: -1 }), make('CN=Theirs', { ca: -1 })]);
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.example');
  skylark.command('tenant', 'add', 'third.example');
  for (const [domain, { certificate }] of [
    ['localhost', ours],
    ['other.example', theirs],
  ] as const) {
    const file = join(folder, `${domain}.pem`);
    writeFileSync(file, certificate.toString('pem'));
    skylark.command('tenant', 'set', domain, '--sign-in', 'certificate,password', '--certificate-ca', `@${file}`);
  }
  skylark.addUser('romeo@localhost', 'montague');
  await sleep(1_500); // a policy is felt within a second
});

after(async () => {
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly client: RawClient;
  readonly mechanisms: readonly string[];
}

const headerTo = (domain: string, from?: string) =>
  `<?xml version='1.0'?><stream:stream to='${domain}'${from === undefined ? '' : ` from='${from}'`} version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;

async function open(domain: string, shown?: { readonly cert: string; readonly key: string }, from?: string): Promise<Opened> {
  const client = RawClient.plain(skylark.ports.c2s);
  client.send(headerTo(domain));
  await client.read(/<\/stream:features>/);
  client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  await client.read(/<proceed [^>]*\/>/);
  await client.upgrade({ servername: domain, ...shown });
  client.send(headerTo(domain, from));
  const [features] = await client.read(/<stream:features>.*<\/stream:features>/);
  const [, list = ''] = /<mechanisms [^>]*>(.*)<\/mechanisms>/.exec(features) ?? [];
  return { client, mechanisms: [...list.matchAll(/<mechanism>([^<]*)</g)].map(([, name]) => name!) };
}

const of = (by: Made, ...xmpp: readonly string[]): Wanted => ({ by, xmpp, purposes: [clientAuth] });
const shown = async (wanted: Wanted, ...besides: readonly Made[]) => identityOf(await make('CN=client', wanted), ...besides);

/** @returns 'success', or the condition of the failure */
async function external({ client }: Opened, authzid = ''): Promise<string> {
  client.send(`<auth xmlns='${NS}' mechanism='EXTERNAL'>${Buffer.from(authzid).toString('base64') || '='}</auth>`);
  const [, condition = 'success'] = await client.read(/<success[^>]*>|<failure [^>]*><([\w-]+)/);
  client.destroy();
  return condition;
}

async function outcome(wanted: Wanted, authzid?: string, domain = 'localhost', from?: string): Promise<string> {
  return external(await open(domain, await shown(wanted), from), authzid);
}

test('EXTERNAL is offered to whoever has shown a certificate to a tenant that wants it, and to nobody else', async () => {
  const identity = await shown(of(ours, 'juliet@localhost'));
  assert.equal((await open('localhost', identity)).mechanisms[0], 'EXTERNAL');
  assert.equal((await open('localhost')).mechanisms.includes('EXTERNAL'), false);
  const third = await open('third.example', identity);
  assert.equal(third.mechanisms.includes('EXTERNAL'), false);
  assert.equal(await external(third), 'invalid-mechanism');
});

test('TLS asks clients of that tenant alone for a certificate', async () => {
  for (const [domain, asks] of [
    ['localhost', true],
    ['third.example', false],
  ] as const) {
    const { client } = await open(domain, await shown(of(ours, 'juliet@localhost')));
    client.socket.destroy();
    const opened = await open(domain, await shown(of(ours, 'juliet@localhost')));
    assert.equal(opened.mechanisms.includes('EXTERNAL'), asks);
    opened.client.destroy();
  }
});

test('the account of the certificate appears, binds, and is told its address; by XEP-0388, too', async () => {
  const { client } = await open('localhost', await shown(of(ours, 'Juliet@localhost')));
  client.send(`<auth xmlns='${NS}' mechanism='EXTERNAL'>=</auth>`);
  await client.read(/<success/);
  client.send(headerTo('localhost'));
  await client.read(/<\/stream:features>/);
  client.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
  await client.read(/<jid>juliet@localhost\//);
  client.destroy();
  const modern = await open('localhost', await shown(of(ours, 'juliet@localhost')), 'juliet@localhost');
  const request = `<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>`;
  modern.client.send(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'><initial-response></initial-response>${request}</authenticate>`,
  );
  const [, expiry] = await modern.client.read(/<authorization-identifier>juliet@localhost<.*<token [^>]*expiry='([^']+)'/);
  assert.ok(Date.parse(expiry!) < Date.now() + 21 * 86_400_000);
  modern.client.destroy();
});

test('without an initial response it comes after a challenge', async () => {
  const { client } = await open('localhost', await shown(of(ours, 'juliet@localhost')));
  client.send(`<auth xmlns='${NS}' mechanism='EXTERNAL'/>`);
  await client.read(/<challenge/);
  client.send(`<response xmlns='${NS}'/>`);
  await client.read(/<success/);
  client.destroy();
});

describe('XEP-0178 §2: who may come in, and as whom', () => {
  const juliet = 'juliet@localhost';
  for (const [what, wanted, authzid, expected] of [
    ['no authorization identity', () => of(ours, juliet), undefined, 'success'],
    ['the address of the certificate', () => of(ours, juliet), juliet, 'success'],
    ['another address', () => of(ours, juliet), 'romeo@localhost', 'invalid-authzid'],
    ['its namesake elsewhere', () => of(ours, juliet), 'juliet@other.example', 'invalid-authzid'],
    ['a full address', () => of(ours, juliet), 'juliet@localhost/x', 'invalid-authzid'],
    ['what is not an address', () => of(ours, juliet), '@@', 'invalid-authzid'],
    ['one of two addresses', () => of(ours, juliet, 'nurse@localhost'), 'nurse@localhost', 'success'],
    ['two addresses, and none said', () => of(ours, juliet, 'nurse@localhost'), undefined, 'invalid-authzid'],
    ['an address of another tenant beside it', () => of(ours, juliet, 'x@other.example'), undefined, 'success'],
    ['an address of another tenant alone', () => of(ours, 'x@other.example'), undefined, 'not-authorized'],
    ['a domain for an address', () => of(ours, 'localhost'), undefined, 'not-authorized'],
    ['no address at all', () => of(ours), undefined, 'not-authorized'],
    [
      'an address as a name of DNS',
      () => ({ by: ours, dns: ['localhost'], purposes: [clientAuth] }),
      undefined,
      'not-authorized',
    ],
    ["another tenant's CA", () => of(theirs, juliet), undefined, 'not-authorized'],
    ['nobody’s CA', () => ({ xmpp: [juliet], purposes: [clientAuth] }), undefined, 'not-authorized'],
    ['no purpose', () => ({ by: ours, xmpp: [juliet] }), undefined, 'success'],
    ['servers alone', () => ({ ...of(ours, juliet), purposes: [serverAuth] }), undefined, 'not-authorized'],
    ['a time in the past', () => ({ ...of(ours, juliet), from: -9, to: -1 }), undefined, 'not-authorized'],
    ['a time in the future', () => ({ ...of(ours, juliet), from: 1, to: 9 }), undefined, 'not-authorized'],
  ] as const satisfies readonly (readonly [string, () => Wanted, string | undefined, string])[]) {
    test(`${what}: ${expected}`, async () => {
      assert.equal(await outcome(wanted(), authzid), expected);
    });
  }

  test('the stream says which of two addresses is meant, by the other profile', async () => {
    const identity = await shown(of(ours, juliet, 'nurse@localhost'));
    const { client } = await open('localhost', identity, 'nurse@localhost');
    client.send(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'><initial-response></initial-response></authenticate>`,
    );
    await client.read(/<authorization-identifier>nurse@localhost</);
    client.destroy();
    const other = await open('localhost', await shown(of(ours, juliet)), 'nurse@localhost');
    other.client.send(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'><initial-response></initial-response></authenticate>`,
    );
    await other.client.read(/<not-authorized/);
    other.client.destroy();
  });

  test('a CA between, which the client shows, too; and one that may issue none', async () => {
    const between = await make('CN=Between', { by: ours, ca: 0 });
    const opened = await open('localhost', await shown(of(between, juliet), between));
    assert.equal(await external(opened), 'success');
    const leaf = await make('CN=Leaf', of(ours, juliet));
    const forged = await open('localhost', await shown(of(leaf, 'romeo@localhost'), leaf));
    assert.equal(await external(forged), 'not-authorized');
  });
});

test('a disabled account is not let in by its certificate, and its session ends', async () => {
  const { client } = await open('localhost', await shown(of(ours, 'tybalt@localhost')));
  client.send(`<auth xmlns='${NS}' mechanism='EXTERNAL'>=</auth>`);
  await client.read(/<success/);
  client.send(headerTo('localhost'));
  await client.read(/<\/stream:features>/);
  client.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
  await client.read(/<jid>/);
  skylark.command('user', 'disable', 'tybalt@localhost');
  await client.read(/the account is disabled/);
  assert.equal(await outcome(of(ours, 'tybalt@localhost')), 'account-disabled');
});
