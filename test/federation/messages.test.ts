/** Two deployments of Skylark, as servers of each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, Ground } from './deployments.ts';

for (const isCertified of [false, true]) {
  test(`messages go both ways, ${isCertified ? 'with certificates' : 'by dialback'}`, async () => {
    await using ground = await Ground.open();
    const a = await ground.deploy({ domains: ['a.example'], isCertified });
    const b = await ground.deploy({ domains: ['b.example'], isCertified });
    try {
      const juliet = await a.join('juliet@a.example/balcony');
      const romeo = await b.join('romeo@b.example/orchard');
      juliet.send(`<message to='romeo@b.example' type='chat'><body>O Romeo</body></message>`);
      const message = await romeo.next('message');
      assert.equal(bodyOf(message.xml), 'O Romeo');
      assert.equal(message.attributes.from, 'juliet@a.example/balcony');
      romeo.send(`<message to='juliet@a.example/balcony' type='chat'><body>I take thee at thy word</body></message>`);
      assert.equal(bodyOf((await juliet.next('message')).xml), 'I take thee at thy word');
    } catch (error) {
      console.log(a.log.join(''), '-----\n', b.log.join(''));
      throw error;
    }
  });
}
