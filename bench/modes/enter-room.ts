import type { Client } from '../generator/client.ts';
import { ModeFailed } from './outcome.ts';

export const waitMsMax = 120_000;

/** Resolves with the first stanza that `matches`; others are ignored. */
export function heard(client: Client, what: string, matches: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ModeFailed(`${client.jid}: no ${what} within ${waitMsMax} ms`)), waitMsMax);
    client.onStanza = (bytes, start, end) => {
      const text = bytes.toString('utf8', start, end);
      if (!matches(text)) return;
      clearTimeout(timer);
      client.onStanza = undefined;
      resolve(text);
    };
  });
}

/** Enters with the nick `o<index>`. @throws {ModeFailed} */
export async function join(client: Client, address: string, index: number): Promise<void> {
  // a room sends its subject last, even an empty one (XEP-0045 §7.2.15)
  const isError = (text: string) => text.startsWith('<presence') && /\stype=['"]error['"]/.test(text);
  const entered = heard(client, 'subject of the room', (text) => isError(text) || /^<message[\s\S]*<subject/.test(text));
  client.send(
    `<presence to='${address}/o${index}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`,
  );
  const answer = await entered;
  if (isError(answer)) throw new ModeFailed(`${client.jid} cannot enter: ${answer}`);
}
