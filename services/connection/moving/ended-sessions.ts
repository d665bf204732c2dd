/** How far sessions that timed out had got, for `<failed h='…'/>` (XEP-0198 §5). */
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import { connectionLimits } from '../limits.ts';
import type { Session } from '../session/session.ts';

interface Ended {
  readonly token: string;
  readonly account: string;
  readonly h: number;
}

export class EndedSessions {
  readonly #bySid = new Map<string, Ended>();

  add({ sid, sm, account }: Session): void {
    if (sm === undefined) return;
    this.#bySid.set(sid, { token: sm.token, account: account.toString(), h: sm.h });
    if (this.#bySid.size <= connectionLimits.endedSessionsMax) return;
    for (const oldest of this.#bySid.keys()) {
      this.#bySid.delete(oldest);
      return;
    }
  }

  find(sid: string, token: string, account: string): number | undefined {
    const ended = this.#bySid.get(sid);
    return ended !== undefined && isSameSecret(ended.token, token) && ended.account === account ? ended.h : undefined;
  }
}
