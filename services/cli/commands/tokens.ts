/** `skylark token …`: tokens with which an app's own server lets its people sign in. */
import { tokenCreate, tokenRevoke } from '../../router/operations/tokens.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { runningOptions } from './account-options.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';
import type { tokenCreateOptions } from './token-options.ts';

export async function createToken(values: Values<typeof tokenCreateOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('token create', 'JID', positionals);
  const { seconds, makes } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const created = await admin.ask(tokenCreate, { jid, seconds, makes });
    say(values.json ? JSON.stringify(created) : created.token);
  });
}

export async function revokeTokens(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('token revoke', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`the tokens of ${(await admin.ask(tokenRevoke, { jid })).jid} are void`);
  });
}
