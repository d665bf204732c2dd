/**
 * What the same load costs on conventional servers: ejabberd or MongooseIM on EC2 with RDS for PostgreSQL, at the same prices,
 * behind the same load balancer, with files in the same place. The shape `small`, which is one task, is compared with one machine
 * that runs its database, too. These numbers are assumptions, not measurements. Neither bill includes the work of people.
 */
import { edgeLines, type Line, lineOf, type Shape } from './bill.ts';
import type { Habits } from './cost-options.ts';
import { hoursMonth, type Load } from './load.ts';
import type { PriceName, Region } from './prices.ts';

export const assumptions = {
  /** vCPUs of an m7g.xlarge. */
  serverVcpu: 4,
  /** How much of the server's 16 GB is for streams. */
  serverStreamGb: 12,
  /** Memory of a TLS stream with its session. */
  streamBytes: 70_000,
  /** CPU time of a sign-in, and below of a stanza or delivery, microseconds. */
  signInMicros: 1_500,
  archivedMessageMicros: 800,
  otherStanzaMicros: 165,
  deliveryMicros: 55,
  /** How busy the vCPUs may be in the busiest hour. */
  coreShareMax: 0.6,
  /** One server more than the load needs, so that one may fail. This makes two servers at least. */
  spareServers: 1,
  serverDiskGb: 50,
  /** Size of an archive row in PostgreSQL, with its indexes. A message to a person is stored in two archives. */
  archiveRowBytes: 1_000,
  rowsPerMessage: 2,
  /** How many statements a second a vCPU of the database handles in the busiest hour. */
  statementsPerVcpu: 800,
  databaseVcpuMin: 2,
  /** Statements for a sign-in (credentials, roster, last activity, offline messages), an archive page, and a message. */
  statementsPerSignIn: 6,
  statementsPerPage: 2,
  statementsPerMessage: 3,
} as const;

const gb = 1e9;
const secondsDay = 86_400;
const logGbPerServer = 10;

/** RDS instances have a power of two of vCPUs. */
function sizeUp(vcpu: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(assumptions.databaseVcpuMin, vcpu)));
}

export interface ServersSize {
  readonly servers: number;
  readonly databaseVcpu: number;
}

export function serversFor(load: Load, habits: Habits): ServersSize {
  const a = assumptions;
  const { users, roomMessages, occupants, signIns, resumptions, chatStates, presence, contacts, online, pages } = habits;
  const messages = habits.messages + 2 * habits.outside;
  const deliveries = (roomMessages + 2 * habits.roomEntries) * occupants + (presence + 2 * signIns) * contacts * (online / 24);
  const microsDay =
    (signIns + resumptions) * a.signInMicros +
    (messages + roomMessages) * a.archivedMessageMicros +
    (chatStates + presence) * a.otherStanzaMicros +
    deliveries * a.deliveryMicros;
  const coresPeak = (users * microsDay * load.peak) / 1e6 / secondsDay;
  const byCpu = Math.ceil(coresPeak / (a.serverVcpu * a.coreShareMax));
  const byMemory = Math.ceil((load.streamsPeak * a.streamBytes) / (a.serverStreamGb * gb));
  const statementsDay =
    signIns * a.statementsPerSignIn + (messages + roomMessages) * a.statementsPerMessage + pages * a.statementsPerPage;
  const statementsPeak = (users * statementsDay * load.peak) / secondsDay;
  return {
    servers: Math.max(1, byCpu, byMemory) + a.spareServers,
    databaseVcpu: sizeUp(statementsPeak / a.statementsPerVcpu),
  };
}

export function serversBill(
  load: Load,
  habits: Habits,
  shape: Shape,
  region: Region,
): { readonly lines: Line[]; readonly size: ServersSize } {
  const a = assumptions;
  const size = shape === 'small' ? { servers: 1, databaseVcpu: 0 } : serversFor(load, habits);
  const rowsDay = habits.users * (habits.messages * a.rowsPerMessage + 2 * habits.outside + habits.roomMessages);
  const databaseGb = (rowsDay * habits.retention * a.archiveRowBytes) / gb + 20;
  const line = (item: string, quantity: number, name: PriceName, unit: string) => lineOf(item, quantity, name, region, unit);
  if (shape === 'small') {
    const alone = [
      line('one server (m7g.large), database and all', hoursMonth, 'oneServerHour', 'hours'),
      line('its disk', a.serverDiskGb + databaseGb, 'serverDiskGb', 'GB-months'),
      line('its public address', hoursMonth, 'publicAddressHour', 'hours'),
      ...edgeLines(load, habits, region).filter(({ item }) => !item.includes('load balancer')),
      line('logs', logGbPerServer, 'logsGb', 'GB'),
      line('alarms', 10, 'alarm', 'alarms'),
    ];
    return { lines: alone, size };
  }
  const betweenGb = (load.month.wireBytesIn / gb) * (2 / 3) * 2;
  const lines = [
    line(`${size.servers} servers (m7g.xlarge)`, size.servers * hoursMonth, 'serverHour', 'hours'),
    line('their disks', size.servers * a.serverDiskGb, 'serverDiskGb', 'GB-months'),
    line('their public addresses', size.servers * hoursMonth, 'publicAddressHour', 'hours'),
    line(`database, ${size.databaseVcpu} vCPU in two zones`, size.databaseVcpu * hoursMonth, 'databaseVcpuHour', 'vCPU-hours'),
    line('database storage', databaseGb, 'databaseGb', 'GB-months'),
    line('between servers in different zones', betweenGb, 'betweenZonesGb', 'GB'),
    ...edgeLines(load, habits, region),
    line('logs', size.servers * logGbPerServer, 'logsGb', 'GB'),
    line('alarms', 10, 'alarm', 'alarms'),
  ];
  return { lines, size };
}
