/** `skylark session …` and `skylark device …`: what is signed in to an account, and what can be. */
import { deviceList, deviceRevoke, sessionEnd, sessionList } from '../../router/operations/sessions.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';

export async function listSessions(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('session list', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (const session of (await admin.ask(sessionList, { jid })).sessions) {
      const { id, resource, since, state, priority } = session;
      say(values.json ? JSON.stringify(session) : `${id}  ${state.padEnd(9)}  since ${since}  priority ${priority}  ${resource}`);
    }
  });
}

export async function endSession(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [jid, id] = all('session end', ['JID', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(sessionEnd, { jid, session: id });
    say(`ended ${id}`);
  });
}

export async function listDevices(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('device list', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (const device of (await admin.ask(deviceList, { jid })).devices) {
      const { id, software = '-', device: name = '-', lastSeen, isConnected, hasPassword, hasToken } = device;
      const ways =
        [hasPassword ? 'password' : '', hasToken ? 'token' : ''].filter((way) => way !== '').join(' and ') || 'nothing';
      const state = isConnected ? 'connected' : `seen ${lastSeen}`;
      say(values.json ? JSON.stringify(device) : `${id}  ${state}  signs in with ${ways}  ${software}  ${name}`);
    }
  });
}

export async function revokeDevice(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const [jid, id] = all('device revoke', ['JID', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { hasPassword } = await admin.ask(deviceRevoke, { jid, device: id });
    say(`revoked ${id}`);
    if (hasPassword) say(`it has the password, and only a new one keeps it out: skylark user password ${jid}`);
  });
}

/** @throws {UsageError} */
