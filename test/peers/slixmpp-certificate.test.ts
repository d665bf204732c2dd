/** Debian's slixmpp signs in with a certificate (XEP-0178 §2), which it shows to whoever asks for one. */
import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { clientAuth, identityOf, type Made, make } from '../federation/proof-certificates.ts';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-certificates-'));
let skylark: Skylark;

before(async () => {
  const [ours, theirs] = await Promise.all([make('CN=Ours', { ca: -1 }), make('CN=Theirs', { ca: -1 })]);
  const write = async (name: string, by: Made) => {
    const { cert, key } = await identityOf(await make('CN=juliet', { by, xmpp: ['juliet@localhost'], purposes: [clientAuth] }));
    writeFileSync(join(folder, name), `${key}\n${cert}`);
  };
  await write('hers.pem', ours);
  await write('forged.pem', theirs);
  writeFileSync(join(folder, 'ca.pem'), ours.certificate.toString('pem'));
  skylark = await Skylark.start();
  await skylark.policy('localhost', '--sign-in', 'certificate', '--certificate-ca', `@${join(folder, 'ca.pem')}`);
});

after(async () => {
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('XEP-0178: slixmpp signs in by EXTERNAL, and what another CA has issued is refused', async () => {
  const { c2s, c2sTls } = skylark.ports;
  const files = ['hers.pem', 'forged.pem'].map((name) => join(folder, name));
  await runScript('./slixmpp/certificate.py', [c2s, c2sTls, 'localhost', ...files], 6);
});
