/** Where a stanza comes from. */
import type { SessionAddress } from '../../../lib/runtime/wire.ts';

/** What is known about the sender of a stanza beyond its `from`. */
export interface Sender {
  /** The full JID. */
  readonly jid: string | undefined;
  readonly address?: SessionAddress | undefined;
  /** {@link AccountRow.incarnation} */
  readonly incarnation?: string | undefined;
}

/** The session that the batch came from. Replies to it go out with the batch's answer, in order. */
export interface Origin extends SessionAddress, Sender {
  readonly resource: string;
  readonly jid: string;
  reply(xml: Buffer, id?: string): void;
  /** {@link StepReply.push} */
  turnPush(isOn: boolean): void;
  /** Ends the stream, because the session is not among the account's sessions any more. */
  lost(): void;
}
