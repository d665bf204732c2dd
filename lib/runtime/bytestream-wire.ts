/** What routers ask of the process that relays bytestreams (XEP-0065). */
import { answerKind } from './answer.ts';

export const bytestreamSubject = 'px';

/** router → `px`: the initiator of a bytestream wants its bytes to be passed on. No body. */
export interface ActivateRequest {
  readonly kind: 'activate';
  /** §5.3.2: what both sides have named when they connected, in hexadecimal. */
  readonly hash: string;
  /** The bare JID of the initiator, which has a share of what is relayed. */
  readonly account: string;
}

export interface ActivateReply {
  /** Why not: nobody is connected, one side is not, or the account has too many. */
  readonly refusal?: 'item-not-found' | 'not-allowed' | 'resource-constraint';
}

export const activateAnswer = answerKind<ActivateReply>('activate', { refusal: true });
