/** The silent end of a stanza. */

/** Thrown by a guard: the stanza ends here and nobody is told. */
export class Dropped extends Error {
  override name = 'Dropped';
}
