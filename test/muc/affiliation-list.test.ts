/** The list of affiliations knows by itself what was found by looking at all: any sequence of changes gives the same answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Affiliated, AffiliationList } from '../../services/muc/core/affiliation-list.ts';
import { nickKey } from '../../services/muc/core/nick-key.ts';

const jids = ['a@x.example', 'b@x.example', 'c@y.example', 'y.example'];
const nicks = [undefined, 'Romeo', 'romeo', 'ROMEO', 'Julia'];
const change = fc.record({
  jid: fc.constantFrom(...jids),
  affiliation: fc.constantFrom('owner', 'admin', 'member', 'outcast', 'none'),
  nick: fc.constantFrom(...nicks),
});

test('owners and reserved nicks are those that are there', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.boolean(), (changes, isCleared) => {
      const list = new AffiliationList();
      const plain = new Map<string, Affiliated>();
      if (isCleared) list.set('z@x.example', { jid: 'z@x.example', affiliation: 'owner', nick: 'Romeo' }).clear();
      for (const { jid, affiliation, nick } of changes) {
        if (affiliation === 'none') {
          assert.equal(list.delete(jid), plain.delete(jid));
          continue;
        }
        list.set(jid, { jid, affiliation, nick });
        plain.set(jid, { jid, affiliation, nick });
      }
      assert.deepEqual([...list], [...plain]);
      const all = [...plain.values()];
      assert.equal(list.ownerCount, all.filter(({ affiliation }) => affiliation === 'owner').length);
      for (const nick of ['romeo', 'JULIA', 'Paris']) {
        const holders = all.filter((one) => one.nick !== undefined && nickKey(one.nick) === nickKey(nick)).map(({ jid }) => jid);
        const found = list.reservedFor(nick);
        assert.ok(found === undefined ? holders.length === 0 : holders.includes(found), nick);
      }
    }),
  );
});
