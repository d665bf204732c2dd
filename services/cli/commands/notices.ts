/** `skylark announcement …`, `skylark motd …` and `skylark message …`: what operators say in the name of a domain. */
import { Jid } from '../../../lib/xmpp/jid.ts';
import { announcementCancel, announcementList, announcementSend } from '../../router/operations/announcements.ts';
import { messageSend } from '../../router/operations/messages.ts';
import { motdRemove, motdSet, motdShow } from '../../router/operations/motd.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';
import type { announcementSendOptions, messageSendOptions, motdSetOptions } from './notice-options.ts';

export async function sendAnnouncement(
  values: Values<typeof announcementSendOptions>,
  positionals: readonly string[],
): Promise<number> {
  const [domain, text] = all('announcement send', ['DOMAIN', 'TEXT'], positionals);
  const { subject, json } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const made = await admin.ask(announcementSend, { domain, target: values.all ? 'all' : 'online', subject, text });
    say(json ? JSON.stringify(made) : `${made.id} is under way; to see how far it is: skylark announcement list ${domain}`);
  });
}

export async function listAnnouncements(
  values: Values<typeof runningListOptions>,
  positionals: readonly string[],
): Promise<number> {
  const domain = one('announcement list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(announcementList, { domain, ...(after !== undefined && { after }) });
      for (const one of page.announcements) {
        const { id, at, target, told, state, subject, text } = one;
        if (values.json) say(JSON.stringify(one));
        else {
          say(`${id}  ${at}  ${state}  ${target}  told ${told}`);
          say(`    ${subject === undefined ? '' : `${quoted(subject)}: `}${quoted(text)}`);
        }
      }
      after = page.next;
      if (after === undefined) return;
    }
  });
}

export async function cancelAnnouncement(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('announcement cancel', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { told } = await admin.ask(announcementCancel, { domain, id });
    say(`cancelled ${id}; ${told} were told`);
  });
}

export async function setMotd(values: Values<typeof motdSetOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, text] = all('motd set', ['DOMAIN', 'TEXT'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(motdSet, { domain, subject: values.subject, text });
    say(`set the message of the day of ${domain}`);
  });
}

export async function showMotd(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('motd show', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const motd = await admin.ask(motdShow, { domain });
    if (values.json) say(JSON.stringify(motd));
    else if (motd.text === undefined) say(`${domain} has no message of the day`);
    else say(...(motd.subject === undefined ? [] : [motd.subject]), motd.text);
  });
}

export async function removeMotd(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('motd remove', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(motdRemove, { domain });
    say(`${domain} has no message of the day`);
  });
}

export async function sendMessage(values: Values<typeof messageSendOptions>, positionals: readonly string[]): Promise<number> {
  const [to, text] = all('message send', ['JID', 'TEXT'], positionals);
  const domain = Jid.tryParse(to)?.domain ?? '';
  const { type = 'normal', subject } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const sent = await admin.ask(messageSend, { domain, to, type, subject, text });
    say(`sent to ${sent.to}`);
  });
}
