/** Debian's aioxmpp: channel binding, and resumption. See `aioxmpp/streams.py`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';
import { runScript } from './python-script.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-aioxmpp-'));
const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
let skylark: Skylark;

before(async () => {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert],
    {
      stdio: 'ignore',
    },
  );
  skylark = await Skylark.start('localhost', ['--cert', cert, '--key', key]);
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(async () => {
  await skylark?.stop();
  rmSync(folder, { recursive: true });
});

test('aioxmpp: SCRAM with channel binding to the TLS connection and to the certificate; resumption', async () => {
  await runScript('./aioxmpp/streams.py', [skylark.ports.c2s, skylark.ports.c2sTls, 'localhost'], 25);
});
