/** XEP-0012: who learns for how long an account has been away, and how long the service has been up. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { features } from '../../services/router/features/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { setClock } from '../contracts/store.contract.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'jabber:iq:last';
const query = (to?: string) => `<iq type='get' id='l'${to === undefined ? '' : ` to='${to}'`}><query xmlns='${NS}'/></iq>`;
const result = (to: StreamActor, from: string | undefined, seconds: number, status = '') =>
  `<iq type='result' id='l'${from === undefined ? '' : ` from='${from}'`} to='${to.jid}'><query xmlns='${NS}' seconds='${seconds}'>${status}</query></iq>`;
const error = (to: StreamActor, from: string, type: string, condition: string) =>
  `<iq type='error' id='l' from='${from}' to='${to.jid}'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

let clock: ReturnType<typeof setClock>;
let stage: WholeStage;
let juliet: StreamActor;

beforeEach(async () => {
  clock = setClock();
  const dependencies: EmbeddedDependencies = await embeddedDependencies({ features, clock });
  stage = await WholeStage.open(dependencies);
  juliet = await stage.join('juliet@a.example/balcony');
});
afterEach(() => stage.close());

for (const domain of ['a.example', 'b.example']) {
  describe(`somebody of ${domain}`, () => {
    let romeo: StreamActor;
    beforeEach(async () => {
      romeo = await stage.appear(`romeo@${domain}/orchard`);
    });

    test('§3: is told, as a subscriber, for how long a contact has been away, and with which words it left', async () => {
      await juliet.send('<presence/>');
      await stage.befriend(juliet, romeo);
      await stage.play([romeo, 'sends', query('juliet@a.example')], [romeo, 'receives', result(romeo, 'juliet@a.example', 0)]);
      await juliet.send("<presence type='unavailable'><status>Heading &lt;Home&gt;</status></presence>");
      stage.clear();
      clock.advance(903_500);
      await stage.play(
        [romeo, 'sends', query('juliet@a.example')],
        [romeo, 'receives', result(romeo, 'juliet@a.example', 903, 'Heading &lt;Home&gt;')],
        [juliet, 'receives nothing'],
      );
      await juliet.send('<presence/>');
      stage.clear();
      await stage.play([romeo, 'sends', query('juliet@a.example')], [romeo, 'receives', result(romeo, 'juliet@a.example', 0)]);
      await juliet.end();
      assert.match(await romeo.next(), /unavailable/);
      romeo.take();
      clock.advance(2_000);
      await stage.play([romeo, 'sends', query('juliet@a.example')], [romeo, 'receives', result(romeo, 'juliet@a.example', 2)]);
    });

    test('§3: learns nothing as a stranger, neither of an account nor whether there is one', async () => {
      await juliet.send('<presence/>');
      stage.clear();
      for (const to of ['juliet@a.example', 'nobody@a.example'])
        await stage.play([romeo, 'sends', query(to)], [romeo, 'receives', error(romeo, to, 'auth', 'forbidden')]);
    });

    test('§4: reaches the client of a contact, and as a stranger neither a client nor the knowledge of one', async () => {
      await juliet.send('<presence/>');
      stage.clear();
      for (const to of [`${juliet.jid}`, 'juliet@a.example/tomb', 'nobody@a.example/x']) {
        await stage.play(
          [romeo, 'sends', query(to)],
          [romeo, 'receives', error(romeo, to, 'auth', 'forbidden')],
          [juliet, 'receives nothing'],
        );
      }
      await stage.befriend(juliet, romeo);
      await stage.play(
        [romeo, 'sends', query(`${juliet.jid}`)],
        [juliet, 'receives', `<iq type='get' id='l' from='${romeo.jid}' to='${juliet.jid}'><query xmlns='${NS}'/></iq>`],
        [juliet, 'sends', `<iq type='result' id='l' to='${romeo.jid}'><query xmlns='${NS}' seconds='123'/></iq>`],
        [romeo, 'receives', result(romeo, `${juliet.jid}`, 123)],
        [romeo, 'sends', query('juliet@a.example/tomb')],
        [romeo, 'receives', error(romeo, 'juliet@a.example/tomb', 'cancel', 'service-unavailable')],
      );
    });

    test('XEP-0191: is told nothing when it is blocked', async () => {
      await stage.befriend(juliet, romeo);
      await juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${romeo.jid.bare}'/></block></iq>`);
      stage.clear();
      await stage.play(
        [romeo, 'sends', query('juliet@a.example')],
        [romeo, 'receives', error(romeo, 'juliet@a.example', 'cancel', 'service-unavailable')],
      );
    });
  });
}

const notFound =
  "<iq type='error' id='l'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";

test('§3: the account asks for itself; a second resource that stays counts, and one that was never available is not seen', async () => {
  await stage.play([juliet, 'sends', query()], [juliet, 'receives', notFound]);
  const other = await stage.appear('juliet@a.example/chamber');
  await juliet.send('<presence/>');
  stage.clear();
  await other.end();
  assert.match(await juliet.next(), /unavailable/);
  stage.clear();
  clock.advance(5_000);
  await stage.play([juliet, 'sends', query()], [juliet, 'receives', result(juliet, undefined, 0)]);
  await juliet.send("<presence type='unavailable'/>");
  stage.clear();
  clock.advance(7_000);
  await stage.play([juliet, 'sends', query()], [juliet, 'receives', result(juliet, undefined, 7)]);
  await stage.play([juliet, 'sends', query('juliet@a.example')], [juliet, 'receives', result(juliet, 'juliet@a.example', 7)]);
});

test('§5: the domain says how long the service has been up, to strangers too', async () => {
  const { startedMs } = stage.dependencies;
  for (const domain of ['a.example', 'b.example']) {
    await juliet.send(query(domain));
    const [, seconds] = /seconds='(\d+)'/.exec(juliet.take().join())!;
    const up = (clock.monotonic() - startedMs) / 1_000;
    assert.ok(Number(seconds) <= up && Number(seconds) > up - 60, `${seconds} of ${up}`);
  }
});

test('a status of any length is cut, and what was kept goes with the account', async () => {
  await juliet.send('<presence/>');
  await juliet.send(`<presence type='unavailable'><status>${'é'.repeat(3_000)}</status></presence>`);
  stage.clear();
  await juliet.send(query());
  assert.match(juliet.take().join(), new RegExp(`seconds='0'>${'é'.repeat(500)}</query>`));
  const removal = { kind: 'admin', operation: 'user-remove', arguments: { jid: 'juliet@a.example' } } as const;
  assert.ok((await perform(stage.dependencies, removal)).ok);
  const next = await stage.join('juliet@a.example/balcony');
  await next.send(query());
  assert.match(next.take().join(), /item-not-found/);
});
