/** What is done to the streams between the deployment and other servers: to their owners, to the servers, to the network, and to DNS. */
import { draw, type Fault, freeze, kill, pause, roll, type Scene, show } from './fault-tools.ts';
import { ourDomains } from './neighbourhood.ts';
import type { Done } from './round.ts';
import type { GateWeather, TcpGate } from './tcp-gate.ts';

const seconds = {
  down: [1, 12],
  frozen: [2, 35],
  gone: [6, 10],
  slow: [6, 12],
  holed: [3, 12],
  away: [70, 100],
  dns: [7, 14],
} as const;
/** How long messages wait for a server that is gone, in the round that is about it, and otherwise. */
const holdSeconds = { short: 2, usual: 3_600 };
const cuts = 4;
/** Answers that were kept are forgotten by then. */
const dnsKeptMs = 6_000;
/** Later than anybody waits for. */
const dnsLateMs = 3_000;
const servfail = 2;

export const faultsAbroad: Readonly<Record<string, Fault>> = {
  'kill-federation': (scene) => kill(scene, 'federation'),
  'freeze-federation': (scene) => freeze(scene, 'federation'),
  'roll-federation': (scene) => roll(scene, 'federation'),
  'peer-kill': killPeer,
  'peer-freeze': freezePeer,
  'peer-gone': losePeer,
  'peer-slow': (scene) => changeWeather(scene, 'slow', seconds.slow),
  'peer-cut': cutStreams,
  'peer-swallowing': (scene) => changeWeather(scene, 'swallowing', seconds.holed),
  'peer-mute': (scene) => changeWeather(scene, 'mute', seconds.holed),
  'peer-deaf-and-mute': (scene) => changeWeather(scene, 'deaf and mute', seconds.holed),
  'peer-away': (scene) => changeWeather(scene, 'closed', seconds.away),
  'dns-silent': (scene) => loseDns(scene, 'says nothing', (dns) => Object.assign(dns, { isSilent: true })),
  'dns-late': (scene) => loseDns(scene, 'answers late', (dns) => Object.assign(dns, { delayMs: dnsLateMs })),
  'dns-servfail': (scene) => loseDns(scene, 'says SERVFAIL', (dns) => Object.assign(dns, { failureCode: servfail })),
};

export const faultsOfProsody: Readonly<Record<string, Fault>> = {
  'prosody-kill': killProsody,
  'prosody-freeze': freezeProsody,
  'prosody-cut': ({ deployment: { around }, random }) => cut([around.toProsody!, around.fromPeers], random.between(500, 1_500)),
};

async function killPeer({ deployment, random }: Scene): Promise<string> {
  const { peer } = deployment.around;
  const ms = draw(random, seconds.down);
  deployment.interruptions.push({ hosts: peer.domains, atMs: performance.now() });
  await peer.kill();
  await pause(ms);
  await peer.start();
  return `kill -9 of the other Skylark, back after ${show(ms)}`;
}

/** For longer than messages wait: they bounce. */
async function losePeer({ deployment, random }: Scene): Promise<string> {
  const { peer } = deployment.around;
  const ms = draw(random, seconds.gone);
  for (const domain of ourDomains) await deployment.command('tenant', 'set', domain, '--hold', `${holdSeconds.short}`);
  deployment.interruptions.push({ hosts: peer.domains, atMs: performance.now() });
  await peer.kill();
  await pause(ms);
  await peer.start();
  for (const domain of ourDomains) await deployment.command('tenant', 'set', domain, '--hold', `${holdSeconds.usual}`);
  return `kill -9 of the other Skylark, for longer than ${holdSeconds.short} s of hold`;
}

async function freezePeer({ deployment, random }: Scene): Promise<string> {
  const { peer } = deployment.around;
  const ms = draw(random, seconds.frozen);
  deployment.interruptions.push({ hosts: peer.domains, atMs: performance.now() });
  peer.freeze();
  await pause(ms);
  peer.thaw();
  return `the other Skylark stopped for ${show(ms)}`;
}

async function changeWeather(scene: Scene, weather: GateWeather, range: readonly [number, number]): Promise<string> {
  const { around } = scene.deployment;
  const ms = draw(scene.random, range);
  const gates = scene.random.pick([[around.toPeer], [around.fromPeers], [around.toPeer, around.fromPeers]]);
  for (const gate of gates) gate.weather = weather;
  if (weather === 'closed') for (const gate of gates) gate.cut();
  await pause(ms);
  around.heal();
  return `${gates.length === 2 ? 'both ways' : gates[0] === around.toPeer ? 'streams to it' : 'streams to us'} ${weather} for ${show(ms)}`;
}

function cutStreams({ deployment: { around }, random }: Scene): Promise<string> {
  return cut([around.toPeer, around.fromPeers], random.between(500, 1_500));
}

async function cut(gates: readonly TcpGate[], everyMs: number): Promise<string> {
  let count = 0;
  for (let turn = 0; turn < cuts; turn++) {
    for (const gate of gates) count += gate.cut();
    await pause(everyMs);
  }
  return `${count} connections between servers reset`;
}

/** Streams that are open need no DNS, so they are broken, too. */
async function loseDns({ deployment: { around }, random }: Scene, what: string, how: (dns: object) => void): Promise<string> {
  const ms = draw(random, seconds.dns);
  how(around.dns);
  await pause(dnsKeptMs);
  const count = around.gates.reduce((sum, gate) => sum + gate.cut(), 0);
  await pause(ms);
  around.heal();
  return `DNS ${what} for ${show(ms + dnsKeptMs)}, with ${count} connections reset`;
}

async function killProsody({ deployment: { around }, random }: Scene): Promise<Done> {
  const ms = draw(random, seconds.down);
  const theirsKilledMs = performance.now();
  await around.prosody!.kill('SIGKILL');
  await pause(ms);
  await around.prosody!.start();
  return { story: `kill -9 of Prosody, back after ${show(ms)}`, theirsKilledMs };
}

async function freezeProsody({ deployment: { around }, random }: Scene): Promise<string> {
  const ms = draw(random, seconds.frozen);
  await around.prosody!.kill('SIGSTOP');
  await pause(ms);
  await around.prosody!.kill('SIGCONT');
  return `Prosody stopped for ${show(ms)}`;
}
