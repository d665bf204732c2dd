/** The bounds of finding and dialling other servers, with units and reasons. */
export const findingLimits = {
  /** One try of a question to one name server, ms; and rounds through all servers. A stub resolver on the same host needs 1 to 500 ms. */
  dnsTryMs: 2_000,
  dnsRoundsMax: 2,
  /** Name servers that are asked, the first of the list: as many as resolv.conf may name. */
  dnsServersMax: 3,
  /** How long the list of the system's name servers is believed, ms; a laptop changes its network. */
  dnsServersMs: 30_000,
  /** What we say that we take over UDP, bytes (RFC 6891): below any path's MTU, so that answers are not fragmented. */
  dnsUdpBytes: 1_232,
  /** An answer over TCP, bytes, and all records of one answer: so much is decoded in a few milliseconds, whatever its pointers do. */
  dnsAnswerBytesMax: 16 * 1024,
  dnsAnswerRecordsMax: 256,
  /** Datagrams from the server's address that are not the answer; then somebody is guessing, and the try has failed. */
  dnsStrayAnswersMax: 16,
  /** Questions under way at once, each with a socket of its own; those that wait; and what one domain may have waiting. */
  dnsQuestionsAtOnceMax: 200,
  dnsQuestionsWaitingMax: 4_000,
  dnsQuestionsWaitingPerNameMax: 100,
  /** Answers that are kept, the last used; how long at least and at most, ms; and how long at most that there is nothing (RFC 2308). */
  dnsAnswersMax: 20_000,
  dnsAnswerMinMs: 5_000,
  dnsAnswerMaxMs: 60 * 60_000,
  dnsNothingMaxMs: 5 * 60_000,
  /** Names in a chain of aliases. */
  dnsAliasesMax: 8,
  /** SRV records of one name; a domain that has more is refused. The largest in use have some ten. */
  srvRecordsMax: 32,
  /** Targets that are tried, and addresses of one target, of each family: a stranger's records make us dial no more than that. */
  targetsMax: 16,
  addressesMax: 4,
  /** HTTPS of other servers: one request, from dialling to its end, ms; header fields, bytes. */
  httpsMs: 10_000,
  httpsHeaderBytesMax: 8 * 1024,
  /** A stream waits for a POSH document for this long, ms, and is not proven by it then; the next one finds the document, which comes meanwhile. */
  poshWaitMs: 2_000,
  /** Failures that a message names. */
  failuresShownMax: 8,
  /** The file of hosts, bytes; and how long what was read of it is believed, ms. */
  hostsBytesMax: 1024 * 1024,
  hostsMs: 5_000,
  /** RFC 8305 §8: when the next address is tried while one is under way; how long A waits for AAAA. */
  attemptDelayMs: 250,
  resolutionDelayMs: 50,
  /** One attempt to connect, ms: three SYNs of Linux are sent within 7 s. */
  connectMs: 10_000,
} as const;
