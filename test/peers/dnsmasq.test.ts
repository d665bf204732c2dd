/** Servers are found through a name server that people use: Debian's dnsmasq, over UDP, and over TCP where answers are long. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Resolver } from '../../services/federation/finding/resolver.ts';
import { allOf, finderWith, type Listener, listenOn } from '../federation/finding-ground.ts';
import { freePorts } from '../support/free-ports.ts';

const plain = '_xmpp-server._tcp.';
const direct = '_xmpps-server._tcp.';

let dnsmasq: ChildProcess;
let listener: Listener;
let resolver: Resolver;

before(async () => {
  const [port] = (await freePorts(1)) as [number];
  listener = await listenOn('127.0.0.2');
  const records = [
    ['srv-host', `${plain}a.example,late.a.example,${listener.port},20,0`],
    ['srv-host', `${direct}a.example,early.a.example,${listener.port},10,0`],
    ['srv-host', `${plain}none.example`], // the target ".", as dnsmasq has it
    ['host-record', 'early.a.example,127.0.0.2,::1'],
    ['host-record', 'host.b.example,127.0.0.2'],
    ['cname', 'late.a.example,host.b.example'],
    ['host-record', 'b.example,127.0.0.8'],
    ...Array.from({ length: 30 }, (_, index) => ['srv-host', `${plain}many.example,${'long'.repeat(10)}${index}.example,5269`]),
    ...['local=/example/', 'no-resolv', 'no-hosts', 'keep-in-foreground', 'log-facility=-'].map((each) => each.split('=')),
    ['listen-address', '127.0.0.1'],
    ['port', `${port}`],
    ['local-ttl', '60'],
    ['user', 'root'],
  ];
  dnsmasq = spawn(
    'dnsmasq',
    [
      '--conf-file=/dev/null',
      '--bind-interfaces',
      ...records.map(([name, value]) => `--${name}${value === undefined ? '' : `=${value}`}`),
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  dnsmasq.stderr!.setEncoding('utf8');
  for await (const text of dnsmasq.stderr!) {
    said += text;
    if (said.includes('started')) break;
  }
  assert.match(said, /started/);
  resolver = new Resolver({ clock: systemClock, servers: [`127.0.0.1:${port}`] });
});

after(async () => {
  dnsmasq.kill();
  await once(dnsmasq, 'exit');
  await listener[Symbol.asyncDispose]();
});

test('records of both kinds in order, an alias, and a domain of its own', async () => {
  const finder = finderWith({ resolver, networks: ['127.0.0.0/8'] });
  const [went, error] = await allOf(finder, 'a.example');
  assert.deepEqual(went, [`127.0.0.2 ${listener.port} TLS`, `127.0.0.2 ${listener.port}`]);
  assert.match(error, /^Unreachable: .*::1 is a loopback address/);
  assert.match((await allOf(finder, 'b.example'))[1], /^Unreachable: b\.example port 5269: 127\.0\.0\.8 /);
});

test('what does not exist, and what says that it is not served', async () => {
  const finder = finderWith({ resolver });
  assert.match((await allOf(finder, 'gone.example'))[1], /^NoSuchDomain: /);
  assert.match((await allOf(finder, 'none.example'))[1], /^NoSuchDomain: none\.example says in DNS/);
});

test('RFC 7766: thirty long records come over TCP', async () => {
  const records = await resolver.services(`${plain}many.example`);
  assert.equal(records.length, 30);
});
