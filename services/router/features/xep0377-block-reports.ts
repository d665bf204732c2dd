/**
 * XEP-0377: Blocking Command Reports. A report in a `<block/>` is kept for the operator of the tenant, with those messages that it names and
 * that the reporter has in the archive: nobody can report what was never received. Nothing leaves the deployment; what the reporter allows
 * to be passed on is told to the operator.
 *
 * A report stands under the tenant. Its key is made of the day and of what it says, so that a request which is sent again makes no second one.
 * The reporter's account has a row with the same key, by which its reports are found when the account is removed.
 */
import { createHash } from 'node:crypto';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { acceptedAtMs, entries } from '../archive/archive.ts';
import type { Account } from '../core/account.ts';
import { isBlocked } from '../core/blocklist.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tellWith } from '../core/events.ts';
import type { AccountFeature } from '../core/feature.ts';
import { featureLimits } from './limits.ts';

const NS = 'urn:xmpp:reporting:1';
const NS_BLOCKING = 'urn:xmpp:blocking';
const NS_SID = 'urn:xmpp:sid:0';
const NS_CLIENT = 'jabber:client';
const dayCharacters = 10;
const digestCharacters = 24;
const dayMs = 24 * 60 * 60 * 1000;

export interface ReportedMessage {
  readonly at: string;
  readonly body?: string | undefined;
  /** Absent when it is too long. */
  readonly xml?: string | undefined;
}

export interface Report {
  readonly at: string;
  /** The local part of the reporter. */
  readonly by: string;
  readonly jid: string;
  readonly reason: string;
  readonly texts: readonly string[];
  readonly messages: readonly ReportedMessage[];
  /** How many messages it names that are not in the reporter's archive, or not by the reported address. */
  readonly unknown: number;
  /** §5: what the reporter allows: `report-origin`, `third-party`. */
  readonly allows: readonly string[];
}

const reports = collection<Report>('report', 'tenant');
/** The value has no meaning. */
const reported = collection<1>('reported', 'account');

export const blockReports: AccountFeature = {
  spec: 'XEP-0377',
  version: '0.4.1',
  title: 'Blocking Command Reports',
  note: 'Kept for the operator for 90 days, 20 a day of each account; not passed on to other servers or third parties (§5), whatever the reporter allows: the specification has no form for that.',
  disco: { host: [NS] },
  blocked: keepReports,
  removed: forgetReports,
};

/** §6: the block was done, as without reports. Reports that are not well made, or too many, are left out. */
async function keepReports(account: Account, request: Element): Promise<void> {
  const today = account.now.toISOString().slice(0, dayCharacters);
  const max = featureLimits.reportsPerDayMax;
  const before = await account.list(reported, { limit: max, after: `${today}-` });
  let left = max - before.length;
  const rows = Rows.ofTenant(account.turn.dependencies.store, account.domain);
  const expiresMs = account.now.getTime() + featureLimits.reportDays * dayMs;
  for (const item of request.getChildren('item', NS_BLOCKING)) {
    const said = item.getChild('report', NS);
    const jid = Jid.tryParse(String(item.attrs.jid));
    const reason = String(said?.attrs.reason ?? '');
    if (!said || !jid || reason === '' || reason.length > featureLimits.reportReasonCharactersMax) continue;
    if (left-- <= 0) {
      account.turn.dependencies.log.info({ jid: `${account.jid}` }, 'too many reports in a day: one was not kept');
      return;
    }
    const report = await readReport(account, said as Element, jid, reason);
    const key = `${today}-${digest(report)}`;
    account.turn.put(rows.row(reports, key, report, expiresMs));
    account.put(reported, key, 1, expiresMs);
    if (before.some((known) => known.key === key)) continue; // it is the same report
    const { at } = report;
    tellWith(account.turn, account.tenant, {
      type: 'report.filed',
      data: { id: key, at, by: `${account.jid}`, jid: `${jid}`, reason },
    });
  }
}

async function readReport(account: Account, said: Element, jid: Jid, reason: string): Promise<Report> {
  const { reportTextsMax, reportTextCharactersMax, reportMessagesMax } = featureLimits;
  const texts = said.getChildren('text', NS).slice(0, reportTextsMax);
  const named = said.getChildren('stanza-id', NS_SID).map(({ attrs }) => String(attrs.id ?? ''));
  const ids = [...new Set(named)].filter((id) => /^[0-9a-z]{1,64}$/.test(id)).slice(0, reportMessagesMax);
  const found = await account.rows.getMany(entries, ids);
  const messages = found.flatMap(({ key, value }) => {
    const stanza = Stanza.parse(value.xml);
    const { from } = stanza;
    if (from === undefined || !isBlocked({ jids: [`${jid}`] }, from)) return [];
    return [messageOf(stanza, acceptedAtMs(key, value))];
  });
  const allows = ['report-origin', 'third-party'].filter((name) => said.getChild(name, NS) !== undefined);
  return {
    ...{ at: account.now.toISOString(), by: account.local, jid: `${jid}`, reason, messages, allows },
    texts: texts.map((text) => text.getText().trim().slice(0, reportTextCharactersMax)),
    unknown: named.length - messages.length,
  };
}

function messageOf(stanza: Stanza, atMs: number): ReportedMessage {
  const xml = stanza.bytes.toString();
  const body = stanza.child('body', NS_CLIENT)?.getText().slice(0, featureLimits.reportTextCharactersMax);
  const isShort = stanza.bytes.length <= featureLimits.reportMessageBytesMax;
  return { at: new Date(atMs).toISOString(), body, xml: isShort ? xml : undefined };
}

function digest({ at: _at, ...said }: Report): string {
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, digestCharacters);
}

async function forgetReports(account: Account): Promise<void> {
  const rows = Rows.ofTenant(account.turn.dependencies.store, account.domain);
  const limit = featureLimits.reportsPerDayMax;
  for (let after: string | undefined; ; ) {
    const page = await account.list(reported, { limit, after });
    for (const { key } of page) await rows.delete(reports, key);
    if (page.length < limit) return;
    after = page.at(-1)!.key;
  }
}

/** @param after the key of the last report of the page before */
export function listReports({ store }: Dependencies, { domain }: Tenant, limit: number, after?: string): Promise<Item<Report>[]> {
  return Rows.ofTenant(store, domain).list(reports, { limit, after });
}

export async function findReport({ store }: Dependencies, { domain }: Tenant, key: string): Promise<Report | undefined> {
  return (await Rows.ofTenant(store, domain).get(reports, key))?.value;
}

/** @returns false when there is no such report */
export async function removeReport({ store }: Dependencies, { domain }: Tenant, key: string): Promise<boolean> {
  const rows = Rows.ofTenant(store, domain);
  const found = await rows.get(reports, key);
  if (found === undefined) return false;
  await Rows.ofAccount(store, domain, found.value.by).delete(reported, key);
  await rows.delete(reports, key);
  return true;
}
