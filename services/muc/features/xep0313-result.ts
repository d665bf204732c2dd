/**
 * One entry of the archive in the form of XEP-0313 §4.2: a result that holds a forwarded message (XEP-0297) with its time
 * (XEP-0203).
 */
import { xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { NS_CLIENT, NS_DELAY, NS_FORWARD, NS_MAM, NS_MUC_USER } from '../core/namespaces.ts';
import type { Archived } from '../core/room-rows.ts';
import { attributesText, decorate } from '../core/sending.ts';
import { stampOf } from '../rooms/history.ts';

export interface ResultOptions {
  readonly room: Jid;
  readonly id: string;
  readonly queryid: string | undefined;
  /** XEP-0313 §5.1.2: the reader may know the JID of the writer. */
  readonly hasJid: boolean;
}

/** @returns the stanza without `to` */
export function archiveResult(entry: Archived, { room, id, queryid, hasJid }: ResultOptions): Buffer {
  const { affiliation, role, jid } = entry;
  const writer = hasJid ? `${xml('x', { xmlns: NS_MUC_USER }, xml('item', { affiliation, role, jid }))}` : '';
  const message = decorate(entry.xml, { xmlns: NS_CLIENT }, writer);
  const delay = xml('delay', { xmlns: NS_DELAY, stamp: stampOf(entry) });
  return Buffer.from(
    `<message${attributesText({ from: room.toString() })}>` +
      `<result${attributesText({ xmlns: NS_MAM, queryid, id })}>` +
      `<forwarded xmlns='${NS_FORWARD}'>${delay}${message}</forwarded></result></message>`,
  );
}
