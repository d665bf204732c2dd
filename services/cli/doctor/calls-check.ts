/** Checks the servers for calls that an account is told of (XEP-0215): a binding at each STUN server, an allocation at each TURN server. */
import { isIP } from 'node:net';
import { type CallServer, parseCallServer } from '../../../lib/runtime/policy/call-servers.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { programLimits } from '../limits.ts';
import type { Patient } from './client-check.ts';
import { shown } from './findings.ts';
import type { Names } from './names.ts';
import { whyOf } from './reasons.ts';
import { StunClient, type TurnCredentials } from './stun-client.ts';

export const NS_SERVICES = 'urn:xmpp:extdisco:2';

interface Offered {
  readonly server: CallServer;
  readonly credentials: TurnCredentials | undefined;
}

/** @param services as the domain has answered; undefined: it does not know of such */
export async function checkCalls(services: Element | undefined, names: Names, patient: Patient): Promise<void> {
  const { domain, findings } = patient;
  const offered = (services?.getChildren('service', NS_SERVICES) ?? []).flatMap((service) => read(service.attrs) ?? []);
  if (offered.length === 0) {
    const advice = `calls between networks will fail; see: skylark tenant set ${domain} --call-servers`;
    findings.warn(domain, 'no servers for calls are announced (XEP-0215)', advice);
  }
  if (offered.length > 0 && !offered.some(({ server }) => server.type.startsWith('turn')))
    findings.warn(domain, 'no TURN server is announced', 'calls between people behind strict firewalls will fail');
  await Promise.all(offered.slice(0, programLimits.doctorCallServersMax).map((one) => checkOne(one, names, patient)));
}

function read({ type, host = '', port, transport, username, password }: Record<string, string | undefined>): Offered | undefined {
  const name = host.includes(':') ? `[${host}]` : host;
  const server = parseCallServer(`${type}:${name}${port ? `:${port}` : ''}${transport ? `?transport=${transport}` : ''}`);
  return server && { server, credentials: username && password ? { username, password } : undefined };
}

async function checkOne({ server, credentials }: Offered, names: Names, { deadline, findings }: Patient): Promise<void> {
  const { type, host, port, transport } = server;
  const subject = shown(`${type}:${host}:${port} over ${type.endsWith('s') ? 'TLS' : transport.toUpperCase()}`);
  const address = isIP(host) ? host : await addressOf(host, names);
  if (address === undefined)
    return findings.fail(subject, `${shown(host)} has no address`, 'add its A record, or correct the name');
  const isTurn = type.startsWith('turn');
  if (isTurn && credentials === undefined)
    return findings.fail(
      subject,
      'it is announced without a password',
      'give the domain the secret: skylark tenant set --turn-secret',
    );
  let client: StunClient | undefined;
  try {
    client = await StunClient.connect(server, address, deadline);
    if (isTurn) findings.ok(subject, `relays from ${shown(await client.allocate(credentials!))}`);
    else findings.ok(subject, `sees us as ${shown(await client.bind())}`);
  } catch (error) {
    const [text, advice] = whyOf(error);
    const isRefused = text.includes('password');
    findings.fail(
      subject,
      text,
      isRefused ? 'its static-auth-secret and the turn-secret of the domain must be the same' : advice,
    );
  } finally {
    client?.close();
  }
}

async function addressOf(host: string, names: Names): Promise<string | undefined> {
  const found = await names.addresses(host);
  return found.kind === 'found' ? found.values[0] : undefined;
}
