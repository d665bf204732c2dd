/**
 * The DnsRecords port: TXT records in a zone that the operator owns, for ACME's DNS-01 (RFC 8555 §8.4); and what DNS says, as others see
 * it. Every adapter of the first passes `test/contracts/dns-records.contract.ts`.
 */

export interface DnsRecords {
  /**
   * These and no other texts stand at the name when it resolves, at all servers of the zone.
   * @throws {Unavailable} also when the servers have not got it in time
   */
  put(name: string, texts: readonly string[]): Promise<void>;
  /** Nothing stands at the name; also when nothing did. @throws {Unavailable} */
  remove(name: string): Promise<void>;
}

export interface DnsLookup {
  /** Where the name is an alias to, in lower case and without the last dot; undefined: it is none. @throws {Unavailable} */
  alias(name: string): Promise<string | undefined>;
  /** Aliases followed; none when there is no such name. @throws {Unavailable} */
  texts(name: string): Promise<readonly string[]>;
}
