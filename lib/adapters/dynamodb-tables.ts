/** Creates the three tables where infrastructure code does not: in tests, and for a cluster on one machine. */
import { CreateTableCommand, DescribeTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { sleep } from '../ports/clock.ts';
import { type Table, Unavailable } from '../ports/store.ts';
import { DynamoCaller, type DynamoOptions } from './dynamodb-calls.ts';
import { tableName } from './dynamodb-items.ts';
import { adapterLimits } from './limits.ts';

const tables: readonly Table[] = ['core', 'archive', 'live'];

/** Existing tables are left as they are. Resolves when all tables can be used. */
export async function createTables(options: DynamoOptions): Promise<void> {
  const caller = new DynamoCaller(options);
  try {
    await Promise.all(tables.map((table) => createTable(caller, tableName(options.tablePrefix, table))));
  } finally {
    await caller.close();
  }
}

async function createTable({ client, clock }: DynamoCaller, name: string): Promise<void> {
  const create = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'p', AttributeType: 'S' },
      { AttributeName: 's', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'p', KeyType: 'HASH' },
      { AttributeName: 's', KeyType: 'RANGE' },
    ],
  });
  const wasThere = await client.send(create).then(() => false, unless('ResourceInUseException', true));
  for (let step = 0; ; step++) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === 'ACTIVE') break;
    if (step >= adapterLimits.dynamoTablePollsMax) throw new Unavailable(`table ${name} remains ${Table?.TableStatus}`);
    await sleep(clock, adapterLimits.dynamoTablePollMs);
  }
  if (wasThere) return;
  const expiry = new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: { AttributeName: 'e', Enabled: true } });
  // COMPAT: dynalite 4.0.0 has no TTL; reads filter expired rows in any case.
  await client.send(expiry).catch(unless('UnknownOperationException', undefined));
}

function unless<T>(name: string, instead: T): (error: Error) => T {
  return (error) => {
    if (error.name === name) return instead;
    throw error;
  };
}
