/** `skylark doctor` looks at a Skylark in good health, and at records and certificates that are wrong. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Answer } from 'dns-packet';
import { UsageError } from '../../services/cli/core/report.ts';
import { type Authority, createAuthority } from '../support/authority.ts';
import { addressRecord, aliasRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { Examination } from './doctor-run.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const domain = 'example.org';
const host = 'lb.example.net';
const folder = temporaryFolder();
const ca = join(folder, 'ca.pem');
let authority: Authority;
let service: Service;
let port: { readonly c2s: number; readonly c2sTls: number; readonly https: number };
const servers: DnsServer[] = [];

before(async () => {
  authority = await createAuthority();
  writeFileSync(ca, authority.cert);
  const { cert, key } = await authority.issue([domain, `*.${domain}`]);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const data = join(folder, 'data');
  const own = ['--domain', domain, '--data', data, '--cert', files.cert, '--key', files.key];
  service = await Service.start(['start', ...own, ...anyPorts]);
  const at = (name: string) => service.addresses[name]!.port;
  port = { c2s: at('c2s'), c2sTls: at('c2sTls'), https: at('https') };
  const added = await skylark(['user', 'add', `juliet@${domain}`, '--password', 'capulet', '--data', data]);
  assert.equal(added.code, 0, added.err);
});

after(async () => {
  for (const server of servers) server.close();
  await service?.stop();
  removeFolder(folder);
});

async function dns(...records: Answer[]): Promise<DnsServer> {
  const server = await startDnsServer(records);
  servers.push(server);
  return server;
}

/** All that a domain without federation has. */
function sound(): Answer[] {
  return [
    srvRecord(`_xmpp-client._tcp.${domain}`, host, port.c2s),
    srvRecord(`_xmpps-client._tcp.${domain}`, host, port.c2sTls),
    addressRecord(host),
    addressRecord(domain),
    aliasRecord(`_acme-challenge.${domain}`, `${domain}.acme.example.net`),
    aliasRecord(`_acme-challenge.conference.${domain}`, `conference.${domain}.acme.example.net`),
    aliasRecord(`_acme-challenge.upload.${domain}`, `upload.${domain}.acme.example.net`),
  ];
}

const examine = (server: DnsServer, ...more: string[]) =>
  Examination.run([domain, '--dns', server.address, '--ca', ca, '--web-port', `${port.https}`, '--timeout', '40', ...more]);

describe('a Skylark in good health', () => {
  test('passes, as text and with an account as well', async () => {
    const server = await dns(...sound());
    const found = await examine(server, '--user', 'juliet', '--password', 'capulet', '--acme-zone', 'acme.example.net');
    assert.deepEqual(found.failures, []);
    const [clear, direct] = [`${host}:${port.c2s}`, `${host}:${port.c2sTls}`];
    found.says('ok', /accepts connections/, clear);
    found.says('ok', /STARTTLS is offered and required/, clear);
    found.says('ok', /nobody can sign in without TLS/, clear);
    found.says('ok', /TLS from the first byte, ALPN xmpp-client/, direct);
    for (const subject of [clear, direct]) {
      found.says('ok', /^TLS 1\.3$/, subject);
      found.says('ok', /certificate for example\.org, good for (?:89|90) days, issued by Test Authority/, subject);
      found.says('ok', /signing in with SCRAM-SHA-256-PLUS, .*PLAIN/, subject);
      found.says('ok', /channel binding is announced: tls-exporter/, subject);
    }
    found.says('ok', /there is no record for servers/, 'federation');
    for (const name of ['host-meta', 'host-meta.json'])
      found.says('ok', /names wss:.*for any origin/, `https://${domain}:${port.https}/.well-known/${name}`);
    found.says('ok', /answers <open\/>/, `wss://${domain}:${port.https}/xmpp-websocket`);
    found.says('ok', /CNAME conference\.example\.org\.acme\.example\.net/);
    found.says('ok', /signs in with SCRAM-SHA-256/, `juliet@${domain}`);
    found.says('ok', /rooms at conference\.example\.org/);
    found.says('ok', /nodes at pubsub\.example\.org/);
    found.says('ok', /uploads at upload\.example\.org/);
    found.says('ok', /^a message arrives after \d+ ms$/);
    found.says('ok', /^a room passes a message on after \d+ ms$/, 'conference.example.org');
    const text = await skylark(['doctor', domain, '--dns', server.address, '--ca', ca, '--web-port', `${port.https}`]);
    assert.equal(text.code, 0, text.out);
    assert.match(text.out, /^ok {4}lb\.example\.net:\d+: STARTTLS is offered and required$/m);
    assert.match(text.out, /^warn {2}_xmpp-client\._tcp\.example\.org: .*inner networks only\n {6}→ nobody reaches it/m);
    assert.match(text.out, /\nexample\.org: \d+ checks, 0 failed, \d+ with a warning\n$/);
  });

  test('a password that is wrong is refused, and one that is piped in is taken', async () => {
    const server = await dns(...sound());
    const wrong = await examine(server, '--user', 'juliet', '--password', 'montague');
    wrong.says('fail', /the server refuses the sign-in: not-authorized/, `juliet@${domain}`);
    const args = [domain, '--dns', server.address, '--ca', ca, '--web-port', `${port.https}`, '--user', 'juliet'];
    const { out, err, code } = await skylark(['doctor', ...args, '--json'], { input: 'capulet\n' });
    assert.deepEqual({ err, code }, { err: '', code: 0 });
    assert.ok(!out.includes('capulet'));
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.ok(
      lines.some(({ state, subject, text }) => state === 'ok' && subject === `juliet@${domain}` && /signs in/.test(`${text}`)),
    );
    assert.deepEqual(lines.at(-1), {
      domain,
      checks: lines.length - 1,
      failed: 0,
      warned: lines.filter(({ state }) => state === 'warn').length,
    });
  });
});

describe('what is wrong with the records is told', { concurrency: true }, () => {
  test('nothing is there, and the exit code says so', async () => {
    const server = await dns();
    const { out, err, code } = await skylark(['doctor', domain, '--dns', server.address]);
    assert.deepEqual({ err, code }, { err: '', code: 1 });
    assert.match(out, /^fail {2}_xmpp-client\._tcp\.example\.org: there is no record, nor an address/m);
    const found = await examine(server);
    found.says('fail', /there is no record, nor an address of the domain/, `_xmpp-client._tcp.${domain}`);
    found.says('warn', /there is no record/, `_xmpps-client._tcp.${domain}`);
    found.says('warn', /there is no CNAME/, `_acme-challenge.${domain}`);
    found.says('ok', /there is no record for servers/, 'federation');
  });

  test('a port where nothing listens, a target without address, one that is an alias, and one that says no', async () => {
    const records = sound().filter(({ type }) => type !== 'SRV');
    const found = await examine(
      await dns(
        ...records,
        srvRecord(`_xmpp-client._tcp.${domain}`, host, 1),
        srvRecord(`_xmpp-client._tcp.${domain}`, 'gone.example.net', 5222, 10),
        srvRecord(`_xmpps-client._tcp.${domain}`, 'alias.example.net', port.c2sTls),
        aliasRecord('alias.example.net', host),
        addressRecord('alias.example.net'),
        srvRecord(`_xmpp-server._tcp.${domain}`, '.', 0),
      ),
    );
    found.says('fail', /the connection is refused: nothing listens there/, `${host}:1`);
    found.says('fail', /its target gone\.example\.net has no address/);
    found.says('warn', /alias\.example\.net is a CNAME, which RFC 2782 forbids/);
    found.says('ok', /there is no such service/, `_xmpp-server._tcp.${domain}`);
    found.says('ok', /there is no record for servers/, 'federation');
  });

  test('one of several addresses where nobody listens', async () => {
    const found = await examine(await dns(...sound(), addressRecord(host, '127.0.0.77')));
    const connections = found.findings.filter(({ subject }) => subject === `${host}:${port.c2s}`);
    assert.equal(connections.filter(({ text }) => /127\.0\.0\.1 accepts connections/.test(text)).length, 1, found.text);
    assert.equal(connections.filter(({ state }) => state === 'fail').length, 1, found.text);
    found.says('fail', /the connection is refused/, `${host}:${port.c2s}`);
  });

  test('a record for servers where no server listens', async () => {
    for (const service of ['conference', 'pubsub']) {
      const found = await examine(await dns(...sound(), srvRecord(`_xmpp-server._tcp.${service}.${domain}`, host, 1)));
      const named = new RegExp(`_xmpp-server\\._tcp\\.${service}\\.example\\.org names it, and the connection is refused`);
      found.says('fail', named, `${host}:1`);
      assert.ok(!found.findings.some(({ subject }) => subject === 'federation'));
    }
  });

  test('the ports of STARTTLS and direct TLS are changed for each other', async () => {
    const records = sound().filter(({ type }) => type !== 'SRV');
    const found = await examine(
      await dns(
        ...records,
        srvRecord(`_xmpp-client._tcp.${domain}`, host, port.c2sTls),
        srvRecord(`_xmpps-client._tcp.${domain}`, host, port.c2s),
      ),
      '--timeout',
      '6',
    );
    assert.ok(
      found.failures.some((text) => text.startsWith(`${host}:${port.c2s}: `)),
      found.text,
    );
    assert.ok(
      found.failures.some((text) => text.startsWith(`${host}:${port.c2sTls}: `)),
      found.text,
    );
  });

  test('an _acme-challenge of rooms or uploads that is missing leaves them out of the certificate, which is renewed all the same', async () => {
    const records = sound().filter(({ name }) => !/^_acme-challenge\.(?:conference|upload)\./.test(name));
    const found = await examine(await dns(...records), '--acme-zone', 'acme.example.net');
    assert.deepEqual(found.failures, []);
    for (const name of ['conference', 'upload']) found.says('warn', /there is no CNAME/, `_acme-challenge.${name}.${domain}`);
    found.says('ok', /CNAME example\.org\.acme\.example\.net/, `_acme-challenge.${domain}`);
  });

  test('an _acme-challenge that is missing keeps the certificate from being renewed', async () => {
    const records = sound().filter(({ name }) => name !== `_acme-challenge.${domain}`);
    const found = await examine(await dns(...records), '--acme-zone', 'acme.example.net');
    found.says('fail', /there is no CNAME/, `_acme-challenge.${domain}`);
  });

  test('an _acme-challenge that points elsewhere', async () => {
    const found = await examine(await dns(...sound()), '--acme-zone', 'acme.other.example');
    found.says('fail', /the CNAME points to example\.org\.acme\.example\.net/, `_acme-challenge.${domain}`);
  });

  test('a name server that says nothing', async () => {
    const server = await dns();
    server.isSilent = true;
    const found = await examine(server, '--timeout', '3');
    found.says('fail', /DNS does not answer/, `_xmpp-client._tcp.${domain}`);
  });
});

describe('certificates that nobody should take', { concurrency: true }, () => {
  test('of an authority that is not known', async () => {
    const server = await dns(...sound());
    const found = await Examination.run([
      ...[domain, '--dns', server.address, '--web-port', `${port.https}`],
      ...['--user', 'juliet', '--password', 'capulet'],
    ]);
    found.says('fail', /the chain of the certificate does not hold/, `${host}:${port.c2s}`);
    found.says('fail', /the password was not sent: no stream is safe/);
    found.says('warn', /certificate/, `https://${domain}:${port.https}/.well-known/host-meta`);
  });

  test('of a domain that the server does not serve', async () => {
    const other = 'other.example';
    const server = await dns(
      srvRecord(`_xmpps-client._tcp.${other}`, host, port.c2sTls),
      addressRecord(host),
      addressRecord(other),
    );
    const found = await Examination.run([other, '--dns', server.address, '--ca', ca, '--web-port', `${port.https}`]);
    found.says('fail', /the certificate is not for other\.example, but for DNS:example\.org/, `${host}:${port.c2sTls}`);
    found.says('fail', /stream error host-unknown/, `${host}:${port.c2sTls}`);
  });
});

describe('wrong arguments are refused', () => {
  for (const [args, said] of [
    [[], /needs a DOMAIN/],
    [['a..b'], /is not a domain name/],
    [[domain, 'x'], /an unexpected argument/],
    [[domain, '--dns', 'ns.example'], /--dns: 'ns\.example' is not allowed; it takes an IP address/],
    [[domain, '--dns', '127.0.0.1:0'], /is not allowed/],
    [[domain, '--ca', '/nowhere/ca.pem'], /--ca: '\/nowhere\/ca\.pem' cannot be read: no such file/],
    [[domain, '--password', 'x'], /--password needs --user/],
    [[domain, '--user', 'a b', '--password', 'x'], /--user: 'a b' is not allowed/],
    [[domain, '--timeout', '0'], /a number from 1 to 600/],
  ] as const) {
    test(args.join(' '), async () => {
      await assert.rejects(
        async () => Examination.run(args),
        (error: Error) => error instanceof UsageError && said.test(error.message),
      );
    });
  }
});
