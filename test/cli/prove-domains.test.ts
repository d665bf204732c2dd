/** `skylark start --prove-domains`, with one process and with several: a domain is served when its DNS says so. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
let dns: DnsServer;
before(async () => {
  dns = await startDnsServer();
});
after(() => {
  dns.close();
  removeFolder(folder);
});

/** What a client gets that opens a stream to the domain. */
function opening(port: number, domain: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error(`there was no answer; heard: ${heard}`)));
    socket.on('error', reject);
    socket.on('data', (data) => {
      heard += data;
      if (!/<\/stream:(?:features|error)>/.test(heard)) return;
      socket.destroy();
      resolve(heard);
    });
    socket.write(
      `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
  });
}

for (const processes of [1, 2]) {
  test(`${processes} process(es): the record is told, nobody is served before it is there, and then everybody is`, async () => {
    const data = join(folder, `data${processes}`);
    const domain = `proven${processes}.example`;
    const run = (...args: readonly string[]) => skylark([...args, '--data', data]);
    const several = processes === 1 ? [] : [`--processes=${processes}`];
    const given = ['--prove-domains', `--s2s-resolver=${dns.address}`];
    const service = await Service.start(['start', '--data', data, ...anyPorts, ...given, ...several]);
    try {
      const { port } = service.addresses.c2s!;
      assert.match(await opening(port, 'localhost'), /<stream:features/, "the operator's own domain needs no proof");
      const added = await run('tenant', 'add', domain);
      assert.equal(added.code, 0, added.err);
      const [, text] = new RegExp(`_skylark-proof\\.${domain}\\. TXT "(skylark-proof=[\\w-]+)"`).exec(added.out)!;
      assert.match(await opening(port, domain), new RegExp(`<host-unknown.*${domain} is not served yet`, 's'));
      const early = await run('tenant', 'prove', domain);
      assert.deepEqual([early.code, early.out], [1, '']);
      assert.match(early.err, /is not proven: there is no TXT record/);
      dns.records.push({ name: `_skylark-proof.${domain}`, type: 'TXT', ttl: 1, data: text! });
      assert.deepEqual(await run('tenant', 'prove', domain), { out: `${domain} is served\n`, err: '', code: 0 });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.match(await opening(port, domain), /<stream:features/);
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });
}
