/** Checks whether other servers can reach the domain (RFC 6120 §3.2). Without federation it should have no records for them. */
import { roomsDomain } from '../../../lib/runtime/tenants.ts';
import { checkOtherAddresses, type Patient, subjectOf } from './client-check.ts';
import type { Names } from './names.ts';
import { connectTcp } from './peer-stream.ts';
import { whyOf } from './reasons.ts';
import { placesOf } from './records-check.ts';

export async function checkServers(patient: Patient, names: Names): Promise<void> {
  const { domain, deadline, findings } = patient;
  let isAnywhere = false;
  for (const name of [domain, roomsDomain(domain)]) {
    for (const service of ['xmpp-server', 'xmpps-server'] as const) {
      const places = await placesOf(service, name, names, findings);
      isAnywhere ||= places === undefined || places.length > 0;
      for (const place of places ?? []) {
        try {
          const socket = await connectTcp(place, deadline);
          socket.destroy();
          findings.ok(subjectOf(place), `${place.address} accepts connections of servers`);
          await checkOtherAddresses(place, patient);
        } catch (error) {
          const [text, advice] = whyOf(error);
          findings.fail(
            subjectOf(place),
            `_${service}._tcp.${name} names it, and ${text}`,
            `${advice}; or remove the record where no port for servers is open`,
          );
        }
      }
    }
  }
  if (!isAnywhere) findings.ok('federation', 'there is no record for servers, so no other server finds this domain by one');
}
