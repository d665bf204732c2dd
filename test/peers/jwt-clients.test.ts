/**
 * Debian's slixmpp and profanity sign in with a token of the tenant's own system in place of a password, which neither knows anything of. The
 * keys are a file that the operator names. Where passwords are a way, too, such clients choose SCRAM, in which a token is a wrong password.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Skylark } from '../support/skylark.ts';
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
