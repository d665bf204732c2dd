/**
 * The Keys port: secrets in rows are sealed with a key that the store does not hold. Every adapter passes
 * `test/contracts/keys.contract.ts`.
 */

export interface Keys {
  /**
   * @param context what the secret belongs to, such as a tenant's domain. It is not secret, and the same context opens the secret
   *   again.
   * @returns text of `[A-Za-z0-9+/=.]`, different each time
   * @throws {Unavailable}
   */
  seal(secret: Uint8Array, context: string): Promise<string>;
  /**
   * @throws {NotOpened} when the text was changed, or sealed for another context or with another key
   * @throws {Unavailable}
   */
  open(sealed: string, context: string): Promise<Buffer>;
}

/** The sealed text is not one of ours, or belongs to another context. Trying again does not help. */
export class NotOpened extends Error {
  override name = 'NotOpened';
}
