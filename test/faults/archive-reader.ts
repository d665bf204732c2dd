/** Reads archives as a client that does nothing else: XEP-0313 without presence, page by page. */
import type { Door } from './door.ts';
import { bind, type Credentials, type Dialogue, signIn } from './sign-in.ts';
import { childOf, type XmlNode } from './xml-stream.ts';

const ns = 'urn:xmpp:mam:2';
const pagesMax = 200;

export interface Archived {
  /** The archive's id. */
  readonly stanzaId: string;
  /** The message's own. */
  readonly id: string;
}

/** @param archives addresses; undefined is the account's own. @throws */
export async function readArchives(
  door: Door,
  credentials: Credentials,
  archives: readonly (string | undefined)[],
  sinceMs: number,
): Promise<Archived[][]> {
  const dialogue = await signIn(door, credentials);
  try {
    await bind(dialogue, `auditor-${process.hrtime.bigint() % 1_000_000n}`);
    const found: Archived[][] = [];
    for (const archive of archives) found.push(await readArchive(dialogue, archive, sinceMs));
    return found;
  } finally {
    dialogue.stream.end();
  }
}

async function readArchive(dialogue: Dialogue, archive: string | undefined, sinceMs: number): Promise<Archived[]> {
  const to = archive === undefined ? '' : ` to='${archive}'`;
  const start = `<field var='start'><value>${new Date(sinceMs).toISOString()}</value></field>`;
  const type = `<field var='FORM_TYPE'><value>${ns}</value></field>`;
  const form = `<x xmlns='jabber:x:data' type='submit'>${type}${start}</x>`;
  const found: Archived[] = [];
  let after = '';
  for (let page = 1; page <= pagesMax; page++) {
    const set = `<set xmlns='http://jabber.org/protocol/rsm'><max>200</max>${after}</set>`;
    dialogue.stream.send(
      `<iq type='set' id='page-${page}'${to}><query xmlns='${ns}' queryid='q${page}'>${form}${set}</query></iq>`,
    );
    const fin = await readPage(dialogue, `page-${page}`, found);
    const last = childOf(childOf(fin, 'set'), 'last')?.text;
    if (fin.attributes.complete === 'true' || last === undefined) return found;
    after = `<after>${last}</after>`;
  }
  throw new Error(`the archive of ${archive ?? 'an account'} has no end`);
}

async function readPage(dialogue: Dialogue, id: string, found: Archived[]): Promise<XmlNode> {
  for (;;) {
    const node = await dialogue.next('message', 'iq');
    if (node.name === 'iq') {
      if (node.attributes.id !== id) continue;
      const fin = childOf(node, 'fin');
      if (fin === undefined) throw new Error(`an archive was refused: ${childOf(node, 'error')?.children[0]?.name}`);
      return fin;
    }
    const result = childOf(node, 'result', ns);
    const body = childOf(childOf(childOf(result, 'forwarded'), 'message'), 'body');
    if (result && body) found.push({ stanzaId: `${result.attributes.id}`, id: body.text });
  }
}
