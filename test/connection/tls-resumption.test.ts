/** A TLS session that is resumed is bound to the certificate that its client was shown, and ends with it (RFC 5929 §4). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { makePem } from '../support/pem.ts';
import { look, soon, TlsGround } from './tls-ground.ts';

let ground: TlsGround;
beforeEach(async () => {
  ground = await TlsGround.open();
});
afterEach(() => ground.close());

const sha256 = (der: Buffer) => createHash('sha256').update(der).digest('base64');

test('the end point is the certificate of the name, also of a resumed session', async () => {
  await ground.add('one.example');
  await ground.add('two.example');
  for (const fallback of [undefined, await makePem('operator.example')]) {
    const node = await ground.start(fallback);
    const fresh = await look(node, 'two.example');
    assert.equal(fresh.endPoint, sha256(fresh.der));
    const resumed = await look(node, 'two.example', { session: fresh.session });
    assert.equal(resumed.isReused, true);
    assert.equal(resumed.endPoint, fresh.endPoint);
  }
});

test('a session is resumed at another node, which binds to the same certificate or to none', async () => {
  await ground.add('one.example');
  await ground.add('two.example');
  const [node, other] = [await ground.start(), await ground.start()];
  const { session, endPoint } = await look(node, 'two.example');
  const resumed = await look(other, 'two.example', { session });
  assert.equal(resumed.isReused, true);
  assert.equal(resumed.endPoint, 'none', 'it has not opened it yet');
  await look(other, 'two.example');
  assert.equal((await look(other, 'two.example', { session })).endPoint, endPoint);
});

test('TLS 1.2 does not tell the name of a resumed session, so there is no end point', async () => {
  await ground.add('one.example');
  const node = await ground.start();
  const { session } = await look(node, 'one.example', { maxVersion: 'TLSv1.2' });
  const resumed = await look(node, 'one.example', { maxVersion: 'TLSv1.2', session });
  assert.deepEqual([resumed.isReused, resumed.endPoint], [true, 'none']);
});

test('a session does not outlive the certificate that its client was shown', async () => {
  await ground.add('one.example');
  const node = await ground.start();
  const { session } = await look(node, 'one.example');
  assert.equal((await look(node, 'one.example', { session })).isReused, true);
  const after = await ground.add('one.example');
  await ground.poll();
  await soon(node, 'one.example', after);
  const again = await look(node, 'one.example', { session });
  assert.deepEqual([again.isReused, again.fingerprint], [false, after]);
  assert.equal(again.endPoint, sha256(again.der));
});

test('a session that began without a name is resumed, and bound to no end point', async () => {
  await ground.add('one.example');
  const node = await ground.start();
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const { session, endPoint, der } = await look(node, undefined, { maxVersion });
    assert.equal(endPoint, sha256(der));
    const resumed = await look(node, undefined, { maxVersion, session });
    assert.deepEqual([resumed.isReused, resumed.endPoint], [true, 'none']);
  }
});

test('a session of one name is not resumed under another, nor without one', async () => {
  await ground.add('one.example');
  const two = await ground.add('two.example');
  const node = await ground.start();
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const { session } = await look(node, 'one.example', { maxVersion });
    const other = await look(node, 'two.example', { maxVersion, session });
    assert.deepEqual([other.isReused, other.fingerprint], [false, two]);
    const nameless = await look(node, undefined, { maxVersion, session });
    assert.ok(!nameless.isReused || nameless.endPoint === 'none');
  }
});

test('another default ends the sessions that began without a name', async () => {
  await ground.add('one.example');
  const two = await ground.add('two.example');
  const [node, other] = [await ground.start(undefined, ['one.example']), await ground.start(undefined, ['two.example'])];
  const { session } = await look(node, undefined);
  const again = await look(other, undefined, { session });
  assert.deepEqual([again.isReused, again.fingerprint], [false, two]);
});
