/** A client of the fault script that was away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../simulator/random.ts';
import { Journal } from './journal.ts';
import { Person } from './person.ts';

for (const domain of ['a.example', 'b.example']) {
  test(`${domain}: what it was to show while it was away is shown once when its session goes on`, () => {
    const place = { journal: new Journal(), random: new Random(1), round: () => 1, doors: () => [] };
    const { link, ...person } = open(new Person(place, { local: 'romeo', domain, password: 'pencil' }));
    person.show('round 1');
    assert.deepEqual(link.sent, []);
    link.isLive = true;
    person.resumed();
    person.resumed();
    assert.deepEqual(link.sent, ['<presence><status>round 1</status></presence>']);
    person.show('round 2');
    person.resumed();
    assert.deepEqual(link.sent.slice(1), ['<presence><status>round 2</status></presence>']);
  });
}

/** A person whose stream goes to no server. */
function open(person: Person) {
  const link = { isLive: false, sent: [] as string[] };
  Object.defineProperty(person.link, 'isLive', { get: () => link.isLive });
  person.link.send = ({ xml }) => void link.sent.push(xml);
  return { link, show: (status: string) => person.show(status), resumed: () => person.resumed() };
}
