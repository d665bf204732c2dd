/**
 * Every operation as an operator's task: how it is asked for by command, and with which input by the REST API and the console. The tasks are
 * done in this order, each way in a tenant of its own.
 */
import { accountTasks } from './account-tasks.ts';
import { first, type Look, ofDomain, ofId, type Place, type Task, tenantPath } from './task.ts';

const webhook = (place: Place, look: Look) => first(look, `${tenantPath(place)}/webhooks`, 'webhooks');
const key = async ({ way }: Place, look: Look) => (await look('/keys')).keys!.find(({ name }) => name === `by-${way}`)!.id;
const connectionNode = async (_: Place, look: Look) =>
  (await look('/nodes')).nodes!.find(({ kind }) => kind === 'connection')!.name;

export const tasks: readonly Task[] = [
  // Tenants
  { operation: 'tenant-add', command: ({ other }) => ['tenant', 'add', other], given: ({ other }) => ({ domain: other }) },
  { operation: 'tenant-prove', command: ({ domain }) => ['tenant', 'prove', domain], given: ofDomain },
  { operation: 'tenant-list', command: () => ['tenant', 'list'], given: () => ({}), shows: ({ other }) => other },
  {
    operation: 'tenant-set',
    command: ({ domain }) => ['tenant', 'set', domain, '--sign-in', 'password,api'],
    given: ({ domain }) => ({ domain, signIn: ['password', 'api'] }),
  },
  {
    operation: 'tenant-show',
    command: ({ domain }) => ['tenant', 'show', domain],
    given: ofDomain,
    shows: () => /password\W+api/,
  },
  {
    operation: 'tenant-index',
    command: ({ domain }) => ['tenant', 'index', domain],
    given: ofDomain,
    refusal: /this deployment keeps no index of words/,
  },
  // A deployment outside of cells has none to show.
  { operation: 'cell-list', command: () => ['cell', 'list'], given: () => ({}), shows: () => /^(?!.*serversHost)/s },

  // What operators say
  {
    operation: 'announcement-send',
    command: ({ domain }) => ['announcement', 'send', domain, 'maintenance tonight'],
    given: ({ domain }) => ({ domain, text: 'maintenance tonight' }),
  },
  {
    operation: 'announcement-list',
    command: ({ domain }) => ['announcement', 'list', domain],
    given: ofDomain,
    shows: () => 'maintenance tonight',
  },
  {
    operation: 'announcement-cancel',
    command: ({ domain }, id) => ['announcement', 'cancel', domain, id],
    given: ofId,
    id: (place, look) => first(look, `${tenantPath(place)}/announcements`, 'announcements'),
    refusal: /has been told to all/, // of two people, sooner than a command begins
  },
  {
    operation: 'motd-set',
    command: ({ domain }) => ['motd', 'set', domain, 'welcome back'],
    given: ({ domain }) => ({ domain, text: 'welcome back' }),
  },
  {
    operation: 'motd-show',
    command: ({ domain }) => ['motd', 'show', domain],
    given: ofDomain,
    shows: () => 'welcome back',
  },
  { operation: 'motd-remove', command: ({ domain }) => ['motd', 'remove', domain], given: ofDomain },
  {
    operation: 'message-send',
    command: ({ romeo }) => ['message', 'send', romeo, 'hello'],
    given: ({ domain, romeo }) => ({ domain, to: romeo, text: 'hello' }),
  },

  // Rooms
  {
    operation: 'room-list',
    command: ({ domain }) => ['room', 'list', domain],
    given: ofDomain,
    shows: ({ domain }) => `hall@conference.${domain}`,
  },
  {
    operation: 'room-show',
    command: ({ domain }) => ['room', 'show', domain, 'hall'],
    given: ({ domain }) => ({ domain, room: 'hall' }),
    shows: ({ romeo }) => romeo,
  },
  {
    operation: 'room-affiliate',
    command: ({ domain }) => ['room', 'affiliate', domain, 'hall', 'tybalt@elsewhere.example', 'outcast'],
    given: ({ domain }) => ({ domain, room: 'hall', person: 'tybalt@elsewhere.example', affiliation: 'outcast' }),
  },
  {
    operation: 'room-kick',
    command: ({ domain }) => ['room', 'kick', domain, 'hall', 'Tybalt'],
    given: ({ domain }) => ({ domain, room: 'hall', nick: 'Tybalt' }),
  },
  {
    operation: 'room-destroy',
    command: ({ domain }) => ['room', 'destroy', domain, 'hall'],
    given: ({ domain }) => ({ domain, room: 'hall' }),
  },

  ...accountTasks,

  // Components, other servers, certificates
  { operation: 'component-add', command: ({ domain }) => ['component', 'add', `irc.${domain}`], shows: () => 'its secret' },
  {
    operation: 'component-grant',
    command: ({ domain }) => ['component', 'grant', `irc.${domain}`, 'roster=get', 'iq=urn:example:a=both'],
    given: ({ domain }) => ({ domain, component: `irc.${domain}`, roster: 'get', iq: { 'urn:example:a': 'both' } }),
  },
  {
    operation: 'component-list',
    command: ({ domain }) => ['component', 'list', domain],
    given: ofDomain,
    shows: ({ domain }) => new RegExp(`irc\\.${domain}.*urn:example:a`, 's'),
  },
  {
    operation: 'component-remove',
    command: ({ domain }) => ['component', 'remove', `irc.${domain}`],
    given: ({ domain }) => ({ domain, component: `irc.${domain}` }),
  },
  {
    operation: 'peer-list',
    command: ({ domain }) => ['peers', '--domain', domain],
    given: ofDomain,
    shows: () => 'down.example',
  },
  { operation: 'peer-tenant-list', given: ofDomain, shows: () => 'down.example' },
  {
    operation: 'peer-retry',
    command: ({ domain }) => ['peer', 'retry', domain, 'down.example'],
    given: ({ domain }) => ({ domain, peer: 'down.example' }),
  },
  {
    operation: 'certificate-add',
    command: ({ domain, certificate }) => ['certificate', 'add', domain, ...certificate.files],
    given: ({ domain, certificate: { chain, key } }) => ({ domain, chain, key }),
  },
  {
    operation: 'certificate-list',
    command: () => ['certificate', 'list'],
    given: () => ({}),
    shows: ({ domain }) => new RegExp(`conference\\.${domain}.*CN=Root`, 's'),
  },
  {
    operation: 'certificate-show',
    command: ({ domain }) => ['certificate', 'list', domain],
    given: ofDomain,
    shows: ({ domain }) => new RegExp(`conference\\.${domain}.*CN=Root`, 's'),
  },
  { operation: 'certificate-remove', command: ({ domain }) => ['certificate', 'remove', domain], given: ofDomain },
  ...['certificate-query', 'certificate-get', 'certificate-put', 'certificate-delete'].map((operation) => ({
    operation,
    elsewhere: 'test/cli/certificates.test.ts', // a CA makes a certificate
  })),

  // Programs of tenants, and keys
  {
    operation: 'webhook-add',
    command: ({ domain, hook }) => ['webhook', 'add', domain, hook, '--events', 'report.filed'],
    given: ({ domain, hook }) => ({ domain, url: hook, events: ['report.filed'] }),
    shows: () => 'whsec_',
  },
  {
    operation: 'webhook-list',
    command: ({ domain }) => ['webhook', 'list', domain],
    given: ofDomain,
    shows: ({ hook }) => hook,
  },
  { operation: 'webhook-test', command: ({ domain }, id) => ['webhook', 'test', domain, id], given: ofId, id: webhook },
  { operation: 'webhook-remove', command: ({ domain }, id) => ['webhook', 'remove', domain, id], given: ofId, id: webhook },
  {
    operation: 'key-add',
    command: ({ way }) => ['key', 'add', `by-${way}`],
    given: ({ way }) => ({ name: `by-${way}` }),
    shows: () => /sk_[0-9a-f]{16}_/,
  },
  { operation: 'key-list', command: () => ['key', 'list'], given: () => ({}), shows: ({ way }) => `by-${way}` },
  {
    operation: 'key-rotate',
    command: (_, id) => ['key', 'rotate', id],
    given: (_, id) => ({ id }),
    id: key,
    shows: (_, id) => `sk_${id}_`,
  },
  { operation: 'key-remove', command: (_, id) => ['key', 'remove', id], given: (_, id) => ({ id }), id: key },

  // The deployment
  { operation: 'console-link', command: () => ['console'], shows: () => '/console/enter/' },
  { operation: 'status', command: () => ['status'], given: () => ({}), shows: () => /\bup\b/ },
  { operation: 'audit-list', command: () => ['audit'], given: () => ({}), shows: () => 'key-remove' },
  {
    operation: 'audit-tenant-list',
    command: ({ domain }) => ['audit', domain],
    given: ofDomain,
    shows: () => 'room-destroy',
  },

  // Last, because everybody has to come back then
  { operation: 'node-drain', command: (_, id) => ['drain', id], given: (_, id) => ({ node: id }), id: connectionNode },
  { operation: 'node-undrain', command: (_, id) => ['undrain', id], given: (_, id) => ({ node: id }), id: connectionNode },
];
