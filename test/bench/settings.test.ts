/** The benchmark's command line: errors name what is wrong, before anything starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measuresOf } from '../../bench/measures.ts';
import { readSettings, WrongUsage } from '../../bench/settings.ts';

for (const [args, says] of [
  [['chatt'], /mode: 'chatt' is not one of signin/],
  [['--transport', 'quic'], /--transport: 'quic' is not one of tls/],
  [['--servers', 'skylark,openfire'], /--servers: 'openfire' is not one of/],
  [['--seconds', '0'], /--seconds: '0' is not a whole number from 1/],
  [['--users', '1e9'], /--users: '1e9' is not a whole number/],
  [['--occupants', '300,'], /--occupants: '' is not a whole number/],
  [['--rate', '-5'], /--rate/],
  [['--rooms', '20'], /--rooms: '20' is not like 20x25/],
  [['--rooms', '0x25'], /--rooms: '0' is not a whole number/],
  [['--target', 'localhost'], /--target: 'localhost' is not host:port/],
  [['--nonsense'], /nonsense/],
] as const) {
  test(`refused: ${args.join(' ')}`, () => {
    assert.throws(
      () => readSettings(args),
      (error) => error instanceof WrongUsage && says.test(error.message),
    );
  });
}

test('without arguments it is a short run of Skylark alone', () => {
  const settings = readSettings([])!;
  assert.deepEqual(settings.makes, ['skylark']);
  assert.equal(settings.seconds, 2);
  assert.ok(!measuresOf(settings).some(({ id }) => id === 'idle'));
});

test('with --against Skylark of another checkout is measured in turns with this one, three rounds', () => {
  const settings = readSettings(['chat', '--against', '../before'])!;
  assert.deepEqual(settings.makes, ['skylark', 'before']);
  assert.equal(settings.rounds, 3);
});

test('with --peers each target is measured', () => {
  const measures = measuresOf(readSettings(['--peers'])!);
  const targets = measures.flatMap(({ id, target }) => (target === undefined ? [] : [[id, target]]));
  assert.deepEqual(Object.fromEntries(targets), {
    signin: 1.1,
    chat: 0.6,
    'chat-archive-sm': 0.25,
    'chat-open': 1,
    'chat-open-archive-sm': 0.25,
    'muc-300': 0.3,
    'muc-20x25': 0.4,
    presence: 0.25,
    mam: 0.15,
    idle: 0.9,
  });
});
