/**
 * The store that the command which renews certificates uses. It is either DynamoDB itself or the store of a data folder. The latter is
 * reached by operations of the service that holds the folder (or of a router in this process when none runs), which give access
 * only to the rows of certificates.
 */
import type { z } from 'zod';
import { Conflict, type Key, type Row, type Store } from '../../../lib/ports/store.ts';
import { certificateDelete, certificateGet, certificatePut, certificateQuery } from '../../router/operations/certificate-rows.ts';
import type { Operation } from '../../router/operations/operation.ts';
import { openCloudStore } from '../compose/cloud-ports.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import { type AdminClient, openAdmin } from './admin-client.ts';

interface StoreValues {
  readonly data: string;
  readonly dynamodb: string | undefined;
  readonly region: string;
  readonly tablePrefix: string;
}

export interface CertificateStore {
  readonly store: Store;
  /** The data folder's path without symbolic links; undefined with DynamoDB. */
  readonly folder: string | undefined;
}

/** @throws {Refusal} when there is no such data folder, or the service refuses */
export async function openCertificateStore(values: StoreValues): Promise<CertificateStore> {
  if (values.dynamodb !== undefined) return { store: await openCloudStore(values), folder: undefined };
  const folder = findDataFolder(values.data);
  return { store: new AdminStore(await openAdmin(folder)), folder };
}

class AdminStore implements Store {
  readonly #admin: AdminClient;
  /** Settles after the last request. Requests go one after another: the socket carries one line and then its answer. */
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

  async batchDelete(keys: Parameters<Store['batchDelete']>[0]): Promise<void> {
    await Promise.all(keys.map((key) => this.delete(key)));
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

/** All rows of certificates are in the table `core`. @throws {TypeError} for another table */
function checkTable<Named extends Pick<Key, 'table'>>(named: Named): Named & { readonly table: 'core' } {
  if (named.table === 'core') return { ...named, table: named.table };
  throw new TypeError(`no rows of certificates stand in the table '${named.table}'`);
}
