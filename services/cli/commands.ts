/** The list of all commands. The code of a command is imported only when it runs, so that other commands start quickly. */
import * as accountOptions from './commands/account-options.ts';
import * as certificateOptions from './commands/certificate-options.ts';
import { drainOptions, statusOptions } from './commands/node-options.ts';
import { clusterOptions } from './compose/cluster-options.ts';
import { serveOptions } from './compose/serve-options.ts';
import { startOptions } from './compose/start-options.ts';
import type { Options, Values } from './core/arguments.ts';
import { costOptions } from './cost/cost-options.ts';
import { dnsOptions } from './dns/dns-options.ts';
import { doctorOptions } from './doctor/doctor-options.ts';

export interface Command {
  /** The name, of one or two words: `user add`. */
  readonly name: string;
  /** The positional arguments, as the usage line shows them: `JID`, `[DOMAIN]`. */
  readonly positionals: readonly string[];
  readonly summary: string;
  /** More lines for the help of the command. */
  readonly text: readonly string[];
  readonly options: Options;
  /** Runs the command. @returns the exit code */
  run(values: Values<Options>, positionals: readonly string[]): Promise<number>;
}

/** Makes the compiler check that `run` takes values of the types that the options have. */
function command<Of extends Options>(
  given: Omit<Command, 'options' | 'run' | 'text' | 'positionals'> & {
    readonly positionals?: readonly string[];
    readonly text?: readonly string[];
    readonly options: Of;
    run(values: Values<Of>, positionals: readonly string[]): Promise<number>;
  },
): Command {
  return { positionals: [], text: [], ...given } as Command;
}

const passwordText = ['Without --password it asks twice at a terminal, and otherwise reads one line from its input.'];
const anyTimeText = ['Works while the service runs, and while it does not.'];

export const commands: readonly Command[] = [
  command({
    name: 'start',
    summary: 'runs the whole service in this process, with its rows in a folder',
    text: [
      'Everything works without any option: accounts at localhost, reachable from this machine only.',
      'Other servers are talked to (federation) when there is a port for them: by default on any address but the loopback.',
      'Components do not exist yet: --component-port is taken and checked, but nothing listens there.',
      'With --processes N the work is shared between N processes on the same ports; one that dies is started again.',
      'SKYLARK_LOG_LEVEL sets how much is logged on stderr: fatal, error, warn (the default on a terminal), info (the',
      'default elsewhere), debug, trace or silent.',
    ],
    options: startOptions,
    run: async (values, positionals) => (await import('./commands/start.ts')).start(values, positionals),
  }),
  command({
    name: 'user add',
    positionals: ['JID'],
    summary: 'makes an account',
    text: [...passwordText, ...anyTimeText],
    options: accountOptions.passwordOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).addUser(values, positionals),
  }),
  command({
    name: 'user remove',
    positionals: ['JID'],
    summary: 'removes an account with all that it keeps',
    text: anyTimeText,
    options: accountOptions.userRemoveOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).removeUser(values, positionals),
  }),
  command({
    name: 'user list',
    positionals: ['[DOMAIN]'],
    summary: 'prints the accounts of a tenant, or of all',
    text: anyTimeText,
    options: accountOptions.userListOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).listUsers(values, positionals),
  }),
  command({
    name: 'user password',
    positionals: ['JID'],
    summary: 'changes the password of an account',
    text: [...passwordText, ...anyTimeText],
    options: accountOptions.passwordOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).changePassword(values, positionals),
  }),
  command({
    name: 'tenant add',
    positionals: ['DOMAIN'],
    summary: 'makes a domain a tenant, served within a second',
    text: anyTimeText,
    options: accountOptions.tenantAddOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).addTenant(values, positionals),
  }),
  command({
    name: 'tenant remove',
    positionals: ['DOMAIN'],
    summary: 'ends a tenant',
    text: anyTimeText,
    options: accountOptions.tenantRemoveOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).removeTenant(values, positionals),
  }),
  command({
    name: 'tenant list',
    summary: 'prints the tenants',
    text: anyTimeText,
    options: accountOptions.tenantListOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).listTenants(values, positionals),
  }),
  command({
    name: 'certificate add',
    positionals: ['DOMAIN'],
    summary: "keeps a tenant's certificate and its key, sealed, in the store",
    text: [
      'Services with --certificates store show it to clients that ask for one of its names, without a restart. Whoever',
      'gives a certificate renews it: `certificate renew` leaves it alone until it is removed.',
      ...anyTimeText,
    ],
    options: certificateOptions.certificateAddOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).addCertificate(values, positionals),
  }),
  command({
    name: 'certificate list',
    summary: 'prints the certificates in the store, with what they are for and how long',
    text: anyTimeText,
    options: certificateOptions.certificateListOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).listCertificates(values, positionals),
  }),
  command({
    name: 'certificate remove',
    positionals: ['DOMAIN'],
    summary: "takes a tenant's certificate out of the store",
    text: anyTimeText,
    options: certificateOptions.certificateRemoveOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).removeCertificate(values, positionals),
  }),
  command({
    name: 'certificate renew',
    positionals: ['[DOMAIN]'],
    summary: 'gets certificates from a CA (ACME, DNS-01) for a tenant, or for all that are due',
    text: [
      'For each name NAME of a tenant its owner makes _acme-challenge.NAME a CNAME of NAME.ZONE, where ZONE is what',
      '--dns-zone says; names without that are left out, and without that of the domain itself there is no certificate.',
      ...anyTimeText,
    ],
    options: certificateOptions.certificateRenewOptions,
    run: async (values, positionals) => (await import('./commands/certificate-renew.ts')).renewCertificates(values, positionals),
  }),
  command({
    name: 'status',
    summary: 'prints the processes of the service and what they hold',
    text: [
      "A node that is 'silent' has a row and does not answer: it died a moment ago, or stands still.",
      'Sessions parked in the store are those whose clients have a few minutes to come back to any node.',
      'With --json it prints one object a line, the last one with the number of sessions parked in the store.',
    ],
    options: statusOptions,
    run: async (values, positionals) => (await import('./commands/nodes.ts')).status(values, positionals),
  }),
  command({
    name: 'drain',
    positionals: ['NODE'],
    summary: 'makes a node let go of its sessions, so that it can be stopped and nobody notices',
    text: [
      'Sessions that can be resumed (XEP-0198) are parked in the store, some hundred per second, and their clients go on at',
      'another node; others end. The node takes no new streams and stays up. The command ends when it holds none.',
    ],
    options: drainOptions,
    run: async (values, positionals) => (await import('./commands/nodes.ts')).drain(values, positionals),
  }),
  command({
    name: 'dns',
    positionals: ['DOMAIN'],
    summary: 'prints the DNS records that a tenant needs',
    text: [
      'It asks nobody and changes nothing. Several ports of a service are joined by +, the first is preferred: c2s-tls=5223+443.',
      'The records for other servers are comments unless --federation is given: they belong into DNS where such ports are open.',
      'With --format route53 it prints what `aws route53 change-resource-record-sets --change-batch` takes.',
    ],
    options: dnsOptions,
    run: async (values, positionals) => (await import('./dns/dns.ts')).dns(values, positionals),
  }),
  command({
    name: 'doctor',
    positionals: ['DOMAIN'],
    summary: 'checks a domain from outside: DNS, ports, TLS, certificates, sign-in, WebSocket',
    text: [
      'Needs nothing but the network. A line for each check: ok, warn or fail, and what to do. Exit code 1 when one failed.',
      'With --user it also signs in, only where the certificate is good, and looks for rooms and uploads.',
    ],
    options: doctorOptions,
    run: async (values, positionals) => (await import('./doctor/doctor.ts')).doctor(values, positionals),
  }),
  command({
    name: 'cost',
    summary: 'computes what a month on AWS costs, beside servers of the usual kind',
    text: [
      'From what each action was measured to need (`npm run measure`) and a price table with its date: public prices on',
      'demand, which you have to check. Tasks are those of the busiest hour, all month.',
    ],
    options: costOptions,
    run: async (values, positionals) => (await import('./cost/cost.ts')).cost(values, positionals),
  }),
  command({
    name: 'cluster',
    summary: 'runs the service as processes of their own on this machine, connected by NATS, with their rows in DynamoDB',
    text: [
      'Without --nats it starts the nats-server that is installed, without --dynamodb the npm package dynalite, both on',
      'free ports of the loopback. A process that dies is reported and not started again; Ctrl-C stops them all in order.',
      'All connection processes share the ports for clients, and the system spreads connections over them; where it cannot',
      'share ports, and with port 0, each has ports of its own. --json prints where each process listens.',
    ],
    options: clusterOptions,
    run: async (values, positionals) => (await import('./commands/cluster.ts')).cluster(values, positionals),
  }),
  command({
    name: 'serve',
    positionals: ['connection|router|muc|federation|web|all|dynamodb|nats'],
    summary: 'runs one process of a cluster (what `skylark cluster` and containers start)',
    text: [
      'Prints one line of JSON with its addresses when it is ready. Signals stop it in order.',
      "'all' is every service in one process on DynamoDB, without NATS; one such process runs at a time.",
      "For clusters on one machine, 'dynamodb' is the npm package dynalite with its rows in --data, and 'nats' the",
      'nats-server that is installed.',
      'With --dynamodb aws the credentials are those of the AWS environment (variables, profile or task role).',
    ],
    options: serveOptions,
    run: async (values, positionals) => (await import('./commands/serve.ts')).serve(values, positionals),
  }),
];
