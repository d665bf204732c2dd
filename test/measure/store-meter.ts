/**
 * Stands between the DynamoDB adapter and its engine and counts what DynamoDB would charge for. All writes pass here, so the size of
 * an item before a write is known.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type Item, itemBytes, readUnits, storageBytesPerItem, writeUnits } from './dynamodb-units.ts';

export interface StoreUse {
  /** HTTP requests by operation; they are what costs CPU. */
  readonly requests: Record<string, number>;
  writeUnits: number;
  readUnits: number;
  /** Bytes that the table `archive` has gained, as storage counts them. */
  archiveBytes: number;
}

export interface StoreMeter {
  readonly endpoint: string;
  /** Since the last `reset`, without the look-ups of tenants, and without the looks at pairs with other servers. */
  use: StoreUse;
  /** Read units for rows of tenants, which each process reads once a second at most, however much it does. */
  tenantReadUnits: number;
  /** Read units for pairs of domains with something due, which their owners look for regularly, however much there is. */
  lookReadUnits: number;
  readonly inFlight: number;
  /** Counts up with everything that passes. */
  readonly activity: number;
  reset(): void;
  close(): void;
}

interface Body {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ConsistentRead?: boolean;
  readonly ExpressionAttributeValues?: Item;
  readonly RequestItems?: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly Items?: readonly Item[];
  readonly Item?: Item;
  readonly Responses?: Readonly<Record<string, readonly Item[]>>;
}

type BatchGet = { readonly Keys: readonly Item[]; readonly ConsistentRead?: boolean };
type BatchWrite = readonly { readonly PutRequest?: { readonly Item: Item }; readonly DeleteRequest?: { readonly Key: Item } }[];

const tenantsPartition = '#tenants';
const pairsPrefix = '#s2s-';
const archiveTable = /archive$/;

function emptyUse(): StoreUse {
  return { requests: {}, writeUnits: 0, readUnits: 0, archiveBytes: 0 };
}

function keyOf(table: string, { p, s }: Item): string {
  return `${table} ${p?.S?.length} ${p?.S}${s?.S}`;
}

export async function startStoreMeter(engine: string): Promise<StoreMeter> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, response) => void pass(incoming, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const sizes = new Map<string, number>();
  const counts = { inFlight: 0, activity: 0 };
  const meter: StoreMeter = {
    endpoint: `http://127.0.0.1:${port}`,
    use: emptyUse(),
    tenantReadUnits: 0,
    lookReadUnits: 0,
    get inFlight() {
      return counts.inFlight;
    },
    get activity() {
      return counts.activity;
    },
    reset() {
      meter.use = emptyUse();
      meter.tenantReadUnits = 0;
      meter.lookReadUnits = 0;
    },
    close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    counts.inFlight++;
    counts.activity++;
    const text = await readAll(incoming);
    const { host: _, ...headers } = incoming.headers;
    const onward = request(engine, { method: 'POST', headers, agent });
    onward.end(text);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const body = await readAll(answer);
    const target = `${incoming.headers['x-amz-target']}`;
    count(target.slice(target.indexOf('.') + 1), JSON.parse(text.toString()) as Body, answer.statusCode!, body);
    counts.inFlight--;
    counts.activity++;
    response.writeHead(answer.statusCode!, answer.headers).end(body);
  }

  function count(operation: string, body: Body, status: number, text: Buffer): void {
    if (/Table|TimeToLive/.test(operation)) return;
    const hasFailedCondition = status === 400 && text.includes('ConditionalCheckFailed');
    if (status !== 200 && !hasFailedCondition) throw new Error(`${operation} failed: ${text}`);
    const answer = (status === 200 ? JSON.parse(text.toString()) : {}) as Answer;
    const table = body.TableName ?? '';
    let isAside = false;
    switch (operation) {
      case 'PutItem':
        write(table, body.Item!, hasFailedCondition ? undefined : body.Item!);
        break;
      case 'UpdateItem': // counters: small, and grow by nothing
        write(table, body.Key!, hasFailedCondition ? undefined : { ...body.Key!, ...body.ExpressionAttributeValues });
        break;
      case 'DeleteItem':
        if (hasFailedCondition) write(table, body.Key!, undefined);
        else remove(table, body.Key!);
        break;
      case 'BatchWriteItem':
        for (const [name, writes] of Object.entries(body.RequestItems as Record<string, BatchWrite>))
          for (const { PutRequest, DeleteRequest } of writes) {
            if (PutRequest === undefined) remove(name, DeleteRequest!.Key);
            else write(name, PutRequest.Item, PutRequest.Item);
          }
        break;
      case 'GetItem':
        meter.use.readUnits += readUnits(answer.Item ? itemBytes(answer.Item) : 0, body.ConsistentRead === true);
        break;
      case 'Query':
        isAside = query(body, answer);
        break;
      case 'BatchGetItem':
        isAside = batchGet(body.RequestItems as Record<string, BatchGet>, answer);
        break;
      default:
        throw new Error(`nobody has said what ${operation} costs`);
    }
    if (!isAside) meter.use.requests[operation] = (meter.use.requests[operation] ?? 0) + 1;
  }

  /** @param after absent: nothing was written, or the item went */
  function write(table: string, keyed: Item, after: Item | undefined): void {
    const key = keyOf(table, keyed);
    const before = sizes.get(key) ?? 0;
    const bytes = after === undefined ? 0 : itemBytes(after);
    meter.use.writeUnits += writeUnits(before, bytes);
    if (after === undefined) return;
    sizes.set(key, bytes);
    if (archiveTable.test(table)) meter.use.archiveBytes += bytes - before + (before === 0 ? storageBytesPerItem : 0);
  }

  function remove(table: string, key: Item): void {
    write(table, key, undefined);
    sizes.delete(keyOf(table, key));
  }

  /** @returns whether it looked for pairs of domains */
  function query({ ExpressionAttributeValues, ConsistentRead }: Body, { Items = [] }: Answer): boolean {
    const bytes = Items.reduce((sum, item) => sum + itemBytes(item), 0);
    const units = readUnits(bytes, ConsistentRead === true);
    const isLook = ExpressionAttributeValues?.[':p']?.S?.startsWith(pairsPrefix) === true;
    if (isLook) meter.lookReadUnits += units;
    else meter.use.readUnits += units;
    return isLook;
  }

  /** @returns whether it asked for nothing else than tenants */
  function batchGet(asked: Record<string, BatchGet>, { Responses = {} }: Answer): boolean {
    let others = 0;
    for (const [table, { Keys, ConsistentRead }] of Object.entries(asked)) {
      const found = new Map((Responses[table] ?? []).map((item) => [keyOf(table, item), itemBytes(item)]));
      for (const key of Keys) {
        const units = readUnits(found.get(keyOf(table, key)) ?? 0, ConsistentRead === true);
        if (key.p?.S === tenantsPartition) meter.tenantReadUnits += units;
        else {
          meter.use.readUnits += units;
          others++;
        }
      }
    }
    return others === 0;
  }

  return meter;
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
