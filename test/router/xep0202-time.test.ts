import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

test('XEP-0202: the host tells the time, in UTC', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.join('juliet@b.example/balcony');
  const before = stage.dependencies.clock.now();
  await juliet.send(`<iq type='get' id='t' to='a.example'><time xmlns='urn:xmpp:time'/></iq>`);
  const answer = await juliet.next();
  const [, utc] =
    /<time xmlns='urn:xmpp:time'><tzo>\+00:00<\/tzo><utc>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)<\/utc><\/time>/.exec(answer)!;
  const told = Date.parse(utc!);
  assert.ok(told >= before && told <= stage.dependencies.clock.now());
});
