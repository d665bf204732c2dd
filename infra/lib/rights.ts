/**
 * Which rows a service may touch. The process that faces the internet has no right to credentials or archives, and no service has
 * a right to another's rows. DynamoDB checks this by the partition key of each item (`dynamodb:LeadingKeys`).
 *
 * The patterns are those of lib/runtime/rows.ts. Addresses contain no `/`, so the pattern of accounts never matches a room. A
 * test runs the services and checks that all their requests to the store are allowed here, and that nothing is allowed that they
 * never request.
 */

export type Table = 'core' | 'archive' | 'live';
export type Tier = 'connection' | 'peers' | 'router' | 'muc' | 'federation' | 'api' | 'web' | 'certificates' | 'scaleIn';

export interface RowRight {
  readonly table: Table;
  readonly actions: readonly string[];
  /** `*` stands for any text. */
  readonly partitions: readonly string[];
}

const account = '*/a/*';
const room = '*/r/*';
/** A node of a tenant's pubsub service. */
const pubsub = '*/p/*';
const directory = '*/d/*';
const tenant = '*/t';
/** A tenant's certificate with its sealed key. */
const certificate = '*/c';
/** A tenant's secrets towards other servers, sealed. */
const federation = '*/f';
/** What waits for other servers. */
const outbox = '*/s/*';
/** Partitions of the deployment itself: `Rows.ofDeployment`. */
const [tenants, certificates, acmeAccount] = ['#tenants', '#certificates', '#acme'];
/** Pending removals, and files that may arrive after their account has gone. */
const [removals, files] = ['#removals', '#files'];
/** Tenants that have guests. */
const guests = '#guests';
/** What operators have changed, and the keys with which programs of theirs sign in. */
const [audit, apiKeys] = ['#audit', '#apikeys'];
/** Who has a role over the deployment; requests of the API that may come again. */
const [roles, idempotency] = ['#roles', '#idempotency'];
/** Who is in the console, and links that open it. */
const consoleSessions = '#console';
/** Heartbeats; sessions parked in the store; the rows of a node; keys of TLS tickets. */
const [nodes, parked, ofNode, tickets] = ['#nodes', '#parked-*', '#n.*', '#tls'];
/** COMPAT: where releases until 2026-11 listed parked sessions (lib/runtime/parked.ts). */
const parkedBefore = '#parked';
/** Pushes that are due (services/router/push). */
const pushes = '#push-due-*';
/** Fan-outs of pubsub that are under way (services/router/pubsub). */
const fanOuts = '#pubsub-due-*';
/** Pairs of domains with something in an outbox. */
const due = '#s2s-*';
/** What routers have to do later (lib/runtime/work-lists.ts). */
const work = '#work-*';

/** Kinds of partitions of which a tenant has many. */
const deepKinds = [account, room, pubsub, directory, outbox];

/** `*` also matches slashes, so this matches all of them. */
const deepPartitions = '*/*/*';

/**
 * The actions of the adapter's calls. Conditional writes read the item that was in the way, hence GetItem. Many rows are deleted by
 * BatchWriteItem, which is also how rows are put: IAM cannot tell the two apart, so whoever puts rows could delete them.
 */
const get = ['dynamodb:BatchGetItem', 'dynamodb:GetItem'];
const list = ['dynamodb:Query'];
const put = ['dynamodb:BatchWriteItem', 'dynamodb:PutItem'];
const removeMany = ['dynamodb:BatchWriteItem'];
const remove = ['dynamodb:DeleteItem'];
const count = ['dynamodb:UpdateItem'];

const all = [...get, ...list, ...put, ...remove];

export const rowRights: Readonly<Record<Tier, readonly RowRight[]>> = {
  connection: [
    { table: 'live', actions: [...get, ...put, ...remove], partitions: [account, nodes, parked, ofNode, tickets] },
    { table: 'live', actions: list, partitions: [nodes, ofNode] },
    { table: 'core', actions: list, partitions: [certificates] },
    { table: 'core', actions: get, partitions: [certificate] },
  ],
  router: [
    {
      table: 'core',
      actions: [...all, ...count],
      partitions: [account, pubsub, tenant, directory, tenants, removals, files, guests, audit, apiKeys, roles],
    },
    // A tenant's certificate is given by its operators, and removed with the tenant. This service seals its key, and has no right to open it.
    { table: 'core', actions: all, partitions: [certificates, certificate] },
    { table: 'archive', actions: all, partitions: [account] },
    {
      table: 'live',
      actions: all,
      partitions: [
        account,
        pubsub,
        tenant,
        nodes,
        parked,
        parkedBefore,
        ofNode,
        pushes,
        fanOuts,
        consoleSessions,
        idempotency,
        work,
      ],
    },
    // Erasing a tenant looks into all tables.
    { table: 'core', actions: [...list, ...removeMany], partitions: [federation] },
    { table: 'core', actions: list, partitions: [outbox] },
    { table: 'archive', actions: list, partitions: [pubsub, tenant, certificate, federation, outbox, directory] },
    { table: 'live', actions: list, partitions: [certificate, federation, directory] },
    // What is for other servers is written with everything else that a batch changes.
    { table: 'live', actions: [...get, ...list, ...put, ...remove], partitions: [outbox, due] },
  ],
  muc: [
    { table: 'core', actions: all, partitions: [room, directory] },
    { table: 'core', actions: get, partitions: [tenants] },
    { table: 'archive', actions: all, partitions: [room] },
    { table: 'live', actions: all, partitions: [room, nodes] },
    { table: 'live', actions: get, partitions: [account] },
    { table: 'live', actions: put, partitions: [outbox, due, work] },
  ],
  peers: [
    { table: 'live', actions: [...get, ...put, ...remove], partitions: [nodes] },
    { table: 'live', actions: list, partitions: [ofNode] },
    { table: 'core', actions: list, partitions: [certificates] },
    { table: 'core', actions: get, partitions: [certificate] },
  ],
  federation: [
    { table: 'live', actions: [...get, ...list, ...removeMany], partitions: [nodes, outbox, due] },
    { table: 'live', actions: [...put, ...remove], partitions: [nodes, due] },
    { table: 'core', actions: get, partitions: [tenants, certificate, federation] },
    { table: 'core', actions: put, partitions: [federation] },
    { table: 'core', actions: list, partitions: [certificates] },
  ],
  // Its heartbeat, and the names, colours and logos of tenants. Everything else it asks of routers.
  api: [
    { table: 'live', actions: [...get, ...put, ...remove], partitions: [nodes] },
    { table: 'core', actions: get, partitions: [tenants] },
  ],
  web: [{ table: 'core', actions: get, partitions: [tenants, certificates] }],
  certificates: [
    { table: 'core', actions: all, partitions: [certificates, certificate, acmeAccount] },
    { table: 'core', actions: [...get, ...list], partitions: [tenants] },
  ],
  // It marks the row of the process that goes, and remembers in a row beside it what it has begun.
  scaleIn: [
    { table: 'live', actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', ...list, 'dynamodb:PutItem'], partitions: [nodes] },
  ],
};

/** The canary makes itself a password, and may touch nothing but the row of its own account. */
export function canaryRights(domain: string, user: string): readonly RowRight[] {
  return [{ table: 'core', actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', ...put], partitions: [`${domain}/a/${user}`] }];
}

/** The rights of several services in one process. */
export function rightsOf(tiers: readonly Tier[]): readonly RowRight[] {
  return tiers.flatMap((tier) => rowRights[tier]);
}

export interface RowStatement extends RowRight {
  /** Patterns of partitions that the statement does not cover. */
  readonly except: readonly string[];
}

/**
 * Makes one statement for all partitions of a table that allow an action. The adapter combines concurrent reads into one request,
 * and IAM looks for a single statement that allows all keys of a request.
 *
 * Because `*` also matches slashes, the pattern of a tenant's certificate would match the account and the room named c. So kinds
 * that have no pattern of their own are excluded where there is such a pattern.
 */
export function rowStatements(rights: readonly RowRight[]): readonly RowStatement[] {
  const statements = new Map<string, { table: Table; actions: string[]; partitions: readonly string[] }>();
  for (const table of new Set(rights.map((right) => right.table))) {
    const ofTable = rights.filter((right) => right.table === table);
    for (const action of new Set(ofTable.flatMap(({ actions }) => actions))) {
      const granted = ofTable.filter(({ actions }) => actions.includes(action)).flatMap((right) => right.partitions);
      const partitions = [...new Set(granted)].sort();
      const key = [table, ...partitions].join(' ');
      const statement = statements.get(key) ?? { table, actions: [], partitions };
      statement.actions.push(action);
      statements.set(key, statement);
    }
  }
  return [...statements.values()].map((statement) => ({ ...statement, except: exceptions(statement.partitions) }));
}

function exceptions(partitions: readonly string[]): readonly string[] {
  if (!partitions.some((pattern) => pattern.split('/').length === 2)) return [];
  const others = deepKinds.filter((kind) => !partitions.includes(kind));
  return others.length === deepKinds.length ? [deepPartitions] : others;
}
