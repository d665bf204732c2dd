/**
 * `skylark export DOMAIN FILE`: writes the accounts of a tenant, or one account, as a file of XEP-0227. It is written page by page while it is
 * read.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { escapeAttribute, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { accountExport } from '../../router/operations/portable.ts';
import { userList } from '../../router/operations/users.ts';
import { pieNs } from '../../router/portable/take-piece.ts';
import type { Values } from '../core/arguments.ts';
import { quote, Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import { NestedWriter } from '../portable/nested-writer.ts';
import type { AdminClient } from './admin-client.ts';
import { adminOf, all, withAdmin } from './admin-command.ts';
import type { exportOptions } from './portable-options.ts';

export async function exportFile(values: Values<typeof exportOptions>, positionals: readonly string[]): Promise<number> {
  const [whose, file] = all('export', ['DOMAIN or JID', 'FILE'], positionals);
  const jid = Jid.tryParse(whose);
  if (jid === undefined || !jid.isBare) throw new UsageError(`'${whose}' is neither a domain nor the address of an account`);
  return withAdmin(adminOf(values), async (admin) => {
    const count = await writeWhole(file, async (write) => {
      const texts: string[] = ["<?xml version='1.0' encoding='UTF-8'?>\n"];
      const writer = new NestedWriter((text) => texts.push(text));
      const flush = () => write(texts.splice(0).join(''));
      const host = [`<server-data xmlns='${pieNs}'>`, `\n<host jid='${escapeAttribute(jid.domain)}'>`];
      writer.enter(host);
      let accounts = 0;
      for await (const one of accountsOf(admin, jid)) {
        const user = [...host, `\n<user name='${escapeAttribute(Jid.parse(one).local)}'>`];
        writer.enter(user);
        for await (const part of partsOf(admin, one, flush))
          writer.add([...user, ...part.within], values.for === 'ejabberd' ? forEjabberd(part.xml) : part.xml);
        accounts += 1;
      }
      writer.enter([]);
      await flush();
      return accounts;
    });
    say(`wrote ${count} ${count === 1 ? 'account' : 'accounts'} of ${jid.domain} into ${quote(file)}`);
  });
}

async function* accountsOf(admin: AdminClient, jid: Jid): AsyncGenerator<string> {
  if (jid.local !== '') return yield `${jid}`;
  for (let after: string | undefined; ; ) {
    const page = await admin.ask(userList, { domain: jid.domain, ...(after !== undefined && { after }) });
    yield* page.users;
    after = page.next;
    if (after === undefined) return;
  }
}

/** ejabberd 23.01 reads one `<scram-credentials/>` of an account, whose keys are base64 of base64. It offers SCRAM-SHA-1 unless configured. */
function forEjabberd(text: string): string {
  if (!text.startsWith('<scram-credentials ')) return text;
  const element = parseElement(text);
  if (element.attrs.mechanism !== 'SCRAM-SHA-1') return '';
  const children = element.getChildElements().map((child) => {
    const value = child.getText();
    return xml(child.getName(), {}, child.getName() === 'iter-count' ? value : Buffer.from(value).toString('base64'));
  });
  return xml('scram-credentials', { ...element.attrs }, children).toString();
}

/** @param flush is called behind each page */
async function* partsOf(admin: AdminClient, jid: string, flush: () => Promise<void>) {
  for (let after: string | undefined; ; ) {
    const page = await admin.ask(accountExport, { jid, ...(after !== undefined && { after }) });
    yield* page.parts;
    await flush();
    after = page.next;
    if (after === undefined) return;
  }
}

/** The file is taken away again when it does not become whole. @throws {Refusal} when there is a file of this name */
async function writeWhole<Result>(
  file: string,
  work: (write: (text: string) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const stream = createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true });
  let isOurs = false;
  try {
    await once(stream, 'open');
    isOurs = true;
    const result = await work(async (text) => {
      if (!stream.write(text)) await once(stream, 'drain');
    });
    stream.end();
    await finished(stream);
    return result;
  } catch (error) {
    stream.destroy();
    if (isOurs) await rm(file, { force: true });
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Refusal(`'${file}' cannot be written: ${reasonOf(error)}`);
  }
}
