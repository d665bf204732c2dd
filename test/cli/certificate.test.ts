/** The self-signed certificate, and where the operator's socket lies. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { adminAddress } from '../../services/cli/compose/admin-address.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { removeFolder, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const dayMs = 24 * 60 * 60 * 1000;

function clockIn(days: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + days * dayMs };
}

describe('the self-signed certificate', () => {
  test('is of P-256, for the domain, its services, and this machine', async () => {
    const { cert } = await keepSelfSigned(join(folder, 'one'), 'example.org', systemClock);
    const certificate = new X509Certificate(cert);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    for (const name of ['example.org', 'conference.example.org', 'localhost']) assert.ok(certificate.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1']) assert.ok(certificate.checkIP(address), address);
    assert.equal(certificate.checkHost('example.com'), undefined);
    assert.ok(certificate.verify(certificate.publicKey));
    assert.equal(certificate.ca, false);
    assert.match(certificate.serialNumber, /^4/);
  });

  test('has a key that is for its owner alone', { skip: process.platform === 'win32' }, async () => {
    const { files } = await keepSelfSigned(join(folder, 'closed'), 'localhost', systemClock);
    assert.equal(statSync(files.key).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'closed')).mode & 0o777, 0o700);
  });

  test('is kept, until it ends soon, is for another domain, or is damaged', async () => {
    const place = join(folder, 'kept');
    const first = await keepSelfSigned(place, 'example.org', systemClock);
    assert.equal((await keepSelfSigned(place, 'example.org', clockIn(3_000))).cert, first.cert);
    const late = await keepSelfSigned(place, 'example.org', clockIn(3_640));
    assert.notEqual(late.cert, first.cert);
    const other = await keepSelfSigned(place, 'example.net', systemClock);
    assert.ok(new X509Certificate(other.cert).checkHost('example.net'));
    writeFileSync(other.files.key, '');
    const whole = await keepSelfSigned(place, 'example.net', systemClock);
    assert.notEqual(whole.cert, other.cert);
    assert.equal(readFileSync(other.files.key, 'utf8'), whole.key);
  });

  for (const [domain, name] of [
    ['bücher.example', 'xn--bcher-kva.example'],
    [`${'a'.repeat(60)}.${'b'.repeat(60)}.example`, `${'a'.repeat(60)}.${'b'.repeat(60)}.example`],
  ] as const) {
    test(`names ${domain} as DNS does`, async () => {
      const { cert } = await keepSelfSigned(join(folder, name), domain, systemClock);
      assert.equal(new X509Certificate(cert).checkHost(name), name);
    });
  }

  for (const domain of ['192.0.2.7', '[2001:db8::7]', '127.0.0.1']) {
    test(`names the address ${domain} as an address, and is kept`, async () => {
      const place = join(folder, domain.replaceAll(/\W/g, '-'));
      const { cert } = await keepSelfSigned(place, domain, systemClock);
      assert.ok(new X509Certificate(cert).checkIP(domain.replaceAll(/[[\]]/g, '')));
      assert.equal((await keepSelfSigned(place, domain, systemClock)).cert, cert);
    });
  }
});

describe("the operator's socket", { skip: process.platform === 'win32' }, () => {
  test('lies in the data folder', () => assert.equal(adminAddress('/srv/skylark'), '/srv/skylark/admin.sock'));

  test('is a named pipe on Windows, another for each folder', () => {
    assert.match(adminAddress('C:\\skylark', 'win32'), /^\\\\\.\\pipe\\skylark-[0-9a-f]{24}$/);
    assert.notEqual(adminAddress('C:\\skylark', 'win32'), adminAddress('C:\\other', 'win32'));
  });

  test('lies in a closed folder of its own when the path is too long for a socket, and not in one that is open', () => {
    const long = join(folder, 'deep'.repeat(30));
    const address = adminAddress(long);
    const place = dirname(address);
    try {
      assert.ok(Buffer.byteLength(address) <= 103, address);
      assert.equal(dirname(place), tmpdir());
      assert.equal(statSync(place).mode & 0o777, 0o700);
      assert.equal(adminAddress(long), address);
      chmodSync(place, 0o777);
      assert.throws(() => adminAddress(long), /belongs to somebody else or is open to others/);
    } finally {
      removeFolder(place);
    }
    mkdirSync(long, { recursive: true });
  });
});
