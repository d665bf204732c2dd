/** The proof on real connections: what OpenSSL says of a client's certificate does not tell good ones from bad ones, and the proof does. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer, getCACertificates, type TLSSocket } from 'node:tls';
import { readCertificate } from '../../lib/s2s/certificate.ts';
import { peerChain, provesDomain } from '../../lib/s2s/proof.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import { identityOf, type Made, make, serverAuth } from './proof-certificates.ts';

const pem = ({ certificate }: Made) => certificate.toString('pem');

type Identity = Awaited<ReturnType<typeof identityOf>>;

/** Both ends of a connection on which both have shown a certificate. */
async function meet(
  server: Identity,
  client: Identity,
  ca: string,
): Promise<{ ends: [TLSSocket, TLSSocket]; close: () => void }> {
  const listener = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: false });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo;
  const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
  const dialling = connect({ ...client, host: '127.0.0.1', port, ca, rejectUnauthorized: false, servername: 'a.example' });
  await once(dialling, 'secureConnect');
  const [end] = await accepted;
  const close = () => {
    dialling.destroy();
    end.destroy();
    listener.close();
  };
  return { ends: [dialling, end], close };
}

test('Node says INVALID_PURPOSE of a good certificate for servers and of an unknown CA that sends its root; the proof tells them apart', async () => {
  const root = await make('CN=Root', { ca: -1 });
  const ca = await make('CN=CA', { ca: 0, by: root, purposes: [serverAuth] });
  const good = await make('CN=b.example', { by: ca, dns: ['b.example'], purposes: [serverAuth] });
  const ownRoot = await make('CN=Own Root', { ca: -1 });
  const bad = await make('CN=b.example', { by: ownRoot, dns: ['b.example'], purposes: [serverAuth] });
  const options = { roots: new Roots([new X509Certificate(root.der)]), now: Date.now() };
  const server = await identityOf(await make('CN=a.example', { by: ca, dns: ['a.example'] }), ca);
  for (const [chain, isGood] of [
    [[good, ca], true],
    [[bad, ownRoot], false],
  ] as const) {
    const { ends, close } = await meet(server, await identityOf(chain[0], chain[1]), pem(root));
    try {
      const [dialling, accepted] = ends;
      assert.equal(`${accepted.authorizationError}`, 'INVALID_PURPOSE');
      assert.equal((await provesDomain('b.example', peerChain(accepted), options)).ok, isGood);
      assert.equal((await provesDomain('a.example', peerChain(accepted), options)).ok, false);
      assert.deepEqual(await provesDomain('a.example', peerChain(dialling), options), { ok: true });
    } finally {
      close();
    }
  }
});

test('--s2s-ca adds to the roots of the system; a file without a certificate is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'roots-'));
  try {
    const root = await make('CN=Root of a File', { ca: -1 });
    const file = join(folder, 'ca.pem');
    writeFileSync(file, `comments are left alone\n${pem(root)}\n`);
    const leaf = await make('CN=a.example', { by: root, dns: ['a.example'] });
    const proof = (roots: Roots) => provesDomain('a.example', [leaf.der], { roots, now: Date.now() });
    assert.equal((await proof(Roots.ofSystem())).ok, false);
    const both = Roots.ofSystem(file);
    assert.equal((await proof(both)).ok, true);
    const [known] = getCACertificates('bundled').map((each) => new X509Certificate(each));
    assert.ok(
      Roots.ofSystem().has(known!) || getCACertificates('system').length > 0,
      'a machine without roots has those of Node',
    );
    writeFileSync(file, 'nothing');
    assert.throws(() => Roots.ofSystem(file), /has no certificate in PEM/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every root that Node brings along can be read', () => {
  for (const each of getCACertificates('bundled')) readCertificate(new X509Certificate(each).raw);
  assert.ok(getCACertificates('bundled').length > 50);
});
