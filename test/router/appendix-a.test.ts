/** RFC 6121 §3 by its Appendix A: every subscription state with every subscription stanza, inbound and outbound. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import type { SubscriptionState } from '../../services/router/roster/subscription-state.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { isSameXml } from '../support/stage/xml-equality.ts';
import { type StateName, states, type Table, tables } from './appendix-a.ts';

const rosterRows = collection<RosterItem>('roster', 'account');

function nameOf(state: SubscriptionState): StateName | undefined {
  const flat = ({ subscription, isAsked = false, isPending = false }: SubscriptionState) =>
    `${subscription} ${isAsked} ${isPending}`;
  return (Object.keys(states) as StateName[]).find((name) => flat(states[name]) === flat(state));
}

describe('RFC 6121 Appendix A, through the router', () => {
  let stage: RouterStage;
  let juliet: BatchActor;
  before(async () => {
    stage = await openRouter();
    juliet = await stage.appear('juliet@a.example/balcony');
  });
  after(() => stage.close());

  /** Contacts are at a rooms' domain, because this stage shows what is routed there and answers nothing. */
  async function runRow(
    { direction, type }: Table,
    was: StateName,
    contact: string,
  ): Promise<{ passes: boolean; item: RosterItem }> {
    const isListed = was !== 'None + Pending In';
    const item: RosterItem = { ...states[was], version: 1, isListed };
    await Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet').put(rosterRows, contact, item);
    stage.clear();
    stage.rooms.length = 0;
    let passed: readonly string[];
    let expected: string;
    if (direction === 'outbound') {
      await juliet.send(`<presence type='${type}' to='${contact}/resource' id='x'><status>so</status></presence>`);
      passed = stage.rooms.map(({ xml }) => xml);
      expected = `<presence type='${type}' from='juliet@a.example' to='${contact}' id='x'><status>so</status></presence>`;
    } else {
      const { ok } = await stage.arrive(
        'a.example',
        `<presence type='${type}' from='${contact}/nick' to='juliet@a.example/else'/>`,
      );
      assert.ok(ok);
      passed = juliet.inbox;
      expected = `<presence type='${type}' from='${contact}' to='juliet@a.example'/>`;
    }
    const row = await Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet').get(rosterRows, contact);
    return { passes: passed.some((xml) => isSameXml(xml, expected)), item: row!.value };
  }

  let contacts = 0;
  for (const table of tables) {
    assert.equal(new Set(table.rows.map(([was]) => was)).size, Object.keys(states).length);
    for (const [was, duty, becomes = was] of table.rows) {
      const verb = table.direction === 'outbound' ? 'be routed' : 'be delivered';
      test(`${table.section}: ${table.direction} ${table.type} in '${was}' ${duty} ${verb} and leads to '${becomes}'`, async () => {
        const contact = `c${++contacts}@conference.a.example`;
        const { passes, item } = await runRow(table, was, contact);
        assert.equal(passes, duty === 'MUST');
        assert.equal(nameOf(item), becomes);
        const pushes = juliet.inbox.filter((xml) => xml.startsWith('<iq'));
        const isVisible = visible(states[was]) !== visible(states[becomes]) || item.isListed !== (was !== 'None + Pending In');
        // a pre-approval is seen too (§3.4.2)
        assert.equal(pushes.length, isVisible || item.isApproved ? 1 : 0);
        const approves =
          table.type === 'subscribed' && table.direction === 'outbound' && /^(None|None . Pending Out|To)$/.test(was);
        assert.equal(item.isApproved ?? false, approves);
      });
    }
  }

  function visible({ subscription, isAsked }: SubscriptionState): string {
    return `${subscription} ${isAsked ?? false}`;
  }

  test('A.3.1: subscribe is granted in the account’s name where the contact is subscribed already', async () => {
    const table = tables.find(({ section }) => section === 'A.3.1')!;
    for (const was of ['From', 'From + Pending Out', 'Both'] as const) {
      const contact = `granted-${was.length}@conference.a.example`;
      await runRow(table, was, contact);
      const [granted, shown, ...more] = stage.rooms.map(({ xml }) => xml);
      assert.ok(isSameXml(granted!, `<presence type='subscribed' from='juliet@a.example' to='${contact}'/>`));
      assert.ok(isSameXml(shown!, `<presence from='juliet@a.example/balcony' to='${contact}'/>`));
      assert.deepEqual(more, []);
    }
  });
});
