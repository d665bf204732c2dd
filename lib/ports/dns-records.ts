/**
 * The DnsRecords port: TXT records in a zone that the operator owns, for ACME's DNS-01 challenge (RFC 8555 §8.4). The DnsLookup
 * port: what DNS answers to everybody else. Every adapter of DnsRecords passes `test/contracts/dns-records.contract.ts`.
 */

export interface DnsRecords {
  /**
   * Replaces the texts at the name. When it resolves, all servers of the zone answer with exactly these.
   * @throws {Unavailable} also when the servers do not have them in time
   */
  put(name: string, texts: readonly string[]): Promise<void>;
  /** Removes every text at the name; succeeds also when there was none. @throws {Unavailable} */
  remove(name: string): Promise<void>;
}

export interface DnsLookup {
  /** The target of the name's CNAME, in lower case and without the last dot; undefined if it has none. @throws {Unavailable} */
  alias(name: string): Promise<string | undefined>;
  /** The TXT records of the name, aliases followed; an empty list when the name does not exist. @throws {Unavailable} */
  texts(name: string): Promise<readonly string[]>;
}
