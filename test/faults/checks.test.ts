/** The checks of the fault script see what they are there for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archived } from './archive-reader.ts';
import { check, type Findings, isAllHeard } from './checks.ts';
import { type Got, Journal, type Said } from './journal.ts';

const room = 'room@conference.localhost';
const [juliet, romeo] = ['juliet@localhost', 'romeo@localhost'];

interface Story {
  readonly said?: Partial<Said>[];
  /** By Romeo. */
  readonly got?: Partial<Got>[];
  readonly archives?: Record<string, string[]>;
}

/** Juliet says 1 and 2 to Romeo and in the room; what is not told otherwise went well. */
function tell({ said = [], got, archives }: Story): Findings & { readonly isAllHeard: boolean } {
  const journal = new Journal();
  const numbers = [1, 2];
  const all = [romeo, room].flatMap((to) => numbers.map((number) => ({ to, number, id: `${to === room ? 'g' : 'c'}${number}` })));
  for (const { to, number, id } of all) {
    const usual = {
      id,
      from: juliet,
      to,
      isGroup: to === room,
      isAbroad: false,
      number,
      round: 1,
      saidMs: 0,
      copies: 1,
      repeats: 0,
      ackedMs: 1,
    };
    journal.said.set(id, { ...usual, ...said.find((each) => each.id === id) });
  }
  const heard = got ?? all.map(({ id }) => ({ id }));
  for (const each of heard) {
    const isGroup = each.id!.startsWith('g');
    const usual: Got = {
      id: each.id!,
      stanzaId: `s-${each.id}`,
      from: isGroup ? room : juliet,
      isGroup,
      session: 1,
      way: 'live',
      atMs: 2,
    };
    journal.hear(romeo, { ...usual, ...each });
  }
  const kept = { [juliet]: ['c1', 'c2'], [romeo]: ['c1', 'c2'], [room]: ['g1', 'g2'], ...archives };
  const entries = (ids: string[]): Archived[] => ids.map((id) => ({ id: id.replace(/\+.*/, ''), stanzaId: `s-${id}` }));
  const evidence = {
    journal,
    round: 1,
    archives: new Map(Object.entries(kept).map(([place, ids]) => [place, entries(ids)])),
    hearersOf: () => [romeo],
  };
  return { ...check(evidence), isAllHeard: isAllHeard(evidence) };
}

test('nothing is found where all went well', () => {
  const fine = {
    lost: [],
    unheard: [],
    duplicated: [],
    resentTwice: 0,
    againAfterRebind: 0,
    reordered: [],
    late: 0,
    isAllHeard: true,
  };
  assert.deepEqual(tell({}), fine);
});

test('an acknowledged message that did not arrive, or is not in one of its archives, is lost', () => {
  const unheard = tell({ got: [{ id: 'c1' }, { id: 'g1' }, { id: 'g2' }] });
  assert.deepEqual(unheard.lost, ['c2 did not reach romeo@localhost (sent 1×, repeated 0×)']);
  assert.equal(unheard.isAllHeard, false);
  assert.equal(tell({ archives: { [juliet]: ['c1'] } }).lost.length, 1);
  assert.equal(tell({ archives: { [room]: ['g2'] } }).lost.length, 1);
});

test('a message of a room that is in its archive and did not reach an occupant is unheard, not lost', () => {
  const { lost, unheard } = tell({ got: [{ id: 'c1' }, { id: 'c2' }, { id: 'g1' }] });
  assert.deepEqual([lost, unheard], [[], ['g2 did not reach romeo@localhost (sent 1×, repeated 0×)']]);
});

test('a message that nobody acknowledged, or that was refused, is not', () => {
  for (const what of [{ ackedMs: undefined }, { refused: 'resource-constraint' }]) {
    const { lost, isAllHeard: isHeard } = tell({
      said: [{ id: 'c2', ...what }],
      got: [{ id: 'c1' }, { id: 'g1' }, { id: 'g2' }],
    });
    assert.deepEqual([lost, isHeard], [[], true]);
  }
});

test('the same entry twice in one session is a duplicate, in the next session or read by the client it is not', () => {
  const all = [{ id: 'c1' }, { id: 'c2' }, { id: 'g1' }, { id: 'g2' }];
  assert.equal(tell({ got: [...all, { id: 'c2' }] }).duplicated.length, 1);
  const again = tell({ got: [...all, { id: 'c2', session: 2, way: 'delayed' }] });
  assert.deepEqual([again.duplicated, again.againAfterRebind], [[], 1]);
  assert.deepEqual(tell({ got: [...all, { id: 'g2', way: 'archive' }] }).duplicated, []);
});

test('two entries of one message are a duplicate unless its sender sent it twice', () => {
  const got = [{ id: 'c1' }, { id: 'c2' }, { id: 'c2', stanzaId: 's-c2+' }, { id: 'g1' }, { id: 'g2' }];
  const archives = { [juliet]: ['c1', 'c2', 'c2+'], [romeo]: ['c1', 'c2', 'c2+'] };
  assert.equal(tell({ got, archives }).duplicated.length, 3);
  const resent = tell({ got, archives, said: [{ id: 'c2', copies: 2 }] });
  assert.deepEqual([resent.duplicated, resent.resentTwice], [[], 1]);
});

test('what is late because it had to be read for its recipient, or was refused, is not out of order', () => {
  const rest = [{ id: 'g1' }, { id: 'g2' }];
  const late = tell({ got: [{ id: 'c2' }, { id: 'c1', way: 'delayed' }, ...rest] });
  assert.deepEqual([late.reordered, late.late], [[], 1]);
  const resent = tell({ said: [{ id: 'c1', copies: 2 }], got: [{ id: 'c2' }, { id: 'c1' }, ...rest] });
  assert.deepEqual([resent.reordered, resent.late], [[], 1]);
  const refused = tell({ said: [{ id: 'c1', refused: 'resource-constraint' }], got: [{ id: 'c2' }, { id: 'c1' }, ...rest] });
  assert.deepEqual([refused.reordered, refused.late], [[], 0]);
});

test('what comes behind a later one of its sender, or against the order of the archive, is out of order', () => {
  assert.equal(tell({ got: [{ id: 'c2' }, { id: 'c1' }, { id: 'g1' }, { id: 'g2' }] }).reordered.length, 1);
  assert.equal(tell({ archives: { [room]: ['g2', 'g1'] } }).reordered.length, 1);
});
