/**
 * Debian's slixmpp and profanity sign in with a token of the tenant's own system in place of a password, which neither knows anything of; stanza
 * knows OAUTHBEARER. The keys are a file that the operator names. Where passwords are a way, too, such clients choose SCRAM, in which a token is
 * a wrong password.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Agent, createClient } from 'stanza';
import { Skylark } from '../support/skylark.ts';
import { event } from '../support/stanza-events.ts';
import { profanity } from './profanity.ts';
import { runScript } from './python-script.ts';
import type { Terminal } from './terminal.ts';

const issuer = 'https://id.example.org';
const folder = mkdtempSync(join(tmpdir(), 'skylark-tokens-'));
let skylark: Skylark;
let terminal: Terminal | undefined;
let sign: (sub: string) => Promise<string>;

before(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [await exportJWK(publicKey)] }));
  sign = (sub) =>
    new SignJWT({ sub })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setAudience('localhost')
      .setExpirationTime('5m')
      .sign(privateKey);
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  await skylark.policy('localhost', '--sign-in', 'jwt', '--jwt-issuer', issuer, '--jwt-keys', `@${join(folder, 'keys.json')}`);
});

after(async () => {
  terminal?.close();
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('RFC 7519: slixmpp signs in with a token by PLAIN, and what is forged is refused', async () => {
  const { c2s, c2sTls } = skylark.ports;
  await runScript('./slixmpp/own_system.py', [c2s, c2sTls, 'localhost', await sign('rosaline'), await sign('juliet')], 5);
});

test('RFC 7519: profanity signs in with a token by PLAIN', async () => {
  terminal = await profanity(skylark, 'benvolio', await sign('benvolio'));
});

/** stanza writes an authzid without its `a=`, so it gets an empty one. */
function stanza(token: string, wire: string[]): Agent {
  const websocket = `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`;
  const credentials = { token, authzid: '' };
  const agent = createClient({
    ...{ jid: 'mercutio@localhost', credentials, autoReconnect: false },
    transports: { websocket, bosh: false },
  });
  for (const way of ['raw:incoming', 'raw:outgoing'] as const) agent.on(way, (text) => void wire.push(text));
  return agent;
}

test('RFC 7628: stanza signs in with a token by OAUTHBEARER', async () => {
  const wire: string[] = [];
  const agent = stanza(await sign('mercutio'), wire);
  const started = event(agent, 'session:started');
  agent.connect();
  await started;
  assert.equal(agent.jid.split('/')[0], 'mercutio@localhost');
  assert.ok(wire.some((text) => text.startsWith('<auth ') && text.includes('mechanism="OAUTHBEARER"')));
  agent.disconnect();
});

for (const [what, token] of [
  ['RFC 7628 §3.2.2: stanza with a token of somebody else’s', 'forged.forged.forged'],
  ['XEP-0493: stanza without a token', ''],
] as const) {
  test(`${what} is told where to get one, and refused`, async () => {
    const wire: string[] = [];
    const agent = stanza(token, wire);
    const refused = assert.rejects(event(agent, 'session:started'), /sign-in failed/);
    agent.connect();
    await refused;
    const [, challenge = ''] = /<challenge [^>]*>([^<]+)</.exec(wire.join('')) ?? [];
    const told = JSON.parse(Buffer.from(challenge, 'base64').toString());
    assert.deepEqual(told, { status: 'invalid_token', 'openid-configuration': `${issuer}/.well-known/openid-configuration` });
    agent.disconnect();
  });
}

test('slixmpp signs in with a token that an app’s own server got over the API', async () => {
  await skylark.policy('localhost', '--sign-in', 'api');
  const key = skylark.command('key', 'add', 'app', '--tenant', 'localhost', '--access', 'write').trim();
  const mint = async (local: string) => {
    const response = await fetch(`http://localhost:${skylark.ports.http}/api/v1/tenants/localhost/accounts/${local}/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ makes: true }),
    });
    return ((await response.json()) as { token: string }).token;
  };
  const { c2s, c2sTls } = skylark.ports;
  await runScript('./slixmpp/own_system.py', [c2s, c2sTls, 'localhost', await mint('rosaline'), await mint('juliet')], 5);
});
