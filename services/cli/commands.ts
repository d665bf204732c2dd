/** The list of all commands. The code of a command is imported only when it runs, so that other commands start quickly. */
import { accessCommands } from './access-commands.ts';
import { backupOptions, restoreOptions } from './backup/backup-options.ts';
import { anyTimeText, type Command, command } from './command.ts';
import * as accountOptions from './commands/account-options.ts';
import { cellListOptions } from './commands/cell-options.ts';
import * as certificateOptions from './commands/certificate-options.ts';
import * as componentOptions from './commands/component-options.ts';
import * as keyOptions from './commands/key-options.ts';
import * as policyOptions from './commands/tenant-policy-options.ts';
import { clusterOptions } from './compose/cluster-options.ts';
import { serveOptions } from './compose/serve-options.ts';
import { startOptions } from './compose/start-options.ts';
import { costOptions } from './cost/cost-options.ts';
import { dnsOptions } from './dns/dns-options.ts';
import { doctorOptions } from './doctor/doctor-options.ts';
import { machineCommands } from './machine-commands.ts';
import { peopleCommands } from './people-commands.ts';
import { processCommands } from './process-commands.ts';
import { programCommands } from './program-commands.ts';

const passwordText = ['Without --password it asks twice on a terminal; otherwise it reads one line from standard input.'];

export const commands: readonly Command[] = [
  command({
    name: 'start',
    summary: 'runs the whole service in one process, with its data in a folder',
    text: [
      'No option is required. By default, accounts are at localhost and only this machine can connect.',
      'It federates with other servers if it has an s2s port, which it has by default on any address but a loopback one.',
      'Components, such as gateways, connect to --component-port, once `skylark component add` has given them a secret.',
      'With --processes N, N processes share the ports and the work; a process that dies is started again.',
      'SKYLARK_LOG_LEVEL sets how much is logged on stderr: fatal, error, warn (the default on a terminal), info (the',
      'default elsewhere), debug, trace or silent.',
    ],
    options: startOptions,
    run: async (values, positionals) => (await import('./commands/start.ts')).start(values, positionals),
  }),
  ...machineCommands,
  command({
    name: 'backup',
    positionals: ['FOLDER'],
    summary: 'copies a data folder into a new folder, while its service runs or not',
    text: [
      'All that was acknowledged before it began is in it. The copy is read back and checked.',
      'The keys are left out unless --keys names a folder for them: keep them apart, since whoever has both has all secrets.',
    ],
    options: backupOptions,
    run: async (values, positionals) => (await import('./backup/backup.ts')).backup(values, positionals),
  }),
  command({
    name: 'restore',
    positionals: ['FOLDER'],
    summary: 'makes a data folder of a backup',
    text: [
      'The service must be stopped. Nothing is changed unless the backup is whole.',
      'With --replace, what the data folder holds is moved into a folder in it, whose name is printed.',
    ],
    options: restoreOptions,
    run: async (values, positionals) => (await import('./backup/restore.ts')).restore(values, positionals),
  }),
  command({
    name: 'user add',
    positionals: ['JID'],
    summary: 'creates an account',
    text: [...passwordText, ...anyTimeText],
    options: accountOptions.passwordOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).addUser(values, positionals),
  }),
  command({
    name: 'user remove',
    positionals: ['JID'],
    summary: 'removes an account and all its data',
    text: anyTimeText,
    options: accountOptions.userRemoveOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).removeUser(values, positionals),
  }),
  command({
    name: 'user list',
    positionals: ['[DOMAIN]'],
    summary: 'prints the accounts of one tenant, or of all tenants',
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
  ...accessCommands,
  ...programCommands,
  ...peopleCommands,
  command({
    name: 'tenant add',
    positionals: ['DOMAIN'],
    summary: 'adds a domain as a tenant; it is served within a second',
    text: anyTimeText,
    options: accountOptions.tenantAddOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).addTenant(values, positionals),
  }),
  command({
    name: 'tenant prove',
    positionals: ['DOMAIN'],
    summary: 'looks for the TXT record that proves the domain of a tenant, which is served then',
    text: anyTimeText,
    options: accountOptions.tenantProveOptions,
    run: async (values, positionals) => (await import('./commands/accounts.ts')).proveTenant(values, positionals),
  }),
  command({
    name: 'tenant remove',
    positionals: ['DOMAIN'],
    summary: 'removes a tenant',
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
    name: 'tenant set',
    positionals: ['DOMAIN'],
    summary: 'changes the policy of a tenant, felt within a second',
    text: [
      'What is not given stays as it is. The registration of the first tenant is set again at each start of its service.',
      ...anyTimeText,
    ],
    options: policyOptions.tenantSetOptions,
    run: async (values, positionals) => (await import('./commands/tenant-policy.ts')).setPolicy(values, positionals),
  }),
  command({
    name: 'tenant show',
    positionals: ['DOMAIN'],
    summary: 'prints the policy of a tenant',
    text: anyTimeText,
    options: policyOptions.tenantShowOptions,
    run: async (values, positionals) => (await import('./commands/tenant-policy.ts')).showPolicy(values, positionals),
  }),
  command({
    name: 'tenant index',
    positionals: ['DOMAIN'],
    summary: 'brings searches of older messages in line with the policy of a tenant',
    text: [
      'After `tenant set --search on`, clients find what is said from then on. This command has them find what was archived before;',
      'after `--search off`, it takes all words of the tenant out of the index. It may be given again, as often as one likes.',
      ...anyTimeText,
    ],
    options: accountOptions.place,
    run: async (values, positionals) => (await import('./commands/search-index.ts')).indexTenant(values, positionals),
  }),
  command({
    name: 'cell list',
    summary: 'prints the cells of a deployment: where their tenants are reached, and how many they are',
    text: [
      'A cell tells its name when it starts (--cell). With --table-prefixes it looks into the tables of several cells, and the exit',
      'code is 1 if a domain is a tenant of more than one.',
      ...anyTimeText,
    ],
    options: cellListOptions,
    run: async (values, positionals) => (await import('./commands/cells.ts')).listCells(values, positionals),
  }),
  command({
    name: 'component add',
    positionals: ['DOMAIN'],
    summary: "lets a component, such as a gateway, have a domain below a tenant's, and prints its secret",
    text: [
      'DOMAIN is one label below the domain of a tenant, such as irc.example.org. The component connects to',
      '--component-port of the service (XEP-0114). The secret is sealed in the store and is not shown again.',
      ...anyTimeText,
    ],
    options: componentOptions.componentAddOptions,
    run: async (values, positionals) => (await import('./commands/components.ts')).addComponent(values, positionals),
  }),
  command({
    name: 'component grant',
    positionals: ['DOMAIN', '[PRIVILEGE…]'],
    summary: 'lets a component act for the accounts of its tenant (XEP-0356), as bridges need it',
    text: [
      'PRIVILEGE is roster=get|set|both, message=outgoing, presence=managed_entity, or iq=NAMESPACE=get|set|both; none takes',
      'it away, as in roster=none. What is not named stays. It holds within seconds, and each use is logged.',
      ...anyTimeText,
    ],
    options: componentOptions.componentRemoveOptions,
    run: async (values, positionals) => (await import('./commands/components.ts')).grantPrivileges(values, positionals),
  }),
  command({
    name: 'component remove',
    positionals: ['DOMAIN'],
    summary: 'takes its domain from a component',
    text: anyTimeText,
    options: componentOptions.componentRemoveOptions,
    run: async (values, positionals) => (await import('./commands/components.ts')).removeComponent(values, positionals),
  }),
  command({
    name: 'component list',
    positionals: ['DOMAIN'],
    summary: 'prints the components of a tenant',
    text: anyTimeText,
    options: componentOptions.componentListOptions,
    run: async (values, positionals) => (await import('./commands/components.ts')).listComponents(values, positionals),
  }),
  command({
    name: 'certificate add',
    positionals: ['DOMAIN'],
    summary: "stores a tenant's certificate and its encrypted private key",
    text: [
      'Services with --certificates store use it for its names at once, without a restart. You renew it yourself:',
      '`certificate renew` does not touch it until you remove it.',
      ...anyTimeText,
    ],
    options: certificateOptions.certificateAddOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).addCertificate(values, positionals),
  }),
  command({
    name: 'certificate list',
    positionals: ['[DOMAIN]'],
    summary: 'prints the certificates in the store, or that of one tenant, with names, issuer and how long they are valid',
    text: anyTimeText,
    options: certificateOptions.certificateListOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).listCertificates(values, positionals),
  }),
  command({
    name: 'certificate remove',
    positionals: ['DOMAIN'],
    summary: "removes a tenant's certificate from the store",
    text: anyTimeText,
    options: certificateOptions.certificateRemoveOptions,
    run: async (values, positionals) => (await import('./commands/certificates.ts')).removeCertificate(values, positionals),
  }),
  command({
    name: 'certificate renew',
    positionals: ['[DOMAIN]'],
    summary: 'gets a certificate from a CA (ACME, DNS-01) for one tenant, or for all tenants whose certificates are due',
    text: [
      'For each name NAME of a tenant, its owner adds a CNAME record from _acme-challenge.NAME to NAME.ZONE, where ZONE is',
      'the value of --dns-zone. Names without this record are left out; if the domain itself has none, it gets no certificate.',
      ...anyTimeText,
    ],
    options: certificateOptions.certificateRenewOptions,
    run: async (values, positionals) => (await import('./commands/certificate-renew.ts')).renewCertificates(values, positionals),
  }),
  command({
    name: 'key add',
    positionals: ['NAME'],
    summary: 'makes a key for the REST API and prints it, once',
    text: ['The NAME says where the key is used. The store keeps only a digest of the key, so it cannot be printed again.'],
    options: keyOptions.keyAddOptions,
    run: async (values, positionals) => (await import('./commands/keys.ts')).addKey(values, positionals),
  }),
  command({
    name: 'key list',
    summary: 'prints the keys of the REST API, without their secrets',
    options: keyOptions.keyListOptions,
    run: async (values, positionals) => (await import('./commands/keys.ts')).listKeys(values, positionals),
  }),
  command({
    name: 'key rotate',
    positionals: ['ID'],
    summary: 'gives a key a new secret and prints it, once; the old secret stays valid for a while',
    options: keyOptions.keyRotateOptions,
    run: async (values, positionals) => (await import('./commands/keys.ts')).rotateKey(values, positionals),
  }),
  command({
    name: 'key remove',
    positionals: ['ID'],
    summary: 'removes a key of the REST API',
    options: keyOptions.keyRemoveOptions,
    run: async (values, positionals) => (await import('./commands/keys.ts')).removeKey(values, positionals),
  }),
  command({
    name: 'audit',
    positionals: ['[DOMAIN]'],
    summary: 'prints what operators have changed in the deployment, or in a tenant',
    text: ['Each entry has the hash of the one before, so a missing or changed entry is noticed. The exit code is then 1.'],
    options: keyOptions.auditOptions,
    run: async (values, positionals) => (await import('./commands/audit.ts')).audit(values, positionals),
  }),
  command({
    name: 'audit-verify',
    positionals: ['FILE…'],
    summary: 'checks exports of the audit log, without the service and its store',
    text: [
      'An export is what `skylark audit --json` prints. Several are given in the order in which they follow each other, as --after makes them.',
      'The exit code is 1 when an entry is missing or was changed. Keep the hash of the last one elsewhere: it tells when the end is cut off.',
    ],
    options: keyOptions.auditVerifyOptions,
    run: async (values, positionals) => (await import('./commands/audit-verify.ts')).verifyAudit(values, positionals),
  }),
  ...processCommands,
  command({
    name: 'dns',
    positionals: ['DOMAIN'],
    summary: 'prints the DNS records that a tenant needs',
    text: [
      'It changes nothing. With --dynamodb it takes the targets from the cell of the tenant; else it looks nothing up.',
      'Join several ports of one service by +, the preferred first: c2s-tls=5223+443.',
      'Records for federation are comments unless --federation is given: add them to DNS only if those ports are open.',
      'With --format route53 it prints the input of `aws route53 change-resource-record-sets --change-batch`.',
    ],
    options: dnsOptions,
    run: async (values, positionals) => (await import('./commands/dns.ts')).dns(values, positionals),
  }),
  command({
    name: 'doctor',
    positionals: ['[DOMAIN]'],
    summary: 'checks a domain from the outside: DNS, ports, TLS, certificates, sign-in, WebSocket; or this machine',
    text: [
      'It needs only the network. It prints one line a check: ok, warn or fail, and what to do. The exit code is 1 if one fails.',
      'With --user it also signs in, if the certificate is valid, and checks rooms and uploads.',
      'With --local it looks at this machine instead: disk, clock, open files, ports, certificate, store, and the last backup.',
    ],
    options: doctorOptions,
    run: async (values, positionals) => (await import('./doctor/doctor.ts')).doctor(values, positionals),
  }),
  command({
    name: 'cost',
    summary: 'estimates the cost of a month on AWS, compared with ordinary servers',
    text: [
      'The estimate is based on the measured cost of each action (`npm run measure`) and on a dated table of public on-demand',
      'prices, which you should check. It assumes that the tasks of the busiest hour run all month.',
    ],
    options: costOptions,
    run: async (values, positionals) => (await import('./cost/cost.ts')).cost(values, positionals),
  }),
  command({
    name: 'cluster',
    summary: 'runs the service as several processes on this machine, with NATS between them and their data in DynamoDB',
    text: [
      'Without --nats it starts the installed nats-server, and without --dynamodb the npm package dynalite, both on free',
      'loopback ports. A process that dies is reported and not started again; Ctrl-C stops all processes in order.',
      'All connection processes share the ports for clients, and the system spreads connections over them. Where ports cannot',
      'be shared, and with port 0, each process has its own ports. --json prints where each process listens.',
    ],
    options: clusterOptions,
    run: async (values, positionals) => (await import('./commands/cluster.ts')).cluster(values, positionals),
  }),
  command({
    name: 'serve',
    positionals: ['connection|peers|router|muc|federation|web|all|dynamodb|nats'],
    summary: 'runs one process of a cluster (what `skylark cluster` and containers start)',
    text: [
      'It prints one line of JSON with its addresses when it is ready. SIGTERM and SIGINT stop it in order.',
      "'all' runs every service in one process on DynamoDB, without NATS; only one such process may run at a time.",
      "'dynamodb' runs the npm package dynalite with its data in --data, and 'nats' the installed nats-server; both are for",
      'clusters on one machine.',
      'With --dynamodb aws it uses the credentials of the AWS environment (variables, profile or task role).',
    ],
    options: serveOptions,
    run: async (values, positionals) => (await import('./commands/serve.ts')).serve(values, positionals),
  }),
];
