/** RFC 6121 §4.5.2: who hears that a resource is unavailable, itself among them. */
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

const balcony = 'juliet@a.example/balcony';

for (const [what, before, sent, heard] of [
  ['plain', '<presence/>', `type='unavailable'/>`, `type='unavailable'/>`],
  ['with a status', '<presence/>', `type='unavailable'><status>bye</status></presence>`, undefined],
  ['with an id and a language', '<presence/>', `type='unavailable' id='p7' xml:lang='it'/>`, undefined],
  ['after a negative priority', '<presence><priority>-1</priority></presence>', `type='unavailable'/>`, undefined],
] as const) {
  test(`RFC 6121 §4.5.2: unavailable presence ${what} goes to all resources, to the one that sent it as well`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await stage.join(balcony);
    const chamber = await stage.appear('juliet@a.example/chamber');
    const silent = await stage.join('juliet@a.example/garden');
    await juliet.send(before);
    stage.clear();
    const arrives = `<presence from='${balcony}' to='juliet@a.example' ${heard ?? sent}`;
    await stage.play(
      [juliet, 'sends', `<presence ${sent}`],
      [juliet, 'receives', arrives],
      [chamber, 'receives', arrives],
      [silent, 'receives nothing'],
      // it is unavailable already
      [juliet, 'sends', `<presence ${sent}`],
      [juliet, 'receives nothing'],
      [chamber, 'receives nothing'],
    );
  });
}

test('RFC 6121 §4.5.2: a resource that never was available does not hear that it is not', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.join(balcony);
  await stage.play([juliet, 'sends', `<presence type='unavailable'/>`], [juliet, 'receives nothing']);
});

test('RFC 6121 §4.5.3: a stream that ends without a word is told to the other resources', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const chamber = await stage.appear('juliet@a.example/chamber');
  stage.clear();
  await stage.play(
    [juliet, 'leaves'],
    [chamber, 'receives', `<presence type='unavailable' from='${balcony}' to='juliet@a.example'/>`],
    [juliet, 'receives nothing'],
  );
});
