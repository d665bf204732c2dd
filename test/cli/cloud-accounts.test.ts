/** `skylark user …` and `skylark tenant …` with the tables of a cell, as an operator with the rights to them does it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { listAudit } from '../../lib/runtime/audit.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { startDynalite } from '../../services/cli/compose/dynalite.ts';
import { dns, makePem } from '../support/pem.ts';
import { type Finished, type RunOptions, removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
let engine: Awaited<ReturnType<typeof startDynalite>>;
let place: readonly string[] = [];
let store: Store;

before(async () => {
  engine = await startDynalite(folder, 0);
  const endpoint = `http://127.0.0.1:${engine.address.port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const options = { endpoint, region: 'eu-central-1', credentials, clock, tablePrefix: 'cell-' };
  await createTables(options);
  store = await openDynamoStore(options);
  place = ['--dynamodb', endpoint, '--table-prefix', 'cell-'];
});

after(async () => {
  await store.close();
  await engine.stop();
  removeFolder(folder);
});

function run(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return skylark([...args, ...place], options);
}

test('a tenant and its accounts are added and listed, whoever asks next', async () => {
  assert.deepEqual(await run(['tenant', 'add', 'example.org']), {
    out: 'added example.org; registration is closed\n',
    err: '',
    code: 0,
  });
  assert.deepEqual(await run(['user', 'add', 'juliet@example.org'], { input: 'secret\n' }), {
    out: 'added juliet@example.org\n',
    err: '',
    code: 0,
  });
  assert.deepEqual(await run(['user', 'password', 'juliet@example.org', '--password=other']), {
    out: 'changed the password of juliet@example.org\n',
    err: '',
    code: 0,
  });
  assert.equal((await run(['user', 'list'])).out, 'juliet@example.org\n');
  assert.equal((await run(['tenant', 'list'])).out, 'example.org\n');
});

test('an account in a domain that is not a tenant is refused', async () => {
  const { code, err } = await run(['user', 'add', 'romeo@example.net', '--password=x']);
  assert.equal(code, 1);
  assert.match(err, /example\.net/);
});

test('nothing is removed beside services that would not hear of it', async () => {
  for (const args of [
    ['user', 'remove', 'juliet@example.org'],
    ['tenant', 'remove', 'example.org', '--force'],
  ]) {
    const { code, err } = await run(args);
    assert.equal(code, 2, err);
    assert.match(err, /--dynamodb/);
  }
  assert.equal((await run(['user', 'list'])).out, 'juliet@example.org\n');
});

test('a certificate is given, shown and removed, sealed with the key that the command is given, and the audit log has it', async () => {
  const { cert, key } = await makePem('example.org', { names: dns('example.org', 'conference.example.org') });
  const [certFile, keyFile, sealing] = ['example.org.pem', 'example.org.key', 'seal.key'].map((name) => join(folder, name));
  writeFileSync(certFile!, cert);
  writeFileSync(keyFile!, key, { mode: 0o600 });
  const add = (...more: string[]) => run(['certificate', 'add', 'example.org', '--cert', certFile!, '--key', keyFile!, ...more]);
  const bare = await add();
  assert.deepEqual([bare.code, /--kms-key or --key-file is needed/.test(bare.err)], [2, true], bare.err);
  const added = await add('--key-file', sealing!);
  assert.match(added.out, /^added a certificate of example\.org for example\.org, conference\.example\.org; 88 days/, added.err);
  assert.match((await run(['certificate', 'list'])).out, /^example\.org {2}pem {2}88 days left .* by CN=example\.org$/m);
  const kept = (await new Certificates(store).read('example.org'))!;
  const opened = await openFileKeys({ path: sealing!, clock }).open(kept.sealedKey, 'example.org');
  assert.equal(opened.toString(), key);
  assert.equal((await run(['certificate', 'remove', 'example.org'])).code, 0);
  assert.equal(await new Certificates(store).read('example.org'), undefined);
  const entries = await listAudit(store, 'example.org', 100);
  const done = entries.filter(({ outcome }) => outcome === 'done').map(({ operation }) => operation);
  assert.deepEqual(done.slice(-2), ['certificate-add', 'certificate-remove']);
});

test('tables that are not there are named', async () => {
  const { code, err } = await skylark(['tenant', 'list', ...place.slice(0, 2), '--table-prefix', 'nowhere-']);
  assert.notEqual(code, 0);
  assert.doesNotMatch(err, /\n\s+at /);
});
