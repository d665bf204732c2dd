/** What a client has signed in with is good for some time (a token, a certificate): then its stream ends, as a router has said. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { afterLong } from '../../lib/ports/clock.ts';
import { usual } from './fake-router.ts';
import { connected, type Fixture, signIn, startFixture, until } from './fixture.ts';
import { ManagedSessions, ping, resume } from './managed-session.ts';
import { ManualClock } from './manual-clock.ts';

const reset = /<reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'\/><text [^>]*>what you have signed in with has expired</;
const day = 24 * 60 * 60 * 1_000;

let fixture: Fixture;
let sessions: ManagedSessions;
before(async () => {
  fixture = await startFixture();
  sessions = new ManagedSessions(fixture);
});
after(() => fixture[Symbol.asyncDispose]());
afterEach(async () => {
  fixture.router.answer = () => undefined;
  await until(() => fixture.node.stats.streams === 0, 'the end of all streams of the test');
});

/** Whoever signs in from now on may stay for so long. */
function letIn(endsInMs: number | undefined): void {
  fixture.router.answer = (step) =>
    step.items.some(({ item }) => item.kind === 'sasl') ? { ...usual(step), endsInMs } : undefined;
}

test('the stream ends with `reset`, and not before; a stream that may stay goes on', async () => {
  const staying = await connected(fixture.node, 'staying');
  letIn(60_000);
  const { client, sid } = await sessions.start('juliet');
  await fixture.clock.advance(59_000);
  client.send(ping('1'));
  await client.read(/id='1'/);
  await fixture.clock.advance(2_000);
  await client.read(reset);
  await client.closed;
  assert.ok(!sessions.hasEnded(sid), 'the session waits for who signs in anew');
  staying.send(ping('2'));
  await staying.read(/id='2'/);
  staying.destroy();
});

test('XEP-0198 §5: who signs in anew resumes the session, for as long as the new token is good', async () => {
  letIn(60_000);
  const { client, previd, sid } = await sessions.start('again');
  await fixture.clock.advance(61_000);
  await client.read(reset);
  assert.deepEqual(await sessions.deliver(sid, 'meanwhile', 'ccc1'), []);
  letIn(3_600_000);
  const next = await signIn(fixture.node, 'again');
  next.send(resume(previd, 0));
  await next.read(/<resumed .*id='meanwhile'/);
  await fixture.clock.advance(3_500_000);
  next.send(ping('2'));
  await next.read(/id='2'/);
  await fixture.clock.advance(200_000);
  await next.read(reset);
});

test('who resumes while the old stream is open is not bound by the time of that one', async () => {
  letIn(60_000);
  const { client, previd } = await sessions.start('early');
  await fixture.clock.advance(50_000);
  letIn(undefined);
  const next = await signIn(fixture.node, 'early');
  next.send(resume(previd, 0));
  await next.read(/<resumed /);
  await client.read(/<conflict/);
  await fixture.clock.advance(3_600_000);
  next.send(ping('1'));
  await next.read(/id='1'/);
  next.destroy();
});

test('a session that cannot be resumed ends with its stream', async () => {
  letIn(60_000);
  const client = await connected(fixture.node, 'plain');
  const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith('plain@'))!.request;
  await fixture.clock.advance(61_000);
  await client.read(reset);
  await until(() => sessions.hasEnded(sid), 'the end of the session');
});

test('a client that has not bound is told so as well, and one whose time is over at once does not get far', async () => {
  letIn(1_000);
  const slow = await signIn(fixture.node, 'slow');
  await fixture.clock.advance(2_000);
  await slow.read(reset);
  letIn(0);
  const late = await signIn(fixture.node, 'late').catch((error: unknown) => error);
  if (!(late instanceof Error)) {
    await fixture.clock.advance(1);
    await (late as typeof slow).read(reset);
  }
});

test('a certificate that is good for a year does not end a stream after the longest time that a timer has', async () => {
  const clock = new ManualClock();
  let isOver = false;
  afterLong(clock, 365 * day, () => {
    isOver = true;
  });
  await clock.advance(364 * day);
  assert.equal(isOver, false);
  await clock.advance(2 * day);
  assert.equal(isOver, true);
  const cancelled = afterLong(clock, 90 * day, () => assert.fail('it was cancelled'));
  await clock.advance(45 * day);
  cancelled.cancel();
  await clock.advance(90 * day);
  const { systemClock } = await import('../../lib/adapters/system-clock.ts');
  const real = afterLong(systemClock, 365 * day, () => assert.fail('a timer of Node has run over'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  real.cancel();
});
