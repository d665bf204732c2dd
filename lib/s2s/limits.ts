/** The bounds of what proves a domain between servers, and of what comes from there, with units and reasons. */
export const s2sLimits = {
  /** Certificates that a peer sends and that are looked at, the first ones; and one of them, bytes. Public CAs send two to four. */
  chainCertificatesMax: 8,
  certificateBytesMax: 16 * 1024,
  /** Certificates on one path, both ends included; and signatures that are checked to find one, some 0.1 ms each. */
  pathCertificatesMax: 6,
  signatureChecksMax: 16,
  /** Extensions of a certificate; names that it is for; and subtrees of its name constraints. */
  extensionsMax: 32,
  certificateNamesMax: 500,
  constraintSubtreesMax: 200,
  /** RSA keys, bits: less is forgeable, more takes too long to check. */
  rsaBitsMin: 2_048,
  rsaBitsMax: 8_192,
  /** POSH: a document, bytes, as whoever fetches it has to see to; fingerprints in it; domains whose documents are kept, the last used. */
  poshBytesMax: 16 * 1024,
  poshFingerprintsMax: 64,
  poshDomainsMax: 5_000,
  /** POSH: how long one is believed, whatever it says, ms; and how long it is not asked for again after it could not be had, ms. */
  poshKeepMinMs: 60_000,
  poshKeepMaxMs: 24 * 60 * 60_000,
  poshRetryMs: 5 * 60_000,
  /** POSH: documents that are asked for at once: strangers name whom we ask. */
  poshAtOnceMax: 50,
  /** Names that a sentence about a certificate quotes. */
  namesShownMax: 3,
  /** Stanzas and bytes of a domain of another server, in all its streams to one process: per second, and at once. More is read later. */
  peerStanzasPerSecond: 5_000,
  peerStanzasBurst: 20_000,
  peerBytesPerSecond: 8 * 1024 * 1024,
  peerBytesBurst: 64 * 1024 * 1024,
  /** Domains whose share of them is remembered. */
  peerSharesMax: 10_000,
  /** Stanzas and bytes of one stream that were read and that no router has taken. With more, the socket is not read. */
  arrivingStanzasMax: 256,
  arrivingBytesMax: 1024 * 1024,
  /** How long a router has to answer a batch of them before it is sent again, and the longest pause before that, ms; as of batches of sessions. */
  arrivalTimeoutMs: 5_000,
  arrivalBackoffMaxMs: 2_000,
  /** How long they are sent to routers again, ms. Then their stream ends, and the other server sends them again. */
  arrivalPatienceMs: 60_000,
} as const;
