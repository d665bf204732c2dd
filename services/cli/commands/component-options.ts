/** The options of `skylark component …`. */
import type { Options, Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';

const where = { data: shared.data, ...shared.rowStoreOptions } satisfies Options;

export const componentAddOptions = {
  ...where,
  ...{ kms: shared.kms, kmsKey: shared.kmsKey, keyFile: shared.keyFile },
} satisfies Options;
export const componentRemoveOptions = where;
export const componentListOptions = { json: shared.json, ...where } satisfies Options;

export type AddValues = Values<typeof componentAddOptions>;
export type RemoveValues = Values<typeof componentRemoveOptions>;
export type ListValues = Values<typeof componentListOptions>;
