/** The hall: the room that most tests of rooms are about, made and configured by Juliet. */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { type Actor, hall } from './actor.ts';
import type { Stage } from './stage.ts';

export { hall } from './actor.ts';

const muc = 'http://jabber.org/protocol/muc';

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** A room that is open: Juliet has made it and takes it as it is, or configured. Her inbox is empty. */
export async function openHall<A extends Actor>(stage: Stage<A>, fields: Fields = {}): Promise<A> {
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  await configure(juliet, fields);
  juliet.take();
  return juliet;
}

/** The hall with Juliet, whose it is, and Romeo of the other tenant inside. Their inboxes are empty. */
export async function openHallForTwo<A extends Actor>(stage: Stage<A>): Promise<{ readonly juliet: A; readonly romeo: A }> {
  const juliet = await openHall(stage);
  const romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  for (const actor of [juliet, romeo]) actor.take();
  return { juliet, romeo };
}

/** @param fields by name without `muc#roomconfig_` */
export function configure(owner: Actor, fields: Fields, room = hall): Promise<unknown> {
  const values = (list: string | readonly string[]) => [list].flat().map((value) => `<value>${escapeAttribute(value)}</value>`);
  const xml = Object.entries(fields).map(
    ([name, list]) => `<field var='muc#roomconfig_${name}'>${values(list).join('')}</field>`,
  );
  return owner.send(
    `<iq to='${room}' type='set' id='configure'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>` +
      `<field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${xml.join('')}</x></query></iq>`,
  );
}

/** @param items as XML */
export function adminSet(actor: Actor, ...items: readonly string[]): Promise<unknown> {
  return actor.send(`<iq to='${hall}' type='set' id='admin'><query xmlns='${muc}#admin'>${items.join('')}</query></iq>`);
}

/** The results of a query for all of the room's archive, as the actor may see it; what else came is dropped. */
export async function readArchive(actor: Actor): Promise<string[]> {
  actor.take();
  await actor.send(`<iq to='${hall}' type='set' id='archive'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  return (await actor.takeWithAnswer()).filter((xml) => xml.includes('<result '));
}
