/**
 * The store goes away in the middle of a batch (docs/decisions/0003-what-is-acknowledged-when-the-store-is-away.md): the router asks
 * for the batch again, nobody has got anything of it, and the same batch with the same ids then leaves every row once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import type { StepItem, StepReply, StepRequest } from '../../lib/runtime/wire.ts';
import { spanOf } from '../../services/router/archive/archive.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

type Call = keyof Store;

/** Fails as it is told. */
class Outage {
  /** Calls that fail, by name; those of `after` only behind as many that work. */
  failing: ReadonlySet<Call> = new Set();
  after = 0;
  failures = 0;

  wrap(store: Store): Store {
    return new Proxy(store, {
      get: (target, name: Call) => {
        const method = Reflect.get(target, name) as (...values: unknown[]) => unknown;
        return async (...values: unknown[]) => {
          if (this.failing.has(name) && this.after-- <= 0) {
            this.failures++;
            throw new Unavailable(`${name} fails`);
          }
          return method.apply(target, values);
        };
      },
    });
  }

  end(): void {
    this.failing = new Set();
  }
}

async function arrange(t: {
  after(run: () => Promise<void>): void;
}): Promise<{ stage: RouterStage; outage: Outage; actors: BatchActor[] }> {
  const outage = new Outage();
  const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: outage.wrap(dependencies.store) }) });
  t.after(() => stage.close());
  const actors: BatchActor[] = [];
  for (const address of ['romeo@a.example/orchard', 'juliet@a.example/balcony', 'nurse@b.example/house']) {
    actors.push(await stage.appear(address));
  }
  stage.clear();
  return { stage, outage, actors };
}

async function send(
  stage: RouterStage,
  { sid, jid }: BatchActor,
  ids: readonly string[],
  bodies: readonly string[],
): Promise<StepReply> {
  const session = JSON.stringify({ secure: true, failures: 0, local: jid.local, resource: jid.resource });
  const items = ids.map((id): StepItem => ({ kind: 'stanza', id, body: true }));
  const request: StepRequest = { kind: 'step', node: 'n.stage.1', sid, domain: jid.domain, session, items };
  return (await stage.ask<StepReply>(request, bodies)).header;
}

async function archived(stage: RouterStage, partition: string): Promise<string[]> {
  const rows = await stage.dependencies.store.query({ table: 'archive', partition, limit: 1_000, consistent: true });
  return rows.map(({ sort }) => sort);
}

function bodiesIn(actor: BatchActor): string[] {
  return actor.inbox.flatMap((xml) => /<body>(.*?)<\/body>/.exec(xml)?.[1] ?? []);
}

for (const [what, failing, after] of [
  ['cannot be written', ['batchPut'], 0],
  ['cannot be read', ['get', 'batchGet'], 0],
  ['stops being read', ['get', 'batchGet'], 1],
  ['is away', ['get', 'batchGet', 'query', 'put', 'batchPut', 'batchDelete', 'add', 'delete'], 0],
] as const) {
  test(`a store that ${what}: the batch is wanted again, nothing is delivered; then each message has one row on each side`, async (t) => {
    const { stage, outage, actors } = await arrange(t);
    const [romeo, juliet, nurse] = actors as [BatchActor, BatchActor, BatchActor];
    const ids = [stage.mint(), stage.mint(), stage.mint()];
    const bodies = ['1', '2', '3'].map((body) => `<message to='juliet@a.example' type='chat'><body>${body}</body></message>`);
    outage.failing = new Set(failing);
    outage.after = after;
    for (let tries = 0; tries < 2; tries++) {
      const { ok, out } = await send(stage, romeo, ids, bodies);
      assert.equal(ok, false);
      assert.deepEqual(out, []);
      outage.after = after;
    }
    assert.ok(outage.failures >= 2);
    for (const actor of [romeo, juliet, nurse]) assert.deepEqual(actor.inbox, [], `${actor.jid}`);
    outage.end();
    const reply = await send(stage, romeo, ids, bodies);
    assert.equal(reply.ok, true);
    assert.deepEqual(bodiesIn(juliet), ['1', '2', '3']);
    const entries = ids.map((id) => `m/${id}`);
    const spans = [...new Set(ids.map(spanOf))];
    const withSpans = (peer: string) => [...entries, ...spans.map((span) => `p/${peer} ${span}`)];
    assert.deepEqual(await archived(stage, 'a.example/a/romeo'), withSpans('juliet@a.example'));
    assert.deepEqual(await archived(stage, 'a.example/a/juliet'), withSpans('romeo@a.example'));
  });
}

test('the answer got lost: the batch comes again, the rows are the same and bear the ids that the client has seen', async (t) => {
  const { stage, actors } = await arrange(t);
  const [romeo, juliet] = actors as [BatchActor, BatchActor];
  const ids = [stage.mint()];
  const message = `<message to='juliet@a.example' type='chat'><body>1</body></message>`;
  for (let tries = 0; tries < 3; tries++) assert.equal((await send(stage, romeo, ids, [message])).ok, true);
  assert.equal(new Set(juliet.inbox).size, 1, 'all alike, so that the node knows them by their id');
  assert.ok(juliet.inbox[0]!.includes(`id='${ids[0]}'`));
  for (const account of ['romeo', 'juliet']) assert.equal((await archived(stage, `a.example/a/${account}`)).length, 2);
});

test('another tenant’s store fails: the sender is asked again, and the message arrives there once', async (t) => {
  const { stage, outage, actors } = await arrange(t);
  const [romeo, , nurse] = actors as [BatchActor, BatchActor, BatchActor];
  const ids = [stage.mint()];
  const message = `<message to='nurse@b.example' type='chat'><body>1</body></message>`;
  outage.failing = new Set(['batchPut']);
  outage.after = 1; // the sender's rows are written, the recipient's are not
  assert.equal((await send(stage, romeo, ids, [message])).ok, false);
  assert.equal(outage.failures, 1);
  assert.deepEqual(nurse.inbox, []);
  outage.end();
  assert.equal((await send(stage, romeo, ids, [message])).ok, true);
  assert.deepEqual(bodiesIn(nurse), ['1']);
  for (const partition of ['a.example/a/romeo', 'b.example/a/nurse']) {
    assert.deepEqual(
      (await archived(stage, partition)).filter((sort) => sort.startsWith('m/')),
      [`m/${ids[0]}`],
    );
  }
});

test('settings that could not be written are not confirmed, and their second try tells everybody', async (t) => {
  const { stage, outage, actors } = await arrange(t);
  const [romeo, juliet] = actors as [BatchActor, BatchActor];
  await stage.befriend(romeo, juliet);
  await romeo.send(`<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>`);
  stage.clear();
  const block = `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='juliet@a.example'/></block></iq>`;
  const ids = [stage.mint()];
  outage.failing = new Set(['put']);
  assert.equal((await send(stage, romeo, ids, [block])).ok, false);
  outage.end();
  outage.failing = new Set(['batchGet']); // the list is written, then the sessions cannot be read
  assert.equal((await send(stage, romeo, ids, [block])).ok, false);
  for (const actor of [romeo, juliet]) assert.deepEqual(actor.inbox, []);
  outage.end();
  assert.equal((await send(stage, romeo, ids, [block])).ok, true);
  await stage.play(
    [
      romeo,
      'receives',
      `<iq type='set' id='{any}' from='${romeo.jid.bare}' to='${romeo.jid}'><block xmlns='urn:xmpp:blocking'><item jid='juliet@a.example'/></block></iq>`,
    ],
    [juliet, 'receives', `<presence type='unavailable' from='${romeo.jid}' to='juliet@a.example'/>`],
  );
});
