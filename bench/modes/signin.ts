/** Signing in: connection, TLS handshake, SCRAM and bind, with a full handshake or with the ticket of an earlier one. */
import { Client } from '../generator/client.ts';
import { disperse, forEach } from '../generator/crowd.ts';
import type { Endpoint } from '../generator/endpoint.ts';
import { pause } from '../pause.ts';
import { Cannot, type Server } from '../servers/server.ts';
import { beginCpu, type Outcome } from './outcome.ts';

const atOnce = 8;
/**
 * The first sign-ins meet cold code and have no tickets. V8 goes on compiling for more than a thousand: until then a sign-in costs up to twice what
 * it does later, and the more code there is, the more.
 */
const warmUpRounds = 3;

export type SignInServer = Pick<Server, 'accounts' | 'pace'> & { readonly pid: number | undefined };

export async function signIn(server: SignInServer, endpoint: Endpoint, count: number, withTicket: boolean): Promise<Outcome> {
  for (let round = 0; round < warmUpRounds; round++) await disperse(await open(server, endpoint, count, []));
  const first = withTicket ? await open(server, endpoint, count, []) : [];
  await pause(withTicket ? 200 : 0); // tickets come after the handshake (RFC 8446 §4.6.1)
  const tickets = first.flatMap(({ ticket }) => (ticket ? [ticket] : []));
  await disperse(first);
  if (withTicket && tickets.length === 0) throw new Cannot('gives no session tickets');
  const cpu = beginCpu(server.pid);
  const clients = await open(server, endpoint, count, withTicket ? tickets : []);
  const { seconds, serverMicrosEach, generatorMicrosEach } = cpu(clients.length);
  const resumed = clients.filter(({ isTicketUsed }) => isTicketUsed).length;
  await disperse(clients);
  if (withTicket && resumed === 0) throw new Cannot('takes no session tickets');
  return {
    unit: 'sign-ins',
    count: clients.length,
    cpuMicrosEach: serverMicrosEach,
    lost: count - clients.length,
    duplicated: 0,
    reordered: 0,
    figures: { perSecond: clients.length / seconds, generatorMicrosEach, ticketsUsed: resumed },
  };
}

async function open(server: SignInServer, endpoint: Endpoint, count: number, tickets: readonly Buffer[]): Promise<Client[]> {
  const clients = Array.from({ length: count }, (_, index) => {
    const account = server.accounts[index % server.accounts.length]!;
    return new Client(endpoint, account, `signin${index}`, { presence: false, ticket: tickets[index] });
  });
  await forEach(clients, atOnce, async (client) => {
    await server.pace.turn();
    await client.start();
  });
  return clients;
}
