/** `skylark file …`: what the accounts of a tenant have uploaded. */
import { fileList, fileRemove, fileTotals } from '../../router/operations/files.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';

export async function listFiles(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('file list', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(fileList, { jid, after });
      for (const file of page.files) {
        const { id, type, sizeBytes, givenAt, isKept } = file;
        say(values.json ? JSON.stringify(file) : `${id}  ${givenAt}  ${sizeBytes} bytes  ${type}${isKept ? '  kept' : ''}`);
      }
      after = page.next;
      if (after === undefined) return;
    }
  });
}

export async function totalFiles(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('file totals', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    let [slots, bytes] = [0, 0];
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(fileTotals, { domain, after });
      for (const account of page.accounts) {
        slots += account.slots;
        bytes += account.bytes;
        say(values.json ? JSON.stringify(account) : `${account.jid}  ${account.slots} files  ${account.bytes} bytes`);
      }
      after = page.next;
      if (after === undefined) break;
    }
    if (!values.json) say(`${domain}  ${slots} files  ${bytes} bytes`);
  });
}

export async function removeFile(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [jid, id] = all('file remove', ['JID', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${(await admin.ask(fileRemove, { jid, id })).id}`);
  });
}
