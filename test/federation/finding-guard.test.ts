/** What a stranger's DNS cannot make us connect to. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { AddressGuard } from '../../services/federation/finding/address-guard.ts';
import { address, allOf, finderWith, listenOn, NameServer, srv } from './finding-ground.ts';

const guard = new AddressGuard();

for (const [what, addresses] of [
  ['private', '10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1'],
  ['loopback', '127.0.0.1 127.255.255.254 ::1'],
  ['link-local', '169.254.169.254 fe80::1 febf::1'],
  ['private IPv6', 'fc00::1 fd12:3456::1 fec0::1'],
  ['behind a carrier’s NAT', '100.64.0.1 100.127.255.255'],
  ['for many', '224.0.0.1 239.255.255.255 255.255.255.255 ff02::1'],
  ['for nobody', '0.0.0.0 0.1.2.3 :: 100::1'],
  [
    'for measurements and documents',
    '198.18.0.1 198.19.255.255 192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1 2001:2::1',
  ],
  ['kept for later', '240.0.0.1 192.0.0.1 2001:10::1 5f00::1'],
  ['IPv4-mapped', '::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:a9fe:a9fe'],
  ['IPv4-compatible and translated', '::7f00:2 ::10.0.0.1 ::ffff:0:10.0.0.1'],
  ['6to4', '2002:0a00:0001:: 2002:7f00:0001::1 2002:c0a8:0101::1'],
  ['Teredo', '2001:0:0a00:1::1 2001:0:4136:e378:8000:63bf:f5ff:fffe 2001:0:4136:e378:8000:63bf:80ff:fffe'],
  ['NAT64', '64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808'],
  ['ISATAP', '2a00:1450::5efe:10.0.0.1 2a00:1450::200:5efe:10.0.0.1'],
  ['with a zone, or none at all', 'fe80::1%lo 2a00:1450::1%eth0 example.org 010.0.0.1x'],
] as const) {
  test(`refused: addresses that are ${what}`, () => {
    for (const each of addresses.split(' ')) assert.notEqual(guard.refusal(each, 5_269), undefined, each);
  });
}

test('let through: addresses of the internet, also inside of other forms', () => {
  const addresses = '9.9.9.9 172.32.0.1 100.128.0.1 2a00:1450::1 2620:fe::fe ::ffff:9.9.9.9 64:ff9b::9.9.9.9 2002:0909:0909::1';
  for (const each of addresses.split(' ')) assert.equal(guard.refusal(each, 5_269), undefined, each);
});

test('ports below 1024 are refused but for 443', () => {
  for (const port of [0, 22, 25, 53, 80, 1_023, 65_536, 1.5])
    assert.match(guard.refusal('9.9.9.9', port) ?? '', /port/, `${port}`);
  for (const port of [443, 1_024, 5_269, 65_535]) assert.equal(guard.refusal('9.9.9.9', port), undefined, `${port}`);
});

test('networks that the operator names are let through, and no others', () => {
  const lifted = new AddressGuard({ networks: ['10.0.0.0/8', 'fd00::/8', '192.168.7.7'] });
  for (const each of ['10.9.9.9', '::ffff:10.9.9.9', 'fd00::1', '192.168.7.7', '64:ff9b::10.1.1.1'])
    assert.equal(lifted.refusal(each, 5_269), undefined, each);
  assert.equal(lifted.refusal('10.9.9.9', 80), undefined);
  for (const each of ['192.168.7.8', '127.0.0.1', 'fc00::1', '172.16.0.1'])
    assert.notEqual(lifted.refusal(each, 5_269), undefined, each);
  assert.throws(() => new AddressGuard({ networks: ['10.0.0.0/33'] }), /'10\.0\.0\.0\/33' is not a network/);
  assert.throws(() => new AddressGuard({ networks: ['example.org'] }), /is not a network/);
});

test('our own listeners are refused whatever networks are named, and one on all addresses counts on each', () => {
  const own = [
    { address: '127.0.0.2', port: 5_269 },
    { address: '::', port: 5_270 },
  ];
  const lifted = new AddressGuard({ networks: ['0.0.0.0/0', '::/0'], ownAddresses: () => own });
  assert.match(lifted.refusal('127.0.0.2', 5_269)!, /this server itself/);
  assert.match(lifted.refusal('::ffff:127.0.0.2', 5_269)!, /this server itself/);
  assert.equal(lifted.refusal('127.0.0.3', 5_269), undefined);
  assert.match(lifted.refusal('127.0.0.3', 5_270)!, /this server itself/);
  for (const each of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []))
    if (!each.address.startsWith('fe80')) assert.match(lifted.refusal(each.address, 5_270)!, /this server itself/);
  assert.equal(lifted.refusal('9.9.9.9', 5_270), undefined);
});

test('a domain whose DNS leads to private addresses or other services is not dialled, and the next domain is', async () => {
  await using secret = await listenOn('127.0.0.7');
  await using server = await NameServer.start([
    srv('_xmpp-server._tcp.a.example', 'x.a.example', secret.port),
    srv('_xmpp-server._tcp.a.example', 'mail.a.example', 25),
    address('x.a.example', '127.0.0.7'),
    address('x.a.example', '::ffff:127.0.0.7'),
    address('mail.a.example', '9.9.9.9'),
    address('b.example', '127.0.0.8'),
  ]);
  const finder = finderWith({ server, networks: ['127.0.0.8'] });
  const [went, error] = await allOf(finder, 'a.example');
  assert.deepEqual(went, []);
  assert.match(error, /^Forbidden: .*127\.0\.0\.7 is a loopback address/);
  assert.match(error, /port 25 is not for XMPP/);
  assert.equal(secret.count, 0);
  assert.match((await allOf(finder, 'b.example'))[1], /^Unreachable: b\.example port 5269: 127\.0\.0\.8 /);
});

test('an address as a domain is checked like any other', async () => {
  const finder = finderWith({ networks: [] });
  assert.deepEqual(await allOf(finder, '127.0.0.7'), [[], 'Forbidden: 127.0.0.7 port 5269: 127.0.0.7 is a loopback address']);
  assert.deepEqual(await allOf(finder, '[::1]'), [[], 'Forbidden: ::1 port 5269: ::1 is a loopback address']);
  assert.deepEqual(await allOf(finder, '[::ffff:169.254.169.254]'), [
    [],
    'Forbidden: ::ffff:169.254.169.254 port 5269: ::ffff:169.254.169.254 is a link-local address',
  ]);
  assert.match((await allOf(finder, 'localhost'))[1], /^Forbidden: .*loopback/);
  assert.match((await allOf(finderWith({}), '127.0.0.7'))[1], /^Unreachable: 127\.0\.0\.7 port 5269: /);
});

test('DNS that changes its answer between the check and the dial gains nothing: the checked address is dialled', async () => {
  await using secret = await listenOn('127.0.0.7');
  await using server = await NameServer.start();
  let answers = 0;
  server.respond = (query) => {
    server.records = [
      srv('_xmpp-server._tcp.a.example', 'x.a.example', secret.port),
      address('x.a.example', ++answers % 2 === 0 ? '127.0.0.8' : '127.0.0.7', 0),
    ];
    return [server.honest(query)];
  };
  for (let round = 0; round < 8; round++) await allOf(finderWith({ server, networks: ['127.0.0.8'] }), 'a.example');
  assert.ok(answers > 20, 'each finder asks anew');
  assert.equal(secret.count, 0);
});
