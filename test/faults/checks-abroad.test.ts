/** The checks of what was said to other servers see what they are there for. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../simulator/random.ts';
import { until } from '../support/until.ts';
import type { Archived } from './archive-reader.ts';
import { check, type Findings, isAllHeard } from './checks.ts';
import { type Break, checkAbroad, type EvidenceAbroad, type FindingsAbroad, upMaxMs } from './checks-abroad.ts';
import type { Door } from './door.ts';
import { type Got, Journal, type Said } from './journal.ts';
import { reportRound } from './report.ts';
import { StreamEnds } from './stream-ends.ts';
import { type GateWeather, TcpGate } from './tcp-gate.ts';

const [juliet, romeo, mercutio] = ['juliet@a.example', 'romeo@b.example', 'mercutio@p.example'];
const healedMs = 10_000;

interface Story {
  readonly said?: Partial<Said>[];
  /** By Romeo. */
  readonly got?: Partial<Got>[];
  readonly archives?: Record<string, string[]>;
  readonly breaks?: Break[];
  readonly to?: string;
  readonly isTheirs?: EvidenceAbroad['isTheirs'];
  readonly seen?: string;
}

/** Juliet says 1, 2 and 3 to Romeo at another server, the third when all is healed; what is not told otherwise went well. */
function tell({ said = [], got, archives, breaks = [], to = romeo, isTheirs, seen = 'here' }: Story) {
  const journal = new Journal();
  const all = [1, 2, 3].map((number) => ({ id: `c${number}`, number, saidMs: number === 3 ? healedMs : number * 1_000 }));
  for (const { id, number, saidMs } of all) {
    const usual = {
      ...{ id, from: juliet, to, isGroup: false, isAbroad: true, number },
      saidMs,
      round: 1,
      copies: 1,
      repeats: 0,
    };
    journal.said.set(id, { ...usual, ackedMs: saidMs + 1, ...said.find((each) => each.id === id) });
  }
  for (const each of got ?? all.map(({ id, saidMs }) => ({ id, atMs: saidMs + 10 }))) {
    const usual = { stanzaId: `s-${each.id}`, from: juliet, isGroup: false, session: 1, way: 'live', atMs: 20_000 } as const;
    journal.hear(to, { ...usual, ...each } as Got);
  }
  const ids = ['c1', 'c2', 'c3'];
  const kept = { [juliet]: ids, ...(to === romeo && { [romeo]: ids }), ...archives };
  const entries = (names: string[]): Archived[] => names.map((id) => ({ id: id.replace(/\+.*/, ''), stanzaId: `s-${id}` }));
  const evidence: EvidenceAbroad = {
    ...{ journal, round: 1, breaks, healedMs, hearersOf: (address: string) => [address], unread: new Set([mercutio]) },
    ...(isTheirs && { isTheirs }),
    archives: new Map(Object.entries(kept).map(([place, names]) => [place, entries(names)])),
    pairs: [[juliet, to]],
    shown: [{ who: to, of: juliet, due: 'here', seen }],
  };
  const [findings, abroad] = [check(evidence), checkAbroad(evidence)];
  const about = { kind: 'peer-cut', journal, round: 1, tookMs: 1, faults: [] };
  return { findings, abroad, faults: reportRound(findings, abroad, about).faults, isAllHeard: isAllHeard(evidence) };
}

const nothing: Partial<Findings> = { lost: [], duplicated: [], reordered: [], late: 0, resentTwice: 0 };
const fine: FindingsAbroad = {
  ...{
    said: 3,
    delivered: 3,
    bounced: 0,
    bouncedByThem: 0,
    conditions: {},
    bouncedAndDelivered: 0,
    lostByThem: 0,
    unexplained: [],
    doubled: 0,
  },
  ...{ unconfirmed: 0, breaks: 0, upMs: 10, down: [], notShown: [] },
};

test('nothing is found where all went well', () => {
  const { findings, abroad, faults } = tell({});
  assert.deepEqual({ ...findings, ...nothing }, findings);
  assert.deepEqual([abroad, faults], [fine, []]);
});

test('what was acknowledged, and neither came to the other server nor bounced, is lost', () => {
  const got = [{ id: 'c1' }, { id: 'c3', atMs: healedMs + 1 }];
  const lost = tell({ got, archives: { [romeo]: ['c1', 'c3'] } });
  assert.equal(lost.findings.lost.length, 2, 'not in his archive, and not with his client');
  assert.equal(lost.isAllHeard, false);
  assert.equal(lost.faults.length, 2);
  const bounced = tell({ got, archives: { [romeo]: ['c1', 'c3'] }, said: [{ id: 'c2', refused: 'remote-server-timeout' }] });
  assert.deepEqual([bounced.findings.lost, bounced.faults, bounced.isAllHeard], [[], [], true]);
  assert.deepEqual([bounced.abroad.bounced, bounced.abroad.bouncedAndDelivered], [1, 0]);
  assert.equal(tell({ said: [{ id: 'c2', refused: 'remote-server-timeout' }] }).abroad.bouncedAndDelivered, 1);
});

test('what came to the other server and did not reach its client is lost, too', () => {
  assert.equal(tell({ got: [{ id: 'c1' }, { id: 'c3', atMs: healedMs + 1 }] }).findings.lost.length, 1);
});

test('what comes behind a later one of its sender is out of order, and so is what waited for the server', () => {
  const third = { id: 'c3', atMs: healedMs + 1 };
  assert.equal(tell({ got: [{ id: 'c2' }, { id: 'c1' }, third] }).findings.reordered.length, 1);
  assert.equal(tell({ archives: { [romeo]: ['c2', 'c1', 'c3'] } }).findings.reordered.length, 1, 'in the archive');
  assert.equal(
    tell({ archives: { [romeo]: ['c1', 'c2', 'c1+', 'c3'] }, breaks: [cutAt(1_500, 1)] }).faults.length,
    0,
    'a double',
  );
});

const twice = {
  got: [{ id: 'c1', atMs: 1_010 }, { id: 'c1', stanzaId: 's-c1+', atMs: 5_000 }, { id: 'c2' }, { id: 'c3', atMs: healedMs }],
};
const keptTwice = { ...twice, archives: { [romeo]: ['c1', 'c1+', 'c2', 'c3'] } };

function cutAt(atMs: number, unconfirmed?: number, peer = 'b.example'): Break {
  return { hosts: ['a.example'], peer, atMs, ...(unconfirmed !== undefined && { unconfirmed }) };
}

test('what comes twice is counted where a stream broke with it, and else found', () => {
  const whole = tell({ ...keptTwice, breaks: [cutAt(2_000, 3)] });
  assert.deepEqual([whole.faults, whole.abroad.doubled, whole.abroad.unconfirmed, whole.abroad.breaks], [[], 1, 3, 1]);
  assert.deepEqual(tell({ ...keptTwice, breaks: [{ hosts: ['a.example'], atMs: 2_000 }] }).faults, [], 'its owner was killed');
  for (const [what, breaks] of Object.entries({
    'no stream broke': [],
    'it broke before that was said': [cutAt(-5_000, 3)],
    'it broke after that came again': [cutAt(9_000, 3)],
    'it was of another pair': [cutAt(2_000, 3, 'c.example')],
    'it was the way back': [{ hosts: ['b.example'], peer: 'a.example', atMs: 2_000, unconfirmed: 3 }],
  }))
    assert.equal(tell({ ...keptTwice, breaks }).abroad.unexplained.length, 1, what);
});

test('no more comes twice than was unconfirmed', () => {
  const more = [...twice.got, { id: 'c2', stanzaId: 's-c2+', atMs: 5_000 }];
  const archives = { [romeo]: ['c1', 'c1+', 'c2', 'c2+', 'c3'] };
  assert.equal(tell({ got: more, archives, breaks: [cutAt(2_000, 1)] }).abroad.unexplained.length, 1);
  assert.equal(tell({ got: more, archives, breaks: [cutAt(2_000, 2)] }).abroad.unexplained.length, 0);
});

test('what only the archive has twice is found, and what its sender sent twice is not', () => {
  const archives = { [romeo]: ['c1', 'c1+', 'c2', 'c3'] };
  assert.equal(tell({ archives }).abroad.unexplained.length, 1);
  assert.equal(tell({ ...keptTwice, said: [{ id: 'c1', copies: 2 }] }).abroad.doubled, 0);
  assert.equal(tell({ archives: { [juliet]: ['c1', 'c1+', 'c2', 'c3'] } }).findings.duplicated.length, 1, 'in her own archive');
});

test('a pair that is not up again in time, never, or that nobody has tried, is found', () => {
  const upTo = (atMs: number) => tell({ got: [{ id: 'c1' }, { id: 'c2' }, { id: 'c3', atMs }] });
  assert.deepEqual([upTo(healedMs + upMaxMs).abroad.down, upTo(healedMs + upMaxMs).abroad.upMs], [[], upMaxMs]);
  assert.equal(upTo(healedMs + upMaxMs + 1).faults.length, 1);
  assert.match(tell({ got: [{ id: 'c1' }, { id: 'c2' }] }).abroad.down[0]!, /reached romeo@b.example never/);
  assert.match(tell({ said: [{ id: 'c3', saidMs: healedMs - 1 }] }).abroad.down[0]!, /said nothing/);
});

test('what somebody else’s server tells out of order, on two streams, is counted and is not a fault; ours is', () => {
  const got = [{ id: 'c2' }, { id: 'c1' }, { id: 'c3', atMs: healedMs }];
  const theirs = tell({ got, isTheirs: ({ id }) => id === 'c1' });
  assert.deepEqual([theirs.findings.reordered, theirs.findings.late], [[], 1]);
  assert.equal(tell({ got }).findings.reordered.length, 1);
});

test('whoever does not see at the end what the other one shows is found', () => {
  assert.equal(tell({ seen: 'gone' }).faults.length, 1);
});

test('what somebody else’s server has lost is counted apart, and nothing else is', () => {
  const isTheirs = ({ id }: Said) => id === 'c1';
  const got = [{ id: 'c2' }, { id: 'c3', atMs: healedMs }];
  const theirs = tell({ to: mercutio, got, isTheirs });
  assert.deepEqual([theirs.faults, theirs.abroad.lostByThem, theirs.isAllHeard], [[], 1, true]);
  assert.equal(tell({ to: mercutio, got: got.slice(1), isTheirs }).findings.lost.length, 1);
  assert.equal(tell({ to: mercutio, got }).findings.lost.length, 1);
});

test('streams that ended with something unconfirmed are read from the log, each once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-ends-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'log');
  const line = (time: number, unconfirmed: number) =>
    JSON.stringify({ time, host: 'a.example', peer: 'b.example', unconfirmed, msg: 'a stream to another server has ended' });
  const now = Math.round(performance.timeOrigin) + 5_000;
  appendFileSync(path, `${line(now, 2)}\n{"msg":"something else"}\n${line(now, 0)}\n${line(now, 3).slice(0, 40)}`);
  const ends = new StreamEnds([path]);
  const read = () => ends.take().map(({ hosts, peer, atMs, unconfirmed }) => [hosts, peer, Math.round(atMs / 10), unconfirmed]);
  assert.deepEqual(read(), [[['a.example'], 'b.example', 500, 2]]);
  assert.deepEqual(read(), []);
  appendFileSync(path, `${line(now, 3).slice(40)}\nno JSON: ${line(now, 1)}\n`);
  assert.deepEqual(read(), [[['a.example'], 'b.example', 500, 3]]);
});

test('a gate passes all of it on, holds up, loses one way or both, cuts, and is closed', async (t) => {
  const heard: string[] = [];
  const far = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        heard.push(String(chunk));
        socket.write(`answer to ${chunk}`);
      });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => far.once('listening', resolve));
  const gone: Door = { host: '127.0.0.1', port: 1 };
  const there: Door = { host: '127.0.0.1', port: (far.address() as { port: number }).port };
  const gate = await TcpGate.open('127.0.0.1', () => [gone, there], new Random(1));
  t.after(() => {
    gate.close();
    far.close();
  });
  const dial = () => {
    const got: string[] = [];
    const socket: Socket = connect(gate.door);
    socket.on('error', () => {}).on('data', (chunk) => got.push(String(chunk)));
    return { socket, got, closed: new Promise((resolve) => socket.once('close', resolve)) };
  };
  const said = (what: string) =>
    until(
      () => heard.join('').includes(what),
      () => `${what}, not ${heard}`,
    );
  for (const [weather, isHeard, isAnswered] of [
    ['fair', true, true],
    ['slow', true, true],
    ['swallowing', false, false],
    ['mute', true, false],
    ['deaf and mute', false, false],
  ] as const satisfies readonly (readonly [GateWeather, boolean, boolean])[]) {
    const { socket, got, closed } = dial();
    socket.write('hello');
    await until(
      () => got.join('') === 'answer to hello',
      () => `an answer, not ${got}`,
    );
    gate.weather = weather;
    const long = `${weather} ${'x'.repeat(2_000)}`;
    socket.write(long);
    if (isAnswered)
      await until(
        () => got.join('').includes(long.slice(-1_200)) || got.join('').length > 2_000,
        () => `${got}`,
      );
    if (isHeard) await said(weather);
    if (!isHeard || !isAnswered) {
      await until(
        () => gate.isHoled,
        () => 'bytes that were lost',
      );
      assert.equal(got.join(''), 'answer to hello');
      assert.equal(heard.join('').includes(`${weather} x`), isHeard);
    }
    gate.heal();
    if (isHeard && isAnswered) assert.equal(gate.cut(), 1);
    await closed;
    heard.length = 0;
  }
  gate.weather = 'closed';
  const refused = dial();
  refused.socket.write('hello');
  await refused.closed;
  assert.deepEqual([refused.got, heard], [[], []]);
  gate.heal();
  const { socket, got } = dial();
  socket.write('hello');
  await until(
    () => got.join('') === 'answer to hello',
    () => `an answer, not ${got}`,
  );
});
