/** The error that ends a stanza in silence. */

/** Thrown to drop a stanza: it goes no further, and nobody is told. */
export class Dropped extends Error {
  override name = 'Dropped';
}
