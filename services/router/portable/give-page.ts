/** Gives an account out as the children of a `<user/>` of XEP-0227, page by page. */

import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { privateNs } from '../accounts/private-xml.ts';
import { entries } from '../archive/archive.ts';
import { readUndelivered } from '../archive/cursor.ts';
import type { Account } from '../core/account.ts';
import type { AccountRow } from '../core/accounts.ts';
import type { PepNode } from '../pep/nodes.ts';
import { pubsubNs } from '../pep/pubsub-error.ts';
import { rosterNs } from '../roster/roster.ts';
import { contactElements, privacyElement } from './contacts.ts';
import { keysElements } from './credentials.ts';
import { portableLimits } from './limits.ts';
import { resultOf, undeliveredOf } from './messages.ts';
import { configurationElement, itemsAfter, ownerNs, ownNodes } from './nodes.ts';
import { privateXmlElements, vcardElement } from './profile.ts';
import { pieMamNs, pieNs } from './take-piece.ts';

/** @property within the opening tags between the element and `<user/>` */
export interface Given {
  readonly within: readonly string[];
  readonly xml: string;
}

/** Where a page begins: at the first thing of a kind, or behind the one that was given last. */
export type Position =
  | { readonly kind: 'contacts' | 'nodes' | 'offline' | 'archive'; readonly after: string }
  | { readonly kind: 'items'; readonly node: string; readonly after?: string };

export interface Page {
  readonly given: readonly Given[];
  readonly next: Position | undefined;
}

export const begin: Position = { kind: 'contacts', after: '' };

const inRoster = [`<query xmlns='${rosterNs}'>`];
const inPrivate = [`<query xmlns='${privateNs}'>`];
const inOwner = [`<pubsub xmlns='${ownerNs}'>`];
const inItems = (node: string) => [`<pubsub xmlns='${pubsubNs}'>`, `<items node='${escapeAttribute(node)}'>`];
const inOffline = [`<offline-messages xmlns='${pieNs}'>`];
const inArchive = [`<archive xmlns='${pieMamNs}'>`];

export async function givePage(account: Account, row: AccountRow, position: Position): Promise<Page> {
  switch (position.kind) {
    case 'contacts':
      return giveContacts(account, row, position.after);
    case 'nodes':
      return giveNodes(account);
    case 'items':
      return giveItems(account, position.node, position.after);
    case 'offline':
      return giveUndelivered(account, position.after);
    case 'archive':
      return giveArchive(account, position.after);
  }
}

/** All but messages and items. @param after how many were given */
async function giveContacts(account: Account, row: AccountRow, after: string): Promise<Page> {
  const [{ items, requests }, card, elements, privacy] = await Promise.all([
    contactElements(account),
    vcardElement(account),
    privateXmlElements(account),
    privacyElement(account),
  ]);
  const all: Given[] = [
    ...keysElements(row).map((element) => ({ within: [], xml: element.toString() })),
    ...items.map((item) => ({ within: inRoster, xml: item.toString() })),
    ...requests.map((request) => ({ within: [], xml: request.replace('<presence', "<presence xmlns='jabber:client'") })),
    ...[card, privacy].flatMap((element) => (element ? [{ within: [], xml: element.toString() }] : [])),
    ...elements.map((element) => ({ within: inPrivate, xml: element.toString() })),
  ];
  const from = after === '' ? 0 : Number(after);
  const given = cut(all.slice(from));
  const end = from + given.length;
  return { given, next: end < all.length ? { kind: 'contacts', after: `${end}` } : { kind: 'nodes', after: '' } };
}

function cut(all: readonly Given[]): Given[] {
  let bytes = 0;
  const end = all.findIndex(({ xml }) => {
    bytes += Buffer.byteLength(xml);
    return bytes > portableLimits.pageBytes;
  });
  return end < 0 ? [...all] : all.slice(0, Math.max(1, end));
}

async function giveNodes(account: Account): Promise<Page> {
  const nodes = await ownNodes(account);
  const given = nodes.map((node) => ({ within: inOwner, xml: configurationElement(node).toString() }));
  return { given, next: nodes[0] ? { kind: 'items', node: nodes[0].name } : { kind: 'offline', after: '' } };
}

async function giveItems(account: Account, name: string, after: string | undefined): Promise<Page> {
  const nodes = await ownNodes(account);
  const at = nodes.findIndex((node) => node.name === name);
  const next: PepNode | undefined = at < 0 ? undefined : nodes[at + 1];
  const behind: Position = next ? { kind: 'items', node: next.name } : { kind: 'offline', after: '' };
  if (at < 0) return { given: [], next: behind };
  const found = await itemsAfter(account, nodes[at]!, after, portableLimits.pageRowsMax);
  const given = cut(found.map(({ element }) => ({ within: inItems(name), xml: element.toString() })));
  const isWhole = given.length === found.length && found.length < portableLimits.pageRowsMax;
  return { given, next: isWhole ? behind : { kind: 'items', node: name, after: found[given.length - 1]!.id } };
}

async function giveUndelivered(account: Account, after: string): Promise<Page> {
  const { items, next } = await readUndelivered(account, after, portableLimits.pageRowsMax);
  const given = cut(items.map(({ key, value }) => ({ within: inOffline, xml: undeliveredOf(account, key, value) })));
  const last = given.length < items.length ? items[given.length - 1]!.key : next;
  return { given, next: last === undefined ? { kind: 'archive', after: '' } : { kind: 'offline', after: last } };
}

async function giveArchive(account: Account, after: string): Promise<Page> {
  const rows = await account.list(entries, { after, limit: portableLimits.pageRowsMax });
  const given = cut(rows.map(({ key, value }) => ({ within: inArchive, xml: resultOf(key, value) })));
  const isWhole = given.length === rows.length && rows.length < portableLimits.pageRowsMax;
  return { given, next: isWhole ? undefined : { kind: 'archive', after: rows[given.length - 1]!.key } };
}
