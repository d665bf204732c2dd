/**
 * The store as the commands on certificates see it: DynamoDB itself, or that of a data folder through the service that holds it (or, when
 * none runs, through a router of our own); there only the rows of certificates can be had.
 */
import { z } from 'zod';
import { Conflict, type Row, type Store } from '../../../lib/ports/store.ts';
import { openCloudStore } from '../compose/cloud-ports.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import { type AdminClient, openAdmin } from './admin-client.ts';

export interface StoreValues {
  readonly data: string;
  readonly dynamodb: string | undefined;
  readonly region: string;
  readonly tablePrefix: string;
}

export interface CertificateStore {
  readonly store: Store;
  /** The data folder without links, where there is one. */
  readonly folder: string | undefined;
}

/** @throws {Refusal} */
export async function openCertificateStore(values: StoreValues): Promise<CertificateStore> {
  if (values.dynamodb !== undefined) return { store: await openCloudStore(values), folder: undefined };
  const folder = findDataFolder(values.data);
  return { store: new AdminStore(await openAdmin(folder)), folder };
}

const rowSchema: z.ZodType<Row> = z.object({ partition: z.string(), sort: z.string(), value: z.string(), version: z.string() });
const querySchema = z.object({ rows: z.array(rowSchema) });
const getSchema = z.object({ row: rowSchema.optional() });
const putSchema = z.object({ version: z.string().optional() });
const deleteSchema = z.object({ wasThere: z.boolean().optional() });

class AdminStore implements Store {
  readonly #admin: AdminClient;
  /** One line, one answer. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(admin: AdminClient) {
    this.#admin = admin;
  }

  async query(query: Parameters<Store['query']>[0]): Promise<Row[]> {
    return querySchema.parse(await this.#ask('certificate-query', { query })).rows;
  }

  async get(key: Parameters<Store['get']>[0]): Promise<Row | undefined> {
    return getSchema.parse(await this.#ask('certificate-get', { key })).row;
  }

  batchGet(keys: Parameters<Store['batchGet']>[0]): Promise<(Row | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async put(row: Parameters<Store['put']>[0], condition?: Parameters<Store['put']>[1]): Promise<string> {
    const { version } = putSchema.parse(await this.#ask('certificate-put', { row, condition }));
    if (version === undefined) throw new Conflict('somebody else has changed the row');
    return version;
  }

  async batchPut(rows: Parameters<Store['batchPut']>[0]): Promise<void> {
    await Promise.all(rows.map((row) => this.put(row)));
  }

  async delete(key: Parameters<Store['delete']>[0], condition?: Parameters<Store['delete']>[1]): Promise<boolean> {
    const { wasThere } = deleteSchema.parse(await this.#ask('certificate-delete', { key, condition }));
    if (wasThere === undefined) throw new Conflict('somebody else has changed the row');
    return wasThere;
  }

  add(): Promise<number> {
    return Promise.reject(new TypeError('certificates have no counters'));
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  #ask(operation: string, given: Readonly<Record<string, unknown>>): Promise<unknown> {
    const texts = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, JSON.stringify(value)]]));
    const answer = this.#turn.then(() => this.#admin.ask(operation, Object.fromEntries(texts)));
    this.#turn = answer.catch(() => {});
    return answer;
  }
}
