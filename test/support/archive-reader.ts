/** Reads an account's archive to its end, with a session of its own (XEP-0313). */
import assert from 'node:assert/strict';
import type { Skylark } from './skylark.ts';
import { TcpClient } from './tcp-client.ts';

const pagesMax = 200;

/** @returns the bodies, oldest first */
export async function readArchive({ ports }: Skylark, jid: string, password: string): Promise<string[]> {
  const client = await TcpClient.signIn(ports.c2sTls, `${jid}/reader`, password);
  const bodies: string[] = [];
  client.onElement = ({ name, xml }) => {
    const body = name === 'message' && xml.includes('<result ') ? /<body>([^<]*)<\/body>/.exec(xml)?.[1] : undefined;
    if (body !== undefined) bodies.push(body);
  };
  let last = '';
  for (let page = 0; page < pagesMax; page++) {
    const rsm = `<set xmlns='http://jabber.org/protocol/rsm'><max>200</max>${last && `<after>${last}</after>`}</set>`;
    const id = `archive-${page}`;
    const { xml } = await client.ask(id, `<iq type='set' id='${id}'><query xmlns='urn:xmpp:mam:2'>${rsm}</query></iq>`);
    if (/complete="true"/.test(xml)) {
      await client.close();
      return bodies;
    }
    last = /<last>([^<]+)<\/last>/.exec(xml)?.[1] ?? assert.fail(`no last in ${xml}`);
  }
  return assert.fail(`the archive of ${jid} does not end`);
}
