/** Sealing with a key file and with KMS: both keep one contract, and each has its own cases. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { openKmsKeys } from '../../lib/adapters/kms-keys.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { keysContract } from '../contracts/keys.contract.ts';
import { awsCredentials as credentials } from '../support/aws-server.ts';
import { KmsServer } from '../support/kms-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-keys-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'made', 'here', 'one.key');

keysContract('file', async () => ({
  keys: openFileKeys({ path, clock }),
  again: async () => openFileKeys({ path, clock }),
  stranger: async () => openFileKeys({ path: join(folder, 'other.key'), clock }),
  close: async () => {},
}));

keysContract('KMS', async () => {
  const kms = await KmsServer.start(['alias/one', 'alias/other']);
  const open = (keyId: string) => openKmsKeys({ keyId, endpoint: kms.url, region: 'eu-central-1', credentials, clock });
  return {
    keys: open('alias/one'),
    again: async () => open('alias/one'),
    stranger: async () => open('alias/other'),
    close: () => kms.stop(),
  };
});

test('KMS is told the domain as encryption context, and never the secret', async (t) => {
  const kms = await KmsServer.start(['alias/one']);
  t.after(() => kms.stop());
  const keys = openKmsKeys({ keyId: 'alias/one', endpoint: kms.url, region: 'eu-central-1', credentials, clock });
  const secret = Buffer.from('a private key');
  assert.deepEqual(await keys.open(await keys.seal(secret, 'example.org'), 'example.org'), secret);
  assert.deepEqual(
    kms.server.requests.map(({ target }) => target),
    ['TrentService.GenerateDataKey', 'TrentService.Decrypt'],
  );
  for (const { body } of kms.server.requests) {
    assert.deepEqual((JSON.parse(body) as { EncryptionContext: unknown }).EncryptionContext, { domain: 'example.org' });
    assert.ok(!body.includes(secret.toString('base64')));
  }
});

test('KMS that is away, refuses us or has no such key is Unavailable, which is not a verdict on the text', async (t) => {
  const kms = await KmsServer.start(['alias/one']);
  t.after(() => kms.stop());
  const options = { endpoint: kms.url, region: 'eu-central-1', clock };
  const keys = openKmsKeys({ ...options, keyId: 'alias/one', credentials });
  const sealed = await keys.seal(Buffer.of(1), 'example.org');
  kms.isAway = true;
  await assert.rejects(keys.open(sealed, 'example.org'), Unavailable);
  kms.isAway = false;
  const wrong = { accessKeyId: 'test', secretAccessKey: 'wrong' };
  await assert.rejects(
    openKmsKeys({ ...options, keyId: 'alias/one', credentials: wrong }).open(sealed, 'example.org'),
    Unavailable,
  );
  await assert.rejects(
    openKmsKeys({ ...options, keyId: 'alias/none', credentials }).seal(Buffer.of(1), 'example.org'),
    Unavailable,
  );
  assert.deepEqual(await keys.open(sealed, 'example.org'), Buffer.of(1));
});

test('a key file is made once, for its owner alone', { skip: process.platform === 'win32' }, async () => {
  const made = join(folder, 'made.key');
  const sealed = await openFileKeys({ path: made, clock }).seal(Buffer.of(1), 'x');
  const bytes = readFileSync(made);
  assert.equal(bytes.length, 32);
  assert.equal(statSync(made).mode & 0o777, 0o600);
  assert.deepEqual(await openFileKeys({ path: made, clock }).open(sealed, 'x'), Buffer.of(1));
  assert.deepEqual(readFileSync(made), bytes);
});

test('a key file that others may read, or that is not a key, is refused and left as it is', {
  skip: process.platform === 'win32',
}, () => {
  const open = join(folder, 'open.key');
  writeFileSync(open, Buffer.alloc(32, 1));
  chmodSync(open, 0o640);
  assert.throws(() => openFileKeys({ path: open, clock }), {
    name: 'TypeError',
    message: /can be read by others; protect it with: chmod 600/,
  });
  for (const bytes of [0, 31, 33, 4_096]) {
    const short = join(folder, `${bytes}.key`);
    writeFileSync(short, Buffer.alloc(bytes), { mode: 0o600 });
    assert.throws(() => openFileKeys({ path: short, clock }), /is not a key: it has \d+ bytes, not 32/);
    assert.equal(statSync(short).size, bytes);
  }
  const dangling = join(folder, 'dangling.key');
  symlinkSync(join(folder, 'nowhere'), dangling);
  assert.throws(() => openFileKeys({ path: dangling, clock }));
  assert.ok(!existsSync(join(folder, 'nowhere')));
});
