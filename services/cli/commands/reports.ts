/** `skylark report …`. */
import { reportList, reportRemove, reportShow } from '../../router/operations/reports.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';

export async function listReports(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('report list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(reportList, { domain, ...(after !== undefined && { after }) });
      for (const report of page.reports) {
        if (values.json) say(JSON.stringify(report));
        else {
          const { id, by, jid, reason, texts, messages } = report;
          say(`${id}  ${by} reports ${quoted(jid)}  ${quoted(reason)}`);
          for (const text of texts) say(`    says ${quoted(text)}`);
          if (messages > 0)
            say(
              `    with ${messages} ${messages === 1 ? 'message' : 'messages'}; to see them: skylark report show ${domain} ${id}`,
            );
        }
      }
      after = page.next;
      if (after === undefined) return;
    }
  });
}

/** `skylark report show DOMAIN ID`: the messages. */
export async function showReport(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('report show', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { messages } = await admin.ask(reportShow, { domain, id });
    for (const message of messages) {
      const { at, body } = message;
      say(values.json ? JSON.stringify(message) : `${at}  ${body === undefined ? '(no body)' : quoted(body)}`);
    }
  });
}

export async function removeReport(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('report remove', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`removed ${(await admin.ask(reportRemove, { domain, id })).id}`);
  });
}
