/** What follows when the nodes of an avatar have changed, in a turn of its own. */
import { Account } from '../core/account.ts';
import { Turn } from '../core/turn.ts';
import { noteAvatar } from './avatar.ts';
import { stampAgain } from './photo-stamp.ts';
import { renewPhotos } from './vcards.ts';

/**
 * Queues the follow-up, for when those who want the news of the nodes have it. It may be done again: a request that is tried again does it,
 * too.
 */
export function followAvatar(account: Account): void {
  account.turn.afterHandOver(async () => {
    const turn = new Turn(account.turn.dependencies);
    const again = new Account(turn, account.tenant, account.local);
    if (await noteAvatar(again)) await renewPhotos(again);
    await stampAgain(again);
    await turn.finish();
  });
}
