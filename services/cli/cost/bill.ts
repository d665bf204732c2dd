/** What a month of Skylark costs on AWS, line by line, when it is deployed with the stacks in `infra`. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { shardCount } from '../../../lib/runtime/wire.ts';
import { federationLimits } from '../../federation/limits.ts';
import { programLimits } from '../limits.ts';
import type { Habits } from './cost-options.ts';
import { daysMonth, hoursMonth, type Load } from './load.ts';
import { processesHour } from './measured.ts';
import { type PriceName, priceOf, type Region, tieredPrice } from './prices.ts';
import { cellTasks, type Tasks, taskSizes } from './sizing.ts';

export interface Line {
  readonly item: string;
  readonly quantity: number;
  readonly unit: string;
  readonly usd: number;
}

export type Shape = 'small' | 'cell';

const million = 1e6;
const gb = 1e9;
const zones = 3;
/** The one task of the shape `small`. */
const smallTask = { vcpu: 1, gb: 4 };
const natsServers = 3;
const natsSize = { vcpu: 0.5, gb: 1 };
/** Size of an account's rows besides its archive: credentials, roster, cursor, sessions. */
const accountBytes = 6_000;
/** Size of a heartbeat's row in the partition `#nodes`, which one process writes and all others read. */
const nodeRowBytes = 250;
const readUnitBytes = 4_096;
/** Logs hold no stanzas. They have a line for each stream, and a few lines for each process and minute. */
const logBytesPerStream = 600;
const logBytesPerProcessHour = 200_000;
/**
 * How much CloudWatch watches for the stacks in `infra`: the metrics that processes publish, and the metrics that alarms
 * evaluate, alarms of autoscaling included. A test compares these numbers with the stacks.
 */
export const watched: Readonly<Record<Shape, { readonly metrics: number; readonly alarms: number }>> = {
  small: { metrics: 17, alarms: 32 },
  cell: { metrics: 42, alarms: 94 },
};
/** Container Insights metrics, by AWS's list: 10 for each of 7 task definitions, 15 for each of 7 services, 13 per cluster. */
const insights = 7 * (10 + 15) + 13;
/**
 * How many gigabytes AWS charges for each gigabyte that goes to a task in a random zone. Two of three go to another zone, and are
 * charged where they leave and again where they arrive.
 */
const crossZoneShare = ((zones - 1) / zones) * 2;
/** Requests for host-meta and for the web pages that come with each sign-in. */
const webRequestsPerSignIn = 2;
const lambda = { gb: 0.5, seconds: 0.05 };
/** The canary, which signs in twelve times an hour. */
const canary = { gb: 0.5, seconds: 3, perHour: 12 };
/** The function that takes connection tasks away, which looks once a minute. */
const scaleIn = { gb: 0.25, seconds: 1, perHour: 60 };
/** By what the CDN is known; in a cell those of the bus, too: all keys, those of the servers, and one for each tier. A test compares the numbers with the stacks. */
export const secrets: Readonly<Record<Shape, number>> = { small: 1, cell: 9 };
const nlbUnit = { connectionsPerSecond: 800, streams: 100_000, gbHour: 1 };

/** Multiplies a quantity by its price. */
export function lineOf(item: string, quantity: number, name: PriceName, region: Region, unit: string): Line {
  return { item, quantity, unit, usd: quantity * priceOf(name, region) };
}

/** Kinds of lists that the watchers read in turn: of parked sessions, and of pushes that wait. */
const listKinds = 2;

/** Read units an hour for pairs of domains with something due, and such that were missed: whoever owns a shard looks for both. */
const looksHour = (2 * shardCount * 3_600_000) / federationLimits.lookMs;

/**
 * Read and write units a month that processes use for heartbeats alone. Each writes its own row. Routers read those of some routers, and a
 * few of them read all rows and some lists; the others read the rows of their kind, the more there are the less often.
 */
export function heartbeats(tasks: Tasks, shape: Shape): { readonly writeUnits: number; readonly readUnits: number } {
  const pages = (rows: number) => Math.max(1, Math.ceil((rows * nodeRowBytes) / readUnitBytes));
  const ofKind = (watching: number, rows = watching) => {
    const pace = Math.min(1, runtimeLimits.heartbeatMs / (rows * runtimeLimits.nodeLookMs));
    return watching * pages(rows) * pace;
  };
  const processes = processesOf(tasks, shape);
  const watchers = Math.min(runtimeLimits.nodeWatchersMax, shape === 'small' ? 1 : tasks.router);
  const ofAll = watchers * (pages(processes) + listKinds * programLimits.listsPerRound);
  const others =
    shape === 'small'
      ? 0
      : ofKind(tasks.connection, tasks.connection + tasks.peers) + tasks.router + ofKind(tasks.muc) + ofKind(tasks.federation);
  return {
    writeUnits: (processesHour.writeUnits / 3) * processes * hoursMonth,
    readUnits: (processesHour.readUnits / 3) * (ofAll + others) * hoursMonth,
  };
}

function processesOf(tasks: Tasks, shape: Shape): number {
  return shape === 'small' ? 1 : Object.values(tasks).reduce((sum, count) => sum + count);
}

/** Read units a month for rows of tenants. A process that has work reads one row a second, and that of each tenant once a minute. */
function tenantReads({ month }: Load, tenants: number, processes: number): number {
  const callsPerProcessSecond = month.calls / (hoursMonth * 3_600) / processes;
  return Math.min(1 + tenants / 60, callsPerProcessSecond) * processes * hoursMonth * 3_600;
}

/** What the load balancer, streams and files cost. It does not depend on the servers behind the load balancer. */
export function edgeLines(load: Load, habits: Habits, region: Region): Line[] {
  const { month, filesMonth, filesGbMonth, connectionsPerSecond, streamsMean } = load;
  const wireGb = (month.wireBytesIn + month.wireBytesOut + month.peerBytesIn) / gb;
  const units = Math.max(
    connectionsPerSecond / nlbUnit.connectionsPerSecond,
    streamsMean / nlbUnit.streams,
    wireGb / hoursMonth / nlbUnit.gbHour,
  );
  const outGb = (month.wireBytesOut + month.peerBytesOut) / gb;
  const storedGb = (filesGbMonth / daysMonth) * habits.retention;
  const cdnGb = filesGbMonth * habits.downloads;
  const line = (item: string, quantity: number, name: PriceName, unit: string) => lineOf(item, quantity, name, region, unit);
  return [
    line('load balancer', hoursMonth, 'nlbHour', 'hours'),
    line('load balancer, capacity', units * hoursMonth, 'nlbUnitHour', 'unit-hours'),
    line('public addresses of the load balancer', zones * hoursMonth, 'publicAddressHour', 'hours'),
    line('load balancer, to tasks of other zones', wireGb * crossZoneShare, 'betweenZonesGb', 'GB'),
    { item: 'streams to the internet', quantity: outGb, unit: 'GB', usd: tieredPrice('transferOutGb', outGb) },
    line('files kept', storedGb, 's3Gb', 'GB-months'),
    line('files uploaded through the CDN', filesGbMonth, 'cdnInGb', 'GB'),
    line('files written', filesMonth / 1_000, 's3PutThousand', 'thousand'),
    line('files read by the CDN', filesMonth / 1_000, 's3GetThousand', 'thousand'),
    { item: 'files to the internet', quantity: cdnGb, unit: 'GB', usd: tieredPrice('cdnOutGb', cdnGb) },
    line('requests for files', (filesMonth * habits.downloads) / 10_000, 'cdnRequestsTenThousand', 'ten thousand'),
  ];
}

function storeLines(load: Load, habits: Habits, region: Region, tasks: Tasks, shape: Shape): Line[] {
  const { month } = load;
  const idle = heartbeats(tasks, shape);
  const archiveGb = (month.archiveBytes / gb / daysMonth) * habits.retention;
  const coreGb = (habits.users * accountBytes) / gb;
  const reads = month.readUnits + tenantReads(load, habits.tenants, processesOf(tasks, shape));
  const line = (item: string, quantity: number, name: PriceName, unit: string) => lineOf(item, quantity, name, region, unit);
  return [
    line('DynamoDB writes', month.writeUnits / million, 'dynamodbWriteMillion', 'million units'),
    line('DynamoDB reads', reads / million, 'dynamodbReadMillion', 'million units'),
    line('DynamoDB heartbeats, writes', idle.writeUnits / million, 'dynamodbWriteMillion', 'million units'),
    line(
      'DynamoDB heartbeats, reads',
      (idle.readUnits + looksHour * hoursMonth) / million,
      'dynamodbReadMillion',
      'million units',
    ),
    line('DynamoDB storage', archiveGb + coreGb, 'dynamodbStorageGb', 'GB-months'),
    line('DynamoDB recovery', archiveGb + coreGb, 'dynamodbBackupGb', 'GB-months'),
  ];
}

function taskLines(load: Load, shape: Shape, tasks: Tasks, region: Region): Line[] {
  const line = (item: string, quantity: number, name: PriceName, unit: string) => lineOf(item, quantity, name, region, unit);
  if (shape === 'small') {
    return [
      line('task, CPU', smallTask.vcpu * hoursMonth, 'fargateVcpuHour', 'vCPU-hours'),
      line('task, memory', smallTask.gb * hoursMonth, 'fargateGbHour', 'GB-hours'),
      line('public address of the task', hoursMonth, 'publicAddressHour', 'hours'),
    ];
  }
  const count = processesOf(tasks, shape);
  const ofAll = (what: 'vcpu' | 'gb') =>
    Object.entries(tasks).reduce((sum, [tier, number]) => sum + number * taskSizes[tier as keyof Tasks][what], 0);
  // Each byte travels twice: to a server of the bus, and from it.
  const betweenGb = (load.month.busBytes / gb) * 2 * crossZoneShare;
  return [
    line(`${count} tasks, CPU`, ofAll('vcpu') * hoursMonth, 'fargateVcpuHour', 'vCPU-hours'),
    line(`${count} tasks, memory`, ofAll('gb') * hoursMonth, 'fargateGbHour', 'GB-hours'),
    line('NATS, CPU', natsServers * natsSize.vcpu * hoursMonth, 'fargateVcpuHour', 'vCPU-hours'),
    line('NATS, memory', natsServers * natsSize.gb * hoursMonth, 'fargateGbHour', 'GB-hours'),
    line('bus between zones', betweenGb, 'betweenZonesGb', 'GB'),
    line('NAT gateways', zones * hoursMonth, 'natHour', 'hours'),
    line('streams to other servers, through NAT gateways', load.month.peerBytesOut / gb, 'natGb', 'GB'),
    line('public addresses of NAT gateways', zones * hoursMonth, 'publicAddressHour', 'hours'),
  ];
}

function watchLines(load: Load, habits: Habits, shape: Shape, processes: number, region: Region): Line[] {
  const streams = load.connectionsPerSecond * 3_600 * hoursMonth;
  const logGb = (streams * logBytesPerStream + processes * logBytesPerProcessHour * hoursMonth) / gb;
  const web = habits.users * habits.signIns * webRequestsPerSignIn * daysMonth;
  const line = (item: string, quantity: number, name: PriceName, unit: string) => lineOf(item, quantity, name, region, unit);
  return [
    line('pages through the CDN', web / 10_000, 'cdnRequestsTenThousand', 'ten thousand'),
    line('pages, HTTP API', web / million, 'httpApiMillion', 'million'),
    line('pages, functions', web / million, 'lambdaMillion', 'million'),
    line('pages, function time', web * lambda.gb * lambda.seconds, 'lambdaGbSecond', 'GB-seconds'),
    line('canary, functions', (canary.perHour * hoursMonth) / million, 'lambdaMillion', 'million'),
    line('canary, function time', canary.perHour * hoursMonth * canary.gb * canary.seconds, 'lambdaGbSecond', 'GB-seconds'),
    ...(shape === 'cell'
      ? [
          line('scaling in, functions', (scaleIn.perHour * hoursMonth) / million, 'lambdaMillion', 'million'),
          line(
            'scaling in, function time',
            scaleIn.perHour * hoursMonth * scaleIn.gb * scaleIn.seconds,
            'lambdaGbSecond',
            'GB-seconds',
          ),
        ]
      : []),
    line('logs', logGb, 'logsGb', 'GB'),
    ...(shape === 'cell' ? [line('logs through NAT gateways', logGb, 'natGb', 'GB')] : []),
    line('metrics', watched[shape].metrics, 'metric', 'metrics'),
    ...(shape === 'cell' ? [line('metrics of Container Insights', insights, 'metric', 'metrics')] : []),
    line('alarms', watched[shape].alarms, 'alarm', 'alarms'),
    line('key of certificates', 1, 'kmsKey', 'key'),
    line('secrets', secrets[shape], 'secret', 'secrets'),
    line('private DNS zone', 1, 'hostedZone', 'zone'),
  ];
}

export function skylarkBill(
  load: Load,
  habits: Habits,
  shape: Shape,
  region: Region,
): { readonly lines: Line[]; readonly tasks: Tasks } {
  const tasks = cellTasks(load);
  const processes = processesOf(tasks, shape);
  const lines = [
    ...storeLines(load, habits, region, tasks, shape),
    ...taskLines(load, shape, tasks, region),
    ...edgeLines(load, habits, region),
    ...watchLines(load, habits, shape, processes, region),
  ];
  return { lines, tasks };
}

export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}
