/** `skylark dns`: the records of RFC 6120 §3.2.1, XEP-0368, RFC 8555 §8.4 and XEP-0156, in three formats, and what it refuses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toUnicode } from 'tr46';
import { challengeOf, wantedNames } from '../../services/certificates/names.ts';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { dnsOptions } from '../../services/cli/dns/dns-options.ts';
import { hostNameOf, publicDomain } from '../../services/cli/dns/host-name.ts';
import { skylark } from './skylark-command.ts';

interface Printed {
  readonly domain: string;
  readonly unicode: string;
  readonly records: readonly { readonly name: string; readonly type: string; readonly data: string; readonly publish: boolean }[];
  readonly hostMeta: {
    readonly urls: readonly string[];
    readonly sources: readonly string[];
    readonly json: { readonly links: readonly { readonly href: string }[] };
  };
}

async function printed(...args: string[]): Promise<Printed> {
  const { out, err, code } = await skylark(['dns', ...args, '--format', 'json']);
  assert.deepEqual({ err, code }, { err: '', code: 0 });
  return JSON.parse(out) as Printed;
}

const published = ({ records }: Printed) =>
  records.filter(({ publish }) => publish).map(({ name, type, data }) => `${name} ${type} ${data}`);

test('a domain without federation gets the records of clients, and those of servers as comments', async () => {
  const { out, err, code } = await skylark(['dns', 'example.org', '--target', 'lb.example.net']);
  assert.deepEqual({ err, code }, { err: '', code: 0 });
  const lines = out.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
  const records = lines.filter((line) => line !== '' && !line.startsWith(';'));
  assert.deepEqual(records, [
    '_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 5222 lb.example.net.',
    '_xmpps-client._tcp.example.org. 3600 IN SRV 0 5 5223 lb.example.net.',
  ]);
  assert.ok(lines.includes('; _xmpp-server._tcp.example.org. 3600 IN SRV 0 5 5269 lb.example.net.'), out);
  assert.match(out, /For other servers, where their ports are open/);
  assert.match(out, /https:\/\/example\.org\/\.well-known\/host-meta\.json/);
});

test('with everything asked for, each record is there once', async () => {
  const all = ['--federation', '--acme-zone', 'acme.example.net', '--files-host', 'd1.cdn.example'];
  const found = await printed('example.org', '--target', 'lb.example.net', ...all, '--ports', 'c2s-tls=5223+443,s2s-tls=none');
  assert.deepEqual(published(found), [
    '_xmpp-client._tcp.example.org SRV 0 5 5222 lb.example.net.',
    '_xmpps-client._tcp.example.org SRV 0 5 5223 lb.example.net.',
    '_xmpps-client._tcp.example.org SRV 10 5 443 lb.example.net.',
    '_xmpp-server._tcp.example.org SRV 0 5 5269 lb.example.net.',
    '_xmpps-server._tcp.example.org SRV 0 0 0 .',
    '_xmpp-server._tcp.conference.example.org SRV 0 5 5269 lb.example.net.',
    '_xmpps-server._tcp.conference.example.org SRV 0 0 0 .',
    '_xmpp-server._tcp.pubsub.example.org SRV 0 5 5269 lb.example.net.',
    '_xmpps-server._tcp.pubsub.example.org SRV 0 0 0 .',
    '_acme-challenge.example.org CNAME example.org.acme.example.net.',
    '_acme-challenge.conference.example.org CNAME conference.example.org.acme.example.net.',
    '_acme-challenge.upload.example.org CNAME upload.example.org.acme.example.net.',
    '_acme-challenge.pubsub.example.org CNAME pubsub.example.org.acme.example.net.',
    'files.example.org CNAME d1.cdn.example.',
  ]);
});

test('aliases are of the names that certificates are made for, and point to where the renewal proves them', async () => {
  const zone = `${'z'.repeat(60)}.${'y'.repeat(60)}.example.net`;
  const domain = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
  const found = await printed(domain, '--target', 'lb.example.net', '--acme-zone', zone);
  const aliases = published(found).filter((record) => record.startsWith('_acme-challenge.'));
  assert.deepEqual(
    aliases,
    wantedNames(domain).map((name) => `${challengeOf(name, zone).alias} CNAME ${challengeOf(name, zone).target}.`),
  );
  assert.match(aliases[0]!, new RegExp(` [0-9a-f]{40}\\.${zone}\\.$`), 'too long to be said, so it is a hash');
});

test('browsers are told of pages and of WebSocket streams where each of them is', async () => {
  const hrefOf = ({ hostMeta }: Printed) => hostMeta.json.links[0]!.href;
  const sourceOf = ({ hostMeta }: Printed) => hostMeta.sources[0];
  const target = ['example.org', '--target', 'lb.example.net'];
  const one = await printed(...target);
  assert.deepEqual(
    [sourceOf(one), hrefOf(one)],
    ['https://lb.example.net/.well-known/host-meta', 'wss://lb.example.net/xmpp-websocket'],
  );
  const web = await printed(...target, '--web-host', 'web.example.net');
  assert.deepEqual(
    [sourceOf(web), hrefOf(web)],
    ['https://web.example.net/.well-known/host-meta', 'wss://web.example.net/xmpp-websocket'],
  );
  const apart = await printed(...target, '--web-host', 'web.example.net', '--websocket-host', 'lb.example.net');
  assert.deepEqual(
    [sourceOf(apart), hrefOf(apart)],
    ['https://web.example.net/.well-known/host-meta', 'wss://lb.example.net/xmpp-websocket'],
  );
});

test('a domain of other letters is printed as DNS has it', async () => {
  const found = await printed('Bücher.Example', '--target', 'straße.example');
  assert.equal(found.domain, 'xn--bcher-kva.example');
  assert.equal(found.unicode, 'bücher.example');
  assert.equal(published(found)[0], '_xmpp-client._tcp.xn--bcher-kva.example SRV 0 5 5222 xn--strae-oqa.example.');
  assert.deepEqual(found.hostMeta.urls[0], 'https://xn--bcher-kva.example/.well-known/host-meta');
});

test('Route 53 gets one change for each name and type', async () => {
  const args = ['--target', 'lb.example.net', '--ports', 'c2s-tls=5223+443', '--ttl', '60', '--format', 'route53'];
  const { out } = await skylark(['dns', 'example.org', ...args]);
  const batch = JSON.parse(out) as {
    Changes: {
      Action: string;
      ResourceRecordSet: { Name: string; Type: string; TTL: number; ResourceRecords: { Value: string }[] };
    }[];
  };
  assert.deepEqual(
    batch.Changes.map(({ Action, ResourceRecordSet: set }) => [Action, set.Name, set.Type, set.TTL, set.ResourceRecords]),
    [
      ['UPSERT', '_xmpp-client._tcp.example.org.', 'SRV', 60, [{ Value: '0 5 5222 lb.example.net.' }]],
      [
        'UPSERT',
        '_xmpps-client._tcp.example.org.',
        'SRV',
        60,
        [{ Value: '0 5 5223 lb.example.net.' }, { Value: '10 5 443 lb.example.net.' }],
      ],
    ],
  );
});

describe('text that is not a domain is refused with the reason', () => {
  const labels = (count: number) => Array(count).fill('a'.repeat(60)).join('.');
  for (const [domain, said] of [
    ['192.0.2.7', /is an address/],
    ['[2001:db8::7]', /is an address/],
    ['localhost', /not a name of the public DNS/],
    ['printer.local', /not a name of the public DNS/],
    ['example', /one label only/],
    ['a..b', /is not a domain name/],
    ['juliet@example.org', /is not a domain name/],
    ['example.org/x', /is not a domain name/],
    ['example.org. 60 IN TXT x', /is not a domain name/],
    ['example.org\n; x', /is not a domain name/],
    ['_xmpp.example.org', /is not a domain name/],
    ['-a.example', /is not a domain name/],
    [`${'a'.repeat(64)}.example`, /is not a domain name/],
    [labels(5), /is not a domain name/],
    ['', /is not a domain name/],
  ] as const) {
    test(JSON.stringify(domain).slice(0, 60), () => assert.throws(() => publicDomain(domain), said));
  }
  test('a domain that has no room for what stands before it', async () => {
    const { err, code } = await skylark(['dns', labels(4), '--target', 'lb.example.net']);
    assert.match(err, /the domain is too long/);
    assert.equal(code, 2);
  });
});

describe('wrong options are refused', () => {
  for (const [args, said] of [
    [['--target', '192.0.2.1'], /--target: '192\.0\.2\.1' is not allowed; it takes a host name/],
    [['--target', 'a\nb'], /is not allowed/],
    [['--ports', 'c2s'], /--ports: 'c2s' is not allowed/],
    [['--ports', 'c2s=0'], /is not allowed/],
    [['--ports', 'c2s=65536'], /is not allowed/],
    [['--ports', 'c2s=1+1'], /is not allowed/],
    [['--ports', 'c2s=1,c2s=2'], /is not allowed/],
    [['--ports', 'smtp=25'], /is not allowed/],
    [['--ports', 'c2s=1+2+3+4+5'], /is not allowed/],
    [['--acme-zone', 'a..b'], /--acme-zone: 'a\.\.b' is not allowed/],
    [['--format', 'xml'], /'zone' or 'json' or 'route53'/],
    [['--ttl', '0'], /a number from 1 to 604800/],
  ] as const) {
    test(args.join(' '), () => assert.throws(() => readArguments('dns', dnsOptions, args, {}), said));
  }
  for (const [args, said] of [
    [['dns'], /needs a DOMAIN/],
    [['dns', 'example.org'], /--target is needed/],
    [['dns', 'example.org', 'example.net', '--target', 'x.example'], /an unexpected argument/],
  ] as const) {
    test(args.join(' '), async () => {
      const { out, err, code } = await skylark(args);
      assert.match(err, said);
      assert.deepEqual({ out, code }, { out: '', code: 2 });
    });
  }
});

test('a host name comes back the same when it is read again', () => {
  for (const name of ['example.org', 'Bücher.example', 'xn--bcher-kva.example', 'faß.de', '例え.テスト', 'a-b.c0.example.']) {
    const ascii = hostNameOf(name);
    assert.ok(ascii !== undefined && /^[a-z0-9.-]+$/.test(ascii), name);
    assert.equal(hostNameOf(ascii), ascii);
    assert.equal(hostNameOf(toUnicode(ascii).domain), ascii);
  }
});
