/** What the console takes from commands: the look at a domain from outside, and the DNS records that it needs. */
import type { Outside } from '../../console/core/view.ts';
import { UsageError } from '../core/report.ts';
import { dnsOptions } from '../dns/dns-options.ts';
import { hostNameOf, publicDomain } from '../dns/host-name.ts';
import { planRecords } from '../dns/records.ts';

export const consoleOutside: Outside = {
  async examine(domain, seconds) {
    const [{ examine }, { doctorOptions }] = await Promise.all([
      import('../doctor/doctor.ts'),
      import('../doctor/doctor-options.ts'),
    ]);
    const webPort = doctorOptions.webPort.schema.parse(doctorOptions.webPort.preset);
    const values = { dns: undefined, ca: undefined, acmeZone: undefined, user: undefined, password: undefined, json: false };
    return (await examine({ ...values, webPort, timeout: seconds }, [domain])).findings;
  },
  recordsOf(text, given, servers = given) {
    const [target, serversTarget = target] = [hostNameOf(given), hostNameOf(servers)];
    if (target === undefined) return `'${given}' is not the name of a host`;
    try {
      const { ascii: domain, unicode } = publicDomain(text);
      const ports = dnsOptions.ports.schema.parse(dnsOptions.ports.preset);
      const hosts = { target, serversTarget: serversTarget!, webHost: target, webSocketHost: target };
      return planRecords({ domain, unicode, ...hosts, ports, federation: true, acmeZone: undefined, filesHost: undefined })
        .records;
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
  },
};
