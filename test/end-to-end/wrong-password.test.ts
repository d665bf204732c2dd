/**
 * Who does not know the password does not learn whether the account exists: but for nonces and salts, all that the service says is
 * the same byte for byte (RFC 5802 §9, RFC 6120 §13.11).
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { HostilePeer, plainAuth } from '../support/hostile-peer.ts';
import { Skylark } from '../support/skylark.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const hashes = [
  ['SCRAM-SHA-1', 'sha1', 20],
  ['SCRAM-SHA-256', 'sha256', 32],
] as const;

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
});
after(() => skylark?.stop());

async function openPeer(): Promise<HostilePeer> {
  const peer = await HostilePeer.connect('TLS', skylark);
  await peer.open();
  return peer;
}

/** Everything that the service says until it closes the stream, but for the names that the client gave itself. */
async function tryPasswords(local: string): Promise<string> {
  const peer = await openPeer();
  for (let n = 0; n < serviceLimits.saslFailuresMax; n++) peer.send(plainAuth(local, `wrong-${n}`));
  return (await peer.wire.closed()).replaceAll(local, 'NAME');
}

interface Exchange {
  /** With the server's nonce and the salt taken out. */
  readonly said: string;
  readonly salt: string;
}

/** A whole exchange with a wrong password. */
async function scram([mechanism, digest, bytes]: (typeof hashes)[number], local: string): Promise<Exchange> {
  const peer = await openPeer();
  const first = `n=${local},r=clientnonce`;
  peer.send(`<auth xmlns='${NS_SASL}' mechanism='${mechanism}'>${encode(`n,,${first}`)}</auth>`);
  const [challenge, text] = await peer.wire.read(/<challenge [^>]*>([^<]+)<\/challenge>/);
  const serverFirst = Buffer.from(text!, 'base64').toString();
  const [, nonce, salt, iterations] = /^r=clientnonce([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)!;
  const withoutProof = `c=${encode('n,,')},r=clientnonce${nonce}`;
  const salted = pbkdf2Sync('wrong', Buffer.from(salt!, 'base64'), Number(iterations), bytes, digest);
  const clientKey = createHmac(digest, salted).update('Client Key').digest();
  const storedKey = createHash(digest).update(clientKey).digest();
  const signature = createHmac(digest, storedKey).update(`${first},${serverFirst},${withoutProof}`).digest();
  const proof = clientKey.map((byte, index) => byte ^ signature[index]!);
  peer.send(`<response xmlns='${NS_SASL}'>${encode(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)}</response>`);
  const [failure] = await peer.wire.read(/<failure .*?<\/failure>/);
  peer.wire.destroy();
  const shape = serverFirst.replace(nonce!, `${nonce!.length} characters`).replace(salt!, `${salt!.length} characters`);
  return { said: `${challenge.replace(text!, shape)}${failure}`, salt: salt! };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

describe('an account that exists and one that does not', () => {
  test('hear the same of wrong passwords with PLAIN, to the end of the stream', async () => {
    const known = await tryPasswords('juliet');
    const failure = `<failure xmlns='${NS_SASL}'><not-authorized/></failure>`;
    assert.ok(known.startsWith(failure.repeat(serviceLimits.saslFailuresMax)), known);
    assert.match(known, /<stream:error><policy-violation /);
    for (const local of ['nobody', 'julie', 'j\u00fcliet', 'a'.repeat(900)]) {
      assert.equal(await tryPasswords(local), known, local.slice(0, 20));
    }
  });

  for (const hash of hashes) {
    test(`hear the same of a wrong password with ${hash[0]}, but for nonce and salt`, async () => {
      const known = await scram(hash, 'juliet');
      assert.match(known.said, /^<challenge .*<not-authorized\/><\/failure>$/);
      for (const local of ['nobody', 'julie']) {
        const unknown = await scram(hash, local);
        assert.equal(unknown.said, known.said);
        assert.notEqual(unknown.salt, known.salt);
      }
    });
  }
});

describe('the salt', () => {
  test('of a name is the same each time, also in other case and after a restart, whether the name is known or not', async () => {
    const saltsOf = async () => {
      const salts: string[] = [];
      for (const hash of hashes) for (const local of ['juliet', 'nobody']) salts.push((await scram(hash, local)).salt);
      return salts;
    };
    const salts = await saltsOf();
    assert.equal(new Set(salts).size, salts.length, 'each name and mechanism has one of its own');
    assert.deepEqual(await saltsOf(), salts);
    assert.equal((await scram(hashes[0], 'NoBody')).salt, salts[1]);
    assert.equal((await scram(hashes[0], 'Juliet')).salt, salts[0]);
    assert.equal(await skylark.kill('SIGTERM'), 0);
    await skylark.start();
    assert.deepEqual(await saltsOf(), salts);
  });
});

test('the right password is taken all the same', async () => {
  const peer = await HostilePeer.connect('TLS', skylark);
  await peer.signIn('juliet', 'capulet');
  peer.wire.destroy();
});
