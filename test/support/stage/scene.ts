/** Scripts that read like a specification: `stage.play([juliet, 'sends', '<message …/>'], [romeo, 'receives', '<message …/>'])`. */
import assert from 'node:assert/strict';
import type { Actor } from './actor.ts';
import { assertXml, isSameXml } from './xml-equality.ts';

export type Scene =
  /** Resolves when it is handled. */
  | readonly [Actor, 'sends', string]
  /** The next stanzas of this session, in this order. */
  | readonly [Actor, 'receives', ...string[]]
  /** The next stanzas of this session are these, whatever their order. */
  | readonly [Actor, 'receives in any order', ...string[]]
  | readonly [Actor, 'receives nothing']
  /** The stream is over, without a word from the client. */
  | readonly [Actor, 'leaves'];

/** @param leave ends the stream. @param where for messages */
export async function playScene(scene: Scene, leave: (actor: Actor) => Promise<void>, where: string): Promise<void> {
  const [actor, verb, ...xmls] = scene;
  const who = `${where}: ${actor.jid} ${verb}`;
  switch (verb) {
    case 'sends':
      await actor.send(scene[2]);
      return;
    case 'receives':
      for (const xml of xmls) assertXml(await actor.next(), xml, undefined);
      return;
    case 'receives in any order': {
      const received: string[] = [];
      for (const _ of xmls) received.push(await actor.next());
      for (const xml of xmls) {
        const index = received.findIndex((other) => isSameXml(other, xml));
        assert.ok(index >= 0, `${who}:\n${xml}\nis not among\n${received.join('\n')}`);
        received.splice(index, 1);
      }
      return;
    }
    case 'receives nothing':
      assert.deepEqual(actor.inbox, [], who);
      return;
    case 'leaves':
      await leave(actor);
  }
}
