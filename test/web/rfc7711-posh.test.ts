/** RFC 7711: each tenant says which certificate its servers show, and what is said proves that certificate to another server. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import pino from 'pino';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { Posh } from '../../lib/s2s/posh.ts';
import { webApp } from '../../services/web/app.ts';
import { makePem } from '../support/pem.ts';

test('§3.1: the certificate of the tenant, and no other’s', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-posh-'));
  try {
    const store = await openSqliteStore(folder, { clock: systemClock });
    const [tenants, certificates] = [new Tenants(store, systemClock), new Certificates(store)];
    const shown = new Map<string, Buffer>();
    for (const domain of ['a.example', 'b.example', 'bücher.example']) {
      await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
      const { cert } = await makePem(domain === 'bücher.example' ? 'xn--bcher-kva.example' : domain);
      const { raw } = new X509Certificate(cert);
      shown.set(domain, raw);
      const fingerprint = createHash('sha256').update(raw).digest('hex');
      const entry = { domain, names: [domain], notBeforeMs: 0, notAfterMs: 1, fingerprint, source: 'pem' as const };
      await certificates.put(entry, { chain: cert, sealedKey: 'x' });
    }
    await tenants.add('none.example', { registration: 'closed', retentionDays: 0 });
    const app = webApp({
      ...{ tenants, log: pino({ level: 'silent' }), defaultDomain: 'a.example', clientFolder: folder },
      fingerprintOf: async (domain) => (await certificates.find(domain))?.fingerprint,
    });
    const posh = new Posh({
      clock: systemClock,
      async fetch(url) {
        const response = await app.request(url.href);
        if (response.status !== 200) throw new Error(`answered with status ${response.status}`);
        assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
        return response.text();
      },
    });
    for (const domain of shown.keys()) {
      for (const [other, certificate] of shown)
        assert.equal((await posh.proves(domain, [certificate])).ok, other === domain, `${other} at ${domain}`);
    }
    for (const domain of ['none.example', 'elsewhere.example'])
      assert.deepEqual(await posh.proves(domain, [shown.get('a.example')!]), {
        ok: false,
        reason: 'there is no POSH document: answered with status 404',
      });
    await store.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
