/**
 * The store as the commands on certificates see it: DynamoDB itself, or that of a data folder through the service that holds it (or, when
 * none runs, through a router of our own); there only the rows of certificates can be had.
 */
import type { z } from 'zod';
import { Conflict, type Key, type Row, type Store } from '../../../lib/ports/store.ts';
import { certificateDelete, certificateGet, certificatePut, certificateQuery } from '../../router/operations/certificates.ts';
import type { Operation } from '../../router/operations/operation.ts';
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

class AdminStore implements Store {
  readonly #admin: AdminClient;
  /** One line, one answer. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(admin: AdminClient) {
    this.#admin = admin;
  }

  async query(query: Parameters<Store['query']>[0]): Promise<Row[]> {
    return (await this.#ask(certificateQuery, { query: checkTable(query) })).rows;
  }

  async get(key: Parameters<Store['get']>[0]): Promise<Row | undefined> {
    return (await this.#ask(certificateGet, { key: checkTable(key) })).row;
  }

  batchGet(keys: Parameters<Store['batchGet']>[0]): Promise<(Row | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async put(row: Parameters<Store['put']>[0], condition?: Parameters<Store['put']>[1]): Promise<string> {
    const { version } = await this.#ask(certificatePut, { row: checkTable(row), condition });
    if (version === undefined) throw new Conflict('somebody else has changed the row');
    return version;
  }

  async batchPut(rows: Parameters<Store['batchPut']>[0]): Promise<void> {
    await Promise.all(rows.map((row) => this.put(row)));
  }

  async delete(key: Parameters<Store['delete']>[0], condition?: Parameters<Store['delete']>[1]): Promise<boolean> {
    const { wasThere } = await this.#ask(certificateDelete, { key: checkTable(key), condition });
    if (wasThere === undefined) throw new Conflict('somebody else has changed the row');
    return wasThere;
  }

  add(): Promise<number> {
    return Promise.reject(new TypeError('certificates have no counters'));
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  #ask<Input extends z.ZodType<object>, Output extends z.ZodType>(
    operation: Operation<Input, Output>,
    input: z.input<Input>,
  ): Promise<z.output<Output>> {
    const answer = this.#turn.then(() => this.#admin.ask(operation, input));
    this.#turn = answer.catch(() => {});
    return answer;
  }
}

/** Rows of certificates stand in one table. */
function checkTable<Named extends Pick<Key, 'table'>>(named: Named): Named & { readonly table: 'core' } {
  if (named.table === 'core') return { ...named, table: named.table };
  throw new TypeError(`no rows of certificates stand in the table '${named.table}'`);
}
