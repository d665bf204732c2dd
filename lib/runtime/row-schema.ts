/**
 * The schema of the rows: a number that stands beside them, in every store. A program knows rows up to a number; where the rows ask for more, it
 * refuses, because it would lose what it cannot read. A newer program moves rows forward while it serves (row-moves.ts, decision 26).
 */
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { Rows } from './rows.ts';

/** A change of rows that are there. */
export interface RowMove {
  /** The schema that rows have afterwards: one more than that of the move before it. */
  readonly to: number;
  /** For the log. */
  readonly what: string;
  /** True: who knows less cannot read what is written from now on, and must not start any more. */
  readonly isBreaking: boolean;
  /** Changes the rows of one account, room or node of a pubsub service. It must be harmless when repeated. */
  move(rows: Rows, kind: PlaceKind): Promise<void>;
}

/** All moves, the oldest first. The rows of a new store have the schema of the last one. */
export const rowMoves: readonly RowMove[] = [];

/** The owners whose rows are moved, in this order. */
export const placeKinds = ['account', 'room', 'pubsub'] as const;
export type PlaceKind = (typeof placeKinds)[number];

/** One owner of rows. */
export interface Place {
  readonly domain: string;
  readonly kind: PlaceKind;
  readonly name: string;
}

export interface SchemaRow {
  /** All rows have been moved up to this. */
  readonly number: number;
  /** Who knows less must not start. */
  readonly needs: number;
  /** The owner whose rows were moved last, while a move is under way. */
  readonly at?: Place | undefined;
  /** Who moves rows, and when they last said so, ms. */
  readonly mover?: { readonly by: string; readonly atMs: number } | undefined;
}

export const schemas = collection<SchemaRow>('schema', 'deployment');
/** Every service that writes rows of accounts and rooms may read this partition. */
export const schemaRows = (store: Store): Rows => Rows.ofDeployment(store, 'tenants');
/** The schema of a store that was made before there was a number. */
export const firstSchema: SchemaRow = { number: 1, needs: 1 };

export const knownSchema = (moves: readonly RowMove[]): number => moves.at(-1)?.to ?? firstSchema.number;

/** The rows were written by a newer program. They were not touched. */
class NewerSchema extends Error {
  override name = 'NewerSchema';
}

/** Call it before anything is served. @throws {NewerSchema} @throws {Unavailable} */
export async function checkSchema(store: Store, moves = rowMoves): Promise<void> {
  const known = knownSchema(moves);
  const { needs } = (await schemaRows(store).get(schemas))?.value ?? firstSchema;
  if (needs <= known) return;
  throw new NewerSchema(
    `the rows have schema ${needs}, this program knows ${known}: start the version that wrote them, or a newer one`,
  );
}
