/**
 * Debian's Gajim sends a file to a contact (XEP-0363): it finds the service of its domain, asks for a slot, puts the file there over HTTPS, and
 * sends the address, at which the contact finds it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAuthority } from '../support/authority.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { GajimWindow } from './gajim-window.ts';
import { cannotTrust } from './private-authorities.ts';

const domain = 'localhost';
const other = 'verona.test';
const folder = mkdtempSync(join(tmpdir(), 'skylark-gajim-files-'));
const ca = join(folder, 'ca.pem');
let authority = '';
let skylark: Skylark;
let gajim: GajimWindow | undefined;

before(async () => {
  const { cert, issue } = await createAuthority();
  authority = cert;
  const identity = await issue([domain]);
  writeFileSync(ca, cert);
  writeFileSync(join(folder, 'cert.pem'), identity.cert);
  writeFileSync(join(folder, 'key.pem'), identity.key, { mode: 0o600 });
  chmodSync(folder, 0o755);
  skylark = await Skylark.start(domain, ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')]);
  skylark.command('tenant', 'add', other);
  skylark.addUser(`romeo@${domain}`, 'montague');
  for (const tenant of [domain, other]) skylark.addUser(`juliet@${tenant}`, 'capulet');
});

after(async () => {
  gajim?.close();
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function fetchFile(url: string): Promise<{ readonly answer: IncomingMessage; readonly content: Buffer }> {
  const [answer] = (await once(get(url, { ca: authority }), 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { answer, content: Buffer.concat(chunks) };
}

test('XEP-0363: Gajim uploads a file for a contact of its domain, and for one of another', { skip: cannotTrust }, async () => {
  const content = randomBytes(300_001);
  const path = join(folder, 'a picture.png');
  writeFileSync(path, content);
  gajim = await GajimWindow.open(skylark, { local: 'romeo', domain, password: 'montague' }, { authorities: ca });
  const urls = new Set<string>();
  for (const tenant of [domain, other]) {
    const jid = `juliet@${tenant}`;
    const juliet = await TcpClient.signIn(skylark.ports.c2sTls, `${jid}/balcony`, 'capulet');
    juliet.send('<presence/>');
    await gajim.sendFile(jid, path);
    const { xml } = await juliet.next(({ name, xml }) => name === 'message' && xml.includes('jabber:x:oob'));
    const url = /<body>([^<]+)<\/body>/.exec(xml)![1]!;
    assert.ok(xml.includes(`<url>${url}</url>`), xml);
    assert.match(url, /^https:\/\/localhost:\d+\/.+\/a%20picture\.png$/);
    const { answer, content: got } = await fetchFile(url);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'image/png');
    assert.deepEqual(got, content);
    urls.add(url);
    await juliet.close();
  }
  assert.equal(urls.size, 2);
});
