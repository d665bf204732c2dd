/** What leaves for other servers: nobody makes us connect to thousands of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Outbox } from '../../lib/runtime/outbox.ts';
import { destinationsOf } from '../../services/router/routing/destinations.ts';
import { routing } from '../../services/router/routing/route.ts';
import { openRouter } from '../support/stage/router-stage.ts';

test('a sender who has written to too many new servers is told so, and nothing is kept of it; others go on', async (t) => {
  let outbox: Outbox | undefined;
  const stage = await openRouter({
    wrap(dependencies) {
      outbox = new Outbox(dependencies);
      return { ...dependencies, outbox, route: routing(destinationsOf({ isFederated: true })) };
    },
  });
  t.after(() => stage.close());
  for (let index = 0; index < runtimeLimits.newPairsBurst; index++)
    outbox!.newPairs.mayUse('juliet@a.example', 'a.example', { host: 'a.example', peer: `old${index}.example` });
  const juliet = await stage.appear('juliet@a.example/balcony');
  const nurse = await stage.appear('nurse@a.example/kitchen');
  const romeo = await stage.appear('romeo@b.example/orchard');
  const message = (to: string) => `<message id='1' type='chat' to='x@${to}'><body>hark</body></message>`;
  await juliet.send(message('new.example'));
  assert.match(await juliet.next(), /from='x@new\.example' type='error'><error type='wait'><resource-constraint /);
  await juliet.send(`<iq id='2' type='get' to='newer.example'><ping xmlns='urn:xmpp:ping'/></iq>`);
  assert.match(await juliet.next(), /type='error'.*<resource-constraint /);
  await juliet.send(message('old1.example'));
  await nurse.send(message('new.example'));
  await romeo.send(message('new.example'));
  // Somebody else of hers uses it now.
  await juliet.send(message('new.example'));
  await stage.play([juliet, 'receives nothing'], [nurse, 'receives nothing'], [romeo, 'receives nothing']);
});
