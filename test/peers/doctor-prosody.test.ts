/** `skylark doctor` looks at a server that is not Skylark: Debian's prosody, which also talks to other servers. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Examination } from '../cli/doctor-run.ts';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { createAuthority } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { type Prosody, startProsody } from './prosody-server.ts';

const domain = 'example.org';
const host = 'xmpp.example.org';
const folder = temporaryFolder();
const ca = join(folder, 'ca.pem');
let prosody: Prosody;
let names: DnsServer;

before(async () => {
  const authority = await createAuthority();
  writeFileSync(ca, authority.cert);
  prosody = await startProsody(join(folder, 'prosody'), domain, await authority.issue([domain, `rooms.${domain}`]));
  names = await startDnsServer([
    srvRecord(`_xmpp-client._tcp.${domain}`, host, prosody.c2s),
    srvRecord(`_xmpps-client._tcp.${domain}`, host, prosody.c2sTls),
    srvRecord(`_xmpp-server._tcp.${domain}`, host, prosody.s2s),
    addressRecord(host),
  ]);
});

after(async () => {
  names?.close();
  await prosody?.stop();
  removeFolder(folder);
});

test('prosody passes, its account signs in, and its rooms are found under the name they have there', async () => {
  const args = [domain, '--dns', names.address, '--ca', ca, '--user', 'juliet', '--password', 'capulet'];
  const found = await Examination.run(args);
  assert.deepEqual(found.failures, []);
  for (const port of [prosody.c2s, prosody.c2sTls]) {
    found.says('ok', /^TLS 1\.3$/, `${host}:${port}`);
    found.says('ok', /certificate for example\.org/, `${host}:${port}`);
    found.says('ok', /signing in with .*SCRAM-SHA-1/, `${host}:${port}`);
  }
  found.says('ok', /STARTTLS is offered and required/, `${host}:${prosody.c2s}`);
  found.says('ok', /accepts connections of servers/, `${host}:${prosody.s2s}`);
  found.says('ok', /^certificate for example\.org/, `${host}:${prosody.s2s}`);
  found.says('ok', /servers can prove themselves to example\.org by dialback/, `${host}:${prosody.s2s}`);
  found.says('ok', /signs in with SCRAM-SHA/, `juliet@${domain}`);
  found.says('ok', /rooms at rooms\.example\.org/);
  found.says('warn', /no service for uploads is announced/);
});

test('a password that prosody does not know is refused', async () => {
  const found = await Examination.run([domain, '--dns', names.address, '--ca', ca, '--user', 'juliet', '--password', 'x']);
  found.says('fail', /the server refuses the sign-in: not-authorized/, `juliet@${domain}`);
});
