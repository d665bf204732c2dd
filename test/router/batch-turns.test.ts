/** Sessions that send much at once, and one that sends a message meanwhile: each step of a batch would be behind all of theirs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const sessions = 20;

function say(stage: RouterStage, actor: BatchActor, to: string, count: number): Promise<unknown> {
  const items = Array.from({ length: count }, () => ({ kind: 'stanza', id: stage.mint(), body: true }) as const);
  return actor.step(
    items,
    items.map((_, index) => `<message type='chat' to='${to}'><body>${index}</body></message>`),
  );
}

for (const domain of ['a.example', 'b.example']) {
  test(`${domain}: a single message is not behind all batches of many that came before it`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const romeo = await stage.join(`romeo@${domain}/orchard`);
    const juliet = await stage.join('juliet@a.example/balcony');
    await juliet.send('<presence/>');
    juliet.take();
    const many = await Promise.all(Array.from({ length: sessions }, (_, index) => stage.join(`reader${index}@a.example/bot`)));
    const done: string[] = [];
    const talking = many.map((actor) =>
      say(stage, actor, 'juliet@a.example', routerLimits.shortBatchItemsMax + 1).then(() => done.push('many')),
    );
    talking.push(say(stage, romeo, `romeo@${domain}`, 1).then(() => done.push('one')));
    await Promise.all(talking);
    assert.equal(done.length, sessions + 1);
    assert.ok(done.indexOf('one') < sessions / 2, done.join(' '));
    assert.equal(juliet.take().length, sessions * (routerLimits.shortBatchItemsMax + 1), 'all have arrived');
  });
}
