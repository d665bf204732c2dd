/** The three kinds of errors, and how each passes over the bus (lib/runtime/faults.ts). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import { Conflict, Unavailable } from '../../lib/ports/store.ts';
import { answering, ask, countProgrammingErrors, kindOf, RemoteFault, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { roomAnswer } from '../../lib/runtime/wire.ts';
import { SaslFailure, StanzaError, StreamError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';

let bus: Bus;
let lines: string[];
const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });

beforeEach(() => {
  bus = memoryBus({ clock: systemClock });
  lines = [];
});
afterEach(() => bus.close());

/** What the asker is thrown when the handler throws this; it must not take as long as a silent handler would. */
async function thrownOver(error: unknown): Promise<Error> {
  await bus.serve(
    'x',
    answering(log, () => {
      throw error;
    }),
  );
  const began = performance.now();
  const thrown = await ask(bus, roomAnswer, 'x', encodeFrame({}), 5_000).catch((reason: unknown) => reason);
  assert.ok(performance.now() - began < 1_000, 'it is answered at once');
  assert.ok(thrown instanceof Error);
  return thrown;
}

function parseError(): unknown {
  try {
    return Jid.parse('@a.example');
  } catch (error) {
    return error;
  }
}

for (const [what, error, kind] of [
  ['a store that is away', new Unavailable('x'), 'operating'],
  ['a row that changed', new Conflict('x'), 'operating'],
  ['a refused stanza', new StanzaError('forbidden'), 'protocol'],
  ['an address that does not prepare', parseError(), 'protocol'],
  ['a stream that cannot go on', new StreamError('not-well-formed'), 'protocol'],
  ['a wrong password', new SaslFailure('not-authorized'), 'protocol'],
  ['a row that is too large', new RangeError('x'), 'programming'],
  ['something undefined', new TypeError('x'), 'programming'],
  ['text that is not JSON', new SyntaxError('x'), 'programming'],
  ['a thrown text', 'x', 'programming'],
] as const) {
  test(`${what} is of the kind ${kind}, here and behind the bus`, async () => {
    assert.equal(kindOf(error), kind);
    const before = countProgrammingErrors();
    const thrown = await thrownOver(error);
    assert.equal(kindOf(thrown), kind);
    report(log, thrown, 'and the asker reports it as well');
    assert.equal(lines.length, kind === 'programming' ? 1 : 0, 'a programming error is logged once, the others never');
    assert.equal(countProgrammingErrors() - before, kind === 'programming' ? 1 : 0);
  });
}

test('RFC 6120 §8.3.3: a refusal keeps its condition, type and text', async () => {
  const thrown = await thrownOver(
    new StanzaError('gone', 'it moved', { type: 'modify', uri: 'xmpp:a@b.example', by: 'c.example' }),
  );
  const expected = new StanzaError('gone', 'it moved', { type: 'modify', uri: 'xmpp:a@b.example', by: 'c.example' });
  assert.equal(toStanzaError(thrown).toElement().toString(), expected.toElement().toString());
});

test('a programming error behind the bus tells its sender nothing but internal-server-error', async () => {
  const thrown = await thrownOver(new TypeError('secret detail'));
  assert.ok(thrown instanceof RemoteFault);
  assert.doesNotMatch(toStanzaError(thrown).toElement().toString(), /secret/);
});

test('an error that crosses several borders of one process is logged and counted once', () => {
  const before = countProgrammingErrors();
  const error = new RangeError('x');
  for (let border = 0; border < 3; border++) report(log, error, 'border');
  assert.equal(lines.length, 1);
  assert.equal(countProgrammingErrors() - before, 1);
});
