/**
 * Tells systemd when the service is ready and when it stops (sd_notify(3)). The message is a datagram on a socket that Node cannot open, so
 * systemd-notify sends it, which waits until it was read; the unit has `NotifyAccess=all` for that.
 */
import { execFile } from 'node:child_process';
import type { Logger } from 'pino';
import { programLimits } from '../limits.ts';

/** True when systemd has started this process and keeps what it prints in its journal. */
export const isManaged = (): boolean => Boolean(process.env.NOTIFY_SOCKET);

/** Does nothing where no service manager waits. A message that cannot be sent is logged: systemd will end the service for its silence. */
export function tellServiceManager(states: readonly string[], log: Logger): Promise<void> {
  if (!isManaged()) return Promise.resolve();
  return new Promise((resolve) => {
    execFile('systemd-notify', [...states], { timeout: programLimits.notifyMs }, (error) => {
      if (error) log.error({ err: error, states }, 'systemd-notify could not tell systemd about this service');
      resolve();
    });
  });
}
