/**
 * The Keys port: secrets of rows are sealed with a key that the store does not hold (DESIGN §6). Every adapter passes
 * `test/contracts/keys.contract.ts`.
 */

export interface Keys {
  /**
   * @param context what the secret belongs to, such as a tenant's domain: not secret itself, and the same when it is opened
   * @returns text of `[A-Za-z0-9+/=.]`, another one each time
   * @throws {Unavailable}
   */
  seal(secret: Uint8Array, context: string): Promise<string>;
  /**
   * @throws {NotOpened} when the text was changed, or sealed for another context or with another key
   * @throws {Unavailable}
   */
  open(sealed: string, context: string): Promise<Buffer>;
}

/** A sealed text is not what we sealed, or not for this context; trying again does not help. */
export class NotOpened extends Error {
  override name = 'NotOpened';
}
